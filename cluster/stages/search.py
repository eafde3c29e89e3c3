"""The search of a run: its outer loop, which logs, saves and ends, and then the choice of the genotype."""

import shlex
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.checkpoints.saver import Saver
from cluster.checkpoints.store import Checkpoints
from cluster.config import ExperimentConfig
from cluster.files import read_json, write_atomically, write_json
from cluster.interruption import Interruption
from cluster.last_words import LastWords
from cluster.progress import Progress, SilentProgress, duration
from cluster.schedule import Remaining
from cluster.settings import configuration_hash, difference
from cluster.stages.backends import open_search_backend
from cluster.stages.data_identity import LoadedData, keep_fingerprint, load_to_learn
from cluster.stages.derivation import candidate_rows, derive_genotype
from cluster.stages.folder import RunFolder
from cluster.stages.history import SearchHistory
from cluster.stages.pictures import write_results
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.recording import keep_architectures, open_tracker, record_search, start_search
from cluster.tracking.facts import environment
from cluster.tracking.opening import watched
from cluster.tracking.system import SystemMonitor
from cluster.tracking.tracker import Tracker, epoch_point
from nas.compute import require_device
from nas.derive import Derivation
from nas.genotype import Genotype
from nas.search import Search
from nas.shards import NonFiniteLossError
from nas.threads import torch_threads

__all__ = ["SearchOutcome", "run_search"]

# Of the environment, what decides about the last bit of a number.
DECIDING = ("posenas.version", "posenas.commit", "posenas.libraries", "posenas.platform")


@dataclass(frozen=True, kw_only=True)
class SearchOutcome:
    """What a search found.

    Attributes:
        folder: the run.
        genotype: the cells chosen.
        epochs: one row of metrics an epoch.
        candidates: the retrained genotypes, best first.
        seconds: spent in the steps, those before a resume included.
    """

    folder: Path
    genotype: Genotype
    epochs: tuple[dict[str, Any], ...]
    candidates: tuple[dict[str, Any], ...]
    seconds: float

    def lines(self) -> list[str]:
        """For a person: the genotype, and where everything lies."""
        return [
            f"genotype  {self.genotype}",
            f"pictures  {self.folder / 'pictures'}",
            f"report    {self.folder / 'report.html'}",
            f"next      posenas train {self.folder}",
        ]


def run_search(
    config: ExperimentConfig | None,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    tracker: Tracker | None = None,
) -> SearchOutcome:
    """Search for cells and choose a genotype; everything goes to a run folder (see `cluster.stages.folder`).

    Args:
        config: the experiment. With `resume` it may be None (as started), or differ in what the steps done do
            not depend on: more epochs, workers, checkpoints, tracking.
        folder: new, or with `resume` that of a run.
        resume: go on from the newest readable checkpoint; with none yet, from the start.
        progress: receives every step.
        tracker: records the run; by default the one that the experiment names.

    Raises:
        FileExistsError: the folder is taken. FileNotFoundError: there is nothing to resume, or no data.
        BlockingIOError: another process works on the run.
        ValueError: a setting, the data or the checkpoint does not fit.
        Interrupted: SIGINT or SIGTERM came; the state is saved.
    """
    progress = progress or SilentProgress()
    run = RunFolder(Path(folder))
    config = _resumed_config(run, config) if resume else _new_config(run, config)
    # The data first: a folder made for a search that cannot start would be in the way of the next try.
    data = load_to_learn(run, config) if resume else LoadedData(experiment=PreparedExperiment.load(config))
    experiment = data.experiment
    experiment.check_searchable()
    if config.resources.workers == 0:
        require_device(config.compute)
    if not resume:
        RunFolder.create(run.path, config)
    with run.locked(), torch_threads(1), LastWords(_advice(run)):
        run.replace_config(config)
        keep_fingerprint(run, experiment)
        found = _finished_search(run, config)
        if found is not None:
            progress.say(f"the search in {run.path} is finished")
            return found
        data.say(progress)
        _note_environment(run, progress)
        tracker = tracker or open_tracker(config, run, progress)
        start_search(tracker, run, experiment)
        with watched(tracker):
            outcome = _search(run, experiment, progress, tracker)
            write_results(run, experiment, "search")
            record_search(tracker, run, experiment)
            keep_architectures(run, config, progress)
        return outcome


