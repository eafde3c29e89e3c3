"""Pairs of 2D keypoints and 3D poses: `load_pairs(LiftingDataConfig(...))` gives a `LiftingSplit`."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from lifting.cameras import VirtualCameras
from lifting.datasets import cmu, h36m, hdm05, msr
from lifting.datasets.mocap import Recording, film, subsample
from lifting.datasets.pairs import LiftingSplit, PairClip, PosePairs
from lifting.datasets.splits import by_subject_and_clip
from lifting.datasets.synthetic import synthetic_recordings
from lifting.msr_files import FOLDER
from lifting.noise import DetectorNoise

__all__ = ["LiftingDataConfig", "LiftingSplit", "PairClip", "PosePairs", "load_pairs"]

LiftingDataName = Literal["synthetic", "cmu", "hdm05", "msr", "h36m"]


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
    noise: DetectorNoise | None = Field(
        default=None,
        description="What a detector does to the keypoints. By default a mild detector looks at motion "
        "capture and synthetic people; msr and h36m keep the keypoints of their files.",
    )
    keypoints: str = Field(
        default="gt", description="h36m: NAME of data_2d_h36m_NAME.npz, such as gt or cpn_ft_h36m_dbb."
    )
    stride: int = Field(default=1, ge=1, description="One of this many frames is taken.")
    test_fraction: float = Field(
        default=0.15, gt=0, lt=1, description="Share of the training subjects' clips that are held out."
    )
    validation_fraction: float = Field(default=0.15, gt=0, lt=1, description="Share of clips for validation.")
    validation_by: Literal["subject", "clips"] = Field(
        default="subject",
        description="h36m: subject 8 for validation, or a share of the clips of all five training subjects.",
    )
    num_subjects: int = Field(default=6, ge=2, description="synthetic: people, the last one held out.")
    clips_per_action: int = Field(
        default=2, ge=1, description="synthetic: clips of each action by each person."
    )
    test_subjects: tuple[str, ...] | None = Field(
        default=None,
        description="cmu, hdm05, synthetic, msr: the people held out; by default 2, mm and tr, the last one, "
        "and 2 4 6 8 10.",
    )
    seed: int = Field(default=0, ge=0, description="Random seed of cameras, noise and split.")

    @model_validator(mode="after")
    def _synthetic_has_no_root(self) -> Self:
        if self.name == "synthetic" and self.root is not None:
            raise ValueError(f"root={str(self.root)!r} is given; the data set 'synthetic' is drawn, not read")
        return self


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
            return _film_split("synthetic people", recordings, (str(config.num_subjects),), config)
        case "cmu":
            recordings = cmu.cmu_recordings(_root(config, "cmu_mocap", cmu.HOW_TO_GET))
            return _film_split("CMU motion capture", recordings, cmu.TEST_SUBJECTS, config)
        case "hdm05":
            recordings = hdm05.hdm05_recordings(_root(config, "hdm05", hdm05.HOW_TO_GET))
            return _film_split("HDM05", recordings, hdm05.TEST_SUBJECTS, config)
        case "msr":
            root = _root(config, FOLDER, msr.HOW_TO_GET)
            return msr.load_msr_pairs(
                root,
                noise=config.noise,
                stride=config.stride,
                seed=config.seed,
                test_subjects=config.test_subjects,
            )
        case "h36m":
            return h36m.load_h36m(
                _root(config, "h36m", h36m.HOW_TO_GET),
                keypoints=config.keypoints,
                validation_fraction=config.validation_fraction if config.validation_by == "clips" else None,
                noise=config.noise,
                stride=config.stride,
                seed=config.seed,
            )


def _root(config: LiftingDataConfig, folder: str, how_to_get: str) -> Path:
    """The folder that is given, else $POSENAS_DATA/folder."""
    if config.root is not None:
        return config.root
    data = os.environ.get("POSENAS_DATA")
    if not data:
        raise FileNotFoundError(
            f"no root is given and POSENAS_DATA is not set: {how_to_get}; name it as root"
        )
    return Path(data) / folder


def _film_split(
    name: str, recordings: Sequence[Recording], test_subjects: tuple[str, ...], config: LiftingDataConfig
) -> LiftingSplit:
    """Recordings, divided and then seen through random cameras by a detector."""
    parts = by_subject_and_clip(
        [subsample(recording, config.stride) for recording in recordings],
        test_subjects=test_subjects if config.test_subjects is None else config.test_subjects,
        test_fraction=config.test_fraction,
        validation_fraction=config.validation_fraction,
        seed=config.seed,
    )
    filmed = {
        part: film(
            members,
            cameras=config.cameras,
            cameras_per_clip=config.cameras_per_clip,
            noise=DetectorNoise() if config.noise is None else config.noise,
            seed=config.seed,
        )
        for part, members in parts.items()
    }
    return LiftingSplit(
        name=f"{name}, {config.cameras_per_clip} random cameras a clip, seed {config.seed}",
        train=filmed.pop("train"),
        validation=filmed.pop("validation"),
        test=filmed,
    )
