"""The kinds of jobs: the documented function that each calls, and the same as a line to paste.

Nothing heavy is imported at the top: workers use this file. A job's settings are those of its row in the
registry, so a key that an earlier revision left out is looked for with a default.
"""

import json
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cluster.files import read_json, write_json
from cluster.registry.records import Job

if TYPE_CHECKING:
    from cluster.progress import Progress

__all__ = ["JOB_KINDS", "POSENAS", "JobKind", "JobRequest"]

POSENAS = (sys.executable, "-P", "-m", "cluster.cli")
"""The `posenas` of this environment; -P: whatever the folder in which it runs calls its own packages."""


@dataclass(frozen=True, kw_only=True)
class JobRequest:
    """What the process of an attempt is asked to do; JSON values.

    Attributes:
        kind: an entry of `JOB_KINDS`.
        folder: of the run.
        settings: of the job, as its row has them.
        address: of the Ray cluster; None: this machine.
        desk: folder for the job's own files.
    """

    kind: str
    folder: str
    settings: dict[str, Any]
    address: str | None
    desk: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """The request that a worker has written."""
        return cls(**read_json(path))

    def write(self) -> Path:
        """Write it, and beside it the experiment file that the job begins from.

        Returns:
            The file of the request.
        """
        if "config" in self.settings:
            write_json(self.config_file, self.settings["config"])
        path = Path(self.desk) / "request.json"
        write_json(path, asdict(self))
        return path

    @property
    def run(self) -> Path:
        """The run folder."""
        return Path(self.folder)

    @property
    def config_file(self) -> Path:
        """The experiment file of a job that has one; a resumed run does not need it."""
        return Path(self.desk) / "experiment.json"

    def has_begun(self, file: str) -> bool:
        """Whether an attempt before has left that file in the run folder, so that the run is resumed."""
        return (self.run / file).exists()

    def resources(self) -> dict[str, Any]:
        """The settings of a run that may use the Ray cluster; a cluster means workers on it."""
        if self.address is None:
            return {}
        return {"resources.workers": "auto", "resources.address": self.address}


