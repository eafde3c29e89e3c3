"""What users get wrong about bodies is seen: axes, mirrored sides, the order of joints, joints at zero."""

from dataclasses import replace

import numpy as np
import pytest

from encoding.datasets.body_checks import body_findings
from encoding.datasets.layout_fit import better_layout, fit
from encoding.datasets.synthetic import synthetic
from encoding.posture import UPS, Up, posture_of, turned
from lifting.poses import PoseSequence3D
from lifting.skeleton import COCO_17, H36M_17, MSR_20, SKELETONS

CLIPS = synthetic(num_subjects=4, clips_per_action=1).clips
POSES = [clip.poses.xyz for clip in CLIPS]
NAMES = [clip.name for clip in CLIPS]


def messages(poses: list[np.ndarray], expected: Up = "y") -> list[str]:
    return [str(finding) for finding in body_findings(NAMES, poses, MSR_20, expected)]


def test_upright_people_with_their_own_layout_have_no_finding() -> None:
    assert messages(POSES) == []


def test_y_down_is_seen_and_not_reported_where_the_data_says_so() -> None:
    down = [xyz * np.array([-1, -1, 1], np.float32) for xyz in POSES]
    (message,) = messages(down)
    assert "heads are below the hips along y: the data has y down, and y up is expected" in message
    assert messages(down, "-y") == []


def test_z_up_is_seen() -> None:
    (message,) = messages([np.stack([x[..., 0], -x[..., 2], x[..., 1]], -1) for x in POSES])
    assert "bodies stand along z up, and y up is expected" in message


def test_mirrored_people_are_seen_whatever_the_axes() -> None:
    (message,) = messages([xyz * np.array([-1, 1, 1], np.float32) for xyz in POSES])
    assert "left and right are mirrored" in message
    swapped = [xyz[..., MSR_20.mirror, :] for xyz in POSES]
    assert "left and right are mirrored" in messages(swapped)[0]


def test_clips_that_lie_are_named_one_by_one() -> None:
    lying = [POSES[0][..., [1, 0, 2]], *POSES[1:]]
    (message,) = messages(lying)
    assert message == f"warning: clip {NAMES[0]!r}: the person lies, or is upside down"


@pytest.mark.parametrize("other", ["kinect_20"])
def test_another_order_of_as_many_joints_is_named(other: str) -> None:
    order = [MSR_20.joints.index(joint) for joint in SKELETONS[other].joints]
    reordered = [xyz[:, order] for xyz in POSES]
    message = messages(reordered)[0]
    assert f"this fits {other} better than msr_20" in message
    assert fit(reordered, SKELETONS[other]).misfit == pytest.approx(fit(POSES, MSR_20).misfit)
    assert better_layout(POSES, MSR_20) is None


def test_a_bone_that_is_longer_on_one_side_is_named() -> None:
    swapped = list(range(20))
    hand, elbow = MSR_20.joints.index("left_hand"), MSR_20.joints.index("left_elbow")
    swapped[hand], swapped[elbow] = elbow, hand
    (message,) = messages([xyz[:, swapped] for xyz in POSES])
    assert "the bone to the hand is " in message
    assert "is the order of the joints that of msr_20?" in message


def test_a_joint_at_zero_is_counted_by_name() -> None:
    hand = MSR_20.joints.index("left_hand")
    marked = [xyz.copy() for xyz in POSES]
    for xyz in marked:
        xyz[::2, hand] = 0
    count = sum(len(xyz[::2]) for xyz in marked)
    expected = f"joint left_hand is exactly (0, 0, 0) in {count} poses, such as in clip {NAMES[0]!r}"
    assert any(expected in message for message in messages(marked))


@pytest.mark.parametrize("came", UPS)
@pytest.mark.parametrize("wanted", UPS)
def test_turned_poses_stand_along_the_axis_wanted_and_keep_their_sides(came: Up, wanted: Up) -> None:
    clips = [turned(turned(clip.poses, "y", came), came, wanted).xyz for clip in CLIPS]
    posture = posture_of(clips, MSR_20)
    assert posture.up == wanted
    assert posture.handedness is not None
    assert posture.handedness > 0.5


def test_between_y_up_and_y_down_depth_stays() -> None:
    poses = CLIPS[0].poses
    down = turned(poses, "y", "-y")
    np.testing.assert_allclose(down.xyz, poses.xyz * np.array([-1, -1, 1]), atol=1e-3)
    assert turned(poses, "y", "y") is poses


def test_layouts_without_legs_have_no_axis() -> None:
    heads = replace(COCO_17, name="face", joints=tuple(f"point_{n}" for n in range(17)))
    assert posture_of([np.ones((4, 17, 3), np.float32)], heads).up is None


def test_a_layout_whose_root_is_the_hip_is_measured() -> None:
    frames = np.zeros((5, 17, 3), np.float32)
    frames[:, H36M_17.joints.index("head"), 1] = -700
    frames[:, [H36M_17.joints.index(f"{side}_foot") for side in ("left", "right")], 1] = 800
    clip = PoseSequence3D(xyz=frames, fps=15, skeleton=H36M_17)
    assert posture_of([clip.xyz], H36M_17).up == "-y"
