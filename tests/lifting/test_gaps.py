"""Gaps in the keypoints: filled from both sides where time allows, held for a while, then given up."""

import numpy as np
import pytest

from lifting.gaps import Frame2D, GapConfig, GapFiller

NAN = float("nan")


def filled(x: list[float], **config: int) -> list[float]:
    """One keypoint on a line, through the filler and out again."""
    return [float(frame.xy[0, 0]) for frame in frames(x, **config)]


def frames(x: list[float], **config: int) -> list[Frame2D]:
    filler = GapFiller(1, GapConfig.model_validate(config))
    out: list[Frame2D] = []
    for value in x:
        out += filler.push(np.array([[value, 0]], np.float32))
    return out + filler.finish()


def test_what_was_seen_stays_as_it_is() -> None:
    assert filled([1, 2, 4], lookahead=2) == [1, 2, 4]
    assert not any(frame.filled[0] for frame in frames([1, 2, 4]))


def test_without_look_ahead_a_lost_keypoint_stays_where_it_was() -> None:
    assert filled([1, 2, NAN, NAN, 6]) == [1, 2, 2, 2, 6]


def test_with_look_ahead_it_takes_the_straight_way() -> None:
    assert filled([0, NAN, NAN, 9], lookahead=2) == pytest.approx([0, 3, 6, 9])
    # one frame ahead: the first lost frame does not see the 9 yet and holds; the second does: 0 + 2/3 of 9
    assert filled([0, NAN, NAN, 9], lookahead=1) == pytest.approx([0, 0, 6, 9])


def test_a_keypoint_is_held_for_a_limited_time() -> None:
    np.testing.assert_array_equal(filled([5, NAN, NAN, NAN], max_hold=2), [5, 5, 5, NAN])


def test_before_its_first_sighting_a_keypoint_is_missing_unless_it_is_in_sight() -> None:
    np.testing.assert_array_equal(filled([NAN, NAN, 3]), [NAN, NAN, 3])
    np.testing.assert_array_equal(filled([NAN, NAN, 3], lookahead=1), [NAN, 3, 3])


def test_filled_keypoints_are_marked_and_less_sure() -> None:
    lost = frames([1, NAN])[1]
    assert lost.filled.tolist() == [True]
    assert lost.confidence.tolist() == [0.5]


def test_confidence_0_is_missing_whatever_the_coordinates_say() -> None:
    filler = GapFiller(1, GapConfig())
    filler.push(np.array([[7, 7]], np.float32))
    (frame,) = filler.push(np.zeros((1, 2), np.float32), np.zeros(1, np.float32))
    assert frame.xy.tolist() == [[7, 7]]


def test_a_frame_without_the_person_is_a_gap_of_all_keypoints() -> None:
    filler = GapFiller(2, GapConfig())
    filler.push(np.array([[1, 2], [3, 4]], np.float32))
    (frame,) = filler.push(None)
    assert frame.xy.tolist() == [[1, 2], [3, 4]]
    assert frame.filled.all()


def test_frames_held_do_not_grow() -> None:
    filler = GapFiller(1, GapConfig(lookahead=5))
    held = []
    for value in range(100):
        filler.push(np.array([[value, 0]], np.float32))
        held.append(filler.held)
    assert max(held) == 5


def test_another_number_of_keypoints_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the frame has keypoints of shape \(17, 2\); \(25, 2\) is needed"):
        GapFiller(25, GapConfig()).push(np.zeros((17, 2), np.float32))
