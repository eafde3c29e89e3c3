"""The One Euro filter: less jitter where a body stands still, little delay where it moves fast.

    x'_t = a x_t + (1 - a) x'_{t-1},  a = 1 / (1 + fps / (2 pi cutoff)),  cutoff = min_cutoff + beta |speed'|

Source: Casiez, Roussel and Vogel 2012. The speed is that of a joint, in meters a second, and all three
coordinates of the joint share one cutoff.
"""

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OneEuroConfig", "OneEuroFilter"]

FloatArray = NDArray[np.float32]


class OneEuroConfig(BaseModel):
    """How strongly poses are smoothed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_cutoff: float = Field(default=1.5, gt=0, description="cutoff of a joint at rest, Hz; lower: smoother")
    beta: float = Field(
        default=4.0,
        ge=0,
        description="Hz by which the cutoff rises for each meter a second; higher: less delay",
    )
    speed_cutoff: float = Field(default=1.0, gt=0, description="cutoff of the measured speed itself, Hz")


class OneEuroFilter:
    """Smooths poses one by one.

    Args:
        config: how strongly.
        fps: frames per second.
    """

    def __init__(self, config: OneEuroConfig, fps: float) -> None:
        self.config, self._fps = config, fps
        self._pose: NDArray[np.float64] | None = None
        self._velocity: NDArray[np.float64] | None = None

    def __call__(self, pose: FloatArray) -> FloatArray:
        """The next pose (J, 3), millimeters, smoothed; one that holds NaN passes and makes it start anew."""
        if not np.isfinite(pose).all():
            self._pose = self._velocity = None
            return pose
        if self._pose is None or self._velocity is None:
            self._pose, self._velocity = pose.astype(np.float64), np.zeros(pose.shape)
            return pose
        velocity = (pose - self._pose) * self._fps
        self._velocity += _share(self.config.speed_cutoff, self._fps) * (velocity - self._velocity)
        speed = np.linalg.norm(self._velocity, axis=1, keepdims=True) / 1000
        share = _share(self.config.min_cutoff + self.config.beta * speed, self._fps)
        self._pose = self._pose + share * (pose - self._pose)
        return self._pose.astype(np.float32)


def _share(cutoff: NDArray[np.float64] | float, fps: float) -> NDArray[np.float64]:
    """Share of the new value in the smoothed one."""
    return np.asarray(1 / (1 + fps / (2 * math.pi * np.asarray(cutoff))))
