"""OpenPose's JSON: one file a frame, `people[].pose_keypoints_2d` = x, y, confidence for each joint in turn.

A joint that was not found is written 0 0 0; here it is missing (NaN with confidence 0). The number of joints
decides the layout: 17 COCO, 18 OpenPose's COCO, 25 BODY_25 or BODY_25B. Those two differ in their hips:
joint 8 of BODY_25 is the middle of joints 9 and 12, which in BODY_25B are a wrist and a hip.

Converters write x y pairs, a confidence of 0 everywhere, or shares of the picture; the whole folder shows it.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lifting.frame_numbers import number_files
from lifting.keypoint_form import KeypointForm, find_form
from lifting.reading import guarded, read_text
from lifting.skeleton import BODY_25, BODY_25B, COCO_17, COCO_18, Skeleton
from lifting.tracking import DetectedPerson, PeopleFrame

LAYOUTS = {skeleton.name: skeleton for skeleton in (COCO_18, BODY_25, BODY_25B, COCO_17)}
# Beside the frames, what OpenPose does not write: where they come from, frame rate and image size.
SOURCE_FILE = "source.json"
# The list of a person's numbers: since OpenPose 1.2, and before.
_KEYS = ("pose_keypoints_2d", "pose_keypoints")
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
        fps: frames per second; None where nothing says.
        image_size: (width, height), pixels; None where nothing says.
        form: how the numbers are meant.
        notes: sentences for the user on what was made of unusual files.
    """

    folder: Path
    files: tuple[tuple[int, Path], ...]
    skeleton: Skeleton
    fps: float | None
    image_size: tuple[int, int] | None
    form: KeypointForm = field(default_factory=KeypointForm)
    notes: tuple[str, ...] = ()

    def frames(self) -> Iterator[PeopleFrame]:
        """Every frame, read when it is asked for.

        Raises:
            ValueError: a file is cut off, no OpenPose JSON, or of another layout.
        """
        for number, path in self.files:
            people = tuple(self._person(path, values) for values in read_people(path))
            yield PeopleFrame(index=number, people=people)

    def _person(self, path: Path, values: NDArray[np.float64]) -> DetectedPerson:
        J = self.skeleton.num_joints
        if len(values) != J:
            raise ValueError(
                f"{path}: a person has {len(values)} joints; layout {self.skeleton.name!r} needs {J}"
            )
        return self.form.person(values)


