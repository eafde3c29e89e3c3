"""JSON and video to poses: what is written, how gaps and people are treated, and what is refused."""

import gc
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifting.bvh import read_bvh
from lifting.gaps import Frame2D, GapConfig
from lifting.inference import LiftedFrame
from lifting.one_euro import OneEuroConfig
from lifting.openpose import frame_file_name
from lifting.run import LiftRequest, run_lift
from lifting.skeleton import BODY_25
from lifting.tracking import DetectedPerson, PeopleFrame
from lifting.trained_lifter import TwoStreamLifter
from walking_person import FRAMES, folder, person


@pytest.fixture(scope="module")
def lifter(trained_run: Path) -> TwoStreamLifter:
    return TwoStreamLifter.load(trained_run / "lifter")


def test_json_becomes_poses_bvh_and_an_animation(lifter: TwoStreamLifter, tmp_path: Path) -> None:
    source = folder(tmp_path / "json")
    found = run_lift(lifter, LiftRequest(source=source, layout="body_25", fps=25), tmp_path / "out")
    assert (found.num_frames, found.num_lifted, found.num_filled) == (FRAMES, FRAMES, 0)
    with np.load(found.poses) as content:
        assert content["xyz"].shape == (FRAMES, 17, 3)
        assert np.isfinite(content["xyz"]).all()
        assert content["xy"].shape == (FRAMES, 25, 2)
        assert str(content["keypoint_skeleton"]) == BODY_25.name
        assert float(content["fps"]) == 25
        np.testing.assert_allclose(content["xy"][3], person(3).xy, atol=0.01)
    assert found.bvh is not None
    assert found.animation is not None
    assert len(read_bvh(found.bvh).values) == FRAMES
    capture = cv2.VideoCapture(str(found.animation))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    assert capture.get(cv2.CAP_PROP_FPS) == 25
    capture.release()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "animation.mp4",
        "poses.bvh",
        "poses.npz",
    ]


def test_poses_are_what_lifting_the_clip_gives(lifter: TwoStreamLifter, tmp_path: Path) -> None:
    from lifting.people import person_keypoints

    source = folder(tmp_path / "json", lost=(4, 5))
    request = LiftRequest(
        source=source,
        layout="body_25",
        gaps=GapConfig(lookahead=3),
        smoothing=OneEuroConfig(),
        bvh=False,
        animation=False,
    )
    found = run_lift(lifter, request, tmp_path / "out")
    people = [None if frame in (4, 5) else person(frame) for frame in range(FRAMES)]
    clip = person_keypoints(people, image_size=(1000, 1000), fps=30, skeleton=BODY_25)
    expected = lifter.lift(clip, gaps=request.gaps, smoothing=request.smoothing)
    with np.load(found.poses) as content:
        np.testing.assert_allclose(content["xyz"], expected.xyz, atol=1e-2)
        assert np.flatnonzero(content["filled"].all(axis=1)).tolist() == [4, 5]
        # between frames 3 and 6 the person walked 2 pixels a frame
        np.testing.assert_allclose(content["xy"][4], person(4).xy, atol=0.05)
    assert (found.bvh, found.animation) == (None, None)


def test_frames_beyond_the_hold_have_no_pose_and_bvh_stays_where_it_was(
    lifter: TwoStreamLifter, tmp_path: Path
) -> None:
    source = folder(tmp_path / "json", lost=(5, 6, 7))
    request = LiftRequest(source=source, layout="body_25", gaps=GapConfig(max_hold=1), animation=False)
    found = run_lift(lifter, request, tmp_path / "out")
    assert found.num_lifted == FRAMES - 2
    with np.load(found.poses) as content:
        assert np.isnan(content["xyz"]).all(axis=(1, 2)).nonzero()[0].tolist() == [6, 7]
    assert found.bvh is not None
    values = read_bvh(found.bvh).values
    np.testing.assert_array_equal(values[6], values[5])


def test_the_largest_of_several_people_is_lifted_unless_another_one_is_meant(
    lifter: TwoStreamLifter, tmp_path: Path
) -> None:
    source = folder(tmp_path / "json", others=True)
    for choice, x in (("largest", 300), (1, 700)):
        request = LiftRequest(source=source, layout="body_25", person=choice, bvh=False, animation=False)  # type: ignore[arg-type]
        found = run_lift(lifter, request, tmp_path / str(choice))
        with np.load(found.poses) as content:
            size = 100 if x == 300 else 40
            np.testing.assert_allclose(content["xy"][0], person(0, x, size).xy, atol=0.01)


class FramesAlive:
    """Counts the frames that live in memory, whoever holds them, at some moments of the run."""

    def __init__(self) -> None:
        self.counts: list[int] = []

    def __call__(self, phase: str, done: int, total: int, note: str = "") -> None:
        if done and done % 40 == 0:
            gc.collect()
            kinds = (LiftedFrame, Frame2D, DetectedPerson, PeopleFrame)
            self.counts.append(sum(issubclass(type(thing), kinds) for thing in gc.get_objects()))


def test_frames_in_memory_do_not_grow_with_the_video(lifter: TwoStreamLifter, tmp_path: Path) -> None:
    source, alive = folder(tmp_path / "json", frames=200), FramesAlive()
    request = LiftRequest(source=source, layout="body_25", gaps=GapConfig(lookahead=4), bvh=False)
    run_lift(lifter, request, tmp_path / "out", progress=alive)
    assert len(alive.counts) == 5
    assert max(alive.counts) < 20  # of 200: the look-ahead, and the one in hand in each of its forms


def test_a_video_that_does_not_open_is_named(lifter: TwoStreamLifter, tmp_path: Path) -> None:
    video = tmp_path / "broken.mp4"
    video.write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"broken.mp4 is no video that can be decoded"):
        run_lift(lifter, LiftRequest(source=video), tmp_path / "out")


def test_frames_without_people_are_refused(lifter: TwoStreamLifter, tmp_path: Path) -> None:
    source = folder(tmp_path / "json", lost=tuple(range(FRAMES)))
    with pytest.raises(ValueError, match="no frame shows a person"):
        run_lift(lifter, LiftRequest(source=source, layout="body_25"), tmp_path / "out")


def test_nothing_unfinished_is_left_behind(lifter: TwoStreamLifter, tmp_path: Path) -> None:
    source = folder(tmp_path / "json")
    (source / frame_file_name(7)).write_text('{"people": [{"pose_key')
    with pytest.raises(ValueError, match=r"frame_000000000007_keypoints\.json"):
        run_lift(lifter, LiftRequest(source=source, layout="body_25", fps=25), tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))
