"""OpenPose's JSON: one file a frame, `people[].pose_keypoints_2d` = x, y, confidence for each joint in turn.

A joint that was not found is written 0 0 0; here it is missing (NaN with confidence 0). The number of joints
tells the layout: 17 COCO, 18 OpenPose's COCO, 25 BODY_25 or BODY_25B. Those two are told apart by their hips:
joint 8 of BODY_25 is the middle of joints 9 and 12, which in BODY_25B are a wrist and a hip.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import BODY_25, BODY_25B, COCO_17, COCO_18, Skeleton
from lifting.tracking import DetectedPerson, PeopleFrame

LAYOUTS = {skeleton.name: skeleton for skeleton in (COCO_18, BODY_25, BODY_25B, COCO_17)}
# Beside the frames, what OpenPose does not write: where they come from, frame rate and image size.
SOURCE_FILE = "source.json"
# The middle of the hips lies within this share of the person's size of joint 8 in BODY_25.
_MID_HIP_TOLERANCE = 0.03
_FRAMES_TO_LOOK_AT = 20


@dataclass(frozen=True, kw_only=True)
class KeypointFolder:
    """A folder of OpenPose JSON.

    Attributes:
        folder: where the files are.
        files: (frame number, file), in order of the frame number.
        skeleton: the layout of every person in it.
        fps: frames per second; None where nobody says.
        image_size: (width, height), pixels; None where nobody says.
    """

    folder: Path
    files: tuple[tuple[int, Path], ...]
    skeleton: Skeleton
    fps: float | None
    image_size: tuple[int, int] | None

    def frames(self) -> Iterator[PeopleFrame]:
        """Every frame, read when it is asked for.

        Raises:
            ValueError: a file is cut off, no OpenPose JSON, or of another layout.
        """
        for number, path in self.files:
            people = tuple(_person(path, values, self.skeleton) for values in read_people(path))
            yield PeopleFrame(index=number, people=people)


def open_folder(folder: Path, layout: str = "auto") -> KeypointFolder:
    """A folder of OpenPose JSON with its layout.

    Args:
        folder: holds one .json a frame; the last number in a file's name is its frame.
        layout: "auto" reads it off the number of joints, else coco_18, body_25, body_25b or coco_17.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no .json in it, two files of one frame, an unknown layout, or a file that cannot be read.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; a folder of OpenPose JSON is needed")
    files = _numbered(folder)
    source = _read_source(folder / SOURCE_FILE)
    if layout == "auto":
        skeleton = (
            LAYOUTS[source["layout"]] if "layout" in source else guess_layout([path for _, path in files])
        )
    else:
        skeleton = get_layout(layout)
    return KeypointFolder(
        folder=folder,
        files=files,
        skeleton=skeleton,
        fps=source.get("fps"),
        image_size=tuple(source["image_size"]) if "image_size" in source else None,
    )


def get_layout(name: str) -> Skeleton:
    """A layout of OpenPose JSON by name.

    Raises:
        ValueError: not known; the message lists those there are.
    """
    if name not in LAYOUTS:
        raise ValueError(f"OpenPose layout {name!r} is not known; auto, {', '.join(LAYOUTS)} are")
    return LAYOUTS[name]


