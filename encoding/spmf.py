"""Enhanced-SPMF: a clip of 3D poses becomes one small color image; and the settings of every image.

The steps stand in the order of docs/spmf.md: clean, smooth, pose and motion features, colors, layout,
enhancement, resize. After Pham et al., Sensors 19(8):1932, 2019; what that paper leaves open is a field of
`EncodingConfig` or said where it is decided.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from encoding.bones import mean_bone_lengths, on_reference_body
from encoding.colors import distance_colors, orientation_colors
from encoding.enhance import Enhancement, enhance, resize
from encoding.features import PairOrder, joint_pairs, lengths, step_vectors
from encoding.motion import motion_image
from encoding.smoothing import clean, smooth
from lifting.poses import PoseSequence3D

ImageKind = Literal["spmf", "motion"]
"""Enhanced-SPMF, or the motion image of `encoding.motion`."""


class EncodingConfig(BaseModel):
    """How a clip becomes an image. The defaults are those of docs/spmf.md."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: ImageKind = Field(
        default="spmf",
        description='"spmf": distances and directions of joint pairs; "motion": positions and velocities of '
        "joints, which pairs, smooth, distance_scope and the equalization do not change",
    )
    images: tuple[ImageKind, ...] | None = Field(
        default=None,
        description="several images of each clip, in this order, for baselines and networks that read more "
        "than one; none: the one of `kind`",
    )
    pairs: PairOrder = Field(
        default="upper", description='joint pairs: "upper" (j < k) or "ordered" (all j != k)'
    )
    bones: Literal["own", "reference"] = Field(
        default="own",
        description='lengths of bones: each person\'s "own", or those of a "reference", the mean body of '
        "the training part, with every bone's direction as seen",
    )
    smooth: bool = Field(default=True, description="Savitzky-Golay smoothing over five frames")
    distance_scope: Literal["train", "sequence"] = Field(
        default="train",
        description='largest distance: of the whole "train" part, or of each "sequence" alone (scale-free)',
    )
    enhancement: Enhancement = Field(
        default="lab",
        description='adaptive histogram equalization of L of Lab ("lab"), V of HSV ("hsv"), or "off"',
    )
    clip_limit: float | None = Field(
        default=None, gt=0, description="contrast limit of the equalization; none by default"
    )
    tiles: int = Field(
        default=8, ge=1, le=64, description="equalization regions along each side of the image"
    )
    image_size: int = Field(default=32, ge=4, le=1024, description="height and width of the image, pixels")

    @model_validator(mode="after")
    def _check_images(self) -> Self:
        if self.images is not None and (not self.images or len(set(self.images)) < len(self.images)):
            raise ValueError(f"`images` is {list(self.images)}; one or more different kinds are needed")
        return self

    @property
    def image_kinds(self) -> tuple[ImageKind, ...]:
        """The images of a clip, at least one, in the order of their channels."""
        return self.images or (self.kind,)

    @property
    def num_channels(self) -> int:
        """Red, green and blue of every image."""
        return 3 * len(self.image_kinds)


_DISTANCES = ("pose_distance_max", "motion_distance_max")


