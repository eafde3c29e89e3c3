"""Experiment files: what a person writes, checked as far as it can be without the kind's own settings.

# as1.yaml
kind: search                      # search, train, lift-train, lift-tune, encode, pipeline or baseline
data: {name: msr, root: /data/msr_action3d, subset: AS1}
seeds: [1, 2, 3]                  # one job each
grid: {search.batch_size: [16, 32]}   # one job for each combination, of each seed
configuration: {search: {epochs: 20}}
resources: {workers: 2, cpus: 1, gpus: 0.5}   # of each worker
limits: {time: 8 h, epochs: 20}
"""

import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from cluster.registry.records import Resources
from cluster.scheduling.labels import NAME_LENGTH
from cluster.scheduling.times import parse_duration
from cluster.setting_lines import SettingLines
from cluster.settings import check_settings, read_settings_file

__all__ = ["ExperimentFile", "FileKind", "JobResources", "Limits", "read_experiment"]

FileKind = Literal["search", "train", "lift-train", "lift-tune", "encode", "pipeline", "baseline"]
_SUBMIT_OPTIONS = ["priority", "at", "every", "after", "max_attempts", "out"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class JobResources(BaseModel):
    """What a job needs: the number of workers, and what each of them occupies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    workers: int = Field(default=0, ge=0, description="Ray evaluators of a search; 0: one process, no Ray")
    cpus: float = Field(default=1, gt=0, description="CPUs of each worker, or of the one process")
    gpus: float = Field(default=0, ge=0, description="GPUs of each; 0.5: two share one")

    @property
    def needs(self) -> Resources:
        """All workers together."""
        count = max(1, self.workers)
        return Resources(cpus=count * self.cpus, gpus=count * self.gpus)


class Limits(BaseModel):
    """When to stop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    time: str | None = Field(default=None, description="time limit of one attempt, as '8 h' or '1 h 30 min'")
    epochs: int | None = Field(default=None, ge=1, description="epochs of the search or training")

    @field_validator("time")
    @classmethod
    def _check_time(cls, words: str | None) -> str | None:
        if words is not None:
            parse_duration(words)
        return words

    @property
    def seconds(self) -> float | None:
        """The time in seconds."""
        return None if self.time is None else parse_duration(self.time)


class ExperimentFile(BaseModel):
    """The content of a file; `data` and `configuration` are checked by the kind."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str | None = Field(default=None, description="for people and folders; none: the file's name")
    kind: FileKind = Field(description="what its jobs do")
    preset: str | None = Field(default=None, description="what `configuration` differs from")
    run: Path | None = Field(default=None, description="train: the run whose genotype is trained")
    data: dict[str, Any] = Field(default_factory=dict, description="the data set")
    seeds: list[int] = Field(default_factory=list, description="one job for each")
    training_seeds: list[int] = Field(
        default_factory=list,
        description="pipeline: final trainings of the genotype found; baseline: of its network",
    )
    baselines: list[str] = Field(default_factory=list, description="baseline: one job for each")
    configuration: dict[str, Any] = Field(default_factory=dict, description="settings, nested or dotted")
    grid: dict[str, list[Any]] = Field(default_factory=dict, description="dotted settings and their values")
    resources: JobResources = Field(default_factory=JobResources, description="what each job needs")
    limits: Limits = Field(default_factory=Limits, description="when to stop")

    @field_validator("name")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None and not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot name a folder; letters, digits, '.', '_' and '-' can")
        if name is not None and len(name) > NAME_LENGTH:
            raise ValueError(
                f"{name[:20]}... has {len(name)} characters; folders are named so, {NAME_LENGTH} are allowed"
            )
        return name

    @field_validator("seeds", "training_seeds", mode="before")
    @classmethod
    def _one_seed(cls, seeds: Any) -> Any:
        if not isinstance(seeds, int | list):
            raise ValueError(f"{seeds!r} is no seed; a number or a list of numbers is needed")
        return [seeds] if isinstance(seeds, int) else seeds

    @field_validator("seeds", "training_seeds")
    @classmethod
    def _check_seeds(cls, seeds: list[int]) -> list[int]:
        if any(seed < 0 for seed in seeds) or len(set(seeds)) < len(seeds):
            raise ValueError(f"{seeds} must be different numbers, 0 or more")
        return seeds

    @field_validator("grid")
    @classmethod
    def _check_grid(cls, grid: dict[str, list[Any]]) -> dict[str, list[Any]]:
        for name, values in grid.items():
            if not values or any(values.count(value) > 1 for value in values):
                raise ValueError(
                    f"{name!r} has the values {values}; different ones, at least one, are needed"
                )
        return grid


def read_experiment(path: Path) -> ExperimentFile:
    """Read and check a file; `data` and `configuration` are left to its kind (`planning.plan_of`).

    Raises:
        FileNotFoundError: no such file.
        ValueError: a key, type or range is wrong: file, line, what came, what is allowed, the nearest name.
    """
    path = Path(path)
    content = read_settings_file(path)
    lines = SettingLines(path)
    for name in map(str, content):
        option = get_close_matches(name.replace("-", "_"), _SUBMIT_OPTIONS, n=1, cutoff=0.85)
        if option and name not in ExperimentFile.model_fields:
            raise ValueError(
                f"{path}, line {lines.line((name,))}: {name!r} is no setting of a file; "
                f"`posenas submit --{option[0].replace('_', '-')}` says it"
            )
    checked = check_settings(ExperimentFile, content, str(path), lambda place: lines.line(place))
    if (checked.run is None) == (checked.kind == "train"):
        line = lines.line(("run",), ("kind",))
        needed = "is missing: the folder of a search" if checked.run is None else f"is not for {checked.kind}"
        raise ValueError(f"{path}, line {line}: run {needed}; the kind train has it, and it alone")
    if checked.training_seeds and checked.kind not in ("pipeline", "baseline"):
        line = lines.line(("training_seeds",))
        raise ValueError(
            f"{path}, line {line}: training_seeds is for the kinds pipeline and baseline; "
            f"a {checked.kind} job has `seeds`"
        )
    if bool(checked.baselines) != (checked.kind == "baseline"):
        line = lines.line(("baselines",), ("kind",))
        needed = f"is not for {checked.kind}" if checked.baselines else "is missing: what to train"
        raise ValueError(f"{path}, line {line}: baselines {needed}; the kind baseline has it, and it alone")
    return checked
