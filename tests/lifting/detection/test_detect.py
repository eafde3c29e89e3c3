"""Detection of a whole video: resumes and refuses; MediaPipe itself where it is built."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from fake_detector import install_fake_detector
from lifting.detection import detect as detection
from lifting.detection.detect import PREVIEW, detect_video
from lifting.detection.mediapipe_detector import (
    MediaPipeDetector,
    detector_python,
    person_from_mediapipe,
)
from lifting.openpose import SOURCE_FILE, frame_file_name, open_folder
from lifting.skeleton import BODY_25, MEDIAPIPE_33

SIZE = (64, 48)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "walk.avi", [100] * 12)


def write_video(path: Path, levels: list[int]) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, SIZE)
    for level in levels:
        writer.write(np.full((SIZE[1], SIZE[0], 3), level, np.uint8))
    writer.release()
    return path


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return install_fake_detector(tmp_path, monkeypatch)


@pytest.mark.usefixtures("fake")
def test_every_frame_becomes_one_openpose_file(video: Path, tmp_path: Path) -> None:
    found = detect_video(video, tmp_path / "json")
    assert (found.num_frames, found.num_detected, found.resumed_at) == (12, 12, 0)
    folder = open_folder(tmp_path / "json")
    assert (folder.skeleton, folder.fps, folder.image_size) == (BODY_25, 25.0, SIZE)
    frames = list(folder.frames())
    assert [frame.index for frame in frames] == list(range(12))
    # The nose is MediaPipe's point 0, a quarter of the width and half of the height.
    np.testing.assert_allclose(frames[5].people[0].xy[0], [16, 24], atol=1e-3)
    assert (tmp_path / "json" / PREVIEW).stat().st_size > 0


@pytest.mark.usefixtures("fake")
def test_a_frame_without_anybody_is_a_file_without_people(tmp_path: Path) -> None:
    dark = write_video(tmp_path / "dark.avi", [100, 0, 100])
    assert detect_video(dark, tmp_path / "json").num_detected == 2
    assert json.loads((tmp_path / "json" / frame_file_name(1)).read_text())["people"] == []


@pytest.mark.usefixtures("fake")
def test_a_broken_run_goes_on_and_keeps_what_is_there(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "json"
    detect_video(video, out)
    source = json.loads((out / SOURCE_FILE).read_text())
    (out / SOURCE_FILE).write_text(json.dumps({k: v for k, v in source.items() if k != "num_frames"}))
    for number in range(7, 12):
        (out / frame_file_name(number)).unlink()
    (out / frame_file_name(3)).write_text('{"people": []}')  # a mark: it must not be written again
    found = detect_video(video, out)
    assert (found.resumed_at, found.num_frames) == (7, 12)
    assert (out / frame_file_name(3)).read_text() == '{"people": []}'
    assert len(list(out.glob("frame_*"))) == 12
    assert detect_video(video, out).resumed_at == 12  # nothing left to do


@pytest.mark.usefixtures("fake")
def test_a_folder_of_something_else_is_refused(video: Path, tmp_path: Path) -> None:
    other = tmp_path / "notes"
    other.mkdir()
    (other / "text.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="is no folder of detections"):
        detect_video(video, other)
    detect_video(video, tmp_path / "json")
    with pytest.raises(FileExistsError, match=r"its min_confidence is 0.2, this one's 0.5"):
        detect_video(video, tmp_path / "json", min_confidence=0.5)


@pytest.mark.usefixtures("fake")
def test_a_detector_that_dies_is_reported_and_leaves_whole_files(tmp_path: Path) -> None:
    bright = write_video(tmp_path / "bright.avi", [100, 100, 255])
    with pytest.raises(RuntimeError, match=r"MediaPipe in .* ended: out of memory"):
        detect_video(bright, tmp_path / "json")
    assert len(list((tmp_path / "json").glob("frame_*"))) == 2


def test_an_environment_without_mediapipe_is_reported(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSENAS_DETECTOR", str(tmp_path / "python"))
    (tmp_path / "python").write_text('#!/bin/sh\necho "No module named mediapipe" >&2\nexit 1\n')
    (tmp_path / "python").chmod(0o755)
    with pytest.raises(RuntimeError, match=r"MediaPipe in .* ended: No module named mediapipe"):
        detect_video(video, tmp_path / "json")
    assert not (tmp_path / "json").exists()


def test_joints_outside_the_image_and_unsure_ones_are_missing() -> None:
    points = np.full((33, 3), 0.5)
    points[MEDIAPIPE_33.joints.index("left_ankle"), 1] = 1.2
    points[MEDIAPIPE_33.joints.index("right_wrist"), 2] = 0.1
    (person,) = person_from_mediapipe(points, (100, 200), 0.2)
    missing = {BODY_25.joints[joint] for joint in np.flatnonzero(~person.seen)}
    assert missing == {"left_ankle", "right_wrist", "left_small_toe", "right_small_toe"}


def test_mediapipe_finds_the_person_in_a_real_image(real_data: Callable[[str], Path]) -> None:
    """On an image, not a video: versions of OpenCV decode the same video a little differently."""
    try:
        detector_python()
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    sample = real_data("openpose_json") / "spin_sample"
    image = cv2.imread(str(sample / "im1010.jpg"))
    openpose = next(open_folder(sample).frames()).people[0]
    height, width = image.shape[:2]
    with MediaPipeDetector((width, height), detection.MIN_CONFIDENCE) as detector:
        assert detector.name == "mediapipe 0.10.21"
        (person,) = detector.detect(image)
    common = person.seen & openpose.seen
    assert common.sum() >= 12
    # Both put the joints within a tenth of the person's size of each other.
    assert np.median(np.linalg.norm(person.xy - openpose.xy, axis=1)[common]) < 0.1 * openpose.size