def open_folder(
    folder: Path, layout: str = "auto", image_size: tuple[int, int] | None = None
) -> KeypointFolder:
    """A folder of OpenPose JSON with its layout.

    Args:
        folder: holds one .json a frame, the frame's number in its name; see `lifting.frame_numbers`.
        layout: "auto" reads it off the number of joints, else coco_18, body_25, body_25b or coco_17.
        image_size: (width, height), pixels, where `source.json` does not say; needed where keypoints are
            shares of the picture.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: no .json in it, two files of one frame, an unknown layout, a file that cannot be read, or
            shares of a picture whose size is not known.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; a folder of OpenPose JSON is needed")
    files = number_files(_json_files(folder))
    source = _read_source(folder / SOURCE_FILE)
    layout = str(source.get("layout", "auto")) if layout == "auto" else layout
    paths = [path for _, path in files.files]
    skeleton = guess_layout(paths) if layout == "auto" else get_layout(layout)
    size = source.get("image_size", image_size)
    form = _form(folder, paths, size)
    notes = [files.note] if files.note else []
    if not form.has_confidence:
        notes.append(
            "the confidence is 0 everywhere and says nothing: every joint that has a place counts as seen"
        )
    if form.form != "pixels" and size is not None:
        span = "0 to 1" if form.form == "unit" else "-1 to 1"
        notes.append(f"keypoints are shares of the picture ({span}), made pixels of {size[0]} x {size[1]}")
    return KeypointFolder(
        folder=folder,
        files=files.files,
        skeleton=skeleton,
        fps=source.get("fps", files.fps),
        image_size=size,
        form=form,
        notes=tuple(notes),
    )


def _form(folder: Path, paths: Sequence[Path], image_size: tuple[int, int] | None) -> KeypointForm:
    form, has_confidence = find_form(values for path in paths for values in read_people(path))
    if form != "pixels" and image_size is None:
        raise ValueError(
            f"{folder}: no keypoint exceeds 1, so they are shares of the picture, not pixels; image_size, "
            "the picture's width and height in pixels, is needed"
        )
    return KeypointForm(form=form, has_confidence=has_confidence, image_size=image_size)


def get_layout(name: str) -> Skeleton:
    """A layout of OpenPose JSON by name.

    Raises:
        ValueError: not known; the message lists those there are.
    """
    if name not in LAYOUTS:
        raise ValueError(f"OpenPose layout {name!r} is not known; auto, {', '.join(LAYOUTS)} are")
    return LAYOUTS[name]


def read_people(path: Path) -> list[NDArray[np.float64]]:
    """(J, 3) x, y, confidence of everyone in one file, as written; x y pairs get a confidence of 1.

    Raises:
        ValueError: the file is cut off, is no OpenPose JSON, or holds a number of values that is neither x,
            y, c nor x, y for each joint of a known layout.
    """
    with guarded(path, "OpenPose JSON"):
        content = json.loads(read_text(path))
        people = content.get("people") if isinstance(content, dict) else None
        if not isinstance(people, list):
            raise ValueError(f"{path} has no list 'people'; OpenPose JSON is needed")
        values = [_values(path, number, person) for number, person in enumerate(people)]
    return [joints for joints in values if len(joints)]  # an entry without joints: OpenPose saw no person


def _values(path: Path, number: int, person: Any) -> NDArray[np.float64]:
    numbers = (
        next((person[key] for key in _KEYS if key in person), None) if isinstance(person, dict) else None
    )
    try:
        values = np.array([] if numbers is None else numbers, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        numbers = None
    if numbers is None or values.ndim != 1:
        raise ValueError(f"{path}: person {number} has no list of numbers {_KEYS[0]!r}")
    if values.size in _pair_sizes():
        xy = values.reshape(-1, 2)
        return np.column_stack([xy, (xy != 0).any(axis=1)])
    if values.size % 3:
        raise ValueError(
            f"{path}: person {number} has {values.size} values; x, y, c for each joint are needed"
        )
    return values.reshape(-1, 3)


def _pair_sizes() -> set[int]:
    """Numbers of values that are x, y for each joint of a layout."""
    joints = {skeleton.num_joints for skeleton in LAYOUTS.values()}
    return {2 * J for J in joints} - {3 * J for J in joints}


def guess_layout(paths: Sequence[Path]) -> Skeleton:
    """The layout by the number of joints of the first people found; of 25 joints by where the hips are.

    Raises:
        ValueError: no person in any file, or another number of joints.
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


def _json_files(folder: Path) -> list[Path]:
    """The frames: hidden files, such as macOS's `._` beside every file on a foreign disk, are none."""
    files = [
        path for path in folder.glob("*.json") if path.name != SOURCE_FILE and not path.name.startswith(".")
    ]
    if not files:
        raise ValueError(f"{folder} holds no .json; OpenPose JSON, one file a frame, is needed")
    return files


def _read_source(path: Path) -> dict[str, Any]:
    """What is known of the video; nothing where OpenPose itself wrote the folder."""
    if not path.exists():
        return {}
    with guarded(path, "a description of the video"):
        source: dict[str, Any] = json.loads(read_text(path))
        width, height = (int(size) for size in source["image_size"])
        fps = float(source["fps"])
        if min(width, height) < 1 or not (math.isfinite(fps) and fps > 0):
            raise ValueError(f"it says {fps:g} frames/s of {width} x {height}; positive numbers are needed")
        return {**source, "fps": fps, "image_size": (width, height)}
