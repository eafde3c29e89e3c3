"""Cross-validation over people: every subject, or group of clips, is the test part once.

One value of `test_part` is one split; an experiment file with a grid over it runs them all.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from encoding.datasets.records import Clip, Split
from encoding.datasets.splits import HoldOutBy, hold_out

__all__ = ["CROSS_PROTOCOLS", "CrossProtocol", "cross_validated"]

CrossProtocol = Literal["leave-one-subject-out", "leave-one-group-out", "folds-by-subject", "folds-by-group"]
CROSS_PROTOCOLS: tuple[CrossProtocol, ...] = get_args(CrossProtocol)


def cross_validated(
    split: Split,
    protocol: CrossProtocol,
    *,
    test_part: int,
    folds: int,
    repeat: int,
    validation_fraction: float,
    validation_by: HoldOutBy,
    seed: int,
) -> Split:
    """All clips of a data set, divided anew.

    Args:
        split: whatever its parts.
        protocol: one subject (or group) is the test part, or one of `folds` equal shares of them.
        test_part: which one, from 1, in the order of the subjects' numbers (or groups' names).
        folds: number of shares; used by the two protocols with folds.
        repeat: another number divides the subjects into other shares.
        validation_fraction, validation_by, seed: of the validation part, as `hold_out` takes them.

    Raises:
        ValueError: clips lack a subject (or group), there is no such part, or a class is left without
            training clip.
    """
    by_group = protocol.endswith("group-out") or protocol.endswith("by-group")
    what = "group" if by_group else "subject"
    units = _units(split, what)
    parts = [[unit] for unit in units] if protocol.startswith("leave-one") else _shares(units, folds, repeat)
    if not 1 <= test_part <= len(parts) or len(parts) < 2:
        raise ValueError(
            f"{split.name}: test_part is {test_part}; protocol {protocol!r} makes {len(parts)} parts of "
            f"{len(units)} {what}s"
        )
    tested = set(parts[test_part - 1])
    test = tuple(clip for clip in split.clips if _unit(clip, what) in tested)
    rest = [clip for clip in split.clips if _unit(clip, what) not in tested]
    held = hold_out(
        rest, num_classes=split.num_classes, fraction=validation_fraction, by=validation_by, seed=seed
    )
    names = ", ".join(map(str, parts[test_part - 1]))
    return replace(
        split,
        name=f"{split.name}, {protocol}, part {test_part} of {len(parts)} ({what} {names})",
        train=held.train,
        validation=held.validation,
        test=test,
        validation_rule=held.rule,
    )


def _unit(clip: Clip, what: str) -> int | str | None:
    return clip.group if what == "group" else clip.subject


def _units(split: Split, what: str) -> list[int | str]:
    """The subjects by number, or the groups by name."""
    found = {_unit(clip, what) for clip in split.clips}
    if None in found:
        nameless = next(clip.name for clip in split.clips if _unit(clip, what) is None)
        raise ValueError(f"{split.name}: clip {nameless!r} names no {what}; every clip needs one")
    return sorted(
        (unit for unit in found if unit is not None), key=lambda unit: (isinstance(unit, str), unit)
    )


def _shares(units: Sequence[int | str], folds: int, repeat: int) -> list[list[int | str]]:
    """Shares of as many units as the others, or one more; drawn by `repeat`."""
    if folds > len(units):
        raise ValueError(f"folds is {folds}, and there are {len(units)} to divide; fewer folds are needed")
    order = np.random.default_rng(repeat).permutation(len(units))
    return [[units[number] for number in sorted(part)] for part in np.array_split(order, folds)]
