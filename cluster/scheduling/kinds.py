"""What the jobs of a file are, by its kind. The command of each job's process is in `jobs`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cluster.config import PRESETS, TRAINING_SETTINGS, ExperimentConfig
from cluster.registry.records import Resources
from cluster.scheduling.experiment_file import ExperimentFile
from cluster.scheduling.variants import SettingOrigin, Variant
from cluster.settings import check_settings, difference, override
from cluster.stages.comparisons import COMPARISONS
from cluster.stages.folder import RunFolder
from cluster.tracking.mlflow_store import resolve

__all__ = ["FILE_KINDS", "FileKindEntry", "Step", "flat", "refuse_workers", "without_folder"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One job of a variant; the next one runs after it, in the same folder.

    Attributes:
        kind: an entry of `jobs.JOB_KINDS`.
        settings: JSON values for its command.
        needs: CPUs and GPUs.
    """

    kind: str
    settings: dict[str, Any]
    needs: Resources


@dataclass(frozen=True, kw_only=True)
class FileKindEntry:
    """A kind that a file can have.

    Attributes:
        steps: the jobs of one variant.
        own_places: settings that the file has a place of its own for.
    """

    steps: Callable[[ExperimentFile, Variant, SettingOrigin], list[Step]]
    own_places: Mapping[str, str] = field(default_factory=dict)


def _search_steps(file: ExperimentFile, variant: Variant, source: SettingOrigin) -> list[Step]:
    config = _experiment(file, variant, source, "search.epochs")
    return [Step(kind="search", settings={"config": config.to_dict()}, needs=file.resources.needs)]


def _pipeline_steps(file: ExperimentFile, variant: Variant, source: SettingOrigin) -> list[Step]:
    (search,) = _search_steps(file, variant, source)
    seeds = file.training_seeds
    training = (
        # several are trained side by side on the workers of the search
        Step(kind="train", settings={"seeds": seeds}, needs=file.resources.needs)
        if seeds
        else Step(kind="train", settings={}, needs=Resources(cpus=file.resources.cpus))
    )
    steps = [search, training, Step(kind="evaluate", settings={}, needs=Resources(cpus=1))]
    if search.settings["config"]["tracking"] is not None:  # without MLflow there is nowhere to register it
        steps.append(Step(kind="register", settings={}, needs=Resources(cpus=1)))
    return steps


def _baseline_steps(file: ExperimentFile, variant: Variant, source: SettingOrigin) -> list[Step]:
    if variant.baseline not in COMPARISONS or file.baselines.count(variant.baseline) > 1:
        allowed = ", ".join(COMPARISONS)
        raise source.error(
            ("baselines",),
            f"baselines are {', '.join(file.baselines)}; different ones of {allowed} are allowed",
        )
    config = _experiment(file, variant, source, "training.epochs")
    settings = {"config": config.to_dict(), "baseline": variant.baseline, "seeds": file.training_seeds}
    return [Step(kind="baseline", settings=settings, needs=file.resources.needs)]


def _encode_steps(file: ExperimentFile, variant: Variant, source: SettingOrigin) -> list[Step]:
    refuse_workers(file, source)
    config = _experiment(file, variant, source, None)
    return [Step(kind="encode", settings={"config": config.to_dict()}, needs=file.resources.needs)]


def _train_steps(file: ExperimentFile, variant: Variant, source: SettingOrigin) -> list[Step]:
    """The training of another run's genotype, in a run of its own."""
    refuse_workers(file, source)
    if file.data:
        raise source.error(("data",), "data is not for the kind train: the run trains on its own data")
    run = (file.run or Path()).expanduser().absolute()
    if not (run / "experiment.json").exists():
        raise source.error(
            ("run",), f"run is {str(run)!r}, where no run is; the folder of a search is needed"
        )
    before = RunFolder.open(run).config()
    after = _experiment(file, variant, source, "training.epochs", before.to_dict())
    differing = difference(before.result_settings(), after.result_settings())
    changes = {name: now for name, _, now in differing if name != "search.seed"}
    for name in changes:
        if name.partition(".")[0] not in TRAINING_SETTINGS:
            allowed = ", ".join(TRAINING_SETTINGS)
            raise source.error(
                tuple(name.split(".")), f"{name} cannot change: the search is done; {allowed} can"
            )
    changes["resources.threads"] = after.resources.threads
    settings = {"from": str(run), "changes": changes}
    return [Step(kind="train", settings=settings, needs=file.resources.needs)]


