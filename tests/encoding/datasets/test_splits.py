"""Validation is split off by whole subjects where there are enough, else by sequence."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from encoding.datasets.records import Clip
from encoding.datasets.splits import draw_by_class, hold_out

MakeClip = Callable[..., Clip]


def by_subject(make_clip: MakeClip, subjects: range, classes: int, takes: int = 2) -> list[Clip]:
    return [
        make_clip(f"a{label}_s{subject}_e{take}", label, subject=subject)
        for label in range(classes)
        for subject in subjects
        for take in range(takes)
    ]


def names(clips: tuple[Clip, ...]) -> list[str]:
    return [clip.name for clip in clips]


def test_one_of_five_subjects_is_held_out_whole(make_clip: MakeClip) -> None:
    clips = by_subject(make_clip, range(5), classes=3)
    held = hold_out(clips, num_classes=3, seed=0)
    # round(0.2 x 5) = 1 subject: 3 classes x 2 takes = 6 clips of 30.
    assert len(held.validation) == 6
    assert len(held.train) == 24
    (subject,) = {clip.subject for clip in held.validation}
    assert subject not in {clip.subject for clip in held.train}
    assert held.rule == f"subject {subject} held out whole (1 of 5)"


def test_two_of_five_subjects_at_a_fraction_of_two_fifths(make_clip: MakeClip) -> None:
    held = hold_out(by_subject(make_clip, range(5), classes=3), num_classes=3, fraction=0.4)
    assert len({clip.subject for clip in held.validation}) == 2


def test_the_order_of_the_clips_does_not_matter_but_the_seed_does(make_clip: MakeClip) -> None:
    clips = by_subject(make_clip, range(5), classes=2)
    assert names(hold_out(clips, num_classes=2, seed=3).train) == names(
        hold_out(clips[::-1], num_classes=2, seed=3).train
    )
    assert len({hold_out(clips, num_classes=2, seed=seed).rule for seed in range(20)}) == 5


def test_a_subject_who_alone_shows_a_class_stays_in_training(make_clip: MakeClip) -> None:
    clips = [*by_subject(make_clip, range(3), classes=1), make_clip("only", 1, subject=0)]
    rules = {hold_out(clips, num_classes=2, seed=seed).rule for seed in range(20)}
    assert rules == {"subject 1 held out whole (1 of 3)", "subject 2 held out whole (1 of 3)"}


def test_the_subject_who_shows_most_classes_validates(make_clip: MakeClip) -> None:
    # Subjects 0 and 1 lack class 1; 2 and 3 show both: one of them is taken.
    clips = by_subject(make_clip, range(4), classes=1) + [make_clip(f"b{s}", 1, subject=s) for s in (2, 3)]
    for seed in range(10):
        assert {clip.label for clip in hold_out(clips, num_classes=2, seed=seed).validation} == {0, 1}


def test_two_subjects_are_too_few_so_sequences_are_drawn(make_clip: MakeClip) -> None:
    held = hold_out(by_subject(make_clip, range(2), classes=3, takes=5), num_classes=3)
    # 10 clips a class: round(0.2 x 10) = 2 of each.
    assert Counter(clip.label for clip in held.validation) == {0: 2, 1: 2, 2: 2}
    assert held.rule == "by sequence, stratified by class, 6 of 30 (2 of the at least 3 subjects needed)"


def test_without_subjects_sequences_are_drawn(make_clip: MakeClip) -> None:
    held = hold_out([make_clip(f"c{n}", n % 2) for n in range(10)], num_classes=2)
    assert Counter(clip.label for clip in held.validation) == {0: 1, 1: 1}
    assert held.rule.endswith("(the subjects are not known)")


def test_where_each_subject_is_needed_sequences_are_drawn(make_clip: MakeClip) -> None:
    clips = [make_clip(f"s{n}_{take}", n, subject=n) for n in range(3) for take in range(3)]
    held = hold_out(clips, num_classes=3)
    assert "by sequence" in held.rule
    assert {clip.label for clip in held.train} == {0, 1, 2}


def test_whole_subjects_asked_for_in_vain_is_an_error(make_clip: MakeClip) -> None:
    with pytest.raises(
        ValueError, match="validation by whole subjects cannot be done: the subjects are not known"
    ):
        hold_out([make_clip("a"), make_clip("b")], num_classes=1, by="subject")


def test_sequences_can_be_asked_for(make_clip: MakeClip) -> None:
    held = hold_out(by_subject(make_clip, range(5), classes=1), num_classes=1, by="sequence")
    assert held.rule == "by sequence, stratified by class, 2 of 10 (asked for)"


@pytest.mark.parametrize("fraction", [-0.1, 1.0, float("nan")])
def test_a_fraction_out_of_range_is_refused(make_clip: MakeClip, fraction: float) -> None:
    with pytest.raises(ValueError, match=r"validation fraction is .*; a number from 0 to below 1 is needed"):
        hold_out([make_clip("a")], num_classes=1, fraction=fraction)


def test_a_fraction_of_zero_holds_out_nothing(make_clip: MakeClip) -> None:
    held = hold_out([make_clip("a")], num_classes=1, fraction=0)
    assert (names(held.train), held.validation) == (["a"], ())


@pytest.mark.parametrize(
    ("members", "drawn"), [(1, 0), (2, 1), (3, 1), (4, 1), (5, 2), (6, 2), (7, 2), (8, 3)]
)
def test_a_third_is_drawn_rounded_never_none_and_never_all(
    make_clip: MakeClip, members: int, drawn: int
) -> None:
    # floor(n/3 + 1/2), at least 1 of two, at most n - 1.
    clips = [make_clip(f"c{n}") for n in range(members)]
    chosen, rest = draw_by_class(clips, 1 / 3, np.random.default_rng(0))
    assert (len(chosen), len(rest)) == (drawn, members - drawn)
    assert sorted(names(chosen) + names(rest)) == sorted(clip.name for clip in clips)
