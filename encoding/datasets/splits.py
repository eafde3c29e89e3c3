"""How clips are cut into parts: drawn by class, or whole subjects held out for validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from encoding.datasets.records import Clip, classes_without_clip

HoldOutBy = Literal["auto", "subject", "sequence"]

# With two training subjects, holding one out would halve the data and the variety at once.
MIN_UNITS = 3
# Random subsets tried for one that keeps every class on both sides; MSR's five subjects have five in all.
SUBSETS_TRIED = 200


@dataclass(frozen=True, eq=False, kw_only=True)
class HoldOut:
    """Development clips cut in two, and the rule by which."""

    train: tuple[Clip, ...]
    validation: tuple[Clip, ...]
    rule: str


def hold_out(
    clips: Sequence[Clip], *, num_classes: int, fraction: float = 0.2, by: HoldOutBy = "auto", seed: int = 0
) -> HoldOut:
    """Split a validation part off the development clips.

    By whole units (the clip's group, else its subject): round(fraction x units), at least one, are held out.
    Among random subsets that leave every class in training, the one with the most classes in validation is
    taken. This is done where every clip names its unit, there are at least 3 units, and such a subset exists;
    else clips are drawn by sequence, stratified by class: round(fraction x clips) of each class, at least
    one where the class has two.

    The order of `clips` does not matter, and nothing but `seed` decides. Augmentation comes later, on the
    clips of one side, so that it never crosses the cut.

    Args:
        clips: development clips; no test clip.
        num_classes: K.
        fraction: of units or of sequences, 0 <= fraction < 1; 0 holds out nothing.
        by: "auto" as above; "subject" (whole units) or "sequence" forces one.
        seed: of the draw.

    Raises:
        ValueError: the fraction is out of range, or "subject" is asked for and cannot be done.
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"validation fraction is {fraction}; a number from 0 to below 1 is needed")
    ordered = sorted(clips, key=lambda clip: clip.name)
    if fraction == 0:
        return HoldOut(train=tuple(ordered), validation=(), rule="nothing held out (fraction 0)")
    rng = np.random.default_rng(seed)
    why_not = "asked for"
    if by != "sequence":
        result = _hold_out_units(ordered, num_classes, fraction, rng)
        if isinstance(result, HoldOut):
            return result
        if by == "subject":
            raise ValueError(f"validation by whole subjects cannot be done: {result}")
        why_not = result
    drawn, rest = draw_by_class(ordered, fraction, rng)
    rule = f"by sequence, stratified by class, {len(drawn)} of {len(ordered)} ({why_not})"
    return HoldOut(train=rest, validation=drawn, rule=rule)


def draw_by_class(
    clips: Sequence[Clip], fraction: float, rng: np.random.Generator
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Draw round(fraction x clips) of each class: at least one where it has two, and never all.

    Returns:
        (drawn, rest), both ordered by class and then by name.
    """
    drawn: list[Clip] = []
    rest: list[Clip] = []
    for label in sorted({clip.label for clip in clips}):
        members = sorted((clip for clip in clips if clip.label == label), key=lambda clip: clip.name)
        # floor(x + 1/2): Python's round would take 2.5 to 2 and 3.5 to 4.
        count = min(max(int(fraction * len(members) + 0.5), 1), len(members) - 1)
        chosen = set(rng.permutation(len(members))[:count].tolist())
        drawn += [clip for index, clip in enumerate(members) if index in chosen]
        rest += [clip for index, clip in enumerate(members) if index not in chosen]
    return tuple(drawn), tuple(rest)


def _hold_out_units(
    clips: Sequence[Clip], num_classes: int, fraction: float, rng: np.random.Generator
) -> HoldOut | str:
    """Whole units held out, or why that cannot be done."""
    units = sorted({clip.unit for clip in clips if clip.unit is not None})
    if any(clip.unit is None for clip in clips):
        return "the subjects are not known"
    if len(units) < MIN_UNITS:
        return f"{len(units)} of the at least {MIN_UNITS} subjects needed"
    count = max(int(fraction * len(units) + 0.5), 1)
    best: tuple[int, frozenset[str]] | None = None
    for _ in range(SUBSETS_TRIED):
        held = frozenset(units[index] for index in rng.permutation(len(units))[:count])
        inside = [clip for clip in clips if clip.unit in held]
        outside = [clip for clip in clips if clip.unit not in held]
        if classes_without_clip(outside, num_classes):
            continue
        covered = num_classes - len(classes_without_clip(inside, num_classes))
        if best is None or covered > best[0]:
            best = covered, held
        if covered == num_classes:
            break
    if best is None:
        return "without the subjects held out a class would have no training clip"
    held = best[1]
    return HoldOut(
        train=tuple(clip for clip in clips if clip.unit not in held),
        validation=tuple(clip for clip in clips if clip.unit in held),
        rule=f"{', '.join(sorted(held))} held out whole ({count} of {len(units)})",
    )
