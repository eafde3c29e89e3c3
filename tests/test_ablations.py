"""The two scripts that say what matters: their rows are settings, and who is left out is seen by nothing."""

from pathlib import Path
from types import ModuleType

import pytest
import yaml

from cluster.files import read_json, write_json
from encoding.datasets import load
from encoding.datasets.synthetic import synthetic

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
_CONTENT = yaml.safe_load((Path(__file__).parent / "cluster" / "tiny.yaml").read_text())
TINY = {
    f"{section}.{name}": value
    for section in ("encoding", "supernet", "search", "derivation", "network", "training")
    for name, value in _CONTENT[section].items()
} | {name: _CONTENT[name] for name in ("validation_copies", "parameters")}


@pytest.fixture
def ablation(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import ablation

    return ablation


@pytest.fixture
def search_settings(ablation: ModuleType) -> ModuleType:
    import search_settings

    return search_settings


def test_every_row_of_the_ablation_differs_from_the_defaults(ablation: ModuleType, tmp_path: Path) -> None:
    for rows, defaults in ((ablation.ROWS, "defaults"), (ablation.CELL_ROWS, "cells: defaults")):
        base, *others = (
            ablation.settings_of(tmp_path, "AS1", 0, rows[name]).hash
            for name in (defaults, *(name for name in rows if name != defaults))
        )
        assert base not in others
        assert len(set(others)) == len(others)


def test_a_row_is_made_of_another_and_what_differs(ablation: ModuleType) -> None:
    rows = {"long": {"training.epochs": 250}}
    assert ablation.attempt("long + parameters=400000 augmentation.scale=0.2", rows) == {
        "training.epochs": 250, "parameters": 400_000, "augmentation.scale": 0.2,
    }  # fmt: skip
    assert ablation.attempt("search.reward=accuracy", rows) == {"search.reward": "accuracy"}
    with pytest.raises(SystemExit, match="begins with no row; there are long"):
        ablation.attempt("longer + parameters=400000", rows)
    with pytest.raises(SystemExit, match=r"'400000' of .* is no setting: NAME=VALUE"):
        ablation.attempt("long + 400000", rows)


def test_every_row_of_the_searches_differs_from_the_others(search_settings: ModuleType) -> None:
    rows = [*search_settings.ROWS.values(), *search_settings.TEMPORAL_ROWS.values()]
    hashes = {search_settings.settings_of(Path("clips.npz"), 0, row).hash for row in rows}
    assert len(hashes) == len(rows)


def test_a_search_with_a_person_left_out_is_scored_on_him_once(
    search_settings: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = synthetic(num_subjects=8, clips_per_action=1, validation_fraction=0)
    person = whole.train[0].subject
    split = search_settings.without(whole, person)
    assert {clip.subject for clip in split.test} == {person}
    for _ in range(2):  # the second finds it done
        search_settings.measure(tmp_path, "defaults", TINY, "AS1", person, split, 0)
    assert capsys.readouterr().out.count(f"defaults, AS1 without subject {person}: ") == 1
    config = search_settings.settings_of(tmp_path / f"AS1-{person}.npz", 0, TINY)
    seen = load(config.data)
    assert person not in {clip.subject for clip in seen.development}
    assert len({clip.subject for clip in seen.validation}) == 1
    result = read_json(tmp_path / "defaults" / f"AS1-{person}-0" / "result.json")
    assert sorted(result["clips"]) == sorted(clip.name for clip in split.test)
    text = search_settings.report(tmp_path, ["defaults"], "defaults", ["AS1"], 0)
    assert f"{sum(result['right']) / len(split.test):.3f}" in text


def test_a_row_is_compared_with_the_defaults_on_the_people_that_both_have(
    search_settings: ModuleType, tmp_path: Path
) -> None:
    rights = {"defaults": {1: [1, 1, 0, 0], 3: [1, 1, 1, 1]}, "M=1": {1: [1, 0, 0, 0], 5: [0, 0, 0, 0]}}
    for name, people in rights.items():
        for subject, right in people.items():
            folder = tmp_path / name / f"AS1-{subject}-0"
            folder.mkdir(parents=True)
            clips = [f"{subject}-{number}" for number in range(4)]
            found = {"shared": 0.5, "retrained": 0.75, "seconds": 60}
            write_json(folder / "result.json", {"clips": clips, "right": right, **found})
    text = search_settings.report(tmp_path, ["defaults", "M=1", "M=8"], "defaults", ["AS1"], 0)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()[2:]]
    assert rows == [
        ["defaults", "2", "0.750", "", "0.500", "0.750", "2.0"],
        ["M=1", "1", "0.250", "-0.250 ± 0.250", "0.500", "0.750", "1.0"],
    ]
