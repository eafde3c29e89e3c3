"""Which frame of a video each file of a folder shows, by the numbers in the files' names.

OpenPose names a video's frames by number, from 0. Other programs count from 1, write the time in place of a
number (milliseconds, a date and a time), put further numbers behind it, or write no number at all.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["NumberedFiles", "number_files", "pictures_before"]

# Four days at 30 frames a second: a larger number is a time stamp.
_MOST_FRAMES = 10_000_000
# Steps that OpenPose's --frame_step is used with; equal steps beyond it are times.
_MOST_STEP = 15
# A clock's steps are whole multiples of the usual one, but for this share of it; most of them are.
_RHYTHM, _RHYTHM_SHARE = 0.25, 0.8
# The frames that a folder may stand for: those without a file show no person.
_FRAMES_PER_FILE, _FRAMES_AT_LEAST = 100, 10_000
# Of a time stamp, how many make a second, and which steps are frames of a video (5 to 250 a second).
_UNITS = {"ms": 1e3, "us": 1e6, "ns": 1e9}
_SLOWEST, _FASTEST = 5.0, 250.0


@dataclass(frozen=True, kw_only=True)
class NumberedFiles:
    """Files in the order of their frames.

    Attributes:
        files: (frame number, file), rising.
        fps: frames per second, where the names are time stamps that tell it.
        note: what was made of the names, where that is not plain; else empty.
    """

    files: tuple[tuple[int, Path], ...]
    fps: float | None = None
    note: str = ""


def number_files(paths: Sequence[Path]) -> NumberedFiles:
    """The frame of each file.

    Args:
        paths: files of one folder, at least one.

    Raises:
        ValueError: two files are of one frame.
    """
    named = sorted((_key(path), path) for path in paths)
    keys, ordered = [key for key, _ in named], [path for _, path in named]
    if len({len(key) for key in keys}) != 1:  # names of several kinds: the last number is the frame
        keys = [key[-1:] or (0,) for key in keys]
    varying = [column for column in zip(*keys, strict=True) if len(set(column)) > 1]
    if len(keys) == 1:
        varying = [(keys[0][-1] if keys[0] else 0,)]
    if not varying:
        return _without_numbers(ordered)
    numbers = np.array(varying[-1], dtype=object)
    if len(varying) > 1 and not (numbers[1:] > numbers[:-1]).all():
        return _by_all_numbers(ordered, numbers)
    order = np.argsort(numbers, kind="stable")
    return _by_number([ordered[index] for index in order], numbers[order])


def pictures_before(first: int, last: int, num_pictures: int) -> int:
    """How many pictures of a video come before that of the first file.

    Args:
        first, last: frame numbers of the first and the last file.
        num_pictures: of the video; 0 where that is not known.

    Numbers that begin at 1 count from 1, unless the last is that of a video's last frame counted from 0.
    Numbers that reach past a video long enough for all of them count from another beginning: it is a cut.
    """
    if num_pictures and last - first < num_pictures <= last:
        return 0
    return 0 if first == 1 and last != num_pictures - 1 else first


def _key(path: Path) -> tuple[int, ...]:
    return tuple(int(digits) for digits in re.findall(r"\d{1,30}", path.stem))


def _without_numbers(paths: list[Path]) -> NumberedFiles:
    """No number tells the files apart: the order of their names."""
    numbered = [path for path in paths if _key(path)]
    if len(paths) > 1 and numbered:
        raise ValueError(
            f"{paths[0].name} and {paths[1].name} in {paths[0].parent} are both of frame {_key(paths[0])[-1]}"
        )
    note = "the files' names hold no number: they are taken in the order of their names"
    return NumberedFiles(files=tuple(enumerate(sorted(paths))), note=note if len(paths) > 1 else "")


def _by_all_numbers(paths: list[Path], numbers: NDArray[np.object_]) -> NumberedFiles:
    """Several numbers vary, as in a date and a time; `paths` are in the order of all of them."""
    rising = numbers[1:] - numbers[:-1]
    if np.median(rising[rising > 0] if (rising > 0).any() else [0]) <= 1:  # two cameras, not a clock
        (number, twice), *_ = [(n, np.flatnonzero(numbers == n)) for n in numbers if (numbers == n).sum() > 1]
        one, other = (paths[index].name for index in twice[:2])
        raise ValueError(f"{one} and {other} in {paths[0].parent} are both of frame {number}")
    note = "the files' names hold a date or a time of several numbers: they are taken in that order"
    return NumberedFiles(files=tuple(enumerate(paths)), note=note)


def _by_number(paths: list[Path], numbers: NDArray[np.object_]) -> NumberedFiles:
    same = np.flatnonzero(numbers[1:] == numbers[:-1])
    if same.size:
        one, other = paths[same[0]].name, paths[same[0] + 1].name
        raise ValueError(f"{one} and {other} in {paths[0].parent} are both of frame {numbers[same[0]]}")
    steps = (numbers[1:] - numbers[:-1]).astype(np.float64)
    step = float(np.median(steps)) if steps.size else 1.0
    if not _is_clock(numbers, steps, step):
        return NumberedFiles(files=tuple((int(n), path) for n, path in zip(numbers, paths, strict=True)))
    return _by_clock(paths, numbers, step)


def _is_clock(numbers: NDArray[np.object_], steps: NDArray[np.float64], step: float) -> bool:
    """Whether the numbers are times, or at least no frame numbers."""
    if numbers[-1] > _MOST_FRAMES:
        return True
    if numbers[-1] - numbers[0] > max(_FRAMES_AT_LEAST, _FRAMES_PER_FILE * len(numbers)):
        return True
    if len(steps) < 2 or step <= 1 or (step <= _MOST_STEP and not (steps % steps.min()).any()):
        return False
    times = np.rint(steps / step)  # 2 and more: frames were dropped
    in_rhythm = (times > 0) & (np.abs(steps / step - times) < _RHYTHM)
    return bool(in_rhythm.mean() >= _RHYTHM_SHARE and (times == 1).mean() > 0.5)


def _by_clock(paths: list[Path], numbers: NDArray[np.object_], step: float) -> NumberedFiles:
    """Frames at the clock's rhythm; where that would leave too many empty ones, one after the other."""
    frames = np.rint((numbers - numbers[0]).astype(np.float64) / step)
    if len(frames) > 1 and (
        frames[-1] > max(_FRAMES_AT_LEAST, _FRAMES_PER_FILE * len(frames)) or (np.diff(frames) < 1).any()
    ):
        frames = np.arange(len(frames), dtype=np.float64)
    files = tuple((int(frame), path) for frame, path in zip(frames, paths, strict=True))
    if len(files) == 1:
        return NumberedFiles(files=files)
    mean = float(numbers[-1] - numbers[0]) / frames[-1]
    for unit, a_second in _UNITS.items():
        if _SLOWEST <= a_second / mean <= _FASTEST:
            note = (
                f"the files' names are taken for times, {mean:.4g} {unit} from frame to frame: "
                f"{a_second / mean:.4g} frames a second"
            )
            return NumberedFiles(files=files, fps=a_second / mean, note=note)
    note = (
        f"the files' numbers, {numbers[0]} to {numbers[-1]}, are no frame numbers: only their order is used"
    )
    return NumberedFiles(files=files, note=note)
