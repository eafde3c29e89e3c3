"""To Human3.6M's 17 joints: midpoints worked by hand, missing parts make missing wholes."""

import numpy as np
import pytest

from lifting.mapping import can_map, map_confidence, map_joints, map_keypoints
from lifting.mocap_skeletons import ASF_31, ASF_NAMES, ICLONE_24, ICLONE_NAMES
from lifting.poses import Keypoints2D
from lifting.skeleton import (
    BODY_25,
    BODY_25B,
    COCO_17,
    COCO_18,
    H36M_17,
    MEDIAPIPE_33,
    MSR_20,
    SBU_15,
    Skeleton,
)

SOURCES = (COCO_17, COCO_18, BODY_25, BODY_25B, MEDIAPIPE_33, MSR_20, ASF_31, ICLONE_24)


def joint(points: np.ndarray, name: str) -> np.ndarray:
    return points[..., H36M_17.joints.index(name), :]


@pytest.mark.parametrize("source", SOURCES, ids=lambda skeleton: skeleton.name)
def test_hip_thorax_and_spine_are_midpoints(source: Skeleton) -> None:
    points = np.zeros((1, source.num_joints, 2))
    for name, place in {
        "left_hip": (10, 100), "right_hip": (20, 100), "left_shoulder": (8, 40), "right_shoulder": (24, 44),
    }.items():  # fmt: skip
        points[0, source.joints.index(name)] = place
    mapped = map_joints(points, source, H36M_17)
    np.testing.assert_allclose(joint(mapped, "hip"), [[15, 100]])
    np.testing.assert_allclose(joint(mapped, "thorax"), [[16, 42]])
    np.testing.assert_allclose(joint(mapped, "spine"), [[15.5, 71]])
    np.testing.assert_allclose(joint(mapped, "left_hip"), [[10, 100]])


@pytest.mark.parametrize("source", [COCO_17, COCO_18, BODY_25, BODY_25B, MEDIAPIPE_33], ids=lambda s: s.name)
def test_the_nose_is_9_and_the_middle_of_the_eyes_10(source: Skeleton) -> None:
    points = np.zeros((source.num_joints, 2))
    for name, place in {"nose": (50, 30), "left_eye": (54, 26), "right_eye": (47, 24)}.items():
        points[source.joints.index(name)] = place
    mapped = map_joints(points, source, H36M_17)
    np.testing.assert_allclose(mapped[9], [50, 30])
    np.testing.assert_allclose(mapped[10], [50.5, 25])


@pytest.mark.parametrize("source", SOURCES, ids=lambda skeleton: skeleton.name)
def test_left_and_right_stay_left_and_right(source: Skeleton) -> None:
    """Mirroring before and after the mapping is the same."""
    points = np.random.default_rng(0).normal(size=(3, source.num_joints, 3))
    mirrored = map_joints(points[:, list(source.mirror)], source, H36M_17)
    np.testing.assert_allclose(
        mirrored, map_joints(points, source, H36M_17)[:, list(H36M_17.mirror)], rtol=1e-5, atol=1e-6
    )


def test_a_missing_hip_leaves_no_middle_of_the_hips() -> None:
    xy = np.ones((1, 17, 2), np.float32)
    confidence = np.full((1, 17), 0.9, np.float32)
    xy[0, COCO_17.joints.index("left_hip")] = np.nan
    confidence[0, COCO_17.joints.index("left_hip")] = 0
    confidence[0, COCO_17.joints.index("right_shoulder")] = 0.3
    mapped = map_keypoints(
        Keypoints2D(xy=xy, confidence=confidence, image_size=(9, 9), fps=30.0, skeleton=COCO_17), H36M_17
    )
    for name in ("hip", "spine", "left_hip"):
        index = H36M_17.joints.index(name)
        assert np.isnan(mapped.xy[0, index]).all()
        assert mapped.confidence[0, index] == 0
    # The thorax is as sure as the worse of its two shoulders.
    assert mapped.confidence[0, H36M_17.joints.index("thorax")] == pytest.approx(0.3)
    assert np.isfinite(mapped.xy[0, H36M_17.joints.index("thorax")]).all()


def test_the_names_in_the_files_are_as_many_as_the_joints() -> None:
    assert (len(ASF_NAMES), len(ICLONE_NAMES)) == (ASF_31.num_joints, ICLONE_24.num_joints)


def test_a_layout_maps_to_itself_unchanged() -> None:
    points = np.random.default_rng(1).normal(size=(2, 15, 3)).astype(np.float32)
    np.testing.assert_array_equal(map_joints(points, SBU_15, SBU_15), points)


def test_an_unknown_way_is_refused_with_those_there_are() -> None:
    assert not can_map(SBU_15, H36M_17)
    with pytest.raises(
        ValueError, match=r"no mapping from skeleton 'sbu_15' to 'h36m_17'.*coco_18 to h36m_17"
    ):
        map_joints(np.zeros((15, 2)), SBU_15, H36M_17)


def test_17_joints_where_25_are_needed_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 17, 2\); skeleton 'body_25' needs \(\.\.\., 25, C\)"):
        map_joints(np.zeros((4, 17, 2)), BODY_25, H36M_17)
    with pytest.raises(ValueError, match="needs"):
        map_confidence(np.zeros((4, 17)), BODY_25, H36M_17)


def test_mediapipe_becomes_body_25_without_small_toes() -> None:
    points = np.random.default_rng(2).normal(size=(33, 2))
    mapped = map_joints(points, MEDIAPIPE_33, BODY_25)
    place = {name: points[number] for number, name in enumerate(MEDIAPIPE_33.joints)}
    at = BODY_25.joints.index
    np.testing.assert_allclose(mapped[at("mid_hip")], (place["left_hip"] + place["right_hip"]) / 2, rtol=1e-5)
    np.testing.assert_allclose(mapped[at("right_big_toe")], place["right_foot_index"], rtol=1e-5)
    assert np.isnan(mapped[[at("left_small_toe"), at("right_small_toe")]]).all()
    confidence = map_confidence(np.full(33, 0.8), MEDIAPIPE_33, BODY_25)
    assert confidence[at("left_small_toe")] == 0
    assert confidence[at("neck")] == pytest.approx(0.8)


def test_coco_becomes_openposes_coco_with_a_neck() -> None:
    points = np.random.default_rng(2).normal(size=(17, 2))
    mapped = map_joints(points, COCO_17, COCO_18)
    np.testing.assert_allclose(mapped[COCO_18.joints.index("neck")], points[5:7].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(mapped[COCO_18.joints.index("left_ear")], points[3], rtol=1e-5)