def _process(job: Job, desk: Path, address: str | None) -> list[str]:
    """Python, given the request."""
    request = JobRequest(
        kind=job.kind, folder=job.folder, settings=job.settings, address=address, desk=str(desk)
    )
    return [sys.executable, "-P", "-m", "cluster.scheduling.job_process", str(request.write())]


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A kind of job.

    Attributes:
        run: does the work of an attempt, and continues where an attempt before it stopped; returns what a
            person reads at the end.
        line: the arguments of `posenas` that do the same.
        process: the command line that starts the attempt's process.
    """

    run: Callable[[JobRequest, "Progress"], Iterable[str]]
    line: Callable[[JobRequest], list[str]]
    process: Callable[[Job, Path, str | None], list[str]] = _process


def _search(request: JobRequest, progress: "Progress") -> Iterable[str]:
    from cluster.config import ExperimentConfig
    from cluster.stages.folder import RunFolder
    from cluster.stages.search import run_search

    resume = request.has_begun("experiment.json")
    if resume:
        config = RunFolder.open(request.run).config().changed(request.resources())
    else:
        config = ExperimentConfig.from_file(request.config_file, request.resources())
    return run_search(config, request.run, resume=resume, progress=progress).lines()


def _search_line(request: JobRequest) -> list[str]:
    return ["search", *_resumed_or_begun(request, "experiment.json"), *_where(request)]


def _train(request: JobRequest, progress: "Progress") -> Iterable[str]:
    from cluster.stages.branch import branch_run
    from cluster.stages.final_training import run_training

    settings = request.settings
    if "from" in settings:
        branch_run(Path(settings["from"]), request.run)
    seeds = settings.get("seeds")
    where = {} if seeds is None else request.resources()
    changes = {**where, **settings.get("changes", {})}
    return run_training(request.run, seeds=seeds, changes=changes, progress=progress).lines()


def _train_line(request: JobRequest) -> list[str]:
    settings = request.settings
    begin = ["--from", settings["from"]] if "from" in settings else []
    seeds = [*_seeds(settings["seeds"]), *_where(request)] if "seeds" in settings else []
    return ["train", request.folder, *begin, *_sets(settings.get("changes", {})), *seeds]


def _evaluate(request: JobRequest, progress: "Progress") -> Iterable[str]:
    from cluster.stages.evaluation import run_evaluation

    return run_evaluation(request.run, progress=progress).lines()


def _register(request: JobRequest, progress: "Progress") -> Iterable[str]:
    from cluster.stages.registration import run_registration

    return run_registration(request.run, progress=progress).lines()


def _encode(request: JobRequest, _: "Progress") -> Iterable[str]:
    from cluster.config import ExperimentConfig
    from cluster.stages.encoding import encode_clips

    shutil.rmtree(request.run, ignore_errors=True)  # what an attempt before left: it takes seconds to redo
    return encode_clips(ExperimentConfig.from_file(request.config_file), request.run).lines()


def _baseline(request: JobRequest, progress: "Progress") -> Iterable[str]:
    from cluster.config import ExperimentConfig
    from cluster.stages.baseline import run_baseline

    config = ExperimentConfig.from_file(request.config_file, request.resources())
    name, seeds = request.settings["baseline"], request.settings.get("seeds") or None
    return run_baseline(config, request.run, name, seeds=seeds, progress=progress).lines()


def _baseline_line(request: JobRequest) -> list[str]:
    seeds = _seeds(request.settings.get("seeds") or [])
    return ["baseline", request.settings["baseline"], *_begun(request), *seeds, *_where(request)]


def _lift_train(request: JobRequest, progress: "Progress") -> Iterable[str]:
    from cluster.lifter.config import LiftConfig
    from cluster.lifter.folder import LiftRun
    from cluster.lifter.training import run_lift_training

    resume = request.has_begun("lifting.json")
    config = LiftRun.open(request.run).config() if resume else LiftConfig.from_file(request.config_file)
    return run_lift_training(config, request.run, resume=resume, progress=progress).lines()


def _lift_tune(request: JobRequest, progress: "Progress") -> Iterable[str]:
    from cluster.lifter.config import LiftConfig
    from cluster.tuning.run import LiftTuningConfig, run_tuning

    settings, resume = request.settings, request.has_begun("tuning.json")
    given = {} if request.address is None else {"resources.address": request.address}
    if resume:
        config = LiftTuningConfig.stored(request.run, given)
    else:
        given |= {f"resources.{name}": value for name, value in settings.get("trials", {}).items()}
        given |= settings.get("tuning", {})
        given |= {"stream": settings["stream"]} if "stream" in settings else {}
        space = Path(settings["space"]) if "space" in settings else None
        config = LiftTuningConfig.of(LiftConfig.from_file(request.config_file), given, space)
    return run_tuning(config, request.run, resume=resume, progress=progress).lines()


def _lift_tune_line(request: JobRequest) -> list[str]:
    begin = _resumed_or_begun(request, "tuning.json")
    if begin[0] == "--resume":
        return ["lift", "tune", *begin, *_where(request)]
    trials = request.settings.get("trials", {})
    options = [part for name, value in trials.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    own = [part for name in ("stream", "space") if name in request.settings for part in _own(request, name)]
    tuning = _sets(request.settings.get("tuning", {}))
    return ["lift", "tune", *begin, *_where(request), *tuning, *options, *own]


JOB_KINDS: dict[str, JobKind] = {
    "search": JobKind(run=_search, line=_search_line),
    "train": JobKind(run=_train, line=_train_line),
    "evaluate": JobKind(run=_evaluate, line=lambda request: ["evaluate", request.folder]),
    "register": JobKind(run=_register, line=lambda request: ["register", request.folder]),
    "encode": JobKind(run=_encode, line=lambda request: ["encode", *_begun(request)]),
    "baseline": JobKind(run=_baseline, line=_baseline_line),
    "lift-train": JobKind(
        run=_lift_train,
        line=lambda request: ["lift", "train", *_resumed_or_begun(request, "lifting.json")],
    ),
    "lift-tune": JobKind(run=_lift_tune, line=_lift_tune_line),
}


def _begun(request: JobRequest) -> list[str]:
    return ["--config", str(request.config_file), "--out", request.folder]


def _resumed_or_begun(request: JobRequest, file: str) -> list[str]:
    return ["--resume", "--out", request.folder] if request.has_begun(file) else _begun(request)


def _where(request: JobRequest) -> list[str]:
    return ["--address", request.address] if request.address else []


def _seeds(seeds: Iterable[int]) -> list[str]:
    text = ",".join(map(str, seeds))
    return ["--seeds", text] if text else []


def _own(request: JobRequest, name: str) -> tuple[str, str]:
    return f"--{name}", str(request.settings[name])


def _sets(changes: dict[str, Any]) -> list[str]:
    """Settings as `--set` reads them: JSON is YAML, and keeps a text of digits a text."""
    return [part for name, value in changes.items() for part in ("--set", f"{name}={json.dumps(value)}")]
