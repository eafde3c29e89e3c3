"""Annotation files of pyskl and mmaction2 (.pkl): {split: {name: [clip]}, annotations: [...]}, or a list.

An annotation has `frame_dir` (its name), `label`, and `keypoint` (M people, T, V, C). C = 3 is 25 joints of
Kinect 2 in meters. C = 2 is pixels, with `keypoint_score` (M, T, V) and `img_shape` (height, width). Files of
the Kinetics kind keep their keypoints elsewhere: `frame_inds` and `box_score` here, and (boxes, V, 3) in a
folder, a file for each clip.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import Format, ImportOptions, RawClip, Recordings
from encoding.datasets.formats.image_points import followed, image_motion
from encoding.datasets.formats.ntu import place_of
from encoding.datasets.formats.splits import protocols_in
from encoding.datasets.formats.text_lists import read_class_names
from encoding.datasets.gaps import zeros_to_nan
from encoding.datasets.ntu_protocols import ACTIONS
from encoding.people import most_moving
from lifting.pickles import read_pickle
from lifting.reading import guarded
from lifting.skeleton import COCO_17, COCO_18, COCO_WHOLEBODY_133, HALPE_26, KINECT2_25, Skeleton
from lifting.skeleton_file import find_skeleton

__all__ = ["FORMAT"]

FPS = 30.0
_BY_JOINTS = {(17, 2): COCO_17, (18, 2): COCO_18, (26, 2): HALPE_26, (133, 2): COCO_WHOLEBODY_133}
_BY_JOINTS[25, 3] = KINECT2_25

Annotation = Mapping[str, Any]


def recognize(path: Path) -> bool:
    """Whether it is a pickle by its first byte and names frame_dir near its beginning."""
    if not path.is_file() or path.suffix not in (".pkl", ".pickle"):
        return False
    with path.open("rb") as file:
        start = file.read(1 << 20)
    return start[:1] == b"\x80" and (
        b"frame_dir" in start or b"annotations" in start or b"xsub_train" in start
    )


def open_pyskl(path: Path, options: ImportOptions) -> Recordings:
    """Read the whole file, without running anything in it.

    Raises:
        ValueError: it names a class, is no annotation file, or its keypoints lie elsewhere and are not given.
    """
    content = read_pickle(path)
    annotations, splits = _content(path, content)
    _check(path, annotations, options)
    protocols = protocols_in(splits)
    skeleton = _skeleton(path, annotations, options)
    flat = options.keypoints is not None or np.shape(annotations[0]["keypoint"])[-1] == 2
    names = _class_names(annotations, options)
    read = partial(
        _read, annotations=annotations, names=names, protocols=protocols, options=options, skeleton=skeleton
    )
    fps = options.fps or FPS
    return Recordings(
        items=range(len(annotations)),
        read=read,
        skeleton=skeleton,
        unit="pixels" if flat else "meters",
        axes="y down" if flat else "y up, z away from the sensor",
        rate=f"{fps:g} frames/s" + ("" if options.fps else " (assumed: the file does not say)"),
        class_names=names,
        protocols=tuple(protocols),
    )


def _content(path: Path, content: Any) -> tuple[list[Annotation], Mapping[str, Sequence[str]]]:
    annotations = content.get("annotations") if isinstance(content, dict) else content
    splits = content.get("split", {}) if isinstance(content, dict) else {}
    if not isinstance(annotations, list) or not annotations or not isinstance(splits, dict):
        keys = ", ".join(map(str, list(content)[:6])) if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{path} holds {keys}; `annotations`, a list of clips, and `split` are needed")
    return annotations, splits


def _check(path: Path, annotations: list[Annotation], options: ImportOptions) -> None:
    for number, one in enumerate(annotations):
        missing = [key for key in ("frame_dir", "label") if not isinstance(one, dict) or key not in one]
        if missing:
            raise ValueError(f"{path}: annotation {number} has no {missing[0]!r}")
    away = sum("keypoint" not in one for one in annotations)
    if away and options.keypoints is None:
        raise ValueError(
            f"{path}: {away} of {len(annotations)} annotations have no 'keypoint' (they have "
            f"{', '.join(list(annotations[0])[:5])}, ...): as in the files of Kinetics, the keypoints lie in "
            "a folder of their own, a .pkl or .npy for each clip, and that folder must be given as keypoints"
        )


def _skeleton(path: Path, annotations: list[Annotation], options: ImportOptions) -> Skeleton:
    if options.skeleton is not None:
        return find_skeleton(options.skeleton).skeleton
    if options.keypoints is not None:
        shape = next(
            (_boxes(file, one).shape[1] for one in annotations if (file := _file(options.keypoints, one))), 0
        )
        key = (shape, 2)
    else:
        key = tuple(np.shape(annotations[0]["keypoint"])[2:])
    if key not in _BY_JOINTS:
        known = ", ".join(f"{joints} in {dims}D" for joints, dims in _BY_JOINTS)
        raise ValueError(
            f"{path}: clips have {key[0]} joints with {key[-1]} coordinates; known are {known}; any other "
            "layout must be named as the skeleton"
        )
    return _BY_JOINTS[key]


def _class_names(annotations: list[Annotation], options: ImportOptions) -> tuple[str, ...]:
    highest = max(int(one["label"]) for one in annotations)
    if options.class_names is not None:
        names = read_class_names(options.class_names)
        if highest >= len(names):
            raise ValueError(
                f"{options.class_names} has {len(names)} names; label {highest} needs {highest + 1} of them"
            )
        return names
    places = [place_of(str(one["frame_dir"])) for one in annotations]
    if all(
        place is not None and place.action == int(one["label"]) + 1
        for place, one in zip(places, annotations, strict=True)
    ):
        return ACTIONS[: highest + 1]
    return tuple(str(label) for label in range(highest + 1))


def _read(
    number: int,
    *,
    annotations: list[Annotation],
    names: tuple[str, ...],
    protocols: Mapping[str, Mapping[str, Any]],
    options: ImportOptions,
    skeleton: Skeleton,
) -> list[RawClip]:
    one = annotations[number]
    name = str(one["frame_dir"])
    with guarded(Path(name), "an annotation"):
        points, confidence, size = _points(one, options, skeleton)
    place = place_of(name)
    return [
        RawClip(
            name=name,
            points=points,
            fps=options.fps or FPS,
            label=names[int(one["label"])],
            subject=place.person if place else None,
            confidence=confidence,
            image_size=size,
            parts={protocol: parts.get(name, "") for protocol, parts in protocols.items()},
        )
    ]


def _points(
    one: Annotation, options: ImportOptions, skeleton: Skeleton
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, tuple[int, int] | None]:
    """(T, P, J, C), confidence (T, P, J) of 2D, and the picture's (width, height)."""
    people = options.people or 2
    if "keypoint" not in one:
        return _kinetics(one, options, skeleton)
    keypoint = np.moveaxis(np.asarray(one["keypoint"], np.float32), 0, 1)
    if keypoint.ndim != 4 or keypoint.shape[2] != skeleton.num_joints:
        raise ValueError(
            f"keypoint has shape {np.shape(one['keypoint'])}; (people, frames, {skeleton.num_joints}, 2 or "
            "3) is needed"
        )
    if keypoint.shape[-1] == 3:
        points = zeros_to_nan(keypoint * np.float32(1000))
        return points[:, most_moving(points, people)], None, None
    score = one.get("keypoint_score")
    sure = np.ones(keypoint.shape[:3]) if score is None else np.moveaxis(np.asarray(score), 0, 1)
    motion = image_motion(keypoint, sure.astype(np.float32), FPS, _size(one, options), str(one["frame_dir"]))
    assert motion.confidence is not None
    chosen = most_moving(motion.points, people)
    return motion.points[:, chosen], motion.confidence[:, chosen], motion.image_size


