"""OpenPose's JSON: layouts, missing joints, and every file that is not what it should be."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifting.openpose import SOURCE_FILE, frame_file_name, open_folder, write_people
from lifting.people import summarise
from lifting.skeleton import BODY_25, BODY_25B, COCO_17, COCO_18, Skeleton
from lifting.tracking import DetectedPerson, track


def person(skeleton: Skeleton, missing: tuple[int, ...] = ()) -> list[float]:
    """Values as OpenPose writes them; in BODY_25 joint 8 is the middle of the hips."""
    J = skeleton.num_joints
    xyc = np.random.default_rng(J).uniform([100, 100, 0.3], [400, 700, 1], (J, 3))
    if skeleton is BODY_25:
        xyc[8, :2] = (xyc[9, :2] + xyc[12, :2]) / 2
    xyc[list(missing)] = 0
    return [float(value) for value in xyc.ravel()]


def write(folder: Path, *frames: list[list[float]]) -> Path:
    folder.mkdir(exist_ok=True)
    for number, people in enumerate(frames):
        content = {"version": 1.3, "people": [{"pose_keypoints_2d": values} for values in people]}
        (folder / frame_file_name(number)).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("skeleton", [COCO_17, COCO_18, BODY_25, BODY_25B], ids=lambda s: s.name)
def test_the_layout_is_read_off_the_joints(tmp_path: Path, skeleton: Skeleton) -> None:
    folder = write(tmp_path / "json", [], [person(skeleton)])
    assert open_folder(folder).skeleton is skeleton


def test_the_layout_that_is_given_wins(tmp_path: Path) -> None:
    folder = write(tmp_path / "json", [person(BODY_25)])
    assert open_folder(folder, "body_25b").skeleton is BODY_25B


def test_a_missing_joint_is_nan_with_confidence_0_never_the_corner(tmp_path: Path) -> None:
    folder = write(tmp_path / "json", [person(COCO_18, missing=(3, 7))])
    (one,) = next(open_folder(folder).frames()).people
    assert np.flatnonzero(~one.seen).tolist() == [3, 7]
    assert np.isnan(one.xy[[3, 7]]).all()
    assert (one.confidence[[3, 7]] == 0).all()
    assert (one.confidence[one.seen] > 0).all()


def test_a_frame_without_people_is_a_frame(tmp_path: Path) -> None:
    folder = write(tmp_path / "json", [person(COCO_18)], [], [person(COCO_18)])
    assert [(frame.index, len(frame.people)) for frame in open_folder(folder).frames()] == [
        (0, 1),
        (1, 0),
        (2, 1),
    ]


def test_frames_are_ordered_by_number_not_by_name(tmp_path: Path) -> None:
    for number in (9, 10, 100):
        (tmp_path / f"cam01.{number}.json").write_text(
            json.dumps({"people": [{"pose_keypoints_2d": person(COCO_18)}]})
        )
    assert [frame.index for frame in open_folder(tmp_path).frames()] == [9, 10, 100]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    xy = np.random.default_rng(0).uniform(0, 500, (18, 2)).astype(np.float32)
    confidence = np.linspace(0.1, 1, 18).astype(np.float32)
    xy[5], confidence[5] = np.nan, 0
    (tmp_path / "f_0_keypoints.json").write_text(write_people([DetectedPerson(xy=xy, confidence=confidence)]))
    (tmp_path / SOURCE_FILE).write_text(
        json.dumps({"fps": 25, "image_size": [640, 480], "layout": "coco_18"})
    )
    folder = open_folder(tmp_path)
    assert (folder.fps, folder.image_size, folder.skeleton) == (25.0, (640, 480), COCO_18)
    (one,) = next(folder.frames()).people
    np.testing.assert_allclose(one.xy, xy, atol=1e-3)
    np.testing.assert_allclose(one.confidence, confidence, atol=1e-4)


def test_17_joints_where_25_are_needed_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "json", [person(COCO_17)])
    with pytest.raises(
        ValueError, match=r"_000000000000_keypoints.json: a person has 17 joints; layout 'body_25' needs 25"
    ):
        list(open_folder(folder, "body_25").frames())


def test_json_cut_off_in_the_middle_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "json", [person(COCO_18)], [person(COCO_18)])
    path = folder / frame_file_name(1)
    path.write_text(path.read_text()[:100])
    with pytest.raises(
        ValueError, match=r"frame_000000000001_keypoints.json is no JSON, perhaps cut off: .*line 1"
    ):
        list(open_folder(folder).frames())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1, 2]", "has no list 'people'"),
        ('{"people": [{"face_keypoints_2d": []}]}', "person 0 has no list of numbers 'pose_keypoints_2d'"),
        ('{"people": [{"pose_keypoints_2d": [1, 2]}]}', "person 0 has 2 values; x, y, c for each joint"),
        ('{"people": [{"pose_keypoints_2d": [1, 2, 0.5, 1, 2, 0.5]}]}', "people have 2 joints; 17, 18 or 25"),
        ('{"people": []}', "none of 1 files shows a person"),
    ],
)
def test_a_file_that_is_something_else_is_named_with_its_fault(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "f_0_keypoints.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        list(open_folder(tmp_path).frames())


def test_an_unknown_layout_an_empty_folder_and_a_missing_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no .json"):
        open_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        open_folder(tmp_path / "nowhere")
    write(tmp_path, [person(COCO_18)])
    with pytest.raises(ValueError, match=r"'body_26' is not known; auto, coco_18, body_25"):
        open_folder(tmp_path, "body_26")


def test_two_files_of_one_frame_are_refused(tmp_path: Path) -> None:
    for name in ("a_7.json", "b_07.json"):
        (tmp_path / name).write_text('{"people": []}')
    with pytest.raises(ValueError, match=r"a_7.json and b_07.json|b_07.json and a_7.json"):
        open_folder(tmp_path)


def test_the_real_openpose_sample_is_body_25(real_data: Callable[[str], Path]) -> None:
    assert open_folder(real_data("openpose_json") / "spin_sample").skeleton is BODY_25


def read_trc(path: Path) -> dict[str, np.ndarray]:
    """Marker -> (T, 3) metres in the calibration's axes: TRC z, x, y."""
    lines = path.read_text().splitlines()
    names = [name for name in lines[3].split("\t")[2:] if name.strip()]
    rows = [line.split("\t")[2 : 2 + 3 * len(names)] for line in lines[5:] if line.strip()]
    xyz = np.array(rows, dtype=np.float64).reshape(len(rows), len(names), 3)[..., [2, 0, 1]]
    return dict(zip(names, np.moveaxis(xyz, 1, 0), strict=True))


