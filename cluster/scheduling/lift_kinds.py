"""What the jobs of the kinds lift-train and lift-tune are."""

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

from cluster.lifter.config import LiftConfig
from cluster.scheduling.experiment_file import ExperimentFile
from cluster.scheduling.kinds import FileKindEntry, Step, flat, refuse_workers, without_folder
from cluster.scheduling.variants import SettingOrigin, Variant
from cluster.settings import check_settings, override
from cluster.tuning.config import TrialResources, TuningConfig
from lifting.presets import LifterPreset

__all__ = ["LIFT_KINDS"]

_TUNING, _OWN = "tuning.", ("stream", "space")


class _TuningSection(BaseModel):
    """Gives the settings of `tuning` the names that they have in the file."""

    tuning: TuningConfig


def _train_steps(file: ExperimentFile, variant: Variant, source: SettingOrigin) -> list[Step]:
    refuse_workers(file, source)
    settings = dict(flat(file.configuration)) | _limited(file, "training.epochs")
    settings |= {**_seeded(variant, "training.seed"), **variant.changes}
    config = _lift_config(file, settings, source)
    return [Step(kind="lift-train", settings={"config": config.to_dict()}, needs=file.resources.needs)]


def _tune_steps(file: ExperimentFile, variant: Variant, source: SettingOrigin) -> list[Step]:
    """As many trials at once as the file has workers; `tuning` is a section beside those of the training."""
    settings = dict(flat(file.configuration)) | _limited(file, "tuning.epochs")
    settings |= {**_seeded(variant, "tuning.seed"), **variant.changes}
    tuning = {name: value for name, value in settings.items() if name.startswith(_TUNING)}
    own = {name: settings[name] for name in _OWN if name in settings}
    rest = {name: value for name, value in settings.items() if name not in tuning and name not in own}
    inner = {name.removeprefix(_TUNING): value for name, value in tuning.items()}
    check_settings(_TuningSection, {"tuning": override({}, inner)}, str(source.path), source.line)
    resources = TrialResources(
        max_concurrent=max(1, file.resources.workers),
        cpus_per_trial=file.resources.cpus,
        gpus_per_trial=file.resources.gpus,
    )
    step = {
        "config": _lift_config(file, rest, source).to_dict(),
        "tuning": tuning,
        "trials": resources.model_dump(include={"max_concurrent", "cpus_per_trial", "gpus_per_trial"}),
        **own,
    }
    return [Step(kind="lift-tune", settings=step, needs=file.resources.needs)]


LIFT_KINDS: dict[str, FileKindEntry] = {
    "lift-train": FileKindEntry(
        steps=_train_steps, own_places={"training.seed": "seeds", "training.epochs": "limits.epochs"}
    ),
    "lift-tune": FileKindEntry(
        steps=_tune_steps, own_places={"tuning.seed": "seeds", "tuning.epochs": "limits.epochs"}
    ),
}


def _lift_config(file: ExperimentFile, settings: Mapping[str, Any], source: SettingOrigin) -> LiftConfig:
    presets = get_args(LifterPreset)
    preset = file.preset or "paper"
    if preset not in presets:
        raise source.error(("preset",), f"preset is {preset!r}; it must be one of {', '.join(presets)}")
    given = {f"data.{name}": value for name, value in file.data.items()} | dict(settings)
    given.setdefault("resources.threads", max(1, round(file.resources.cpus)))
    given.setdefault("resources.device", "cuda" if file.resources.gpus else "cpu")
    content = override(LiftConfig.preset(preset).to_dict(), given)  # type: ignore[arg-type]
    config = check_settings(LiftConfig, content, str(source.path), source.line)
    root, tracking = config.data.root, config.tracking
    return config.changed(without_folder(root, None if tracking is None else tracking.uri))


def _limited(file: ExperimentFile, name: str) -> dict[str, Any]:
    return {} if file.limits.epochs is None else {name: file.limits.epochs}


def _seeded(variant: Variant, name: str) -> dict[str, Any]:
    return {} if variant.seed is None else {name: variant.seed}
