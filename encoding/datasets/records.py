"""The records that a data set comes as: a labeled clip, and the split of clips into parts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton


@dataclass(frozen=True, eq=False, kw_only=True)
class Clip:
    """One original sequence with its class; augmented copies are drawn from it later, never stored beside it.

    Attributes:
        name: unique within the data set, e.g. "a01_s01_e01".
        poses: the poses, millimeters.
        label: class number within the split, 0..K-1.
        subject: number of the person, None where the data set does not say.
        fold: number of the published fold, None where there is none.
        group: what a validation part must not cut in two where no subject is known, e.g. the pair "s01s02".
    """

    name: str
    poses: PoseSequence3D
    label: int
    subject: int | None = None
    fold: int | None = None
    group: str | None = None

    @property
    def unit(self) -> str | None:
        """The group, else the subject: clips of one unit look alike, so they stay in one part."""
        if self.group is not None:
            return self.group
        return None if self.subject is None else f"subject {self.subject}"


@dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """A data set cut into parts by one protocol.

    Attributes:
        name: data set and protocol in a few words.
        class_names: K names; a clip's label is an index into them.
        train: what networks are trained on, and what encoding statistics are fitted on.
        validation: what rewards and choices are made on; split off from the training subjects.
        test: seen once, at the end.
        validation_rule: one sentence that says how validation was split off.
        left_out: one sentence for each sequence of the protocol that could not be used.

    Raises:
        ValueError: a class has no training clip, a label is out of range, a clip stands in two parts,
            or the clips differ in skeleton or in number of people.
    """

    name: str
    class_names: tuple[str, ...]
    train: tuple[Clip, ...]
    validation: tuple[Clip, ...] = ()
    test: tuple[Clip, ...] = ()
    validation_rule: str = ""
    left_out: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_labels(self)
        _check_classes(self)
        _check_names(self)
        _check_layout(self)

    @property
    def num_classes(self) -> int:
        """K."""
        return len(self.class_names)

    @property
    def development(self) -> tuple[Clip, ...]:
        """Training and validation together: all that may be looked at before the end."""
        return self.train + self.validation

    @property
    def clips(self) -> tuple[Clip, ...]:
        """Every clip of every part."""
        return self.train + self.validation + self.test

    @property
    def skeleton(self) -> Skeleton:
        """The layout that all clips share."""
        return self.train[0].poses.skeleton

    @property
    def num_people(self) -> int:
        """1 or 2, the same for all clips."""
        return self.train[0].poses.num_people

    def describe(self) -> str:
        """Sizes, validation rule and what was left out, for a person."""
        lines = [
            f"{self.name}: {len(self.train)} training, {len(self.validation)} validation, "
            f"{len(self.test)} test clips of {self.num_classes} classes"
        ]
        if self.validation_rule:
            lines.append(f"validation: {self.validation_rule}")
        lines += [f"left out: {reason}" for reason in self.left_out]
        return "\n".join(lines)


def classes_without_clip(clips: Sequence[Clip], num_classes: int) -> tuple[int, ...]:
    """The class numbers that no clip carries."""
    present = {clip.label for clip in clips}
    return tuple(label for label in range(num_classes) if label not in present)


def _check_labels(split: Split) -> None:
    for clip in split.clips:
        if not 0 <= clip.label < split.num_classes:
            raise ValueError(
                f"{split.name}: clip {clip.name!r} has label {clip.label}; "
                f"0..{split.num_classes - 1} is needed for {split.num_classes} classes"
            )


def _check_classes(split: Split) -> None:
    missing = classes_without_clip(split.train, split.num_classes)
    if missing or not split.class_names:
        names = ", ".join(repr(split.class_names[label]) for label in missing) or "any class"
        raise ValueError(
            f"{split.name}: no training clip for {names}; every class needs at least 1 in the training part "
            f"({len(split.train)} training, {len(split.validation)} validation, {len(split.test)} test clips)"
        )


def _check_names(split: Split) -> None:
    twice = [name for name, count in Counter(clip.name for clip in split.clips).items() if count > 1]
    if twice:
        raise ValueError(
            f"{split.name}: clip {twice[0]!r} stands in the split twice; each clip belongs to one part"
        )


def _check_layout(split: Split) -> None:
    for clip in split.clips:
        if clip.poses.skeleton != split.skeleton or clip.poses.num_people != split.num_people:
            raise ValueError(
                f"{split.name}: clip {clip.name!r} shows {clip.poses.num_people} people on skeleton "
                f"{clip.poses.skeleton.name!r}; all clips need {split.num_people} on {split.skeleton.name!r} "
                f"as {split.train[0].name!r}"
            )
