"""Joint pairs, the vectors between them, and their colors."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoding.colors import JET, distance_colors, orientation_colors
from encoding.features import joint_pairs, lengths, step_vectors


def gray(level: int) -> list[int]:
    return [level, level, level]


def test_pairs_come_in_the_order_of_the_rows() -> None:
    j, k = joint_pairs(3, "upper")
    assert list(zip(j.tolist(), k.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 2)]
    j, k = joint_pairs(3, "ordered")
    assert list(zip(j.tolist(), k.tolist(), strict=True)) == [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]


@pytest.mark.parametrize(("joints", "upper"), [(2, 1), (17, 136), (20, 190), (30, 435)])
def test_pairs_are_as_many_as_the_specification_says(joints: int, upper: int) -> None:
    assert joint_pairs(joints, "upper")[0].shape == (upper,)
    assert joint_pairs(joints, "ordered")[1].shape == (2 * upper,)


@pytest.mark.parametrize("joints", [0, 1])
def test_fewer_than_two_joints_are_refused(joints: int) -> None:
    with pytest.raises(ValueError, match=f"the clip has {joints} joints; joint pairs need at least 2"):
        joint_pairs(joints, "upper")


def test_columns_hold_pose_and_motion_features_in_turn() -> None:
    # joint 0 stays at the origin; joint 1 is at (3, 4, 0), then at (0, 0, 2)
    points = np.array([[[0, 0, 0], [3, 4, 0]], [[0, 0, 0], [0, 0, 2]]], dtype=np.float32)
    vectors = step_vectors(points, joint_pairs(2, "upper"))
    # PF1: p1(1) - p0(1); MF1>2: p1(2) - p0(1); PF2: p1(2) - p0(2)
    assert vectors[:, 0].T.tolist() == [[3, 4, 0], [0, 0, 2], [0, 0, 2]]
    assert lengths(vectors).tolist() == [[5, 2, 2]]
    backwards = step_vectors(points, joint_pairs(2, "ordered"))[:, 1]
    # j = 1, k = 0: p0(1) - p1(1); p0(2) - p1(1); p0(2) - p1(2)
    assert backwards.T.tolist() == [[-3, -4, 0], [-3, -4, 0], [0, 0, -2]]


def test_the_palette_is_that_of_opencv_in_rgb() -> None:
    # OpenCV's JET runs from dark blue over green to dark red
    assert JET[0].tolist() == [0, 0, 128]
    assert JET[255].tolist() == [128, 0, 0]
    assert len(np.unique(JET, axis=0)) == 256  # so that a color gives its distance back


def test_the_palette_is_that_of_the_oracle(oracle: ModuleType) -> None:
    assert [tuple(color) for color in JET.tolist()] == oracle.JET


def test_distances_are_scaled_by_the_maximum_of_their_column() -> None:
    distances = np.array([[0, 0, 100, 100, 200, 400]], dtype=np.float32)
    levels = [
        0,
        0,
        127,
        63,
        255,
        255,
    ]  # even columns over 200, odd over 400: floor(255 / 2), floor(255 / 4), 255
    assert distance_colors(distances, 200, 400)[0].tolist() == JET[levels].tolist()


def test_a_distance_above_the_maximum_saturates() -> None:
    distances = np.array([[200.1, 201, 1e4, 1e30]], dtype=np.float32)
    assert (distance_colors(distances, 200, 200) == JET[255]).all()


def test_orientations_are_colored_by_axis() -> None:
    vectors = np.array([[7, 0, 0], [0, -2, 0], [0, 0, 0], [3, 0, -4]], dtype=np.float32).T[:, None]
    colors = orientation_colors(vectors, lengths(vectors))[0].tolist()
    # floor(255 (c + 1) / 2): 1 gives 255, -1 gives 0, 0 gives floor(127.5), 0.6 gives 204, -0.8 floor(25.5)
    assert colors == [[255, 127, 127], [127, 0, 127], gray(127), [204, 127, 25]]


@given(
    st.lists(
        st.tuples(*[st.floats(-3000, 3000, width=32)] * 3).filter(lambda v: max(map(abs, v)) > 0.01),
        min_size=1,
        max_size=20,
    )
)
def test_orientation_colors_give_unit_vectors_back(rows: list[tuple[float, float, float]]) -> None:
    vectors = np.array(rows, dtype=np.float32).T[:, None]
    colors = orientation_colors(vectors, lengths(vectors))
    decoded = (colors[0].astype(np.float64) + 0.5) / 127.5 - 1  # the middle of the bin, 2 / 255 wide
    expected = (vectors / lengths(vectors))[:, 0].T
    assert np.abs(decoded - expected).max() <= 1 / 255 + 1e-4
    # each part is off by 1 / 255 at most, so the length by sqrt(3) / 255 = 0.0068
    assert np.abs(np.linalg.norm(decoded, axis=1) - 1).max() <= 0.0068
