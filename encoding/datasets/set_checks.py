"""What is odd about how clips are named, labeled, timed and divided."""

from collections import Counter
from collections.abc import Iterator, Sequence

from encoding.datasets.validation import PARTS, Finding, error, warning

__all__ = ["UNTRAINED", "class_findings", "part_findings", "rate_findings", "subject_findings"]

UNTRAINED = "untrained"
"""The kind of finding that a class cannot be learned; it does not matter where clips are only recognized."""

# Rates within this share of each other count as one.
SAME_RATE = 0.05
# A class with this many times the training clips of another outweighs it.
LOPSIDED = 5
# Subjects in training below which results say more about the people than about the actions.
FEW_SUBJECTS = 3


def part_findings(
    *,
    names: Sequence[str],
    labels: Sequence[int],
    subjects: Sequence[int | None],
    parts: Sequence[str],
    class_names: Sequence[str],
) -> Iterator[Finding]:
    """What is odd about how the clips are named and divided."""
    for name, count in Counter(names).items():
        if count > 1:
            yield error(f"{count} clips have this name; names must differ", name, kind="name twice")
    in_part = {
        part: {label for label, own in zip(labels, parts, strict=True) if own == part} for part in PARTS
    }
    for label, class_name in enumerate(class_names):
        if label not in in_part["train"]:
            yield error(
                f"class {class_name!r} has no training clip; at least 1 is needed",
                kind=f"{UNTRAINED} {label}",
            )
        for part in ("validation", "test"):
            if in_part[part] and label not in in_part[part]:
                yield warning(f"class {class_name!r} has no {part} clip")
    if not in_part["test"]:
        yield warning("no clip is marked as test: there is nothing to score at the end")
    yield from class_findings(class_names, labels)
    yield from _lopsided(
        class_names, [label for label, own in zip(labels, parts, strict=True) if own == "train"]
    )
    yield from subject_findings(subjects, parts)


def _lopsided(class_names: Sequence[str], labels: Sequence[int]) -> Iterator[Finding]:
    """A class with many times the training clips of another."""
    clips = Counter(label for label in labels if 0 <= label < len(class_names)).most_common()
    if len(clips) > 1 and clips[0][1] >= LOPSIDED * clips[-1][1]:
        (large, most), (small, fewest) = clips[0], clips[-1]
        yield warning(
            f"class {class_names[large]!r} has {most} training clips and "
            f"{class_names[small]!r} has {fewest}: set class_weights or sampling of search and "
            "training to balanced, and read the balanced accuracy"
        )


def class_findings(class_names: Sequence[str], labels: Sequence[int]) -> Iterator[Finding]:
    """Names that stand twice or are bytes as text, a single class, classes of a single clip."""
    for name, count in Counter(class_names).items():
        if count > 1:
            yield error(f"class_names holds {name!r} {count} times; give each class one name and one label")
    odd = [name for name in class_names if name[:2] in ("b'", 'b"') and name[-1:] == name[1]]
    if odd:
        yield warning(
            f"{_count(len(odd), 'class name is', 'class names are')} bytes written as text, such as "
            f"{odd[0]!r}; decode them: name.decode()"
        )
    if len(class_names) == 1:
        yield warning(
            f"there is one class, {class_names[0]!r}: every answer is right; at least 2 classes are needed"
        )
    clips = Counter(labels)
    single = [name for label, name in enumerate(class_names) if clips[label] == 1]
    if single:
        yield warning(
            f"{_count(len(single), 'class has', 'classes have')} one clip, such as {single[0]!r}: it can "
            "train or be scored, not both"
        )


def subject_findings(subjects: Sequence[int | None], parts: Sequence[str]) -> Iterator[Finding]:
    """Subjects on both sides of the split, and too few of them."""
    people = {
        part: {s for s, own in zip(subjects, parts, strict=True) if own == part and s is not None}
        for part in PARTS
    }
    learned = people["train"] | people["validation"]
    both = sorted(learned & people["test"])
    if both:
        yield warning(f"subjects {', '.join(map(str, both))} are in training and test: accuracy will flatter")
    if 1 < len(learned) < FEW_SUBJECTS and None not in subjects and not both and people["test"]:
        yield warning(
            f"{len(learned)} subjects train; at least {FEW_SUBJECTS} are needed to hold one out for "
            "validation, and results of few people vary much"
        )


def rate_findings(names: Sequence[str], rates: Sequence[float]) -> Iterator[Finding]:
    """Clips that do not have the rate that most have."""
    if not rates:
        return
    usual = Counter(round(float(rate), 3) for rate in rates).most_common(1)[0][0]
    for name, rate in zip(names, rates, strict=True):
        if abs(rate - usual) > SAME_RATE * usual:
            yield warning(
                f"{rate:g} frames/s where most clips have {usual:g}; motion between frames will look larger "
                "or smaller than in the others: resample to one rate",
                name,
                kind="rate",
            )


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
