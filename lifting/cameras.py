"""Pinhole cameras with lens distortion, real ones and random virtual ones."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field

from lifting.geometry import NO_DISTORTION, Floats, axis_rotation, look_at, project, to_camera


@dataclass(frozen=True, eq=False, kw_only=True)
class Camera:
    """One camera.

    Attributes:
        name: of the camera.
        rotation: (3, 3), from world axes to camera axes (x right, y down, z forward).
        position: (3,), of its center in the world, millimeters.
        focal: (fx, fy), pixels.
        center: (cx, cy), the principal point, pixels.
        distortion: k1, k2, p1, p2, k3 in OpenCV's order.
        image_size: (width, height), pixels.

    Raises:
        ValueError: the rotation is none, or a number is out of its range.
    """

    name: str
    rotation: Floats
    position: Floats
    focal: tuple[float, float]
    center: tuple[float, float]
    image_size: tuple[int, int]
    distortion: tuple[float, float, float, float, float] = field(default=NO_DISTORTION)

    def __post_init__(self) -> None:
        R, position = np.array(self.rotation, dtype=np.float64), np.array(self.position, dtype=np.float64)
        if R.shape != (3, 3) or not np.allclose(R @ R.T, np.eye(3), atol=1e-4) or np.linalg.det(R) < 0:
            raise ValueError(f"camera {self.name!r}: its rotation is no rotation matrix (3, 3)")
        if position.shape != (3,) or not np.isfinite(position).all():
            raise ValueError(f"camera {self.name!r} is at {self.position}; three finite numbers are needed")
        if min(self.focal) <= 0 or min(self.image_size) < 1:
            raise ValueError(
                f"camera {self.name!r} has focal {self.focal} and image {self.image_size}; "
                "positive numbers are needed"
            )
        object.__setattr__(self, "rotation", R)
        object.__setattr__(self, "position", position)

    def to_camera(self, xyz: ArrayLike) -> Floats:
        """World points (..., 3) in this camera's axes, millimeters."""
        return to_camera(xyz, self.rotation, self.position)

    def project(self, xyz: ArrayLike) -> Floats:
        """Pixels (..., 2) of points (..., 3) in this camera's axes; NaN behind the camera."""
        return project(xyz, self.focal, self.center, self.distortion)


class VirtualCameras(BaseModel):
    """The range from which random cameras are drawn; each number is drawn evenly.

    Focal length and image are those of Human3.6M's cameras, which stand about 1.5 m high around the room.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    distance_mm: tuple[float, float] = Field(
        default=(3500.0, 6000.0), description="From the camera to the middle of the person's path."
    )
    elevation_degrees: tuple[float, float] = Field(
        default=(-5.0, 25.0), description="How high the camera stands, as an angle above the hip."
    )
    roll_degrees: float = Field(default=3.0, ge=0, description="Tilt to either side.")
    aside: float = Field(
        default=0.1,
        ge=0,
        lt=0.3,
        description="How far from the middle of the image the person is, as a share of its width.",
    )
    focal: float = Field(default=1145.0, gt=0, description="Pixels.")
    image_size: tuple[int, int] = Field(default=(1000, 1000), description="Width and height, pixels.")

    def draw(self, rng: np.random.Generator, target: ArrayLike, up: ArrayLike, name: str) -> Camera:
        """A camera at a random place around a target (3,), millimeters, that looks at it.

        Args:
            rng: all draws come from it.
            target: (3,), millimeters, what is seen near the middle of the image.
            up: "y" or "z" as a unit vector (3,).
            name: of the camera.
        """
        target, up = np.asarray(target, dtype=np.float64), np.asarray(up, dtype=np.float64)
        azimuth = rng.uniform(0, 2 * np.pi)
        elevation = np.radians(rng.uniform(*self.elevation_degrees))
        level = np.roll(up, 1), np.roll(up, 2)
        outward = np.cos(elevation) * (np.cos(azimuth) * level[0] + np.sin(azimuth) * level[1])
        outward = outward + np.sin(elevation) * up
        position = target + rng.uniform(*self.distance_mm) * outward
        roll = np.radians(rng.uniform(-self.roll_degrees, self.roll_degrees))
        width, height = self.image_size
        aside = rng.uniform(-self.aside, self.aside, 2) * width
        return Camera(
            name=name,
            rotation=axis_rotation("z", roll) @ look_at(position, target, up),
            position=position,
            focal=(self.focal, self.focal),
            center=(width / 2 + float(aside[0]), height / 2 + float(aside[1])),
            image_size=self.image_size,
        )
