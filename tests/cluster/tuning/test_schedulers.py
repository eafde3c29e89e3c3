from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cluster.tuning.config import TuningConfig
from cluster.tuning.journal import SCORE, TrialRecord
from cluster.tuning.schedulers import RememberingAsha, perturbed, scheduler_for
from cluster.tuning.space import SearchSpace

Make = Callable[..., TrialRecord]

CONFIG = TuningConfig(trials=8, epochs=9, grace_epochs=1, reduction_factor=3)
SPACE = SearchSpace({"rate": {"log_uniform": [0.1, 10]}, "kind": {"choice": ["a", "b", "c"]}})


def running(number: int) -> Any:
    return SimpleNamespace(trial_id=f"now-{number}", config={"trial": {"number": number}})


def decision(scheduler: RememberingAsha, number: int, epoch: int, error: float) -> str:
    return scheduler.on_trial_result(None, running(number), {"epoch": epoch, SCORE: error})


def test_a_trial_is_judged_against_those_of_earlier_processes(trial: Make) -> None:
    """Two earlier errors at the first rung, 10 and 20: the best third begins at 13.3, between them."""
    earlier = [trial(0, [10.0], "stopped"), trial(1, [20.0], "stopped")]
    for error, expected in ((13.0, "CONTINUE"), (14.0, "STOP")):
        scheduler = RememberingAsha(CONFIG, earlier)
        scheduler.on_trial_add(None, running(2))
        assert decision(scheduler, 2, 1, error) == expected
        assert scheduler.stopped == ({2} if expected == "STOP" else set())


def test_without_earlier_trials_nothing_is_stopped_at_first() -> None:
    scheduler = RememberingAsha(CONFIG, [])
    scheduler.on_trial_add(None, running(2))
    assert decision(scheduler, 2, 1, 14.0) == "CONTINUE"


def test_a_trial_that_goes_on_is_not_judged_again_at_a_rung_it_has_passed(trial: Make) -> None:
    earlier = [trial(0, [10.0, 9.0, 8.0], "stopped"), trial(1, [50.0, 49.0], "running")]
    scheduler = RememberingAsha(CONFIG, earlier)
    scheduler.on_trial_add(None, running(1))
    assert decision(scheduler, 1, 2, 49.0) == "CONTINUE"  # between the rungs of epochs 1 and 3
    assert decision(scheduler, 1, 3, 48.0) == "STOP"


def test_an_exploration_stays_in_the_space_and_leaves_the_rest() -> None:
    settings = {"rate": 9.9, "kind": "c"}
    for number in range(40):
        rng = np.random.default_rng(number)
        changed = perturbed(settings, SPACE, ["rate"], rng)
        assert 0.1 <= float(changed["rate"]) <= 10
        assert changed["kind"] == "c"
    choices = {perturbed(settings, SPACE, ["kind"], np.random.default_rng(n))["kind"] for n in range(40)}
    assert choices == {"a", "b", "c"}  # a neighbor, or drawn anew


def test_a_population_needs_something_that_may_change() -> None:
    config = TuningConfig(trials=4, scheduler="pbt")
    with pytest.raises(ValueError, match=r"can change during training \(training.learning_rate\)"):
        scheduler_for(config, SPACE, ["training.learning_rate"], [])


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"grace_epochs": 30, "epochs": 20}, "at most epochs"),
        ({"scheduler": "pbt", "sampler": "optuna"}, "population-based training proposes settings itself"),
        ({"scheduler": "pbt", "trials": 2}, "a population of at least 4"),
    ],
)
def test_settings_that_cannot_work_together_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TuningConfig(**settings)