def _size(one: Annotation, options: ImportOptions) -> tuple[int, int] | None:
    shape = one.get("img_shape", one.get("original_shape"))
    return options.image_size if shape is None else (int(shape[1]), int(shape[0]))


def _file(folder: Path, one: Annotation) -> Path | None:
    """The clip's keypoints in the folder."""
    stem = str(one["frame_dir"])
    return next((file for end in (".pkl", ".npy") if (file := folder / f"{stem}{end}").is_file()), None)


def _boxes(file: Path, one: Annotation) -> NDArray[np.float32]:
    """(boxes, V, 3): x, y and confidence of every person found, in the order of `frame_inds`."""
    with guarded(file, "an array of keypoints"):
        values = read_pickle(file) if file.suffix == ".pkl" else np.load(file, allow_pickle=False)
        boxes = np.asarray(values["keypoint"] if isinstance(values, dict) else values, np.float32)
        if boxes.ndim != 3 or boxes.shape[2] != 3 or len(boxes) != len(one["frame_inds"]):
            raise ValueError(
                f"{file} has shape {boxes.shape}; ({len(one['frame_inds'])}, joints, 3) is needed, a row "
                "for each of frame_inds"
            )
        return boxes


def _kinetics(
    one: Annotation, options: ImportOptions, skeleton: Skeleton
) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[int, int] | None]:
    """Boxes of many people, followed from frame to frame; frames without any are passed over."""
    file = _file(options.keypoints, one) if options.keypoints else None
    if file is None:
        raise ValueError(
            f"{one['frame_dir']}: there is no .pkl or .npy of its keypoints in {options.keypoints}"
        )
    boxes, numbers = _boxes(file, one), np.asarray(one["frame_inds"])
    frames = [
        (place, [(None, boxes[n, :, :2], boxes[n, :, 2]) for n in np.flatnonzero(numbers == number)])
        for place, number in enumerate(np.unique(numbers))
    ]
    points, sure = followed(frames, skeleton.num_joints, options.people or 1)
    motion = image_motion(points, sure, FPS, _size(one, options), str(one["frame_dir"]))
    assert motion.confidence is not None
    return motion.points, motion.confidence, motion.image_size


FORMAT = Format(
    name="pyskl",
    title="pyskl and mmaction2 annotations",
    looks_like="a .pkl with annotations and split",
    recognize=recognize,
    open=open_pyskl,
    options=("skeleton", "fps", "image_size", "keypoints"),
)
