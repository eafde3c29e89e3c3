"""Two streams at work: averaged in millimeters, in four ways, for clips and frame by frame."""

import numpy as np
import pytest

from lifting.gaps import GapConfig
from lifting.inference import INFERENCE_MODES, FrameLifter, StreamLifter, TwoStream
from lifting.normalize import FloatArray, KeypointNormalizer, NormalizationConfig, PoseNormalizer
from lifting.one_euro import OneEuroConfig
from lifting.poses import Keypoints2D
from lifting.skeleton import H36M_17, MSR_20

DRAW = np.random.default_rng(0)
XY = DRAW.normal(500, 100, (40, 17, 2)).astype(np.float32)
SURE = np.ones((40, 17), np.float32)


def stream(gain: float, kind: str = "z") -> StreamLifter:
    """Writes `gain` times the x of every keypoint but the root, in all three coordinates."""
    keypoints = KeypointNormalizer(
        config=NormalizationConfig.model_validate({"kind": kind}),
        skeleton=H36M_17,
        mean=np.zeros((17, 2), np.float32),
        spread=np.ones((17, 2), np.float32),
    )
    joints = PoseNormalizer(
        skeleton=H36M_17, mean=np.zeros((16, 3), np.float32), spread=np.ones((16, 3), np.float32)
    )

    def predict(features: FloatArray) -> FloatArray:
        return np.repeat(gain * features[:, 2::2], 3, axis=1)

    return StreamLifter(keypoints=keypoints, joints=joints, predict=predict)


LIFTER = TwoStream(gt=stream(1), detected=stream(3))


def keypoints(frames: int = 40) -> Keypoints2D:
    return Keypoints2D(
        xy=XY[:frames], confidence=SURE[:frames], image_size=(1000, 1000), fps=30, skeleton=H36M_17
    )


def test_streams_are_averaged_in_millimeters() -> None:
    poses = LIFTER.lift_frames(XY, SURE, H36M_17)
    np.testing.assert_allclose(poses[:, 1:, 0], (1 + 3) / 2 * XY[:, 1:, 0], rtol=1e-6)
    assert np.abs(poses[:, 0]).max() == 0  # the root
    np.testing.assert_allclose(LIFTER.lift_frames(XY, SURE, H36M_17, "gt")[:, 1:, 0], XY[:, 1:, 0])


def test_the_four_ways_give_each_stream_its_keypoints() -> None:
    true, detected = np.full((1, 17, 2), 10, np.float32), np.full((1, 17, 2), 100, np.float32)
    answers = {
        name: LIFTER.lift_in_mode(way, true, detected, SURE[:1], H36M_17)[0, 1, 0]
        for name, way in INFERENCE_MODES.items()
    }
    assert answers == {
        "gt + detected": (10 + 3 * 100) / 2,
        "detected + detected": (100 + 3 * 100) / 2,
        "detected stream alone": 3 * 100,
        "gt + gt": (10 + 3 * 10) / 2,
    }


def test_where_one_stream_has_no_answer_the_other_one_stands() -> None:
    lifter = TwoStream(gt=stream(1, kind="root"), detected=stream(3))
    xy = XY[:1].copy()
    xy[0, 0] = np.nan  # without its root the first stream cannot lift
    np.testing.assert_allclose(lifter.lift_frames(xy, SURE[:1], H36M_17)[0, 1:, 0], 3 * XY[0, 1:, 0])


def test_a_frame_without_enough_keypoints_has_no_pose() -> None:
    xy = XY[:2].copy()
    xy[1] = np.nan
    poses = LIFTER.lift_frames(xy, SURE[:2], H36M_17)
    assert np.isfinite(poses[0]).all()
    assert np.isnan(poses[1]).all()


@pytest.mark.parametrize("lookahead", [0, 3])
def test_frame_by_frame_gives_what_the_whole_clip_gives(lookahead: int) -> None:
    clip = keypoints()
    xy = clip.xy.copy()
    xy[5:8, 3], xy[20:22] = np.nan, np.nan
    clip = Keypoints2D(xy=xy, confidence=SURE, image_size=(1000, 1000), fps=30, skeleton=H36M_17)
    gaps, smoothing = GapConfig(lookahead=lookahead), OneEuroConfig()
    whole = LIFTER.lift(clip, gaps=gaps, smoothing=smoothing).xyz
    frame_by_frame = FrameLifter(LIFTER, H36M_17, 30, gaps=gaps, smoothing=smoothing)
    frames = [lifted for frame in xy for lifted in frame_by_frame.push(frame)] + frame_by_frame.finish()
    assert [frame.number for frame in frames] == list(range(40))
    np.testing.assert_array_equal(np.stack([frame.pose for frame in frames]), whole)


def test_frames_held_do_not_grow_with_the_clip() -> None:
    frame_by_frame = FrameLifter(LIFTER, H36M_17, 30, gaps=GapConfig(lookahead=2))
    held = []
    for number in range(200):
        frame_by_frame.push(XY[number % 40])
        held.append(frame_by_frame.held)
    assert max(held) == 2


def test_other_layouts_are_mapped() -> None:
    msr = DRAW.normal(500, 100, (3, 20, 2)).astype(np.float32)
    poses = LIFTER.lift_frames(msr, np.ones((3, 20), np.float32), MSR_20)
    wrist = H36M_17.joints.index("left_wrist"), MSR_20.joints.index("left_wrist")
    np.testing.assert_allclose(poses[:, wrist[0], 0], 2 * msr[:, wrist[1], 0], rtol=1e-6)


def test_a_layout_without_a_mapping_is_refused_before_the_first_frame() -> None:
    from lifting.skeleton import SBU_15

    with pytest.raises(ValueError, match="no mapping from skeleton 'sbu_15' to 'h36m_17'"):
        FrameLifter(LIFTER, SBU_15, 30)


def test_17_keypoints_where_25_are_needed_are_refused() -> None:
    from lifting.skeleton import BODY_25

    with pytest.raises(ValueError, match=r"keypoints of shape \(17, 2\); \(25, 2\)|skeleton 'body_25'"):
        TwoStream(gt=stream(1), detected=stream(1)).lift_frames(XY, SURE, BODY_25)


def test_streams_of_different_layouts_are_refused() -> None:
    joints = PoseNormalizer(
        skeleton=MSR_20, mean=np.zeros((19, 3), np.float32), spread=np.ones((19, 3), np.float32)
    )
    other = StreamLifter(keypoints=stream(1).keypoints, joints=joints, predict=stream(1).predict)
    with pytest.raises(ValueError, match="stream gt writes 'h36m_17' and stream detected 'msr_20'"):
        TwoStream(gt=stream(1), detected=other)