def read_people(path: Path) -> list[NDArray[np.float64]]:
    """(J, 3) x, y, confidence of everyone in one file, as written.

    Raises:
        ValueError: the file is cut off, is no OpenPose JSON, or holds a number of values that is no
        multiple of 3.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON, perhaps cut off: {error}") from error
    people = content.get("people") if isinstance(content, dict) else None
    if not isinstance(people, list):
        raise ValueError(f"{path} has no list 'people'; OpenPose JSON is needed")
    values = [_values(path, number, person) for number, person in enumerate(people)]
    return [joints for joints in values if len(joints)]  # an entry without joints is OpenPose's "nobody here"


def _values(path: Path, number: int, person: Any) -> NDArray[np.float64]:
    try:
        values = np.array(person["pose_keypoints_2d"], dtype=np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: person {number} has no list of numbers 'pose_keypoints_2d'") from error
    if values.ndim != 1 or values.size % 3:
        raise ValueError(
            f"{path}: person {number} has {values.size} values; x, y, c for each joint are needed"
        )
    return values.reshape(-1, 3)


def _person(path: Path, values: NDArray[np.float64], skeleton: Skeleton) -> DetectedPerson:
    if len(values) != skeleton.num_joints:
        raise ValueError(
            f"{path}: a person has {len(values)} joints; layout {skeleton.name!r} needs {skeleton.num_joints}"
        )
    missing = ~np.isfinite(values).all(axis=1) | (values[:, 2] <= 0) | (values[:, :2] == 0).all(axis=1)
    return DetectedPerson(
        xy=np.where(missing[:, None], np.nan, values[:, :2]).astype(np.float32),
        confidence=np.where(missing, 0.0, values[:, 2]).clip(0, 1).astype(np.float32),
    )


def guess_layout(paths: Sequence[Path]) -> Skeleton:
    """The layout by the number of joints of the first people found; of 25 joints by where the hips are.

    Raises:
        ValueError: nobody in any file, or another number of joints.
    """
    found = (values for path in paths for values in read_people(path))
    people = list(islice(found, _FRAMES_TO_LOOK_AT))
    if not people:
        raise ValueError(f"none of {len(paths)} files shows a person; at least one person is needed")
    J = len(people[0])
    if BODY_25.num_joints == J:
        return BODY_25 if _mid_hips_fit(people) else BODY_25B
    for skeleton in (COCO_18, COCO_17):
        if skeleton.num_joints == J:
            return skeleton
    raise ValueError(f"{paths[0].parent}: people have {J} joints; 17, 18 or 25 are needed")


def _mid_hips_fit(people: Sequence[NDArray[np.float64]]) -> bool:
    """Whether joint 8 is the middle of joints 9 and 12 for most people of whom all three are seen."""
    joints = [BODY_25.joints.index(name) for name in ("mid_hip", "right_hip", "left_hip")]
    votes = []
    for values in people:
        if len(values) == BODY_25.num_joints and (values[joints, 2] > 0).all():
            middle, right, left = values[joints, :2]
            seen = values[values[:, 2] > 0, :2]
            votes.append(
                np.linalg.norm(middle - (right + left) / 2) < _MID_HIP_TOLERANCE * np.ptp(seen, axis=0).max()
            )
    return not votes or sum(votes) * 2 > len(votes)


def write_people(people: Sequence[DetectedPerson]) -> str:
    """One frame as OpenPose writes it."""
    entries = []
    for person in people:
        values = np.column_stack([person.xy, person.confidence])
        values[~person.seen] = 0.0
        entries.append(
            {"person_id": [-1], "pose_keypoints_2d": [round(float(value), 4) for value in values.ravel()]}
        )
    return json.dumps({"version": 1.3, "people": entries})


def frame_file_name(number: int) -> str:
    """As OpenPose names the frames of a video."""
    return f"frame_{number:012}_keypoints.json"


def _numbered(folder: Path) -> tuple[tuple[int, Path], ...]:
    files: dict[int, Path] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name == SOURCE_FILE:
            continue
        digits = re.findall(r"\d+", path.stem)
        number = int(digits[-1]) if digits else 0
        if number in files:
            raise ValueError(f"{path.name} and {files[number].name} in {folder} are both of frame {number}")
        files[number] = path
    if not files:
        raise ValueError(f"{folder} holds no .json; OpenPose JSON, one file a frame, is needed")
    return tuple(sorted(files.items()))


def _read_source(path: Path) -> dict[str, Any]:
    """What is known of the video; nothing where OpenPose itself wrote the folder."""
    if not path.exists():
        return {}
    try:
        source: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        width, height = source["image_size"]
        return {**source, "fps": float(source["fps"]), "image_size": (int(width), int(height))}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} does not say fps, image_size and layout: {error}") from error
