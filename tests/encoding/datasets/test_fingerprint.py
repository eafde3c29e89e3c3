"""A fingerprint sees what changed in a data set, and nothing where only an order did."""

import json
from dataclasses import replace

import numpy as np
import pytest

from encoding.datasets import Split
from encoding.datasets.fingerprint import Fingerprint, fingerprint, with_class_order
from encoding.datasets.synthetic import synthetic

SPLIT = synthetic(actions=("high arm wave", "forward kick"), num_subjects=4)
KNOWN = fingerprint(SPLIT)


def texts(now: Split) -> list[str]:
    return [change.text for change in KNOWN.changes(fingerprint(now))]


def test_the_same_data_in_another_order_of_clips_and_classes_has_not_changed() -> None:
    other = replace(SPLIT, train=SPLIT.train[::-1])
    other = with_class_order(other, SPLIT.class_names[::-1])
    assert other.class_names == ("forward kick", "high arm wave")
    named = {clip.name: SPLIT.class_names[clip.label] for clip in SPLIT.clips}
    assert {clip.name: other.class_names[clip.label] for clip in other.clips} == named
    assert texts(other) == []
    assert fingerprint(other).digest == KNOWN.digest


def test_a_fingerprint_survives_json() -> None:
    again = Fingerprint.from_dict(json.loads(json.dumps(KNOWN.to_dict())))
    assert again == KNOWN
    with pytest.raises(ValueError, match="a fingerprint needs class_names and clips"):
        Fingerprint.from_dict({"clips": {"a": ["x"]}, "class_names": []})


def test_what_changed_is_named_with_a_count_and_an_example() -> None:
    first, *rest = SPLIT.train
    moved = replace(first, poses=replace(first.poses, xyz=first.poses.xyz + np.float32(1)))
    assert texts(replace(SPLIT, train=(moved, *rest))) == [f"the clip {first.name!r} has other poses"]
    faster = tuple(replace(clip, poses=replace(clip.poses, fps=60)) for clip in SPLIT.train)
    assert texts(replace(SPLIT, train=faster)) == [
        f"{len(faster)} clips have other poses, such as {first.name!r}"
    ]
    actions = (SPLIT.class_names[first.label], SPLIT.class_names[1 - first.label])
    assert texts(replace(SPLIT, train=(*rest, replace(first, label=1 - first.label)))) == [
        f"the clip {first.name!r} has another class ({actions[0]!r}, now {actions[1]!r})"
    ]
    names = (SPLIT.class_names[0], "bow")
    assert texts(replace(SPLIT, class_names=names))[0] == (
        "the class 'forward kick' is missing, the class 'bow' is new"
    )


def test_clips_that_come_or_go_are_named_and_a_leak_is_seen() -> None:
    *kept, last = SPLIT.train
    assert texts(replace(SPLIT, train=tuple(kept))) == [f"the clip {last.name!r} is missing"]
    (change,) = KNOWN.changes(fingerprint(replace(SPLIT, train=tuple(kept), test=(*SPLIT.test, last))))
    assert change.text == f"the clip {last.name!r} has another part ('train', now 'test')"
    assert (change.leaks, change.of_learning) == (True, True)
    (change,) = KNOWN.changes(fingerprint(replace(SPLIT, test=SPLIT.test[1:])))
    assert (change.leaks, change.of_learning) == (False, False)


def test_the_last_bit_of_a_coordinate_is_no_change() -> None:
    clips = tuple(
        replace(clip, poses=replace(clip.poses, xyz=np.round(clip.poses.xyz, 2))) for clip in SPLIT.test
    )
    nudged = tuple(
        replace(clip, poses=replace(clip.poses, xyz=np.nextafter(clip.poses.xyz, np.float32(0))))
        for clip in clips
    )
    before, after = (fingerprint(replace(SPLIT, test=part)) for part in (clips, nudged))
    assert before.changes(after) == ()


def test_other_classes_cannot_be_put_in_order() -> None:
    with pytest.raises(ValueError, match="the class 'bow' is missing, the class 'high arm wave' is new"):
        with_class_order(SPLIT, ("forward kick", "bow"))
