"""Identities over time: people cross, detections drop out, order in the file means nothing."""

from collections.abc import Iterator

import numpy as np
import pytest

from lifting.people import choose_person, follow, follow_person, person_keypoints, summarize
from lifting.skeleton import COCO_17
from lifting.tracking import DetectedPerson, PeopleFrame, PersonTracker, TrackingConfig, track

J = 17
BODY = np.random.default_rng(3).uniform([-40, -150], [40, 150], (J, 2))


def person_at(
    x: float, y: float = 300.0, scale: float = 1.0, rng: np.random.Generator | None = None
) -> DetectedPerson:
    xy = BODY * scale + [x, y]
    if rng is not None:
        xy = xy + rng.normal(0, 3, xy.shape)
    return DetectedPerson(xy=xy.astype(np.float32), confidence=np.ones(J, np.float32))


def crossing(
    dropped: dict[int, set[int]] | None = None, num_frames: int = 60, seed: int = 0
) -> Iterator[tuple[PeopleFrame, tuple[int, ...]]]:
    """Two people who walk through each other at 10 pixels a frame, in random order, and who is who.

    Args:
        dropped: frame -> the people who are not detected in it.
    """
    rng = np.random.default_rng(seed)
    for n in range(num_frames):
        there = [who for who in (0, 1) if who not in (dropped or {}).get(n, set())]
        places = (100 + 10 * n, 690 - 10 * n)
        order = tuple(int(who) for who in rng.permutation(there))
        yield PeopleFrame(index=n, people=tuple(person_at(places[who], rng=rng) for who in order)), order


def identities(
    steps: Iterator[tuple[PeopleFrame, tuple[int, ...]]], config: TrackingConfig
) -> dict[int, set[int]]:
    """True person -> all identities that the tracker gave."""
    tracker = PersonTracker(config)
    given: dict[int, set[int]] = {0: set(), 1: set()}
    for frame, order in steps:
        tracked = tracker.update(frame)
        for who, person in zip(order, frame.people, strict=True):
            given[who] |= {identity for identity, one in tracked.people.items() if one is person}
    return given


@pytest.mark.parametrize("seed", range(5))
def test_people_who_cross_keep_their_identities(seed: int) -> None:
    given = identities(crossing(seed=seed), TrackingConfig())
    assert [len(given[who]) for who in (0, 1)] == [1, 1]
    assert given[0] != given[1]


@pytest.mark.parametrize("hidden", [0, 1])
def test_who_is_hidden_while_they_cross_comes_back_as_the_same_person(hidden: int) -> None:
    """They meet at frame 29.5; one of them is not detected from 25 to 34."""
    given = identities(crossing({n: {hidden} for n in range(25, 35)}), TrackingConfig())
    assert [len(given[who]) for who in (0, 1)] == [1, 1]
    assert given[0] != given[1]


def test_both_may_drop_out_for_a_while() -> None:
    given = identities(crossing({n: {0, 1} for n in range(10, 16)}), TrackingConfig())
    assert [len(given[who]) for who in (0, 1)] == [1, 1]


def test_without_prediction_by_speed_the_crossing_would_swap_them() -> None:
    """The control: where each is in one frame the other is nearer to in the next."""
    frames = list(crossing())
    before, after = frames[29], frames[30]
    place = {who: float(np.mean(p.xy[:, 0])) for p, who in zip(before[0].people, before[1], strict=True)}
    later = {who: float(np.mean(p.xy[:, 0])) for p, who in zip(after[0].people, after[1], strict=True)}
    assert abs(later[1] - place[0]) < abs(later[0] - place[0])


def test_a_gap_longer_than_the_limit_makes_a_new_person() -> None:
    frames = [PeopleFrame(index=n, people=(person_at(300),) if n < 5 or n >= 16 else ()) for n in range(20)]
    # Seen in frame 4 and again in 16: 11 frames without.
    assert len(summarize(track(frames, TrackingConfig(max_gap=11)))) == 1
    assert [s.num_frames for s in summarize(track(frames, TrackingConfig(max_gap=10)))] == [5, 4]


def test_missing_frame_numbers_count_as_a_gap() -> None:
    frames = [PeopleFrame(index=n, people=(person_at(300),)) for n in (0, 1, 2, 40)]
    assert len(summarize(track(frames, TrackingConfig(max_gap=30)))) == 2


