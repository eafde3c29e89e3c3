"""Human3.6M in the field's files: small files of the same form, their cameras, and every bad one."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from lifting.datasets import LiftingDataConfig, load_pairs
from lifting.datasets.h36m import JOINTS, POSES_FILE, TEST_SUBJECTS, TRAIN_SUBJECTS
from lifting.datasets.h36m_cameras import h36m_cameras
from lifting.skeleton import COCO_17, H36M_17

T, GT = 6, "data_2d_h36m_gt.npz"
SUBJECTS = (*TRAIN_SUBJECTS, *TEST_SUBJECTS)
ACTIONS = ("Directions 1", "Walking")


def world_pose(seed: int) -> np.ndarray:
    """(T, 32, 3) meters, somebody near the middle of the room."""
    rng = np.random.default_rng(seed)
    return rng.uniform([-0.3, -0.3, 0.1], [0.3, 0.3, 1.8], (T, 32, 3)).astype(np.float32)


def projected(xyz: np.ndarray, subject: str, extra: int = 0) -> list[np.ndarray]:
    """The 17 joints in each camera by OpenCV, with some frames more than were captured."""
    views = []
    for camera in h36m_cameras(subject):
        rotation, _ = cv2.Rodrigues(camera.rotation)
        matrix = np.array(
            [[camera.focal[0], 0, camera.center[0]], [0, camera.focal[1], camera.center[1]], [0, 0, 1]]
        )
        points = 1000.0 * xyz[:, list(JOINTS)].reshape(-1, 3).astype(np.float64)
        uv, _ = cv2.projectPoints(
            points, rotation, -camera.rotation @ camera.position, matrix, np.array(camera.distortion)
        )
        uv = uv.reshape(len(xyz), 17, 2).astype(np.float32)
        views.append(np.concatenate([uv, np.repeat(uv[-1:], extra, axis=0)]))
    return views


def write(root: Path, poses: dict[str, Any], keypoints: dict[str, Any], layout: str = "h36m") -> Path:
    np.savez_compressed(root / POSES_FILE, positions_3d=np.array(poses, dtype=object))
    metadata = {"layout_name": layout, "num_joints": 17, "keypoints_symmetry": [[4, 5], [1, 2]]}
    np.savez_compressed(
        root / GT, positions_2d=np.array(keypoints, dtype=object), metadata=np.array(metadata, dtype=object)
    )
    return root


@pytest.fixture
def poses() -> dict[str, Any]:
    return {s: {a: world_pose(10 * n + k) for k, a in enumerate(ACTIONS)} for n, s in enumerate(SUBJECTS)}


@pytest.fixture
def root(tmp_path: Path, poses: dict[str, Any]) -> Path:
    keypoints = {s: {a: projected(xyz, s, extra=2) for a, xyz in own.items()} for s, own in poses.items()}
    return write(tmp_path, poses, keypoints)


def config(root: Path, **changes: Any) -> LiftingDataConfig:
    return LiftingDataConfig.model_validate({"name": "h36m", "root": root, **changes})


def test_the_parts_are_the_fields(root: Path) -> None:
    split = load_pairs(config(root))
    assert split.train.subjects == ("S1", "S5", "S6", "S7")
    assert split.validation.subjects == ("S8",)
    assert split.test["S9, S11"].subjects == ("S9", "S11")
    # 4 subjects, 2 actions, 4 cameras, T frames each.
    assert len(split.train) == 4 * 2 * 4 * T
    assert split.train.actions == ("Directions", "Walking")
    assert split.train.clips[0].fps == 50.0


def test_validation_may_be_clips_so_that_all_five_subjects_train(root: Path) -> None:
    split = load_pairs(config(root, validation_by="clips", validation_fraction=0.3, seed=1))
    assert set(split.train.subjects) | set(split.validation.subjects) == set(TRAIN_SUBJECTS)
    # Of 10 recordings some are held out, each with all its four cameras.
    assert 0 < len(split.validation.clips) < 40
    recordings = [
        {clip.name.split(",")[0] for clip in part.clips} for part in (split.train, split.validation)
    ]
    assert not recordings[0] & recordings[1]
    with pytest.raises(ValueError, match=r"0\.0001 of the recordings for validation are none"):
        load_pairs(config(root, validation_by="clips", validation_fraction=0.0001))


def test_keypoints_are_the_projection_of_the_poses_by_opencv(root: Path) -> None:
    pairs = load_pairs(config(root)).train
    np.testing.assert_allclose(pairs.keypoints, pairs.true_keypoints, atol=0.01)
    assert (pairs.confidence == 1).all()


def test_poses_are_millimeters_in_camera_axes_from_the_hip(root: Path, poses: dict[str, Any]) -> None:
    pairs = load_pairs(config(root, stride=2)).train
    camera = h36m_cameras("S1")[0]
    world = 1000.0 * poses["S1"]["Directions 1"][::2, list(JOINTS)].astype(np.float64)
    expected = (world - world[:, :1]) @ camera.rotation.T
    np.testing.assert_allclose(pairs.poses[pairs.frames_of(0)], expected, atol=0.01)
    # The cameras stand upright: up in the room is up in the image, where y grows downward.
    assert (camera.rotation @ [0, 0, 1])[1] < -0.9


def test_every_camera_looks_at_the_middle_of_the_room_from_a_few_meters() -> None:
    for subject in SUBJECTS:
        for camera in h36m_cameras(subject):
            seen = camera.to_camera(np.array([0.0, 0.0, 1000.0]))
            assert 3500 < np.linalg.norm(seen) < 6500
            assert np.abs(camera.project(seen) - np.array(camera.image_size) / 2).max() < 250


def test_coco_keypoints_are_mapped(tmp_path: Path, poses: dict[str, Any]) -> None:
    keypoints = {s: {a: projected(xyz, s) for a, xyz in own.items()} for s, own in poses.items()}
    pairs = load_pairs(config(write(tmp_path, poses, keypoints, layout="coco"))).train
    assert pairs.keypoint_skeleton == H36M_17
    hips = [COCO_17.joints.index(f"{side}_hip") for side in ("left", "right")]
    expected = keypoints["S1"]["Directions 1"][0][:, hips].mean(axis=1)
    np.testing.assert_allclose(pairs.keypoints[pairs.frames_of(0)][:, H36M_17.root], expected, rtol=1e-5)


def test_nan_in_a_pose_is_named(tmp_path: Path, root: Path, poses: dict[str, Any]) -> None:
    poses["S6"]["Walking"][4, 3] = np.nan  # right foot, index 3 of the 32
    np.savez_compressed(root / POSES_FILE, positions_3d=np.array(poses, dtype=object))
    with pytest.raises(ValueError, match=r"S6, 'Walking', frame 4: joint right_foot is not finite"):
        load_pairs(config(root))


def test_a_missing_subject_action_or_file_is_named(root: Path, poses: dict[str, Any]) -> None:
    with pytest.raises(FileNotFoundError, match=r"lacks .*data_2d_h36m_cpn.npz: the folder must hold"):
        load_pairs(config(root, keypoints="cpn"))
    del poses["S9"]
    np.savez_compressed(root / POSES_FILE, positions_3d=np.array(poses, dtype=object))
    with pytest.raises(ValueError, match=r"has no entry 'S9'; there is S1, S5"):
        load_pairs(config(root))


def test_keypoints_that_do_not_fit_are_refused(tmp_path: Path, poses: dict[str, Any]) -> None:
    keypoints = {s: {a: projected(xyz, s) for a, xyz in own.items()} for s, own in poses.items()}
    keypoints["S5"]["Walking"][2] = keypoints["S5"]["Walking"][2][:-1]
    with pytest.raises(
        ValueError, match=r"S5, 'Walking', camera 2 has shape \(5, 17, 2\); at least 6 frames"
    ):
        load_pairs(config(write(tmp_path, poses, keypoints)))
    keypoints["S5"]["Walking"].pop()
    with pytest.raises(ValueError, match=r"S5, 'Walking' has 3 cameras; 4 are needed"):
        load_pairs(config(write(tmp_path, poses, keypoints)))
    with pytest.raises(ValueError, match=r"layout 'openpose'; one of h36m, coco is needed"):
        load_pairs(config(write(tmp_path, poses, keypoints, layout="openpose")))


class Intruder:
    """A pickle that would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (print, ("you should not read this",))


def test_a_pickle_that_calls_functions_is_refused_unrun(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez_compressed(root / POSES_FILE, positions_3d=np.array({"S1": Intruder()}, dtype=object))
    # a Ray that ran before in this process has put its own print in the place of the built-in one
    with pytest.raises(ValueError, match=r"wants to use [\w.]*print; only arrays, dictionaries and lists"):
        load_pairs(config(root))
    assert capsys.readouterr().out == ""


def test_a_file_that_is_cut_off_is_named(root: Path) -> None:
    data = (root / POSES_FILE).read_bytes()
    (root / POSES_FILE).write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"data_3d_h36m.npz is not a .npz of numpy's, or it is damaged"):
        load_pairs(config(root))
