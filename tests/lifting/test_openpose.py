"""OpenPose's JSON: layouts, missing joints, and every file that is not what it should be."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifting.frame_numbers import pictures_before
from lifting.openpose import SOURCE_FILE, frame_file_name, open_folder, write_people
from lifting.people import summarize
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
        ValueError,
        match=r"frame_000000000001_keypoints.json is not OpenPose JSON, or it is damaged: .*line 1",
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
    """Marker -> (T, 3) meters in the calibration's axes: TRC z, x, y."""
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
    people = summarize(track(open_folder(demo / "pose" / "cam02_json").frames()))
    assert [person.num_frames for person in people] == [100, 100]


def rename(folder: Path, names: list[str]) -> Path:
    """The folder's files, in order, under other names."""
    for path, name in zip(sorted(folder.glob("*.json")), names, strict=True):
        path.rename(folder / name)
    return folder


def indices(folder: Path) -> list[int]:
    return [number for number, _ in open_folder(folder).files]


def walk(folder: Path, num_frames: int) -> Path:
    return write(folder, *[[person(COCO_18)]] * num_frames)


@pytest.mark.parametrize(
    ("first", "steps", "frames", "fps"),
    [
        (1700000000000, [33] * 5, [0, 1, 2, 3, 4, 5], 1000 / 33),  # milliseconds since 1970
        (0, [33, 34, 33, 33, 34], [0, 1, 2, 3, 4, 5], 5000 / 167),  # 167 ms for 5 frames
        (0, [40, 40, 80, 40], [0, 1, 2, 4, 5], 25.0),  # one frame was dropped: 200 ms for 5
        (10**15, [16667, 16667, 16666, 16667], [0, 1, 2, 3, 4], 4e6 / 66667),  # microseconds
        (5 * 10**17, [33333333] * 4, [0, 1, 2, 3, 4], 1e9 / 33333333),  # nanoseconds
    ],
)
def test_numbers_that_are_times_become_frames_and_tell_the_rate(
    tmp_path: Path, first: int, steps: list[int], frames: list[int], fps: float
) -> None:
    numbers = np.cumsum([first, *steps])
    folder = rename(walk(tmp_path / "a", len(numbers)), [f"{number}_keypoints.json" for number in numbers])
    opened = open_folder(folder)
    assert [number for number, _ in opened.files] == frames
    assert opened.fps == pytest.approx(fps)
    assert "are taken for times" in opened.notes[0]


@pytest.mark.parametrize("numbers", [[0, 1, 2, 3], [0, 5, 10, 15, 25], [7, 8, 300, 301], [3, 50, 120, 400]])
def test_numbers_that_are_frames_stay_as_they_are(tmp_path: Path, numbers: list[int]) -> None:
    """All frames, every fifth (one of them lost), and frames where a person was seen."""
    folder = rename(walk(tmp_path / "a", len(numbers)), [f"f_{number:06}.json" for number in numbers])
    assert indices(folder) == numbers
    assert open_folder(folder).notes == ()


@pytest.mark.parametrize(
    "names",
    [
        ["20240101_120000_960", "20240101_120000_993", "20240101_120001_026", "20240101_120001_059"],
        ["shot_0.967_pose", "shot_1.000_pose", "shot_1.033_pose", "shot_1.067_pose"],
        ["front", "left", "right", "top"],
        ["1", "99999999999", "99999999999999", "9999999999999999"],
    ],
    ids=["date and time", "seconds", "no numbers", "no rhythm"],
)
def test_names_that_hold_no_frame_number_are_taken_in_their_order(tmp_path: Path, names: list[str]) -> None:
    folder = rename(walk(tmp_path / "a", 4), [f"{name}.json" for name in names])
    opened = open_folder(folder)
    assert [(number, path.stem) for number, path in opened.files] == list(enumerate(names))
    assert len(opened.notes) == 1


def test_a_number_behind_the_frames_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    folder = rename(walk(tmp_path / "a", 3), [f"f_{number}_pose2d.json" for number in (4, 5, 6)])
    (folder / "._f_4_pose2d.json").write_bytes(b"\0\5\x16\7Mac OS X")
    assert indices(folder) == [4, 5, 6]