@dataclass(frozen=True, kw_only=True)
class EncodingStatistics:
    """What is known of the training part: the distances of JET's last color, and the mean body.

    Attributes:
        pose_distance_max: largest joint-joint distance over pose features, millimeters.
        motion_distance_max: over motion features, millimeters.
        bone_lengths: of the bone above each joint of the mean body, millimeters; None where every person
            keeps their own.

    Raises:
        ValueError: a distance is not a positive number, or a length not one of 0 or more.
    """

    pose_distance_max: float
    motion_distance_max: float
    bone_lengths: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name in _DISTANCES:
            value = getattr(self, name)
            if not (isfinite(value) and value > 0):
                raise ValueError(f"{name} is {value}; a positive number of millimeters is needed")
        for value in self.bone_lengths or ():
            if not (isfinite(value) and value >= 0):
                raise ValueError(f"a bone length is {value}; 0 or more millimeters are needed")

    def to_dict(self) -> dict[str, Any]:
        """The numbers by name, for JSON."""
        content: dict[str, Any] = {name: getattr(self, name) for name in _DISTANCES}
        return content if self.bone_lengths is None else {**content, "bone_lengths": [*self.bone_lengths]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote.

        Raises:
            ValueError: a name is missing or not known.
        """
        if set(values) - {"bone_lengths"} != set(_DISTANCES):
            raise ValueError(f"encoding statistics hold {sorted(values)}; {sorted(_DISTANCES)} are needed")
        lengths = values.get("bone_lengths")
        return cls(
            **{name: float(values[name]) for name in _DISTANCES},
            bone_lengths=None if lengths is None else tuple(map(float, lengths)),
        )


def fit_statistics(clips: Iterable[PoseSequence3D], config: EncodingConfig) -> EncodingStatistics:
    """Mean body (if it is used) and largest distances over the training clips, prepared as `encode` does.

    Clips of one frame have no motion feature; if all are such, the motion maximum is the pose maximum.

    Raises:
        ValueError: there is no clip, or every joint of every clip stands at one point.
    """
    clips = list(clips)
    bones = mean_bone_lengths(clips) if config.bones == "reference" and clips else None
    maxima = [_maxima(lengths(_vectors(poses, config, bones))) for poses in clips]
    if not maxima:
        raise ValueError(
            "there is no clip to fit the encoding statistics to; at least 1 training clip is needed"
        )
    pose = max(pose for pose, _ in maxima)
    motion = max(motion for _, motion in maxima)
    if pose == 0:
        raise ValueError(
            f"in all {len(maxima)} clips every joint stands at one point; poses with an extent are needed"
        )
    return EncodingStatistics(pose_distance_max=pose, motion_distance_max=motion or pose, bone_lengths=bones)


def encode(
    poses: PoseSequence3D, config: EncodingConfig, statistics: EncodingStatistics | None
) -> NDArray[np.uint8]:
    """The image of one clip, or its images one behind the other in the last axis.

    Args:
        poses: one or two people. Two are one set of 2J joints, ordered by x in the first frame.
        config: the options.
        statistics: of the training part; None is enough for `distance_scope="sequence"`.

    Returns:
        uint8 (image_size, image_size, 3), RGB; of M images (image_size, image_size, 3 M).

    Raises:
        ValueError: a joint is never seen, there are fewer than 2 joints, or needed statistics are missing.
    """
    images = [_image(kind, poses, config, statistics) for kind in config.image_kinds]
    return images[0] if len(images) == 1 else np.concatenate(images, axis=-1)


def _image(
    kind: ImageKind, poses: PoseSequence3D, config: EncodingConfig, statistics: EncodingStatistics | None
) -> NDArray[np.uint8]:
    if kind == "motion":
        if config.bones == "reference":
            poses = on_reference_body(poses, statistics.bone_lengths if statistics else None)
        return motion_image(poses, config.image_size)
    raw = feature_image(poses, config, statistics)
    enhanced = enhance(raw, config.enhancement, tiles=config.tiles, clip_limit=config.clip_limit)
    return resize(enhanced, config.image_size)


def encode_all(
    clips: Sequence[PoseSequence3D], config: EncodingConfig, statistics: EncodingStatistics | None
) -> NDArray[np.uint8]:
    """The images of many clips, uint8 (N, image_size, image_size, channels); as `encode` of each.

    Clips differ in length, so each is one pass over its own arrays: these stay in the cache, and padding
    them to one length would cost more than the calls saved.
    """
    size = config.image_size
    images = np.empty((len(clips), size, size, config.num_channels), dtype=np.uint8)
    for image, poses in zip(images, clips, strict=True):
        image[...] = encode(poses, config, statistics)
    return images


def feature_image(
    poses: PoseSequence3D, config: EncodingConfig, statistics: EncodingStatistics | None
) -> NDArray[np.uint8]:
    """The SPMF image before enhancement and resize: P rows of distances above P rows of orientations.

    Returns:
        uint8 (2P, 2T-1, 3), RGB; columns PF1, MF1>2, PF2, ..., PFT.

    Raises:
        ValueError: as `encode`.
    """
    vectors = _vectors(poses, config, statistics.bone_lengths if statistics else None)
    distances = lengths(vectors)
    pose_max, motion_max = _scale(distances, config, statistics)
    top = distance_colors(distances, pose_max, motion_max)
    return np.concatenate([top, orientation_colors(vectors, distances)])


def _scale(
    distances: NDArray[np.float32], config: EncodingConfig, statistics: EncodingStatistics | None
) -> tuple[float, float]:
    """D_max of pose and motion features."""
    if config.distance_scope == "sequence":
        return _maxima(distances)
    if statistics is None:
        raise ValueError(
            'distance_scope "train" needs statistics; fit_statistics makes them of the training clips'
        )
    return statistics.pose_distance_max, statistics.motion_distance_max


def _maxima(distances: NDArray[np.float32]) -> tuple[float, float]:
    """Largest distance over pose columns and over motion columns (0 where there is none)."""
    return float(distances[:, ::2].max()), float(distances[:, 1::2].max(initial=0))


def _vectors(
    poses: PoseSequence3D, config: EncodingConfig, bones: tuple[float, ...] | None
) -> NDArray[np.float32]:
    """Steps 1 to 6: (3, P, 2T-1), millimeters."""
    if config.bones == "reference":
        poses = on_reference_body(poses, bones)
    points = _joint_set(clean(poses))
    # Counted from the clip's lower corner, a moved clip gives the same numbers to the last bit. A corner:
    # it depends neither on the direction of time, as a first frame would, nor on the order of a sum.
    points = points - points.min(axis=(0, 1))
    if config.smooth:
        points = smooth(points)
    return step_vectors(points, joint_pairs(points.shape[1], config.pairs))


def _joint_set(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, J, 3) as it is; (T, 2, J, 3) as (T, 2J, 3), the person at smaller x in the first frame first.

    A person's x is the mean over the joints of the first frame, gaps filled; if equal, y or else z decides.
    """
    if xyz.ndim == 3:
        return xyz
    left, right = xyz[0].mean(axis=1, dtype=np.float64).tolist()
    ordered = xyz if left <= right else xyz[:, ::-1]
    return ordered.reshape(xyz.shape[0], -1, 3)