def _advice(run: RunFolder) -> str:
    return f"`posenas search --resume --out {shlex.quote(str(run.path))}` continues exactly here"


def _search(
    run: RunFolder, experiment: PreparedExperiment, progress: Progress, tracker: Tracker
) -> SearchOutcome:
    """All steps that are left, then the derivation."""
    config = experiment.config
    with open_search_backend(experiment, progress) as backend, Interruption(_advice(run)) as interruption:
        search, history = Search(config.search, backend.strategy, backend.children), SearchHistory()
        checkpoints = Checkpoints(run.checkpoints, configuration=configuration_hash(config.search_settings()))
        _load(checkpoints, search, history, progress, tracker)
        tracker.log_history(epoch_point(row) for row in history.epochs)
        monitor = SystemMonitor(run.started, run.path)
        monitor.watch(backend.training.machines)
        _finish_steps(search, history, checkpoints, config, progress, tracker, monitor, interruption)
        derivation = derive_genotype(run, experiment, backend, history, progress, interruption)
        weights = backend.children.digest()
    return _save_search(run, config, history, derivation, weights)


def _finish_steps(
    search: Search,
    history: SearchHistory,
    checkpoints: Checkpoints,
    config: ExperimentConfig,
    progress: Progress,
    tracker: Tracker,
    monitor: SystemMonitor,
    interruption: Interruption,
) -> None:
    done, total = _steps_done(search), config.search.epochs * search.steps_per_epoch
    progress.begin("search", total, done)
    remaining = Remaining(total)
    remaining.begin(done)

    def state() -> dict[str, Any]:
        return {
            "search": search.state_dict(),
            "history": history.state_dict(),
            "told": tracker.position(),
        }

    with Saver(checkpoints, config.resources.checkpoint_seconds) as saver:
        while not search.finished:
            begin = time.perf_counter()
            try:
                record = search.step()
            except NonFiniteLossError as error:
                saver.save(state, done)
                saver.finish()
                raise NonFiniteLossError(
                    f"{error}. The search ended after step {done}, which is saved in {checkpoints.folder}; "
                    "resumed, it would come to the same step: start another run with other settings"
                ) from error
            history.add_step(
                record, time.perf_counter() - begin, getattr(search.children, "measurement", None)
            )
            done += 1
            progress.advance(done, f"epoch {record.position.epoch + 1}, {record.position.phase}")
            if search.position.step == 0 and search.position.phase == "weights":
                row = history.add_epoch(search.epoch_metrics())
                tracker.log_history([epoch_point(row)])
                progress.say(*_epoch_lines(row, config.search.epochs, remaining.seconds(done)))
            if points := monitor.due():
                tracker.log_history(points)
            last = search.finished or interruption.requested
            if last or saver.due():
                saver.save(state, done)
            if last:
                saver.finish()
            interruption.stop_if_requested()


def _load(
    checkpoints: Checkpoints, search: Search, history: SearchHistory, progress: Progress, tracker: Tracker
) -> None:
    found = checkpoints.load_latest()
    if found is None:
        return
    search.load_state_dict(found.state["search"])
    history.load_state_dict(found.state["history"])
    tracker.rewind(found.state.get("told", 0))  # runs begun before there was an outbox have no "told"
    for note in found.notes:
        progress.say(note)
    progress.say(f"going on after step {found.step} of the search")


def _steps_done(search: Search) -> int:
    position, weights = search.position, search.config.weight_steps_per_epoch
    within = position.step + (weights if position.phase == "controller" else 0)
    return position.epoch * search.steps_per_epoch + within


