"""Whether a data set is still the one that a run began with, and if not, what changed.

A fingerprint holds the class names and, for every clip, its class by name, its part and a digest of its
poses. Coordinates are rounded to a hundredth of a millimeter before they are digested: readers that compute
poses from angles may differ in the last bit from one processor to another.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from encoding.datasets.records import Clip, Split
from encoding.datasets.validation import PARTS
from lifting.poses import PoseSequence3D

__all__ = ["Change", "ClipPrint", "Fingerprint", "fingerprint", "with_class_order"]

_STEPS_PER_MM = 100
_DIGITS = 16


@dataclass(frozen=True)
class ClipPrint:
    """What is kept of one clip.

    Attributes:
        action: the name of its class.
        part: "train", "validation" or "test".
        digest: hexadecimal digits of the SHA-256 of poses, frame rate and joint names.
    """

    action: str
    part: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Change:
    """One kind of difference between two states of a data set.

    Attributes:
        text: the beginning of a sentence, such as "3 clips have other poses, such as 'a'".
        of_learning: clips or classes that networks learn from differ, not the test part alone.
        leaks: clips that networks learned from are test clips now.
        of_classes: the two have different classes.
    """

    text: str
    of_learning: bool
    leaks: bool = False
    of_classes: bool = False


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """A state of a data set.

    Attributes:
        class_names: in the order of the labels.
        clips: by the clip's name.
    """

    class_names: tuple[str, ...]
    clips: Mapping[str, ClipPrint]

    @property
    def digest(self) -> str:
        """SHA-256 of everything, hexadecimal; the order of clips and classes does not enter it."""
        rows = [f"{name}\0{p.action}\0{p.part}\0{p.digest}\n" for name, p in sorted(self.clips.items())]
        text = "\0".join(sorted(self.class_names)) + "\n" + "".join(rows)
        return hashlib.sha256(text.encode()).hexdigest()

    def changes(self, now: "Fingerprint") -> tuple[Change, ...]:
        """What differs in a later state; nothing where only the order of clips or classes does."""
        before = self.clips
        gone = [name for name in before if name not in now.clips]
        new = [name for name in now.clips if name not in before]
        both = [name for name in before if name in now.clips]
        found = [
            _classes(self.class_names, now.class_names),
            _clips(gone, "missing", before),
            _clips(new, "new", now.clips),
            *self._values(now, both),
        ]
        return tuple(change for change in found if change is not None)

    def _values(self, now: "Fingerprint", both: Sequence[str]) -> Iterator[Change | None]:
        """Differences of the clips that both states have."""
        before, after = self.clips, now.clips
        poses = [name for name in both if before[name].digest != after[name].digest]
        yield _changed(poses, before, after, "other poses", "")
        label = [name for name in both if before[name].action != after[name].action]
        yield _changed(label, before, after, "another class", "action")
        part = [name for name in both if before[name].part != after[name].part]
        leaks = [name for name in part if after[name].part == "test"]
        rest = [name for name in part if name not in set(leaks)]
        moved = _changed(leaks + rest, before, after, "another part", "part")
        yield None if moved is None else replace(moved, leaks=bool(leaks))

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        rows = {name: [p.action, p.part, p.digest] for name, p in self.clips.items()}
        return {"digest": self.digest, "class_names": list(self.class_names), "clips": rows}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """What `to_dict` wrote.

        Raises:
            ValueError: a part is missing or of the wrong type.
        """
        try:
            clips = {str(name): ClipPrint(*map(str, row)) for name, row in content["clips"].items()}
            return cls(class_names=tuple(map(str, content["class_names"])), clips=clips)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"a fingerprint needs class_names and clips: {error}") from error


def fingerprint(split: Split) -> Fingerprint:
    """The state of a data set as it is loaded."""
    names = split.class_names
    return Fingerprint(
        class_names=names,
        clips={
            clip.name: ClipPrint(names[clip.label], part, _digest(clip.poses))
            for part in PARTS
            for clip in getattr(split, part)
        },
    )


def with_class_order(split: Split, class_names: Sequence[str]) -> Split:
    """The same split with its classes in another order: a clip keeps its class by name.

    Raises:
        ValueError: the two have different classes; the sentence names them.
    """
    wanted = tuple(class_names)
    if split.class_names == wanted:
        return split
    change = _classes(wanted, split.class_names)
    if change is not None:
        raise ValueError(f"{split.name}: {change.text}")
    number = {name: label for label, name in enumerate(wanted)}

    def relabeled(clips: tuple[Clip, ...]) -> tuple[Clip, ...]:
        return tuple(replace(clip, label=number[split.class_names[clip.label]]) for clip in clips)

    return replace(
        split,
        class_names=wanted,
        train=relabeled(split.train),
        validation=relabeled(split.validation),
        test=relabeled(split.test),
    )


def _digest(poses: PoseSequence3D) -> str:
    """Digest of one clip."""
    steps = np.rint(poses.xyz.astype(np.float64) * _STEPS_PER_MM)
    steps[~np.isfinite(steps)] = np.iinfo(np.int32).min
    head = f"{poses.fps:.6g}\0{poses.xyz.shape}\0{' '.join(poses.skeleton.joints)}\0"
    return hashlib.sha256(head.encode() + steps.astype("<i4").tobytes()).hexdigest()[:_DIGITS]


def _classes(before: Sequence[str], now: Sequence[str]) -> Change | None:
    """Classes that came or went."""
    gone, new = sorted(set(before) - set(now)), sorted(set(now) - set(before))
    parts = []
    for names, word in ((gone, "missing"), (new, "new")):
        if names:
            noun, verb = ("class", "is") if len(names) == 1 else ("classes", "are")
            parts.append(f"the {noun} {_few(names)} {verb} {word}")
    return Change(text=", ".join(parts), of_learning=True, of_classes=True) if parts else None


def _few(names: Sequence[str]) -> str:
    """At most three names, and how many follow."""
    rest = len(names) - 3
    return ", ".join(map(repr, names[:3])) + (f" and {rest} more" if rest > 0 else "")


def _clips(names: Sequence[str], word: str, prints: Mapping[str, ClipPrint]) -> Change | None:
    """Clips that came or went."""
    if not names:
        return None
    text = (
        f"the clip {names[0]!r} is {word}"
        if len(names) == 1
        else f"{len(names)} clips are {word}, such as {names[0]!r}"
    )
    return Change(text=text, of_learning=any(prints[name].part != "test" for name in names))


def _changed(
    names: Sequence[str],
    before: Mapping[str, ClipPrint],
    after: Mapping[str, ClipPrint],
    what: str,
    field: str,
) -> Change | None:
    """Clips with another value."""
    if not names:
        return None
    first = names[0]
    values = f" ({getattr(before[first], field)!r}, now {getattr(after[first], field)!r})" if field else ""
    text = (
        f"the clip {first!r} has {what}{values}"
        if len(names) == 1
        else f"{len(names)} clips have {what}, such as {first!r}{values}"
    )
    learned = any(one[name].part != "test" for name in names for one in (before, after))
    return Change(text=text, of_learning=learned)
