"""A tuning from its settings to the ended trials: on Ray, resumable after anything, recorded as it goes."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from cluster.distributed.runtime import Runtime
from cluster.interruption import Interruption
from cluster.last_words import LastWords
from cluster.progress import Progress
from cluster.tuning.config import TrialResources, TuningConfig
from cluster.tuning.folder import TuningFolder
from cluster.tuning.journal import TrialRecord
from cluster.tuning.journal_callback import JournalCallback
from cluster.tuning.sampling import OptunaTrials, planned
from cluster.tuning.schedulers import scheduler_for
from cluster.tuning.space import SearchSpace
from cluster.tuning.trials import Task, TrialActor, TrialPlan

__all__ = ["run_trials"]

_RAY_SETTINGS = {
    # Ray's own record (CSV, JSON, TensorBoard, snapshots of the experiment) repeats what the journal holds,
    # and costs a short trial more time than its training.
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_GLOBAL_CHECKPOINT_S": "86400",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_EXCESSIVE_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S": "0",
    # a trial that failed has no score
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
}


def run_trials(
    folder: TuningFolder,
    config: TuningConfig,
    space: SearchSpace,
    task: Task,
    resources: TrialResources,
    *,
    changeable: Sequence[str],
    progress: Progress,
    on_end: Callable[[TrialRecord], None],
    advice: str = "start it again to go on",
) -> list[TrialRecord]:
    """Run the trials that are still to run.

    Args:
        folder: where the journal lies; every machine of the cluster must reach it.
        task: builds the training of some settings.
        changeable: hyperparameters that population-based training may change.
        on_end: called with each trial that ends.
        advice: what to say to a person who interrupts, as "continue with ...".

    Returns:
        All trials, by number; those that time did not suffice for are still "running".

    Raises:
        ValueError: the cluster cannot be joined or has no room for a trial, or the scheduler cannot work.
        Interrupted: SIGINT or SIGTERM came; the trials that were running have kept their state.
    """
    records = folder.journal.read()
    scheduler = scheduler_for(config, space, changeable, records)
    callback = JournalCallback(
        folder.journal, scheduler, records, config.trials, config.epochs, progress, on_end
    )
    open_trials = planned(config, space, records)
    if not open_trials:
        return callback.records
    progress.say("starting Ray" if resources.address is None else "joining Ray")
    runtime_config = resources.runtime(len(os.sched_getaffinity(0)))
    with (
        LastWords(advice),
        Runtime(runtime_config, num_cpus=_cpus(resources)) as runtime,
        Interruption(advice) as interruption,
    ):
        _check_room(runtime, resources)
        progress.say(f"Ray has {runtime.describe()}")
        tuner = _tuner(folder, config, space, task, resources, scheduler, callback, open_trials, interruption)
        with _ray_settings():
            tuner.fit()
        interruption.stop_if_requested()
    shutil.rmtree(folder.scratch, ignore_errors=True)
    for record in callback.records:
        if record.has_ended:
            shutil.rmtree(folder.journal.state_folder(record.number), ignore_errors=True)
    return callback.records


def _tuner(
    folder: TuningFolder,
    config: TuningConfig,
    space: SearchSpace,
    task: Task,
    resources: TrialResources,
    scheduler: Any,
    callback: JournalCallback,
    open_trials: list[dict[str, Any]],
    interruption: Interruption,
) -> Any:
    from ray import tune

    plan = TrialPlan(
        epochs=config.epochs,
        states=folder.journal.state_folder(0).parent,
        checkpoint_seconds=resources.checkpoint_seconds,
        threads=max(1, int(resources.cpus_per_trial)),
    )
    needs = {"CPU": resources.cpus_per_trial} | (
        {"GPU": resources.gpus_per_trial} if resources.gpus_per_trial else {}
    )
    trainable = tune.with_resources(tune.with_parameters(TrialActor, task=task, plan=plan), needs)
    by_optuna = config.sampler == "optuna"
    search = OptunaTrials(config, space, callback.records) if by_optuna else None
    shutil.rmtree(folder.scratch, ignore_errors=True)
    return tune.Tuner(
        trainable,
        param_space=None if by_optuna else {"trial": tune.grid_search(open_trials)},
        tune_config=tune.TuneConfig(
            scheduler=scheduler,
            search_alg=search,
            num_samples=len(open_trials) if by_optuna else 1,
            # a population waits for all of its members: the paused ones would count as running
            max_concurrent_trials=None if config.scheduler == "pbt" else resources.max_concurrent,
            reuse_actors=resources.reuse_actors,
            trial_name_creator=_name,
            trial_dirname_creator=_name,
        ),
        run_config=tune.RunConfig(
            name="trials",
            storage_path=str(folder.scratch),
            callbacks=[callback],
            verbose=0,
            stop=_stopper(interruption, resources.time_limit_seconds),
            failure_config=tune.FailureConfig(max_failures=resources.retries),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=4 if config.scheduler == "pbt" else None),
        ),
    )


def _name(trial: Any) -> str:
    return f"{trial.config['trial']['number']:04d}"


def _stopper(interruption: Interruption, limit: float | None) -> Any:
    """Stops everything on a user's request, or when time is up."""
    from ray.tune import Stopper

    deadline = None if limit is None else time.monotonic() + limit

    class _Stopper(Stopper):
        def __call__(self, *_: Any) -> bool:
            return False

        def stop_all(self) -> bool:
            return interruption.requested or (deadline is not None and time.monotonic() > deadline)

    return _Stopper()


def _cpus(resources: TrialResources) -> int | None:
    """CPUs of a Ray started here: room for `max_concurrent` trials and no more."""
    if resources.max_concurrent is None:
        return None
    return max(1, round(resources.max_concurrent * resources.cpus_per_trial + 0.499))


def _check_room(runtime: Runtime, resources: TrialResources) -> None:
    """Ray would wait for ever for what no machine has."""
    import ray

    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    for name, need in (("CPU", resources.cpus_per_trial), ("GPU", resources.gpus_per_trial)):
        if need > total.get(name, 0):
            raise ValueError(
                f"a trial needs {need:g} {name}s and the Ray cluster has {runtime.describe()}; "
                f"ask for fewer {name}s a trial, or start Ray on a machine that has them"
            )


@contextmanager
def _ray_settings() -> Iterator[None]:
    """Ray Tune is set up through the environment; what was there comes back."""
    before = {name: os.environ.get(name) for name in _RAY_SETTINGS}
    os.environ.update(_RAY_SETTINGS)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