def test_two_cameras_in_one_folder_are_refused(tmp_path: Path) -> None:
    names = [f"cam{camera}_{number}.json" for camera in (1, 2) for number in (0, 1, 2)]
    with pytest.raises(ValueError, match=r"cam1_0.json and cam2_0.json in .* are both of frame 0"):
        open_folder(rename(walk(tmp_path / "a", 6), names))


@pytest.mark.parametrize(
    ("first", "last", "pictures", "before"),
    [
        (0, 99, 100, 0),
        (1, 100, 100, 0),  # counted from 1
        (1, 60, 100, 0),  # counted from 1, the end was left out
        (1, 99, 100, 1),  # counted from 0: the last is the video's last
        (10, 50, 100, 10),
        (200, 299, 100, 0),  # the video is cut to the keypoints
        (10, 50, 0, 10),  # nothing is known of the video's length
    ],
)
def test_pictures_before_the_first_file(first: int, last: int, pictures: int, before: int) -> None:
    assert pictures_before(first, last, pictures) == before


@pytest.mark.parametrize("skeleton", [COCO_17, COCO_18, BODY_25], ids=lambda s: s.name)
def test_x_y_pairs_count_as_seen(tmp_path: Path, skeleton: Skeleton) -> None:
    values = np.array(person(skeleton, missing=(2,))).reshape(-1, 3)
    folder = write(tmp_path / "json", [[float(value) for value in values[:, :2].ravel()]])
    opened = open_folder(folder)
    (one,) = next(opened.frames()).people
    assert opened.skeleton is skeleton
    np.testing.assert_allclose(one.xy[3:], values[3:, :2], rtol=1e-6)
    assert one.confidence.tolist() == [1, 1, 0, *[1] * (skeleton.num_joints - 3)]


def test_a_confidence_of_0_everywhere_says_nothing(tmp_path: Path) -> None:
    values = np.array(person(COCO_17, missing=(4,))).reshape(-1, 3) * [1, 1, 0]
    opened = open_folder(write(tmp_path / "json", [[float(value) for value in values.ravel()]]))
    (one,) = next(opened.frames()).people
    assert np.flatnonzero(~one.seen).tolist() == [4]
    assert one.confidence[0] == 1
    assert "confidence is 0 everywhere" in opened.notes[0]


def test_one_file_with_confidence_makes_0_a_missing_joint(tmp_path: Path) -> None:
    without = (np.array(person(COCO_17)).reshape(-1, 3) * [1, 1, 0]).ravel().tolist()
    opened = open_folder(write(tmp_path / "json", [without], [without], [person(COCO_17)]))
    assert [int(frame.people[0].seen.sum()) for frame in opened.frames()] == [0, 0, 17]


@pytest.mark.parametrize("form", ["unit", "signed"])
def test_shares_of_the_picture_become_pixels(tmp_path: Path, form: str) -> None:
    pixels = np.array(person(COCO_17, missing=(4,))).reshape(-1, 3)
    share = pixels[:, :2] / [1280, 720]
    values = np.column_stack([share if form == "unit" else 2 * share - 1, pixels[:, 2]])
    values[4] = 0
    folder = write(tmp_path / "json", [[float(value) for value in values.ravel()]])
    with pytest.raises(ValueError, match=r"shares of the picture, not pixels; image_size, .* is needed"):
        open_folder(folder)
    opened = open_folder(folder, image_size=(1280, 720))
    (one,) = next(opened.frames()).people
    assert np.flatnonzero(~one.seen).tolist() == [4]
    np.testing.assert_allclose(one.xy[one.seen], pixels[one.seen, :2], rtol=1e-5)
    assert ("0 to 1" if form == "unit" else "-1 to 1") in opened.notes[0]


def test_pixels_far_outside_of_any_picture_are_missing_and_the_old_key_is_read(tmp_path: Path) -> None:
    values = person(COCO_18)
    values[:2] = [1e9, 300.0]
    (tmp_path / "f_0.json").write_text(json.dumps({"people": [{"pose_keypoints": values}]}))
    (one,) = next(open_folder(tmp_path).frames()).people
    assert np.flatnonzero(~one.seen).tolist() == [0]
