"""Human3.6M (Ionescu et al. 2014) in the field's files, as VideoPose3D's preparation scripts make them.

`data_3d_h36m.npz`: `positions_3d`, {subject: {action: (T, 32, 3)}}, meters, world axes, 50 frames a second.
`data_2d_h36m_NAME.npz`: `positions_2d`, {subject: {action: [(T, 17, 2) for each of 4 cameras]}}, pixels;
`metadata` with the keypoints' layout (h36m, or coco, which is mapped). NAME is gt for the projected truth,
cpn_ft_h36m_dbb for the usual detector.

The data set's license forbids passing it on: everyone makes the files from their own copy.
"""

import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.cameras import Camera
from lifting.datasets.h36m_cameras import h36m_cameras
from lifting.datasets.object_npz import read_object
from lifting.datasets.pairs import LiftingSplit, PairClip, PosePairs
from lifting.mapping import map_joints
from lifting.noise import DetectorNoise, detect
from lifting.skeleton import COCO_17, H36M_17, Skeleton

FPS = 50.0
MILLIMETERS = 1000.0
TRAIN_SUBJECTS, TEST_SUBJECTS = ("S1", "S5", "S6", "S7", "S8"), ("S9", "S11")
# Of the training subjects the one whose clips choose.
VALIDATION_SUBJECT = "S8"
NUM_JOINTS = 32
# The 17 of the 32 joints that move, in the order of H36M_17.
JOINTS = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
POSES_FILE = "data_3d_h36m.npz"
_LAYOUTS = {"h36m": H36M_17, "coco": COCO_17}
HOW_TO_GET = (
    f"the folder must hold {POSES_FILE} and data_2d_h36m_gt.npz or another data_2d_h36m_NAME.npz, made from "
    "your own copy of Human3.6M (http://vision.imar.ro/human3.6m) by VideoPose3D's preparation scripts"
)


