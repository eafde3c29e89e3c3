"""Pairs of 2D keypoints and 3D poses: `load_pairs(LiftingDataConfig(...))` gives a `LiftingSplit`."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from lifting.cameras import VirtualCameras
from lifting.datasets.mocap import film, subsample
from lifting.datasets.pairs import LiftingSplit, PairClip, PosePairs
from lifting.datasets.splits import Parts, by_subject_and_clip
from lifting.datasets.synthetic import synthetic_recordings
from lifting.noise import DetectorNoise

__all__ = ["LiftingDataConfig", "LiftingSplit", "PairClip", "PosePairs", "load_pairs"]

LiftingDataName = Literal["synthetic"]


class LiftingDataConfig(BaseModel):
    """Which pairs, from where, seen how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: LiftingDataName = Field(default="synthetic", description="The data set.")
    root: Path | None = Field(
        default=None,
        description="Folder of the data; by default the data set's folder under $POSENAS_DATA.",
    )
    cameras: VirtualCameras = Field(
        default=VirtualCameras(), description="Random cameras for motion capture and synthetic data."
    )
    cameras_per_clip: int = Field(default=4, ge=1, description="Random cameras for each motion capture clip.")
    noise: DetectorNoise = Field(
        default=DetectorNoise(), description="What the detector does to the true keypoints."
    )
    stride: int = Field(default=1, ge=1, description="Every so many frames are taken.")
    test_fraction: float = Field(
        default=0.15, gt=0, lt=1, description="Share of the training subjects' clips that are held out."
    )
    validation_fraction: float = Field(default=0.15, gt=0, lt=1, description="Share of clips for validation.")
    num_subjects: int = Field(default=6, ge=2, description="synthetic: people, the last one held out.")
    clips_per_action: int = Field(
        default=2, ge=1, description="synthetic: clips of each action by each person."
    )
    seed: int = Field(default=0, ge=0, description="Of every random draw: cameras, noise, split.")


def load_pairs(config: LiftingDataConfig) -> LiftingSplit:
    """Load the data set that the configuration names.

    Raises:
        FileNotFoundError: the data is not there; says where to get it and what the folder must hold.
        ValueError: the data cannot be read or divided as asked.
    """
    match config.name:
        case "synthetic":
            recordings = synthetic_recordings(
                num_subjects=config.num_subjects, clips_per_action=config.clips_per_action, seed=config.seed
            )
            parts = by_subject_and_clip(
                [subsample(recording, config.stride) for recording in recordings],
                test_subjects=[str(config.num_subjects)],
                test_fraction=config.test_fraction,
                validation_fraction=config.validation_fraction,
                seed=config.seed,
            )
            return _film_split(f"synthetic, seed {config.seed}", parts, config)


def _film_split(name: str, parts: Parts, config: LiftingDataConfig) -> LiftingSplit:
    filmed = {
        part: film(
            recordings,
            cameras=config.cameras,
            cameras_per_clip=config.cameras_per_clip,
            noise=config.noise,
            seed=config.seed,
        )
        for part, recordings in parts.items()
    }
    return LiftingSplit(
        name=name, train=filmed.pop("train"), validation=filmed.pop("validation"), test=filmed
    )
