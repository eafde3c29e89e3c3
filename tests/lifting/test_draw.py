"""Pictures of poses: where things are drawn, and what is left out."""

import numpy as np

from lifting.draw import Turntable, View, draw_pose, side_by_side
from lifting.skeleton import H36M_17

VIEW = View(size=(200, 200))
T_POSE = np.zeros((17, 3), np.float32)
T_POSE[:, 1] = np.linspace(800, -700, 17)
T_POSE[H36M_17.joints.index("left_wrist"), 0] = 700


def test_up_in_space_is_up_in_the_picture_and_right_is_right() -> None:
    center, above, right = VIEW.pixels(np.array([[0, 0, 0], [0, -500, 0], [500, 0, 0]]))
    assert above[1] < center[1] - 20
    assert right[0] > center[0] + 20


def test_after_half_a_turn_right_is_left() -> None:
    half = View(size=(200, 200), turn=np.pi)
    center, right = half.pixels(np.array([[0, 0, 0], [500, 0, 0]]))
    assert right[0] < center[0] - 20


def test_what_is_farther_on_the_floor_is_higher_in_the_picture() -> None:
    near, far = VIEW.pixels(np.array([[0, 950, -500], [0, 950, 500]]))
    assert far[1] < near[1]


def test_a_pose_is_drawn_and_an_unknown_one_leaves_the_floor() -> None:
    drawn, empty = (draw_pose(pose, H36M_17, VIEW) for pose in (T_POSE, np.full_like(T_POSE, np.nan)))
    assert drawn.shape == (200, 200, 3)
    assert (drawn != empty).any()
    np.testing.assert_array_equal(empty, draw_pose(np.full_like(T_POSE, np.nan), H36M_17, VIEW))


def test_a_caption_is_written_in_the_lower_left_of_the_right_picture() -> None:
    plain = np.full((100, 80, 3), 255, np.uint8)
    both = side_by_side(plain, plain, "frame 7")
    assert both.shape == (100, 160, 3)
    assert (both[70:, 80:] != 255).any()
    assert (both[:, :80] == 255).all()
    assert (both[:60] == 255).all()


def test_a_joint_behind_the_viewer_is_drawn_all_the_same() -> None:
    """A lifter that has hardly learned puts joints meters away; projection has no answer behind the eye."""
    wild = T_POSE.copy()
    wild[H36M_17.joints.index("left_wrist")] = [300, 0, -9000]
    assert np.abs(VIEW.pixels(wild)).max() < 10**6
    assert draw_pose(wild, H36M_17, VIEW).shape == (200, 200, 3)


def test_two_people_are_seen_from_as_far_as_their_distance_asks_for() -> None:
    table = Turntable(H36M_17, (200, 200))
    apart = np.stack([T_POSE, T_POSE])
    apart[:, :, 0] += np.array([[-1500], [1500]])
    drawn = table.picture(apart, 0.0)
    for edge in (drawn[:, :2], drawn[:, -2:]):  # nobody is cut off at the sides
        assert (edge == drawn[0, 0]).all()


def test_one_wild_joint_does_not_drop_the_floor() -> None:
    def floor_after(*lowest: float) -> int:
        table = Turntable(H36M_17, (200, 200))
        for y in lowest:
            pose = T_POSE - T_POSE[0]
            pose[3, 1] = y
            drawn = table.picture(pose, 0.0)
        return int(np.flatnonzero((drawn == (216, 208, 200)).all(axis=2).any(axis=1)).max())

    calm = floor_after(*[500.0] * 5)
    assert floor_after(*[500.0] * 4, 800.0, 500.0) < calm + 12  # of 26 pixels that 300 mm are
    assert floor_after(*[500.0] * 4, *[800.0] * 20) > calm + 20  # but it goes where the feet stay
