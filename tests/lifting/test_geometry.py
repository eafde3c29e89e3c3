"""Rotations, projection and alignment against values worked by hand and against OpenCV."""

import cv2
import numpy as np
import pytest

from lifting.geometry import (
    align_rigid,
    align_similarity,
    axis_rotation,
    fit_similarity,
    look_at,
    project,
    quaternion_to_matrix,
    to_camera,
)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    half = np.sqrt(0.5)
    matrix = quaternion_to_matrix([half, 0, 0, half])
    np.testing.assert_allclose(matrix @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    np.testing.assert_allclose(matrix, axis_rotation("z", np.pi / 2), atol=1e-12)


@pytest.mark.parametrize(("axis", "first", "second"), [("x", 1, 2), ("y", 2, 0), ("z", 0, 1)])
def test_a_quarter_turn_about_an_axis_takes_the_next_to_the_one_after(
    axis: str, first: int, second: int
) -> None:
    np.testing.assert_allclose(
        axis_rotation(axis, np.pi / 2) @ np.eye(3)[first], np.eye(3)[second], atol=1e-12
    )


def test_a_camera_looks_along_its_z_axis_with_up_at_the_top_of_the_image() -> None:
    position = np.array([0.0, 1500.0, 4000.0])
    rotation = look_at(position, [0, 1500, 0], [0, 1, 0])
    seen = to_camera([[0, 1500, 0], [0, 1600, 0], [100, 1500, 0]], rotation, position)
    # Straight ahead at 4 m; 100 mm higher is up (y negative); world +x is to the right, as z comes out of
    # the page.
    np.testing.assert_allclose(seen, [[0, 0, 4000], [0, -100, 4000], [100, 0, 4000]], atol=1e-9)


def test_a_camera_cannot_look_along_up() -> None:
    with pytest.raises(ValueError, match="cannot look"):
        look_at([0, 0, 0], [0, 5, 0], [0, 1, 0])


def test_projection_without_distortion_is_a_division() -> None:
    # 1000 * 200 / 4000 + 500 = 550 and 1000 * -100 / 4000 + 400 = 375.
    np.testing.assert_allclose(project([200, -100, 4000], [1000, 1000], [500, 400]), [550, 375])


def test_a_point_behind_the_camera_has_no_image() -> None:
    assert np.isnan(project([[0, 0, -1], [0, 0, 0]], [1000, 1000], [500, 500])).all()


def test_distortion_is_opencvs() -> None:
    points = np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 4], (20, 3))
    distortion = np.array([-0.2, 0.24, -0.001, 0.002, -0.003])
    matrix = np.array([[1145.0, 0, 512], [0, 1143, 515], [0, 0, 1]])
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), matrix, distortion)
    np.testing.assert_allclose(
        project(points, [1145, 1143], [512, 515], distortion), expected[:, 0], atol=1e-9
    )


def test_alignment_finds_the_similarity_it_was_made_with() -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(0, 300, (5, 17, 3))
    rotation = quaternion_to_matrix(rng.normal(size=(5, 4)))
    scale, shift = rng.uniform(0.5, 2, 5), rng.normal(0, 100, (5, 3))
    target = scale[:, None, None] * source @ np.swapaxes(rotation, -1, -2) + shift[:, None]
    found = fit_similarity(source, target)
    np.testing.assert_allclose(found.scale, scale, rtol=1e-9)
    np.testing.assert_allclose(found.rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(found.translation, shift, atol=1e-6)
    np.testing.assert_allclose(align_similarity(source, target), target, atol=1e-6)


def test_rigid_alignment_keeps_the_size() -> None:
    source = np.random.default_rng(2).normal(0, 300, (17, 3))
    aligned = align_rigid(source, 2 * source + 50)
    np.testing.assert_allclose(aligned - aligned.mean(0), source - source.mean(0), atol=1e-9)
    np.testing.assert_allclose(aligned.mean(0), (2 * source + 50).mean(0), atol=1e-9)


def test_a_mirrored_pose_is_not_turned_into_its_mirror_image() -> None:
    source = np.random.default_rng(3).normal(0, 300, (17, 3))
    mirrored = source * [-1, 1, 1]
    assert np.linalg.det(fit_similarity(source, mirrored).rotation) == pytest.approx(1)
    assert np.abs(align_similarity(source, mirrored) - mirrored).mean() > 10


def test_alignment_refuses_missing_joints() -> None:
    pose = np.zeros((3, 3))
    with pytest.raises(ValueError, match="leave missing joints out"):
        fit_similarity(np.full((3, 3), np.nan), pose)
