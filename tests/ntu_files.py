"""NTU RGB+D .skeleton files of built-in people: real in form, made up in content."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.synthetic import synthetic
from lifting.skeleton import KINECT2_25, MSR_20

# What Kinect 2 has and the built-in body has not, and where it is put.
_NEAREST = {
    "spine_base": "hip_center",
    "spine_mid": "spine",
    "neck": "shoulder_center",
    "spine_shoulder": "shoulder_center",
    "left_hand_tip": "left_hand",
    "left_thumb": "left_hand",
    "right_hand_tip": "right_hand",
    "right_thumb": "right_hand",
}
_ORDER = [MSR_20.joints.index(_NEAREST.get(joint, joint)) for joint in KINECT2_25.joints]
# NTU's numbers of what the built-in people do.
ACTIONS = {"hand clap": 10, "forward kick": 24, "high arm wave": 23, "jogging": 99, "squat": 80, "bend": 6}


def kinect2(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """(..., 20, 3) of the built-in body on Kinect 2's 25 joints."""
    return xyz[..., _ORDER, :]


def skeleton_text(bodies: Iterable[Sequence[tuple[str, NDArray[np.float32]]]]) -> str:
    """The text of a file: for each frame its bodies, each a tracking id and (25, 3) meters."""
    frames = [list(frame) for frame in bodies]
    lines = [str(len(frames))]
    for frame in frames:
        lines.append(str(len(frame)))
        for identity, joints in frame:
            lines += [f"{identity} 0 1 1 1 1 0 -0.1132 -0.2451 2", "25"]
            lines += [
                f"{x:.7g} {y:.7g} {z:.7g} 277.8419 191.8225 1036.233 519.1677 -0.2059 0.0547 0.9692 -0.1238 2"
                for x, y, z in joints
            ]
    return "\r\n".join(lines) + "\r\n"


def write_ntu(
    folder: Path,
    *,
    actions: Sequence[str] = ("hand clap", "forward kick"),
    subjects: int = 4,
    takes: int = 1,
    cameras: int = 3,
    seed: int = 0,
) -> list[Path]:
    """A folder of clips of built-in people; each clip is seen by every camera, as in the real set."""
    folder.mkdir(parents=True, exist_ok=True)
    split = synthetic(
        num_subjects=max(subjects, 2),
        clips_per_action=takes,
        actions=tuple(actions),
        validation_fraction=0,
        seed=seed,
    )
    names = split.class_names
    paths = []
    for clip in sorted(split.clips, key=lambda clip: clip.name):
        take = int(clip.name.rsplit("_e", 1)[1])
        xyz = kinect2(clip.poses.xyz) / 1000
        for camera in range(1, cameras + 1):
            moved = xyz + np.float32([0.2 * (camera - 2), 0, 0])
            text = skeleton_text([[("72057594037931101", joints)] for joints in moved])
            name = f"S001C{camera:03}P{clip.subject:03}R{take:03}A{ACTIONS[names[clip.label]]:03}"
            path = folder / f"{name}.skeleton"
            path.write_bytes(text.encode())
            paths.append(path)
    return paths