def load_h36m(
    root: Path,
    *,
    keypoints: str,
    validation_fraction: float | None,
    noise: DetectorNoise | None,
    stride: int,
    seed: int,
) -> LiftingSplit:
    """Subjects 1, 5, 6, 7 and 8 are learned from, 9 and 11 test, as in the field; all four cameras.

    Args:
        root: folder of the two files.
        keypoints: NAME of data_2d_h36m_NAME.npz, such as "gt" or "cpn_ft_h36m_dbb".
        validation_fraction: share of the five subjects' recordings that choose; None takes subject 8 for it.
        noise: added to the keypoints; None keeps those of the file.
        stride: one of every `stride` frames is taken.
        seed: of the noise.

    Raises:
        FileNotFoundError: a file is not there; says how to get it.
        ValueError: a file is not of the form, or a coordinate is not finite; says whose, in which action
            and frame.
    """
    poses_path, keypoints_path = root / POSES_FILE, root / f"data_2d_h36m_{keypoints}.npz"
    try:
        poses = read_object(poses_path, "positions_3d")
        detections = read_object(keypoints_path, "positions_2d")
        skeleton = _layout(keypoints_path, read_object(keypoints_path, "metadata"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"Human3.6M lacks {error.filename}: {HOW_TO_GET}") from error
    parts: dict[str, list[PosePairs]] = {"train": [], "validation": [], "test": []}
    for subject in (*TRAIN_SUBJECTS, *TEST_SUBJECTS):
        actions = _entry(poses_path, poses, subject)
        seen = _entry(keypoints_path, detections, subject)
        for action, xyz in actions.items():
            _check_positions(poses_path, subject, action, xyz)
            views = _entry(keypoints_path, seen, action)
            part = _part(subject, action, validation_fraction, seed)
            for index, camera in enumerate(h36m_cameras(subject)):
                rng = np.random.default_rng([seed, zlib.crc32(f"{subject} {action}".encode()), index])
                uv = _view(keypoints_path, views, index, subject, action, skeleton, len(xyz))
                parts[part].append(
                    _pairs(f"{subject} {action}", camera, xyz, uv, skeleton, noise, stride, rng)
                )
    if not parts["validation"]:
        raise ValueError(
            f"{validation_fraction:g} of the recordings for validation are none; a larger share is needed"
        )
    joined = {part: PosePairs.join(members) for part, members in parts.items()}
    return LiftingSplit(
        name=f"Human3.6M, keypoints {keypoints!r}, {len(parts['validation'])} clips to choose by",
        train=joined["train"],
        validation=joined["validation"],
        test={"S9, S11": joined["test"]},
    )


def _part(subject: str, action: str, validation_fraction: float | None, seed: int) -> str:
    """Train, validation or test; the draw of a recording depends on its name alone."""
    if subject in TEST_SUBJECTS:
        return "test"
    if validation_fraction is None:
        return "validation" if subject == VALIDATION_SUBJECT else "train"
    drawn = np.random.default_rng([seed, zlib.crc32(f"{subject} {action}".encode())]).random()
    return "validation" if drawn < validation_fraction else "train"


def _pairs(
    name: str,
    camera: Camera,
    world: NDArray[Any],
    keypoints: NDArray[Any],
    skeleton: Skeleton,
    noise: DetectorNoise | None,
    stride: int,
    rng: np.random.Generator,
) -> PosePairs:
    seen = camera.to_camera(MILLIMETERS * world[::stride, list(JOINTS)].astype(np.float64))
    uv = map_joints(keypoints[: len(world) : stride], skeleton, H36M_17)
    confidence = np.asarray(np.isfinite(uv).all(axis=-1), dtype=np.float32)
    if noise is not None:
        detection = detect(uv, H36M_17, noise, rng)
        uv, confidence = detection.xy, detection.confidence
    return PosePairs(
        keypoints=uv,
        confidence=confidence,
        true_keypoints=camera.project(seen).astype(np.float32),
        poses=(seen - seen[:, H36M_17.root, None]).astype(np.float32),
        clip=np.zeros(len(seen), dtype=np.int64),
        clips=(
            PairClip(
                name=f"{name}, camera {camera.name}",
                subject=name.split()[0],
                action=name.split()[1],
                camera=camera.name,
                fps=FPS / stride,
                image_size=camera.image_size,
            ),
        ),
        keypoint_skeleton=H36M_17,
        pose_skeleton=H36M_17,
    )


def _entry(path: Path, mapping: Any, key: str) -> Any:
    if not isinstance(mapping, dict) or key not in mapping:
        there = ", ".join(map(str, mapping)) if isinstance(mapping, dict) else type(mapping).__name__
        raise ValueError(f"{path} has no entry {key!r}; there is {there}")
    return mapping[key]


def _layout(path: Path, metadata: Any) -> Skeleton:
    name = metadata.get("layout_name") if isinstance(metadata, dict) else None
    if name not in _LAYOUTS:
        raise ValueError(f"{path} has keypoints of layout {name!r}; one of {', '.join(_LAYOUTS)} is needed")
    return _LAYOUTS[name]


def _check_positions(path: Path, subject: str, action: str, xyz: Any) -> None:
    where = f"{path}: {subject}, {action!r}"
    if not isinstance(xyz, np.ndarray) or xyz.ndim != 3 or xyz.shape[1:] != (NUM_JOINTS, 3):
        shape = getattr(xyz, "shape", type(xyz).__name__)
        raise ValueError(f"{where} has shape {shape}; (T, {NUM_JOINTS}, 3) is needed")
    bad = np.argwhere(~np.isfinite(xyz[:, list(JOINTS)]))
    if bad.size:
        frame, joint, _ = (int(index) for index in bad[0])
        raise ValueError(f"{where}, frame {frame}: joint {H36M_17.joints[joint]} is not finite")


def _view(
    path: Path, views: Any, index: int, subject: str, action: str, skeleton: Skeleton, num_frames: int
) -> NDArray[Any]:
    """One camera's keypoints; some videos have more frames than were captured in 3D, which are cut off."""
    where = f"{path}: {subject}, {action!r}"
    if len(views) != 4:
        raise ValueError(f"{where} has {len(views)} cameras; 4 are needed")
    keypoints = np.asarray(views[index])
    if keypoints.ndim != 3 or keypoints.shape[1:] != (skeleton.num_joints, 2) or len(keypoints) < num_frames:
        raise ValueError(
            f"{where}, camera {index} has shape {keypoints.shape}; at least {num_frames} frames of "
            f"({skeleton.num_joints}, 2) are needed"
        )
    return keypoints
