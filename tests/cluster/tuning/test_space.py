from pathlib import Path

import numpy as np
import pytest

from cluster.tuning.space import Distribution, SearchSpace

KNOWN = ["model.activation", "model.dropout", "training.learning_rate"]


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "space.yaml"
    path.write_text(text)
    return path


def refuse_large_dropout(settings: dict[str, object]) -> None:
    if float(str(settings.get("model.dropout", 0))) >= 1:
        raise ValueError(f"model.dropout is {settings['model.dropout']}; it must be less than 1")


def test_a_file_names_hyperparameters_by_section_or_by_dotted_name(tmp_path: Path) -> None:
    nested = written(tmp_path, "model: {dropout: {uniform: [0, 0.5]}, activation: {choice: [relu, selu]}}")
    space = SearchSpace.from_file(nested)
    dotted = written(tmp_path, "model.dropout: {uniform: [0, 0.5]}\nmodel.activation: {choice: [relu, selu]}")
    assert space.to_dict() == SearchSpace.from_file(dotted).to_dict()
    assert list(space.distributions) == ["model.dropout", "model.activation"]


def test_a_power_of_ten_is_a_number_though_yaml_reads_it_as_text(tmp_path: Path) -> None:
    path = written(tmp_path, "training.learning_rate: {log_uniform: [1e-4, 1e-2]}\na: {choice: [1e-3, he]}")
    space = SearchSpace.from_file(path)
    assert space.distributions["training.learning_rate"].log_uniform == (1e-4, 1e-2)
    assert space.distributions["a"].choice == [0.001, "he"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("model.activaton: {choice: [relu, selu]}", "did you mean 'model.activation'?"),
        ("model.dropout: {unifrom: [0, 1]}", "there is no distribution 'unifrom' (did you mean 'uniform'?)"),
        ("model.dropout: 0.5", "model.dropout is 0.5; a distribution is needed"),
        ("model.dropout: {uniform: [0.5, 0.1]}", "goes from 0.5 to 0.1; two numbers, the smaller one first"),
        ("training.learning_rate: {log_uniform: [0, 1]}", "a number above 0 is needed"),
        ("model.activation: {choice: [relu]}", "two or more different values are needed"),
        ("model.activation: {choice: [relu, relu]}", "two or more different values are needed"),
        ("model.dropout: {uniform: [0, 1], choice: [0, 1]}", "exactly one of choice, uniform"),
        ("model.dropout: {uniform: [0, 1.5]}", "model.dropout is 1.5; it must be less than 1"),
        ("", "is empty; at least one hyperparameter is needed"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name_and_what_is_allowed(
    text: str, sentence: str, tmp_path: Path
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ValueError, match=r"space\.yaml") as caught:
        SearchSpace.from_file(path).check(KNOWN, refuse_large_dropout)
    assert sentence in str(caught.value)


def test_the_settings_of_a_trial_depend_on_seed_and_number_alone() -> None:
    space = SearchSpace({"x": {"uniform": [0, 1]}, "k": {"choice": ["a", "b", "c"]}})
    assert space.sample(3, 7) == space.sample(3, 7)
    assert len({space.sample(3, number)["x"] for number in range(50)}) == 50
    assert space.sample(4, 7) != space.sample(3, 7)


def test_samples_stay_in_their_range_and_reach_all_of_it() -> None:
    rng = np.random.default_rng(0)
    drawn = [Distribution(integer=(1, 3)).sample(rng) for _ in range(60)]
    assert set(drawn) == {1, 2, 3}
    logs = [float(Distribution(log_uniform=(1e-4, 1e-2)).sample(rng)) for _ in range(400)]
    assert min(logs) >= 1e-4
    assert max(logs) <= 1e-2
    # uniform in the logarithm: half lie below the geometric mean, 1e-3
    assert 0.4 < np.mean(np.array(logs) < 1e-3) < 0.6


def test_optuna_sees_the_same_ranges() -> None:
    space = SearchSpace(
        {
            "a": {"choice": ["x", "y"]},
            "b": {"uniform": [0, 1]},
            "c": {"log_uniform": [0.1, 1]},
            "d": {"integer": [1, 4]},
            "e": {"choice": [None, 1.0]},
        }
    )
    a, b, c, d, e = space.for_optuna().values()
    assert e.choices == (None, 1.0)  # type: ignore[attr-defined]
    assert a.choices == ("x", "y")  # type: ignore[attr-defined]
    assert (b.low, b.high, b.log) == (0, 1, False)  # type: ignore[attr-defined]
    assert (c.low, c.high, c.log) == (0.1, 1, True)  # type: ignore[attr-defined]
    assert (d.low, d.high) == (1, 4)  # type: ignore[attr-defined]