FILE_KINDS: dict[str, FileKindEntry] = {
    "search": FileKindEntry(
        steps=_search_steps, own_places={"search.seed": "seeds", "search.epochs": "limits.epochs"}
    ),
    "train": FileKindEntry(
        steps=_train_steps, own_places={"training.seed": "seeds", "training.epochs": "limits.epochs"}
    ),
    "encode": FileKindEntry(steps=_encode_steps),
    "baseline": FileKindEntry(
        steps=_baseline_steps, own_places={"training.seed": "seeds", "training.epochs": "limits.epochs"}
    ),
    "pipeline": FileKindEntry(
        steps=_pipeline_steps, own_places={"search.seed": "seeds", "search.epochs": "limits.epochs"}
    ),
}
"""What the jobs of a file are, by its kind."""


def _experiment(
    file: ExperimentFile,
    variant: Variant,
    source: SettingOrigin,
    epochs: str | None,
    base: Mapping[str, Any] | None = None,
) -> ExperimentConfig:
    """The whole configuration of a variant; `epochs` is the setting that limits.epochs stands for."""
    changes: dict[str, Any] = dict(flat(file.configuration))
    changes |= {f"data.{name}": value for name, value in file.data.items()}
    changes |= {
        "resources.workers": file.resources.workers,
        "resources.cpus_per_worker": file.resources.cpus,
        "resources.gpus_per_worker": file.resources.gpus,
    }
    changes.setdefault("resources.threads", max(1, round(file.resources.cpus)))
    if file.resources.gpus and base is None:
        changes.setdefault("compute.device", "cuda")
    if variant.seed is not None:
        changes |= {"search.seed": variant.seed, "training.seed": variant.seed}
    if file.limits.epochs is not None:
        if epochs is None:
            raise source.error(("limits", "epochs"), f"limits.epochs is not for the kind {file.kind}")
        changes[epochs] = file.limits.epochs
    changes |= variant.changes
    if base is None:
        preset = file.preset or "small"
        if preset not in PRESETS:
            raise source.error(("preset",), f"preset is {preset!r}; it must be one of {', '.join(PRESETS)}")
        config = ExperimentConfig.from_content(preset, override({}, changes), str(source.path), source.line)
    else:
        config = check_settings(ExperimentConfig, override(base, changes), str(source.path), source.line)
    return _independent_of_folder(config)


def _independent_of_folder(config: ExperimentConfig) -> ExperimentConfig:
    """With paths written out: the job runs in another folder, perhaps on another machine."""
    config = config.located()
    return config.changed(
        without_folder(config.data.root, None if config.tracking is None else config.tracking.uri)
    )


def without_folder(root: Path | None, tracking: str | None) -> dict[str, Any]:
    """The changes that make a configuration mean the same in every folder."""
    changes: dict[str, Any] = {}
    if root is not None:
        changes["data.root"] = str(root.expanduser().absolute())
    if tracking is not None:
        changes["tracking.uri"] = resolve(tracking)
    return changes


def refuse_workers(file: ExperimentFile, source: SettingOrigin) -> None:
    """A kind that is one process has no workers."""
    if file.resources.workers:
        raise source.error(
            ("resources", "workers"),
            f"resources.workers is for searches and tunings; a {file.kind} job is one process",
        )


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings by dotted name; an empty section stays as it is."""
    found: dict[str, Any] = {}
    for name, value in content.items():
        inner = isinstance(value, Mapping) and value
        found |= flat(value, f"{prefix}{name}.") if inner else {prefix + name: value}
    return found
