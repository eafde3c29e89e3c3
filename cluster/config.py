"""An experiment as one value: what data, how encoded, searched, derived, trained, where and recorded how.

The first sections are all that the result depends on; `resources` and `tracking` never enter it, and two runs
that differ in them alone have the same configuration hash.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cluster.distributed.config import RuntimeConfig
from cluster.pose_source import PosesConfig
from cluster.setting_lines import SettingLines
from cluster.settings import (
    check_settings,
    configuration_hash,
    override,
    read_settings_file,
    without_defaults,
)
from cluster.tracking.config import TrackingConfig
from encoding.augmentation import AugmentationConfig
from encoding.datasets import DataConfig
from encoding.spmf import EncodingConfig, ImageKind
from nas.compute_config import ComputeConfig
from nas.config import SearchConfig
from nas.derive_config import DeriveConfig
from nas.kernels_config import KernelsConfig
from nas.plan import NetworkConfig
from nas.supernet_config import SupernetConfig
from nas.training_config import LATER_SETTINGS, LATER_TRAINING_SETTINGS, TrainingConfig

__all__ = [
    "PRESETS",
    "TRAINING_SETTINGS",
    "DerivationConfig",
    "ExperimentConfig",
    "Preset",
    "ResourcesConfig",
]

Preset = Literal["small", "released", "paper", "temporal"]
PRESETS: tuple[Preset, ...] = ("small", "released", "paper", "temporal")

# What a network takes over from the data; no user sets it, and no file holds it.
_FROM_DATA = ("num_classes", "image_size", "num_images")
# Settings that came later, with what happened before: runs that were begun when there was no choice go on.
_LATER: dict[str, dict[str, Any]] = {
    "data": {"options": {}, "test_part": 1, "folds": 5, "repeat": 0},
    "augmentation": {"tilt_degrees": 0, "bone_spread": 0, "time_warp": 0, "duration_spread": 0},
    "supernet": {"stem_keep": 0.7},
    "search": {"space": "enas_micro", "strategy_options": {}, **LATER_SETTINGS},
    "training": {**LATER_SETTINGS, **LATER_TRAINING_SETTINGS},
    "kernels": {"class_weights": "equal"},
    "network": {"stem_keep": 0.7},
    "encoding": {"bones": "own", "kind": "spmf", "images": None},
}
# What a few people's clips are best encoded and augmented with (docs/results.md, "What matters"). The other
# presets keep to docs/spmf.md, as the paper says nothing of either.
_SMALL: dict[str, Any] = {
    "encoding": {"distance_scope": "sequence"},
    "augmentation": {"tilt_degrees": 15.0, "bone_spread": 0.1, "time_warp": 0.3},
    "final_augmentation": {
        "temporal_crop": 0.7,
        "rotation_degrees": 40.0,
        "tilt_degrees": 20.0,
        "joint_noise_mm": 20.0,
        "bone_spread": 0.2,
        "time_warp": 0.5,
    },
    "training": {"epochs": 250},
    "parameters": 400_000,
}
# Networks that read time, on an image of positions and velocities. The copies are weak: the stem drops rows.
_TEMPORAL: dict[str, Any] = {
    "encoding": {"kind": "motion"},
    "augmentation": {
        "temporal_crop": 0.85,
        "rotation_degrees": 20.0,
        "tilt_degrees": 10.0,
        "bone_spread": 0.1,
        "time_warp": 0.3,
    },
    "derivation": {"num_samples": 50, "num_retrained": 3, "parameters": 100_000, "epochs": 30},
    "parameters": 150_000,
}
# Changes that keep a clip close to itself, which suit what is fitted in closed form (docs/results.md).
_WEAK: dict[str, float] = {
    "temporal_crop": 0.85,
    "rotation_degrees": 20.0,
    "tilt_degrees": 10.0,
    "joint_noise_mm": 10.0,
    "bone_spread": 0.1,
    "time_warp": 0.3,
    "duration_spread": 0.15,
}
TRAINING_SETTINGS = ("training", "network", "parameters", "augmentation", "final_augmentation", "compute")
"""Sections that a training of a genotype that was found may change."""

_OUTSIDE_RESULT = ("resources", "tracking")
_SEARCH = ("data", "poses", "encoding", "augmentation", "compute", "supernet", "search", "validation_copies")


class DerivationConfig(DeriveConfig):
    """How the final genotype is chosen: sample many, score them, retrain the best few, keep the best."""

    parameters: int = Field(default=150_000, ge=1000, description="parameter budget of a retrained network")
    epochs: int = Field(default=20, ge=1, description="epochs of each retraining")


class KernelSettings(KernelsConfig):
    """Random kernels with a ridge: what they read, and the weak changes of their clips."""

    images: tuple[ImageKind, ...] = Field(
        default=("spmf", "motion"), min_length=1, description="images that they read; never equalized"
    )
    augmentation: AugmentationConfig = Field(
        default_factory=lambda: AugmentationConfig(**_WEAK), description="how the copies of a clip differ"
    )


class ResourcesConfig(RuntimeConfig):
    """Where the work is done, never what comes out: Ray's part, and threads and checkpoints here."""

    workers: int | Literal["auto"] = Field(
        default=0,
        description="Ray evaluators: 0 for this process alone, auto for as many as the resources allow",
    )
    threads: int | None = Field(
        default=None, ge=1, description="torch threads of the final training; none: one a core"
    )
    checkpoint_seconds: Annotated[float, Field(ge=0)] | Literal["auto"] = Field(
        default="auto",
        description="time between checkpoints; 0: every step is saved before the next begins; `auto`: every "
        "step of a search while the next runs, and trainings every 30 s",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if isinstance(self.workers, int) and self.workers < 0:
            raise ValueError(f"`workers` is {self.workers}; 0 or more, or 'auto', is needed")
        return self

    @property
    def training_checkpoint_seconds(self) -> float:
        """Time between the checkpoints of a training from scratch, taken between epochs."""
        return 30.0 if self.checkpoint_seconds == "auto" else self.checkpoint_seconds

    @property
    def training_threads(self) -> int:
        """torch threads of the final training."""
        return self.threads or len(os.sched_getaffinity(0))


class ExperimentConfig(BaseModel):
    """All settings of one experiment; saved with every run as experiment.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DataConfig = Field(default_factory=lambda: DataConfig(), description="the clips and their split")
    poses: PosesConfig = Field(
        default_factory=PosesConfig, description="the data set's own, or lifted from its 2D"
    )
    encoding: EncodingConfig = Field(default_factory=EncodingConfig, description="poses to images")
    augmentation: AugmentationConfig = Field(
        default_factory=AugmentationConfig, description="in training only"
    )
    final_augmentation: dict[str, float] | None = Field(
        default=None,
        description="settings of augmentation that differ in the final training, which has longer to learn",
    )
    compute: ComputeConfig = Field(default_factory=ComputeConfig, description="CPU or GPU, and precision")
    supernet: SupernetConfig = Field(description="size of the search network")
    search: SearchConfig = Field(default_factory=SearchConfig, description="ENAS, or random sampling")
    validation_copies: int = Field(
        default=2, ge=1, description="fixed versions of each validation clip that are scored; 1: as it is"
    )
    derivation: DerivationConfig = Field(default_factory=DerivationConfig, description="the final genotype")
    parameters: int | None = Field(
        default=2_300_000,
        ge=1000,
        description="parameter budget of the final network; none: network.channels",
    )
    network: NetworkConfig = Field(description="the final network")
    training: TrainingConfig = Field(default_factory=TrainingConfig, description="the final training")
    kernels: KernelSettings = Field(
        default_factory=KernelSettings, description="random kernels, as a baseline or as a network's partner"
    )
    resources: ResourcesConfig = Field(default_factory=ResourcesConfig, description="workers and threads")
    tracking: TrackingConfig | None = Field(
        default_factory=TrackingConfig, description="MLflow; none: no record"
    )

    @model_validator(mode="after")
    def _check_gpus(self) -> Self:
        gpus, on_ray = self.resources.gpus_per_worker, self.resources.workers != 0
        if self.compute.device == "cuda" and on_ray and not gpus:
            raise ValueError(
                "compute.device is 'cuda' and resources.gpus_per_worker is 0; each worker on Ray needs a GPU "
                "(--gpus-per-worker 1) or a part of one (0.5: two workers share it)"
            )
        if self.compute.device == "cpu" and gpus:
            raise ValueError(
                f"resources.gpus_per_worker is {gpus:g} and compute.device is 'cpu': the workers would hold "
                "GPUs and not use them; add --device cuda, or leave the GPUs out"
            )
        return self

    @model_validator(mode="after")
    def _check_final_augmentation(self) -> Self:
        _ = self.training_augmentation
        return self

    @model_validator(mode="before")
    @classmethod
    def _fill_from_data(cls, content: Any) -> Any:
        """Networks take their classes and image size from the data: give them any until the data is there."""
        if not isinstance(content, Mapping):
            return content
        filled = dict(content)
        for section in ("supernet", "network"):
            given = filled.get(section, {})
            if not isinstance(given, Mapping):
                continue
            for name in _FROM_DATA:
                if name in given:
                    raise ValueError(
                        f"setting '{section}.{name}' cannot be given; it follows from the data and encoding"
                    )
            filled[section] = {**given, "num_classes": 2, "image_size": 32}
        return filled

    @classmethod
    def preset(cls, name: Preset, changes: Mapping[str, Any] | None = None) -> Self:
        """One of the presets, with changes by dotted name, as {"search.epochs": 20}.

        Raises:
            ValueError: no such preset, or a change that is not allowed.
        """
        if name not in PRESETS:
            raise ValueError(f"there is no preset {name!r}; the presets are {', '.join(PRESETS)}")
        return check_settings(cls, override(_preset_settings(name), changes or {}), f"preset {name}")

    @classmethod
    def from_file(cls, path: Path, changes: Mapping[str, Any] | None = None) -> Self:
        """Read a YAML or JSON file: `preset: NAME` (small by default) and what differs from it.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a setting is wrong; the sentence names file and line, the setting, what came, what is
                allowed and the nearest right name.
        """
        content = read_settings_file(path)
        lines = SettingLines(path)
        name = content.pop("preset", "small")
        if name not in PRESETS:
            where = f"{path}, line {lines.line(('preset',))}"
            raise ValueError(f"{where}: preset is {name!r}; it must be one of {', '.join(PRESETS)}")
        given = changes or {}

        def line(place: tuple[str | int, ...]) -> int | None:
            return None if ".".join(map(str, place)) in given else lines.line(place)

        return cls.from_content(name, override(content, given), str(path), line)

    @classmethod
    def from_run(cls, path: Path) -> Self:
        """Read the experiment.json of a run, which says everything: no preset fills in what came later.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a setting is wrong; the sentence names file and line.
        """
        return check_settings(cls, read_settings_file(path), str(path), SettingLines(path).line)

    @classmethod
    def from_content(
        cls,
        preset: Preset,
        content: Mapping[str, Any],
        source: str,
        line: Callable[[tuple[str | int, ...]], int | None] = lambda _: None,
    ) -> Self:
        """A preset, and what differs from it section by section.

        Raises:
            ValueError: a setting is wrong; the sentence begins with `source` and the line that `line` tells.
        """
        return check_settings(cls, _merged(_preset_settings(preset), content), source, line)

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """This experiment with some settings changed, by dotted name.

        Raises:
            ValueError: a change is not allowed.
        """
        return check_settings(type(self), override(self.to_dict(), changes), "the experiment")

    def to_dict(self) -> dict[str, Any]:
        """JSON values of every setting that can be set."""
        return self.model_dump(
            mode="json", exclude={name: set(_FROM_DATA) for name in ("supernet", "network")}
        )

    def result_settings(self) -> dict[str, Any]:
        """The settings that the result depends on: not where the work is done, nor where the data lies."""
        settings = {name: value for name, value in self.to_dict().items() if name not in _OUTSIDE_RESULT}
        root = settings["data"].pop("root")
        if self.data.name == "npz" and root is not None:
            settings["data"]["file"] = Path(root).name  # here the file says which data it is
        for section, before in _LATER.items():
            settings[section] = without_defaults(settings[section], before)
        if self.final_augmentation is None:
            del settings["final_augmentation"]
        if self.kernels == KernelSettings():
            del settings["kernels"]
        if self.poses.source == "sensor":
            del settings["poses"]
        else:
            del settings["poses"]["lifter"]  # its SHA-256 says which one it is
            if not self.poses.mend:  # as before there was this setting
                del settings["poses"]["mend"]
        return settings

    def located(self) -> Self:
        """With paths written out that a run may outlive: what $POSENAS_DATA gives, where the lifter lies."""
        folder, place = self.data.data_set.folder, os.environ.get("POSENAS_DATA")
        changes: dict[str, Any] = {}
        if self.data.root is None and folder is not None and place:
            changes["data.root"] = str(Path(place).absolute() / folder)
        if self.poses.lifter is not None and not self.poses.lifter.is_absolute():
            changes["poses.lifter"] = str(self.poses.lifter.absolute())
        return self.changed(changes) if changes else self

    @property
    def training_augmentation(self) -> AugmentationConfig:
        """Of the final training: `augmentation`, but for what `final_augmentation` says."""
        changed = {**self.augmentation.model_dump(), **(self.final_augmentation or {})}
        return check_settings(AugmentationConfig, changed, "final_augmentation")

    def search_settings(self) -> dict[str, Any]:
        """The settings that the state after some steps of the search depends on: not how many follow."""
        settings = self.result_settings()
        settings["search"].pop("epochs")
        return {name: settings[name] for name in _SEARCH if name in settings}

    def training_settings(self) -> dict[str, Any]:
        """The settings of data and images that the final training depends on beside its own."""
        settings = self.result_settings()
        wanted = ("data", "poses", "encoding", "augmentation", "compute")
        chosen = {name: settings[name] for name in wanted if name in settings}
        chosen["augmentation"] = {**settings["augmentation"], **(self.final_augmentation or {})}
        return chosen

    def genotype_settings(self) -> dict[str, Any]:
        """The settings that the genotype found depends on: not the final network's size, nor its partner."""
        settings = self.result_settings()
        return {name: value for name, value in settings.items() if name not in ("parameters", "kernels")}

    @property
    def data_label(self) -> str:
        """The data set's name with the part that tells runs apart, as "msr-as1"."""
        return self.data.label + ("-lifted" if self.poses.source == "lifted" else "")

    @property
    def hash(self) -> str:
        """SHA-256 of `result_settings`."""
        return configuration_hash(self.result_settings())


def _preset_settings(name: Preset) -> dict[str, Any]:
    """What a preset says, section by section; sizes that follow from the data are left to it."""
    supernet = SupernetConfig.preset(name, num_classes=2).model_dump(mode="json", exclude=set(_FROM_DATA))
    network = NetworkConfig.preset(name, num_classes=2).model_dump(mode="json", exclude=set(_FROM_DATA))
    settings: dict[str, Any] = {
        "supernet": supernet,
        "search": SearchConfig.preset(name).model_dump(mode="json"),
        "network": network,
        "training": TrainingConfig.preset(name).model_dump(mode="json"),
    }
    ours = {"small": _SMALL, "temporal": _TEMPORAL}
    return _merged(settings, ours.get(name, {"derivation": {"epochs": 60}}))


def _merged(base: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """`content` over `base`, section by section."""
    result = dict(base)
    for key, value in content.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return result