@pytest.mark.parametrize("camera", ["01", "02", "03", "04"])
def test_two_real_people_keep_their_identities_as_their_triangulated_poses_say(
    real_data: Callable[[str], Path], camera: str
) -> None:
    demo = real_data("pose2sim_demo")
    trial = demo / "S00_P01_MultiParticipants" / "S00_P01_T02_Participants1-2"
    truth = [read_trc(trial / "pose-3d" / f"{trial.name}_P{person}_0-100.trc") for person in (1, 2)]
    with next((demo / "calibration").glob("*.toml")).open("rb") as file:
        calibration = tomllib.load(file)[f"cam_{camera}"]
    folder = open_folder(trial / "pose" / f"cam{camera}_json")
    assert folder.skeleton is BODY_25B
    hips = [BODY_25B.joints.index(name) for name in ("left_hip", "right_hip")]
    given: dict[int, set[int]] = {0: set(), 1: set()}
    for frame in track(folder.frames()):
        for number, markers in enumerate(truth):
            middle = (markers["LHip"][frame.index] + markers["RHip"][frame.index]) / 2
            place, _ = cv2.projectPoints(
                middle[None],
                np.array(calibration["rotation"]),
                np.array(calibration["translation"]),
                np.array(calibration["matrix"]),
                np.array(calibration["distortions"]),
            )
            off = {i: np.linalg.norm(p.xy[hips].mean(axis=0) - place[0, 0]) for i, p in frame.people.items()}
            near = {i for i, distance in off.items() if distance < 60}
            given[number] |= near
    assert [len(given[number]) for number in (0, 1)] == [1, 1]
    assert given[0] != given[1]


def test_everybody_in_the_real_scene_is_tracked_to_its_end(real_data: Callable[[str], Path]) -> None:
    demo = real_data("pose2sim_demo") / "S00_P00_SingleParticipant" / "S00_P00_T01_BalancingTrial"
    people = summarise(track(open_folder(demo / "pose" / "cam02_json").frames()))
    assert [person.num_frames for person in people] == [100, 100]
