"""A split is checked once, when it is made."""

from collections.abc import Callable

import numpy as np
import pytest

from encoding.datasets.records import Clip, Split
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20, SBU_15

MakeClip = Callable[..., Clip]


def test_a_class_without_training_clip_is_named(make_clip: MakeClip) -> None:
    with pytest.raises(ValueError, match=r"^demo: no training clip for 'wave'; every class needs at least 1"):
        Split(
            name="demo", class_names=("bend", "wave"), train=(make_clip("a", 0),), test=(make_clip("b", 1),)
        )


def test_a_split_without_any_training_clip_says_so(make_clip: MakeClip) -> None:
    with pytest.raises(
        ValueError, match=r"no training clip for 'bend'.*\(0 training, 0 validation, 1 test clips\)"
    ):
        Split(name="demo", class_names=("bend",), train=(), test=(make_clip("a"),))


def test_a_label_out_of_range_is_named(make_clip: MakeClip) -> None:
    with pytest.raises(ValueError, match=r"clip 'a' has label 2; 0\.\.1 is needed for 2 classes"):
        Split(name="demo", class_names=("bend", "wave"), train=(make_clip("a", 2),))


def test_a_clip_in_two_parts_is_refused(make_clip: MakeClip) -> None:
    with pytest.raises(ValueError, match=r"clip 'a' stands in the split twice"):
        Split(name="demo", class_names=("bend",), train=(make_clip("a"),), test=(make_clip("a"),))


def test_clips_of_another_skeleton_or_number_of_people_are_refused(make_clip: MakeClip) -> None:
    two = Clip(
        name="two",
        poses=PoseSequence3D(xyz=np.ones((1, 2, 15, 3), np.float32), fps=15, skeleton=SBU_15),
        label=0,
    )
    with pytest.raises(
        ValueError, match=r"'two' shows 2 people on skeleton 'sbu_15'; all clips need 1 on 'msr_20'"
    ):
        Split(name="demo", class_names=("bend",), train=(make_clip("a"), two))


def test_development_is_training_and_validation(make_clip: MakeClip) -> None:
    a, b, c = make_clip("a"), make_clip("b"), make_clip("c")
    split = Split(
        name="demo", class_names=("bend",), train=(a,), validation=(b,), test=(c,), validation_rule="rule"
    )
    assert split.development == (a, b)
    assert split.clips == (a, b, c)
    assert (split.num_classes, split.num_people, split.skeleton) == (1, 1, MSR_20)
    assert split.describe() == "demo: 1 training, 1 validation, 1 test clips of 1 classes\nvalidation: rule"


def test_the_unit_of_a_clip_is_its_group_before_its_subject(make_clip: MakeClip) -> None:
    assert make_clip("a", subject=3, group="s01s02").unit == "s01s02"
    assert make_clip("a", subject=3).unit == "subject 3"
    assert make_clip("a").unit is None
