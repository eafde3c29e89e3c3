"""The pose records and what they refuse."""

from typing import Any

import numpy as np
import pytest

from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import COCO_18, MSR_20


def poses(shape: tuple[int, ...] = (4, 20, 3), fps: float = 15) -> PoseSequence3D:
    return PoseSequence3D(xyz=np.zeros(shape, dtype=np.float32), fps=fps, skeleton=MSR_20)


def keypoints(**changes: Any) -> Keypoints2D:
    values: dict[str, Any] = {
        "xy": np.ones((3, 18, 2), dtype=np.float32),
        "confidence": np.ones((3, 18), dtype=np.float32),
        "image_size": (640, 480),
        "fps": 30,
        "skeleton": COCO_18,
    }
    return Keypoints2D(**values | changes)


def test_frames_and_people_are_counted() -> None:
    assert (poses().num_frames, poses().num_people) == (4, 1)
    assert (poses((5, 2, 20, 3)).num_frames, poses((5, 2, 20, 3)).num_people) == (5, 2)
    assert keypoints().num_frames == 3


def test_poses_are_a_read_only_copy_in_float32() -> None:
    source = np.zeros((4, 20, 3))
    record = PoseSequence3D(xyz=source, fps=15, skeleton=MSR_20)  # type: ignore[arg-type]
    source[0] = 1
    assert record.xyz.dtype == np.float32
    assert not record.xyz.any()
    with pytest.raises(ValueError, match="read-only"):
        record.xyz[0] = 1


def test_nan_marks_a_missing_joint() -> None:
    xyz = np.zeros((4, 20, 3), dtype=np.float32)
    xyz[1, 3] = np.nan
    assert np.isnan(PoseSequence3D(xyz=xyz, fps=15, skeleton=MSR_20).xyz[1, 3]).all()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((0, 20, 3), "xyz has no frame; at least 1 is needed"),
        ((4, 19, 3), "xyz has 19 joints; skeleton 'msr_20' needs 20"),
        (
            (4, 20, 2),
            r"xyz has shape \(4, 20, 2\); \(T, 20, 3\), or \(T, 2, 20, 3\) for two people, is needed",
        ),
        ((4, 3, 20, 3), r"xyz has shape \(4, 3, 20, 3\)"),
        ((20, 3), r"xyz has shape \(20, 3\)"),
    ],
)
def test_a_wrong_shape_of_poses_is_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        poses(shape)


@pytest.mark.parametrize("value", [2.147e9, -np.inf, 1e300])
def test_a_wild_coordinate_is_refused_by_frame_and_joint(value: float) -> None:
    xyz = np.zeros((4, 20, 3))
    xyz[2, 19, 1] = value
    with pytest.raises(
        ValueError, match=r"mm at frame 2, joint 19 \(head\), axis y; .* mark a missing joint as NaN"
    ):
        PoseSequence3D(xyz=xyz, fps=15, skeleton=MSR_20)  # type: ignore[arg-type]


def test_a_wild_coordinate_is_refused_by_person() -> None:
    xyz = np.zeros((4, 2, 20, 3), dtype=np.float32)
    xyz[0, 1, 6, 2] = 1.5e5
    with pytest.raises(
        ValueError, match=r"xyz is 150000 mm at frame 0, joint 6 \(hip_center\) of person 1, axis z"
    ):
        PoseSequence3D(xyz=xyz, fps=15, skeleton=MSR_20)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_a_frame_rate_must_be_positive(fps: float) -> None:
    with pytest.raises(ValueError, match=f"fps is {fps}; a positive number is needed"):
        poses(fps=fps)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"xy": np.ones((3, 17, 2))}, "xy has 17 joints; skeleton 'coco_18' needs 18"),
        ({"xy": np.ones((3, 18, 3))}, r"xy has shape \(3, 18, 3\); \(T, 18, 2\) is needed"),
        ({"xy": np.ones((0, 18, 2)), "confidence": np.ones((0, 18))}, "xy has no frame"),
        ({"xy": np.full((3, 18, 2), np.inf)}, "xy holds an infinite value; pixels, or NaN"),
        ({"confidence": np.ones((2, 18))}, r"confidence has shape \(2, 18\); xy needs \(3, 18\)"),
        ({"confidence": np.full((3, 18), np.nan)}, "confidence holds a negative or non-finite value"),
        ({"confidence": np.full((3, 18), -1)}, "confidence holds a negative or non-finite value"),
        ({"image_size": (0, 480)}, r"image_size is \(0, 480\); width and height must be at least 1 pixel"),
        ({"fps": 0}, "fps is 0; a positive number is needed"),
    ],
)
def test_keypoints_that_are_none_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        keypoints(**changes)
