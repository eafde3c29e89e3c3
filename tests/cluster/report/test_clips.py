import base64
from typing import Any

import numpy as np
import pytest

from cluster.report.clips import MISSING, ShownClip, clips_data, quantized
from lifting.poses import PoseSequence3D
from lifting.skeleton import COCO_18, MSR_20, SBU_15

HEAD, FOOT = MSR_20.joints.index("head"), MSR_20.joints.index("left_foot")


def poses(frames: int = 1, head_y: float = 1000.0) -> PoseSequence3D:
    """All joints at 0 but the head, at (0, head_y, 500)."""
    xyz = np.zeros((frames, 20, 3), np.float32)
    xyz[:, HEAD] = (0.0, head_y, 500.0)
    return PoseSequence3D(xyz=xyz, fps=20.0, skeleton=MSR_20)


def shown(name: str = "clip", label: int = 0, answer: int = 0, **changes: Any) -> ShownClip:
    values: dict[str, Any] = {
        "poses": poses(),
        "image": np.zeros((4, 4, 3), np.uint8),
        "probability": 0.98765,
    }
    return ShownClip(name=name, label=label, answer=answer, **(values | changes))


@pytest.mark.parametrize("head_y", [1000.0, -1000.0])
def test_the_longest_side_takes_all_steps_and_the_head_is_up(head_y: float) -> None:
    values = quantized(poses(head_y=head_y))
    # 1000 mm are 254 steps around the middle, 127; 500 mm are 127 steps, from 63.5 to 190.5
    assert values[0, HEAD].tolist() == [127, 254, 190]
    assert values[0, FOOT].tolist() == [127, 0, 64]


def test_a_joint_that_was_not_seen_is_marked() -> None:
    xyz = poses().xyz.copy()
    xyz[0, FOOT] = np.nan
    values = quantized(PoseSequence3D(xyz=xyz, fps=20.0, skeleton=MSR_20))
    assert values[0, FOOT].tolist() == [MISSING] * 3
    nobody = PoseSequence3D(xyz=np.full((1, 20, 3), np.nan), fps=20.0, skeleton=MSR_20)
    assert (quantized(nobody) == MISSING).all()


def test_a_long_clip_is_thinned_and_keeps_its_time() -> None:
    data = clips_data([shown(poses=poses(frames=200))])["clips"][0]
    assert data["frames"] == 40
    assert data["seconds"] == 10.0
    assert len(base64.b64decode(data["poses"])) == 40 * 20 * 3


def test_two_people_stand_one_after_the_other() -> None:
    xyz = np.zeros((3, 2, 15, 3), np.float32)
    xyz[:, 1, :, 0] = 100.0
    values = quantized(PoseSequence3D(xyz=xyz, fps=15.0, skeleton=SBU_15))
    assert values.shape == (3, 30, 3)
    assert values[0, 0, 0] == 0
    assert values[0, 15, 0] == 254


def test_bones_know_their_side() -> None:
    data = clips_data([shown()])
    sides = dict(zip([MSR_20.joints[child] for _, child in data["bones"]], data["sides"], strict=True))
    assert (sides["head"], sides["left_hand"], sides["right_foot"]) == (0, 1, 2)


def test_wrong_answers_come_first_and_what_is_left_out_is_counted() -> None:
    clips = [shown("right 1"), shown("right 2"), shown("wrong", 0, 1), shown("right 3")]
    data = clips_data(clips, most=2)
    assert [clip["name"] for clip in data["clips"]] == ["wrong", "right 1"]
    assert data["left_out"] == {"0,0": 2}
    assert data["clips"][0]["probability"] == 0.988


def test_no_clips_give_nothing() -> None:
    assert clips_data([]) == {}


def test_a_skeleton_without_a_head_uses_the_nose() -> None:
    xyz = np.zeros((1, 18, 3), np.float32)
    xyz[0, COCO_18.joints.index("nose"), 1] = -800.0  # y grows downwards
    values = quantized(PoseSequence3D(xyz=xyz, fps=30.0, skeleton=COCO_18))
    assert values[0, COCO_18.joints.index("nose"), 1] == 254
