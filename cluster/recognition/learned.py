"""What the clips that a classifier learned from were like, and new poses made like them: axes and rate."""

from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from cluster.recognition.windows import WindowConfig
from encoding.posture import Posture, Up, body_size, posture_of, turned
from encoding.resample import resampled
from lifting.poses import PoseSequence3D

__all__ = ["LearnedPoses", "common_axis", "scaled_windows", "window_config", "windows_of"]

# A rate within this share of those that were learned counts as one of them.
SAME_RATE = 0.05
# Clips of one file from which on their common axis is believed though it is not a vertical one: a single
# recording whose body is along z may show a person who lies.
MANY = 5
# Bodies that are this many times as large or as small are in another unit: people are not.
OTHER_UNIT = 5
UNITS = {"m": 1000.0, "cm": 10.0, "in": 25.4}
_WINDOWS = range(8, 601)


class LearnedPoses(BaseModel):
    """Kept in classifier.json."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    up: Up | None = Field(description="the axis that points up; none where the bodies do not say")
    fps: float = Field(gt=0, description="median frames per second")
    fps_range: tuple[float, float] = Field(description="lowest and highest frames per second")
    clip_seconds: float = Field(ge=0, description="median length of a clip")
    unit: Literal["mm"] = Field(default="mm", description="of the coordinates, whatever the files had")
    body_size: float | None = Field(
        default=None, gt=0, description="median of the longest side of a body; none where it is not known"
    )
    flat: bool = Field(default=False, description="whether the clips were 2D, without depth")

    @classmethod
    def of(cls, clips: Sequence[PoseSequence3D]) -> Self:
        """Measure training clips of one layout, at least one."""
        rates = [clip.fps for clip in clips]
        return cls(
            up=posture_of([clip.xyz for clip in clips], clips[0].skeleton).up,
            fps=float(np.median(rates)),
            fps_range=(min(rates), max(rates)),
            clip_seconds=float(np.median([clip.num_frames / clip.fps for clip in clips])),
            body_size=_typical_size(clips),
            flat=clips[0].flat,
        )

    def check(self, poses: PoseSequence3D) -> None:
        """Whether poses have as many dimensions, and the unit, of those that were learned.

        Raises:
            ValueError: 3D came where 2D was learned, or the reverse; or the bodies are many times as large.
        """
        if poses.flat != self.flat and np.isfinite(poses.xyz).any():
            came, learned = ("2D clips", "3D poses") if poses.flat else ("3D poses", "2D clips")
            remedy = "lift them first" if poses.flat else "it answers for clips in pixels alone"
            raise ValueError(f"{came} came, and this model learned from {learned}; {remedy}")
        size = body_size(poses.xyz)
        if size is None or self.body_size is None or size == 0:
            return
        ratio = self.body_size / size
        if not 1 / OTHER_UNIT < ratio < OTHER_UNIT:
            likely = min(UNITS, key=lambda unit: abs(np.log(UNITS[unit] / ratio)))
            guess = f", which may be {likely}" if ratio > 1 else ""
            raise ValueError(
                f"the bodies span {size:.3g} mm, and those that this model learned from {self.body_size:.0f} "
                f"mm; the right unit is needed{guess}: in the file, or as `unit`"
            )

    def at_rate(self, poses: PoseSequence3D) -> PoseSequence3D:
        """The poses at a rate that was learned: their own if it is one, else the median."""
        low, high = self.fps_range
        known = low * (1 - SAME_RATE) <= poses.fps <= high * (1 + SAME_RATE)
        return poses if known else resampled(poses, self.fps)

    def standing(self, poses: PoseSequence3D) -> PoseSequence3D:
        """One clip with the axis up that was learned, where it is plainly upside down to that."""
        if self.up is None:
            return poses
        found = posture_of([poses.xyz], poses.skeleton).up
        opposite = found is not None and found != self.up and found[-1] == self.up[-1]
        return turned(poses, found, self.up) if opposite and found is not None else poses


def _typical_size(clips: Sequence[PoseSequence3D]) -> float | None:
    sizes = [size for clip in clips if (size := body_size(clip.xyz))]
    return float(np.median(sizes)) if sizes else None


def common_axis(clips: Sequence[PoseSequence3D], learned: LearnedPoses | None) -> tuple[Up, Up] | None:
    """The axis that points up in clips of one file, and the one that was learned, where they differ.

    None where they agree, or cannot be distinguished.
    """
    if learned is None or learned.up is None or not clips:
        return None
    found: Posture = posture_of([clip.xyz for clip in clips], clips[0].skeleton)
    if found.up is None or found.up == learned.up:
        return None
    if found.up[-1] != learned.up[-1] and len(clips) < MANY:
        return None
    return found.up, learned.up


def window_config(learned: LearnedPoses | None) -> WindowConfig:
    """Windows as long as the median clip that was learned; of a model that does not say, the usual ones."""
    if learned is None:
        return WindowConfig()
    window = min(max(round(learned.clip_seconds * learned.fps), _WINDOWS.start), _WINDOWS.stop - 1)
    return WindowConfig(window=window, stride=max(1, window // 6), least=max(2, window // 3))


def windows_of(seconds: float, learned: LearnedPoses | None, base: WindowConfig) -> WindowConfig:
    """`base` with windows of `seconds`, in frames of the rate that was learned; a sixth is the stride.

    Raises:
        ValueError: the model does not say its rate, or that is less than 2 frames.
    """
    if learned is None:
        raise ValueError(
            "`window_seconds` needs the rate that the model learned from, which this one does not say; give "
            "`window`, in frames"
        )
    window = round(seconds * learned.fps)
    if window < 2:
        raise ValueError(
            f"`window_seconds` is {seconds:g}; at {learned.fps:g} frames/s a window of 2 frames lasts "
            f"{2 / learned.fps:.2g} s, and no shorter one can be"
        )
    changes = {"window": window, "stride": max(1, window // 6), "least": max(2, window // 3)}
    return base.model_copy(update=changes)


def scaled_windows(windows: WindowConfig, fps: float, learned: LearnedPoses | None) -> WindowConfig:
    """Windows of as many seconds at another rate than the learned one."""
    if learned is None:
        return windows
    low, high = learned.fps_range
    if low * (1 - SAME_RATE) <= fps <= high * (1 + SAME_RATE):
        return windows
    factor = fps / learned.fps
    window = max(2, round(windows.window * factor))
    return windows.model_copy(
        update={
            "window": window,
            "stride": max(1, round(windows.stride * factor)),
            "least": min(window, max(2, round(windows.least * factor))),
        }
    )
