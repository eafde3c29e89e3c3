from collections.abc import Callable

from ray.tune.search import Searcher

from cluster.tuning.config import TuningConfig
from cluster.tuning.journal import SCORE, TrialRecord
from cluster.tuning.sampling import OptunaTrials, planned
from cluster.tuning.space import SearchSpace

Make = Callable[..., TrialRecord]

SPACE = SearchSpace({"x": {"uniform": [0, 1]}})


def test_a_resumed_tuning_runs_the_unfinished_trials_and_then_the_new_ones(trial: Make) -> None:
    config = TuningConfig(trials=5, seed=3)
    records = [trial(0, [9.0], "finished", x=0.1), trial(1, [8.0], "running", x=0.2)]
    plans = planned(config, SPACE, records)
    assert [plan["number"] for plan in plans] == [1, 2, 3, 4]
    assert plans[0]["settings"] == {"x": 0.2}
    # the new ones are those of a tuning that was never interrupted
    assert plans[1:] == planned(config, SPACE, [])[2:]


def test_optuna_proposes_near_what_was_good_in_earlier_processes(trial: Make) -> None:
    """The error is |x - 0.8|; 24 trials tell it, and proposals lie nearer than chance's 0.34 on average."""
    earlier = [trial(n, [abs(n / 24 - 0.8)], "finished", x=n / 24) for n in range(24)]
    search = OptunaTrials(TuningConfig(trials=40, epochs=1, grace_epochs=1), SPACE, earlier)
    proposals = []
    for number in range(24, 40):
        plan = search.suggest(f"trial-{number}")
        assert not isinstance(plan, str)
        x = float(plan["trial"]["settings"]["x"])
        proposals.append(abs(x - 0.8))
        row = {"epoch": 1, SCORE: abs(x - 0.8)}
        search.on_trial_complete(f"trial-{number}", {**row, "rows": [row]})
    assert sum(proposals) / len(proposals) < 0.17
    assert search.suggest("one too many") == Searcher.FINISHED


def test_to_optuna_a_stopped_trial_is_pruned_and_a_failed_one_has_no_value(trial: Make) -> None:
    earlier = [
        trial(0, [9.0], "stopped", x=0.1),
        trial(1, [9.0, 8.0], "finished", x=0.2),
        trial(2, [9.0], "failed", x=0.3),
    ]
    search = OptunaTrials(TuningConfig(trials=4, epochs=2, grace_epochs=1), SPACE, earlier)
    states = [(told.state.name, told.intermediate_values) for told in search._study.trials]
    assert states == [("PRUNED", {1: 9.0}), ("COMPLETE", {1: 9.0, 2: 8.0}), ("FAIL", {1: 9.0})]


def test_a_trial_that_has_ended_is_not_left_running_in_the_study(trial: Make) -> None:
    """With `constant_liar` the sampler avoids what runs: good settings would be shunned once tried."""
    earlier = [trial(0, [9.0], "running", x=0.1)]
    search = OptunaTrials(TuningConfig(trials=5, epochs=2, grace_epochs=1), SPACE, earlier)
    plans = [search.suggest(name) for name in "abcde"]
    assert plans[0] == {"trial": {"number": 0, "settings": {"x": 0.1}}}  # the unfinished one is a trial again
    assert [one.state.name for one in search._study.trials] == ["RUNNING"] * 5
    rows = [{"epoch": epoch, SCORE: 9.0 - epoch} for epoch in (1, 2)]
    search.on_trial_complete("a", {**rows[1], "rows": rows})
    search.on_trial_complete("b", {**rows[0], "rows": rows[:1]})
    search.on_trial_complete("c", {**rows[0], "rows": rows[:1]}, error=True)
    search.on_trial_complete("d", {"epoch": 2, "rows": [{"epoch": 2, SCORE: float("nan")}]})
    search.on_trial_result("e", {**rows[1], "rows": rows})
    search.on_trial_complete("e")
    ended = [(one.state.name, one.value) for one in search._study.trials]
    assert ended == [("COMPLETE", 7.0), ("PRUNED", 8.0), ("FAIL", None), ("FAIL", None), ("COMPLETE", 7.0)]
    assert search._study.trials[0].params == {"x": 0.1}