def _epoch_lines(row: Mapping[str, Any], epochs: int, seconds_left: float) -> tuple[str, str]:
    """What a person wants to know of an epoch, and the best genotype in it."""
    parts = [
        f"epoch {row['epoch']:>{len(str(epochs))}}/{epochs}",
        f"reward {row['reward']:.3f} ±{row['reward_spread']:.3f}",
        *([f"entropy {row['entropy']:.2f}"] if "entropy" in row else []),
        f"training loss {row['loss']:.3f}",
        f"validation accuracy {row['validation_accuracy']:.3f}",
        f"left {duration(seconds_left)}",
    ]
    if row["reward_collapsed"]:
        parts.append("(rewards are all alike: they say nothing about architectures)")
    return "  ".join(parts), f"best {row['best_genotype']}"


def _save_search(
    run: RunFolder, config: ExperimentConfig, history: SearchHistory, derivation: Derivation, weights: str
) -> SearchOutcome:
    candidates = candidate_rows(derivation, run)
    write_json(
        run.search_file,
        {
            "settings": configuration_hash(config.genotype_settings()),
            "genotype": str(derivation.best),
            "weights": weights,  # SHA-256 of the shared weights at the end, to compare two searches by
            "seconds": history.seconds,
            "epochs": history.epochs,
            "candidates": candidates,
            "sampled": history.sampled(),
        },
    )
    # Last: where it is, the search is finished.
    write_atomically(run.genotype_file, derivation.best.to_json() + "\n")
    return SearchOutcome(
        folder=run.path,
        genotype=derivation.best,
        epochs=tuple(history.epochs),
        candidates=tuple(row for row in candidates if row["retrained"] is not None),
        seconds=history.seconds,
    )


def _finished_search(run: RunFolder, config: ExperimentConfig) -> SearchOutcome | None:
    """The outcome of a search that ran to its end with these settings, or whose genotype is trained."""
    if not run.genotype_file.exists() or not run.search_file.exists():
        return None
    content = read_json(run.search_file)
    # What is trained is settled; `posenas train` may have changed the settings of the final training since.
    settled = run.training.exists() or content["settings"] == configuration_hash(config.genotype_settings())
    if not settled:
        return None
    return SearchOutcome(
        folder=run.path,
        genotype=Genotype.from_json(run.genotype_file.read_text(encoding="utf-8")),
        epochs=tuple(content["epochs"]),
        candidates=tuple(row for row in content["candidates"] if row["retrained"] is not None),
        seconds=content["seconds"],
    )


def _note_environment(run: RunFolder, progress: Progress) -> None:
    """Keep what the search runs on; say so where a resumed one had begun with other code or libraries."""
    before, now = run.environment.get("search", {}), environment(1)
    changed = [name for name in DECIDING if name in before and before[name] != now.get(name)]
    if changed:
        name = changed[0]
        progress.say(
            f"this search was begun with {name} {before[name]!r} and continues with {now.get(name)!r}: "
            "its numbers may differ in their last digits from those of an uninterrupted one"
        )
    run.note_environment("search", now)


def _new_config(run: RunFolder, config: ExperimentConfig | None) -> ExperimentConfig:
    if config is None:
        raise ValueError("a new run needs an experiment; only a resumed one brings its own")
    run.check_free()
    return config.located()


def _resumed_config(run: RunFolder, config: ExperimentConfig | None) -> ExperimentConfig:
    """The settings to go on with."""
    started = RunFolder.open(run.path).config()
    differing = difference(started.search_settings(), config.search_settings()) if config else []
    if differing:
        name, was, now = differing[0]
        raise ValueError(
            f"the run in {run.path} was started with {name} {was!r} and cannot be resumed with {now!r}; "
            "leave the option out, or start another run with --out"
        )
    if config and run.training.exists() and config.genotype_settings() != started.genotype_settings():
        raise ValueError(
            f"the genotype of {run.path} is trained already, and another search would leave the model "
            "without it; start another run with --out"
        )
    return config or started
