"""What every format of recordings gives: clips as they were recorded, and what was found out about them.

A format is one file of this folder with one `FORMAT`, and one name in table.py. Its `recognize` looks at the
content of a path; its `open` returns `Recordings`, whose items are read one by one, perhaps in other
processes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import Skeleton

__all__ = ["Format", "ImportOptions", "RawClip", "Recordings", "Up"]

Up = Literal["x", "y", "z", "-y"]
MILLIMETERS = {"m": 1000.0, "cm": 10.0, "mm": 1.0, "in": 25.4}
"""Of one unit."""

Part = Literal["train", "validation", "test", ""]


@dataclass(frozen=True, eq=False, kw_only=True)
class RawClip:
    """One clip of a recording.

    Attributes:
        name: unique in the source.
        points: float32 (T, P, J, 3) millimeters, y up, or (T, P, J, 2) pixels, y down; NaN where a joint was
            not seen, and in all joints of a person who is absent.
        fps: frames per second.
        label: the class name; None where the source does not say.
        subject: number of the person.
        group: what must stay together where no subject is known.
        confidence: float32 (T, P, J) of 2D points.
        image_size: (width, height) of the picture that 2D points lie in.
        parts: protocol -> train, validation, test, or "" for a clip that the protocol leaves out.
    """

    name: str
    points: NDArray[np.float32]
    fps: float
    label: str | None
    subject: int | None = None
    group: str = ""
    confidence: NDArray[np.float32] | None = None
    image_size: tuple[int, int] | None = None
    parts: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ImportOptions:
    """What a user adds to what the files say; a format refuses what it cannot use.

    Attributes:
        labels: a table of clips: columns clip, label and, where wanted, subject, group, split, start, end.
        class_names: a text file with one name a line, for formats that number their classes.
        skeleton: name of a joint layout, or a YAML file of one.
        fps: frames per second, where the file does not say, or says it wrongly.
        unit: m, cm, mm or in: length unit, where the file does not say.
        up: axis that points up, where the file does not say.
        people: 1 or 2; None: as many as the clips show, at most 2.
        unusable: a text file of clips to leave out, one name a line.
        image_size: (width, height), pixels, of 2D points whose files do not say.
        keypoints: folder of keypoints that an annotation file refers to.
    """

    labels: Path | None = None
    class_names: Path | None = None
    skeleton: str | None = None
    fps: float | None = None
    unit: str | None = None
    up: Up | None = None
    people: Literal[1, 2] | None = None
    unusable: Path | None = None
    image_size: tuple[int, int] | None = None
    keypoints: Path | None = None

    @classmethod
    def from_words(cls, words: Mapping[str, Any]) -> "ImportOptions":
        """Options as a user writes them: paths and sizes as text.

        Raises:
            ValueError: there is no such option, or its value is not allowed.
        """
        unknown = [name for name in words if name not in cls.__dataclass_fields__]
        if unknown:
            raise ValueError(
                f"there is no option {unknown[0]!r}; the options are {', '.join(cls.__dataclass_fields__)}"
            )
        values = dict(words)
        for name in ("labels", "class_names", "unusable", "keypoints"):
            if name in values:
                values[name] = Path(values[name])
        for name, allowed in (("unit", tuple(MILLIMETERS)), ("up", get_args(Up)), ("people", (1, 2))):
            if name in values and values[name] not in allowed:
                raise ValueError(
                    f"{name} is {values[name]!r}; one of {', '.join(map(str, allowed))} is needed"
                )
        if "fps" in values and not float(values["fps"]) > 0:
            raise ValueError(f"fps is {values['fps']}; a positive number is needed")
        if "image_size" in values:
            values["image_size"] = _size(values["image_size"])
        return cls(**values)

    def given(self) -> list[str]:
        """Names of the options that were set."""
        return [name for name, value in vars(self).items() if value is not None]


@dataclass(frozen=True, eq=False, kw_only=True)
class Recordings:
    """A source that was opened.

    Attributes:
        items: one for each reading step, mostly a file; can be pickled.
        read: the clips of one item; a module's function or a partial of one, so that other processes can run
            it. Raises ValueError for an item that is damaged: it is left out, and said.
        skeleton: of all clips.
        unit, axes, rate: what the source has, in words; clips come in millimeters, or pixels.
        class_names: in the order of their labels; None: the sorted labels of the clips.
        protocols: names of the splits, the default first.
        left_out: one sentence for each thing that is not read, and why.
        heavy: whether reading items in several processes pays.
    """

    items: Sequence[Any]
    read: Callable[[Any], list[RawClip]]
    skeleton: Skeleton
    unit: str
    axes: str
    rate: str
    class_names: tuple[str, ...] | None = None
    protocols: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    heavy: bool = False


@dataclass(frozen=True, kw_only=True)
class Format:
    """One format.

    Attributes:
        name: as in `--format`.
        title: what it is, for a person.
        looks_like: how to know it by sight.
        recognize: whether the content of a path is of this format; never raises for what is not.
        open: reads what is needed to know the items.
        options: names of `ImportOptions` that it can use, beside class_names and people.
    """

    name: str
    title: str
    looks_like: str
    recognize: Callable[[Path], bool]
    open: Callable[[Path, ImportOptions], Recordings]
    options: tuple[str, ...] = ()


def _size(value: Any) -> tuple[int, int]:
    parts = value.lower().split("x") if isinstance(value, str) else list(value)
    try:
        width, height = (int(part) for part in parts)
    except (TypeError, ValueError):
        width = height = 0
    if min(width, height) < 1:
        raise ValueError(f"image size is {value!r}; width and height in pixels, as 1920x1080, are needed")
    return width, height
