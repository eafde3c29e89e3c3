"""A training of the lifter as one value: which pairs, which network, trained how, where and recorded how."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from cluster.settings import check_settings, configuration_hash, override, read_settings_file
from cluster.tracking.config import TrackingConfig
from lifting.datasets import LiftingDataConfig
from lifting.model import LifterConfig
from lifting.normalize import NormalizationConfig
from lifting.presets import LifterPreset
from lifting.train import LifterTrainingConfig, Stream

__all__ = ["LiftConfig", "LiftResources"]

_OUTSIDE_RESULT = ("resources", "tracking")


class LiftResources(BaseModel):
    """Where the work is done, never what comes out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threads: int | None = Field(default=None, ge=1, description="torch threads; none: one a core")
    device: str = Field(default="cpu", description="where torch computes: cpu, cuda, cuda:1")
    checkpoint_seconds: float = Field(
        default=60, ge=0, description="time between checkpoints; 0: every epoch"
    )

    @property
    def torch_threads(self) -> int:
        """Threads, counted."""
        return self.threads or len(os.sched_getaffinity(0))


class LiftConfig(BaseModel):
    """All settings of one training; saved with the run as lifting.json.

    Both streams are trained with these settings, one after the other: `training.stream` is set by the run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: LiftingDataConfig = Field(default_factory=LiftingDataConfig, description="keypoints and poses")
    model: LifterConfig = Field(default_factory=LifterConfig, description="the network of a stream")
    normalization: NormalizationConfig = Field(
        default_factory=NormalizationConfig, description="of the keypoints"
    )
    training: LifterTrainingConfig = Field(
        default_factory=LifterTrainingConfig, description="how a stream is trained"
    )
    resources: LiftResources = Field(default_factory=LiftResources, description="threads and checkpoints")
    tracking: TrackingConfig | None = Field(
        default_factory=TrackingConfig, description="MLflow; none: no record"
    )

    @classmethod
    def preset(cls, name: LifterPreset, changes: Mapping[str, Any] | None = None) -> Self:
        """One of the presets, with changes by dotted name, as {"training.epochs": 20}.

        Raises:
            ValueError: no such preset, or a change that is not allowed.
        """
        return check_settings(cls, override(_preset_settings(name), changes or {}), f"preset {name}")

    @classmethod
    def from_file(cls, path: Path, changes: Mapping[str, Any] | None = None) -> Self:
        """Read a YAML or JSON file: `preset: NAME` (paper by default) and what differs from it.

        Raises:
            FileNotFoundError: no such file.
            ValueError: a setting is wrong; the sentence names it, what came and what is allowed.
        """
        content = read_settings_file(path)
        settings = _preset_settings(content.pop("preset", "paper"))
        for section, values in content.items():
            both = isinstance(values, Mapping) and isinstance(settings.get(section), Mapping)
            settings[section] = {**settings[section], **values} if both else values
        return check_settings(cls, override(settings, changes or {}), str(path))

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """These settings with some changed, by dotted name.

        Raises:
            ValueError: a change is not allowed.
        """
        return check_settings(type(self), override(self.to_dict(), changes), "the settings")

    def to_dict(self) -> dict[str, Any]:
        """JSON values of every setting that can be set."""
        return self.model_dump(mode="json", exclude={"training": {"stream"}})

    def result_settings(self) -> dict[str, Any]:
        """The settings that the result depends on: not where the work is done, nor where the data lies."""
        settings = {name: value for name, value in self.to_dict().items() if name not in _OUTSIDE_RESULT}
        settings["data"].pop("root")
        if not self.training.wild_keypoints:  # as before there was this setting
            del settings["training"]["wild_keypoints"]
        return settings

    def stream(self, name: Stream) -> LifterTrainingConfig:
        """How one stream is trained."""
        return self.training.model_copy(update={"stream": name})

    @property
    def hash(self) -> str:
        """SHA-256 of `result_settings`."""
        return configuration_hash(self.result_settings())


def _preset_settings(name: LifterPreset) -> dict[str, Any]:
    return {
        "model": LifterConfig.preset(name).model_dump(mode="json"),
        "normalization": NormalizationConfig.preset(name).model_dump(mode="json"),
        "training": LifterTrainingConfig.preset(name).model_dump(mode="json"),
    }
