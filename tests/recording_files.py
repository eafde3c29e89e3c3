"""One built-in person's movement as other programs would write it."""

import json
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.synthetic import synthetic
from lifting.skeleton import COCO_17, KINECT_20, MSR_20, Skeleton

ACTIONS = ("hand clap", "forward kick")
# What other layouts have and the built-in body has not, and where it is put.
_NEAREST = {
    "nose": "head", "left_eye": "head", "right_eye": "head", "left_ear": "head", "right_ear": "head",
    "neck": "shoulder_center", "hip": "hip_center",
    **{f"{s}_{toe}": f"{s}_foot" for s in ("left", "right") for toe in ("big_toe", "small_toe", "heel")},
}  # fmt: skip


def movement(action: str = "hand clap", frames: int = 24, seed: int = 0) -> NDArray[np.float32]:
    """(T, 20, 3), millimeters, of MSR's joints."""
    split = synthetic(num_subjects=2, clips_per_action=1, actions=(action,), seed=seed, validation_fraction=0)
    return split.clips[0].poses.xyz[:frames]


def as_layout(xyz: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """The same joints in another order; those that the body lacks stand at the nearest."""
    return xyz[:, [MSR_20.joints.index(_NEAREST.get(joint, joint)) for joint in skeleton.joints]]


def in_picture(xyz: NDArray[np.float32], skeleton: Skeleton = COCO_17) -> NDArray[np.float64]:
    """(T, J, 2), pixels of a picture of 640 x 480: a camera in front of the person."""
    points = as_layout(xyz, skeleton).astype(np.float64)
    depth = points[..., 2:] + 1500
    # Joints that the body lacks would lie on one point; a pixel apart they are people's own.
    spread = np.arange(skeleton.num_joints)[:, None] * 0.01
    return np.array([320.0, 240.0]) + 400 * points[..., :2] * [-1, -1] / depth + spread


def named(
    skeleton: Skeleton, first: Sequence[str], rows: NDArray[Any], axes: Sequence[str], form: str
) -> str:
    """CSV text with a column for each coordinate; `form` makes a column's name of joint and axis."""
    header = [*first, *(form.format(joint=joint, axis=axis) for joint in skeleton.joints for axis in axes)]
    lines = [",".join(header)]
    lines += [",".join(f"{value:.6g}" for value in row) for row in rows]
    return "\n".join(lines) + "\n"


def write_trc(path: Path, xyz: NDArray[np.float32], names: Sequence[str], blank: bool = False) -> None:
    """A TRC in meters at 60 Hz."""
    lines = [
        f"PathFileType\t4\t(X/Y/Z)\t{path.name}",
        "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames",
        f"60\t60\t{len(xyz)}\t{len(names)}\tm\t60\t1\t{len(xyz)}",
        "Frame#\tTime\t" + "\t\t\t".join(names) + "\t\t",
        "\t\t" + "\t".join(f"{axis}{n}" for n in range(1, len(names) + 1) for axis in "XYZ"),
        *([""] if blank else []),
    ]
    for t, frame in enumerate(xyz / 1000):
        cells = ["" if np.isnan(value) else f"{value:.6f}" for value in frame.ravel()]
        lines.append("\t".join([str(t + 1), f"{t / 60:.5f}", *cells]))
    path.write_text("\n".join(lines) + "\n")


def utkinect_text(xyz: NDArray[np.float32], first: int = 1) -> str:
    """Lines of 61 numbers, meters, Kinect 1's order."""
    joints = as_layout(xyz, KINECT_20).reshape(len(xyz), -1) / 1000
    return "".join(
        f"{first + t} " + " ".join(f"{value:.5f}" for value in row) + "\n" for t, row in enumerate(joints)
    )


def alphapose_entries(xy: NDArray[Any], ending: str = ".jpg", **more: Any) -> list[dict[str, Any]]:
    """One person's entries; frames are numbered from 0."""
    return [
        {
            "image_id": f"{t}{ending}",
            "category_id": 1,
            "keypoints": np.column_stack([frame, np.full(len(frame), 0.9)]).ravel().round(3).tolist(),
            "score": 2.7,
            **more,
        }
        for t, frame in enumerate(xy)
    ]


def pyskl_annotation(name: str, label: int, points: NDArray[Any], **more: Any) -> dict[str, Any]:
    """`points` (M, T, V, C)."""
    return {"frame_dir": name, "label": label, "total_frames": points.shape[1], "keypoint": points, **more}


def write_pyskl(path: Path, annotations: list[dict[str, Any]], split: dict[str, list[str]]) -> None:
    """As pyskl writes it."""
    path.write_bytes(pickle.dumps({"split": split, "annotations": annotations}, protocol=4))


def write_json(path: Path, content: Any) -> None:
    """Folders above are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