def test_a_half_hidden_person_is_still_the_same() -> None:
    whole = person_at(300)
    half_xy = whole.xy.copy()
    half_xy[8:] = np.nan
    half = DetectedPerson(xy=half_xy, confidence=np.where(np.arange(J) < 8, 1, 0).astype(np.float32))
    frames = [PeopleFrame(index=n, people=(half if 5 <= n < 15 else person_at(300 + n),)) for n in range(20)]
    assert [s.num_frames for s in summarize(track(frames))] == [20]


def test_somebody_whom_the_detector_cuts_in_two_is_one_person() -> None:
    whole = person_at(300)
    upper, lower = (
        DetectedPerson(
            xy=np.where(part[:, None], whole.xy, np.nan).astype(np.float32),
            confidence=part.astype(np.float32),
        )
        for part in (np.arange(J) < 8, np.arange(J) >= 8)
    )
    frames = [PeopleFrame(index=n, people=(lower, upper) if n == 6 else (whole,)) for n in range(12)]
    tracked = list(track(frames))
    assert all(list(frame.people) == [0] for frame in tracked)
    assert tracked[6].people[0].seen.all()


def test_a_few_stray_joints_begin_no_person() -> None:
    stray = person_at(300)
    xy = stray.xy.copy()
    xy[4:] = np.nan
    ghost = DetectedPerson(xy=xy, confidence=np.where(np.arange(J) < 4, 1, 0).astype(np.float32))
    assert summarize(track([PeopleFrame(index=0, people=(ghost,))])) == ()


def test_memory_is_for_people_in_sight_only() -> None:
    tracker = PersonTracker(TrackingConfig(max_gap=3))
    for n in range(0, 500, 5):  # every time somebody else
        tracker.update(PeopleFrame(index=n, people=(person_at(100 + 37 * n % 1500, 100 + 91 * n % 900),)))
    assert len(tracker._known) == 1


def test_frames_must_rise() -> None:
    tracker = PersonTracker()
    tracker.update(PeopleFrame(index=3, people=()))
    with pytest.raises(ValueError, match="frame 3 comes after frame 3"):
        tracker.update(PeopleFrame(index=3, people=()))


def near_and_far() -> list[PeopleFrame]:
    """Person 0 is far off for 20 frames, person 1 near for 15."""
    far, near = person_at(300, scale=0.5), person_at(900)
    return [PeopleFrame(index=n, people=(far, near) if n < 15 else (far,)) for n in range(20)]


def test_the_person_is_chosen_by_size_length_or_number() -> None:
    people = summarize(track(near_and_far()))
    # 15 frames of 300 pixels against 20 of 150.
    assert choose_person(people, "largest") == 1
    assert choose_person(people, "longest") == 0
    assert choose_person(people, 1) == 1


def test_a_person_for_two_frames_is_refused_by_name() -> None:
    frames = [PeopleFrame(index=n, people=(person_at(300),) if n < 2 else ()) for n in range(10)]
    with pytest.raises(ValueError, match=r"person 0 is seen in 2 frames only; at least 5 are needed"):
        choose_person(summarize(track(frames)))


def test_a_person_who_is_not_there_is_answered_with_those_who_are() -> None:
    with pytest.raises(ValueError, match=r"no person 7; there are person 0 \(20 frames from 0\), person 1"):
        choose_person(summarize(track(near_and_far())), 7)


def test_nobody_in_any_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame shows a person"):
        choose_person(summarize(track([PeopleFrame(index=n, people=()) for n in range(9)])))


def test_following_gives_every_frame_number_once() -> None:
    frames = [PeopleFrame(index=n, people=(person_at(300),) if n != 4 else ()) for n in (2, 3, 4, 7)]
    steps = list(follow(track(frames), 0))
    assert [(n, person is not None) for n, person in steps] == [
        (2, True), (3, True), (4, False), (5, False), (6, False), (7, True),
    ]  # fmt: skip


def test_a_followed_person_becomes_keypoints_with_missing_frames() -> None:
    steps = list(follow_person(near_and_far, "largest"))
    keypoints = person_keypoints(
        (person for _, person in steps), image_size=(1280, 720), fps=25.0, skeleton=COCO_17
    )
    assert keypoints.num_frames == 20
    assert np.isfinite(keypoints.xy[:15]).all()
    assert np.isnan(keypoints.xy[15:]).all()
    assert (keypoints.confidence[15:] == 0).all()
