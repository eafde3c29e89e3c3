"""BVH and ASF/AMC: the same CMU clips from BVH, from ASF/AMC and from the positions that others computed."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from lifting.asf_amc import read_amc, read_asf
from lifting.bvh import Bvh, read_bvh, write_bvh
from lifting.datasets.synthetic import synthetic_recordings
from lifting.mocap_skeletons import ASF_NAMES, ICLONE_NAMES
from lifting.poses import PoseSequence3D
from lifting.rigging import to_bvh
from lifting.skeleton import H36M_17, MSR_20

# Two bones of length 2 and 1 along y; the elbow turns about z, the shoulder about z then x.
ARM = """HIERARCHY
ROOT shoulder
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT elbow
  {
    OFFSET 0 2 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 1 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
10 20 30 0 0 0 0 0 0
0 0 0 90 0 0 90 0 0
"""

ASF = """:version 1.10
:units
  length 0.5
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
:bonedata
  begin
     name upper
     direction 0 1 0
     length 2
     axis 0 0 0 XYZ
    dof rx ry rz
  end
  begin
     name lower
     direction 0 1 0
     length 1
     axis 0 0 90 XYZ
    dof ry
  end
:hierarchy
  begin
    root upper
    upper lower
  end
"""
AMC = ":DEGREES\n1\nroot 1 0 0 0 0 0\nupper 0 0 90\nlower 90\n"


# Every joint has a position; each replaces the offset, which real files write into the channels once more.
SHIFTED = """HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Knee
  {
    OFFSET 0 -40 0
    CHANNELS 4 Zrotation Yposition Xrotation Yrotation
    End Site
    {
      OFFSET 0 -38 0
    }
  }
}
MOTION
Frames: 1
Frame Time: 0.04
0 90 0 90 0 0  0 -41 0 0
"""


def unpacked(path: Path, folder: Path) -> Path:
    target = folder / path.stem
    target.write_bytes(gzip.decompress(path.read_bytes()))
    return target


def clip(arrays: "np.lib.npyio.NpzFile", subject: int, trial: int) -> np.ndarray:
    wanted = (arrays["subject"] == subject) & (arrays["trial"] == trial)
    start, stop = arrays["offsets"][int(np.flatnonzero(wanted)[0]) :][:2]
    return np.asarray(arrays["positions"][start:stop], dtype=np.float64)


def test_a_bvh_arm_bent_by_hand(tmp_path: Path) -> None:
    (tmp_path / "arm.bvh").write_text(ARM)
    motion = read_bvh(tmp_path / "arm.bvh")
    assert motion.names() == ("shoulder", "elbow", "elbow end")
    # At rest: 2 up, 1 more up. Shoulder 90 degrees about z: y becomes -x; elbow 90 more: -x becomes -y.
    np.testing.assert_allclose(motion.positions()[0], [[10, 20, 30], [10, 22, 30], [10, 23, 30]], atol=1e-12)
    np.testing.assert_allclose(motion.positions()[1], [[0, 0, 0], [-2, 0, 0], [-2, -1, 0]], atol=1e-12)


def test_an_asf_arm_bent_by_hand(tmp_path: Path) -> None:
    (tmp_path / "arm.asf").write_text(ASF)
    (tmp_path / "arm.amc").write_text(AMC)
    xyz = read_asf(tmp_path / "arm.asf").positions(read_amc(tmp_path / "arm.amc"))
    unit = 25.4 / 0.5
    # The upper bone turns 90 degrees about z, so 2 along y become 2 along -x. The lower bone's own y axis is,
    # in the upper one's axes, y turned by 90 degrees about z: -x; 90 degrees about -x take y to -z. Turned
    # with the upper bone -z stays -z.
    np.testing.assert_allclose(xyz["root"] / unit, [[1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(xyz["upper"] / unit, [[-1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(xyz["lower"] / unit, [[-1, 0, -1]], atol=1e-12)


def test_position_channels_replace_the_offset_on_their_axis(tmp_path: Path) -> None:
    (tmp_path / "a.bvh").write_text(SHIFTED)
    # Hips at 90, turned by 90 degrees about z: the knee at (0, -41) goes to (41, 0), the end at -38 more to
    # (41 + 38, 0). The knee's x and z have no channel and keep their offset 0.
    expected = [[0, 90, 0], [41, 90, 0], [79, 90, 0]]
    np.testing.assert_allclose(read_bvh(tmp_path / "a.bvh").positions()[0], expected, atol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: (
            text.replace("OFFSET", "offset").replace("ROOT", "Root").replace("End Site", "END SITE tip")
        ),
        lambda text: text.replace("  OFFSET 0 0 0\n", "").replace(
            "Yrotation\n  J", "Yrotation\n  OFFSET 0 0 0\n  J"
        ),
        lambda text: text.replace("10 20 30", "1e1 2.0E+1 30"),
        lambda text: text.split("MOTION")[0].replace("\n", " ") + "MOTION" + text.split("MOTION")[1],
    ],
    ids=["byte order mark", "CRLF", "case", "offset after channels", "exponents", "one line"],
)
def test_a_bvh_as_other_programs_write_it_is_the_same(tmp_path: Path, change: Callable[[str], str]) -> None:
    (tmp_path / "plain.bvh").write_text(ARM)
    (tmp_path / "other.bvh").write_bytes(change(ARM).encode())
    plain, other = read_bvh(tmp_path / "plain.bvh"), read_bvh(tmp_path / "other.bvh")
    assert plain.joints == other.joints
    np.testing.assert_array_equal(plain.values, other.values)


def test_a_joint_without_channels_and_a_name_with_blanks_are_written_back_as_they_were(
    tmp_path: Path,
) -> None:
    text = ARM.replace("CHANNELS 3 Zrotation Xrotation Yrotation", "").replace("elbow", "Bip01 L  Forearm")
    text = text.replace("10 20 30 0 0 0 0 0 0", "10 20 30 0 0 0").replace(
        "0 0 0 90 0 0 90 0 0", "0 0 0 90 0 0"
    )
    (tmp_path / "a.bvh").write_text(text)
    once = read_bvh(tmp_path / "a.bvh")
    assert once.names() == ("shoulder", "Bip01 L Forearm", "Bip01 L Forearm end")
    assert [joint.end_site for joint in once.joints] == [False, False, True]
    (tmp_path / "b.bvh").write_text(write_bvh(once))
    again = read_bvh(tmp_path / "b.bvh")
    assert again.joints == once.joints
    # the shoulder's 90 degrees about z take 2 and then 3 up to 2 and 3 along -x
    np.testing.assert_allclose(again.positions()[1], [[0, 0, 0], [-2, 0, 0], [-3, 0, 0]], atol=1e-12)


def test_a_bvh_of_two_roots_and_a_very_deep_one_are_read(tmp_path: Path) -> None:
    hierarchy, motion = ARM.split("MOTION")
    two = (
        hierarchy
        + hierarchy.split("HIERARCHY")[1]
        + "MOTION"
        + motion.replace("0 0 0\n", "0 0 0 0 0 0 0 0 0 0 0 0\n")
    )
    (tmp_path / "two.bvh").write_text(two)
    assert [joint.parent for joint in read_bvh(tmp_path / "two.bvh").joints] == [-1, 0, 1, -1, 3, 4]
    (tmp_path / "again.bvh").write_text(write_bvh(read_bvh(tmp_path / "two.bvh")))
    assert read_bvh(tmp_path / "again.bvh").joints == read_bvh(tmp_path / "two.bvh").joints
    deep = "JOINT j\n{\nOFFSET 0 1 0\n" * 3000
    (tmp_path / "deep.bvh").write_text(
        f"HIERARCHY\nROOT r\n{{\nOFFSET 0 0 0\nCHANNELS 1 Yposition\n{deep}{'}' * 3001}\nMOTION\nFrames: 1\n"
        "Frame Time: 1\n7\n"
    )
    assert read_bvh(tmp_path / "deep.bvh").positions()[0, -1].tolist() == [0, 3007, 0]  # 7 + 3000 of 1


def test_the_motions_own_unit_of_angles_holds(tmp_path: Path) -> None:
    (tmp_path / "arm.asf").write_text(ASF)
    (tmp_path / "deg.amc").write_text(AMC)
    half_pi = repr(np.pi / 2)
    (tmp_path / "rad.amc").write_text(AMC.replace(":DEGREES", ":RADIANS").replace("90", half_pi))
    (tmp_path / "none.amc").write_text(AMC.replace(":DEGREES\n", ""))
    skeleton = read_asf(tmp_path / "arm.asf")
    expected = skeleton.positions(read_amc(tmp_path / "deg.amc"))
    for name in ("rad.amc", "none.amc"):
        for joint, xyz in skeleton.positions(read_amc(tmp_path / name)).items():
            np.testing.assert_allclose(xyz, expected[joint], atol=1e-9)


def test_shifts_and_stretches_of_an_asf_bone_by_hand(tmp_path: Path) -> None:
    asf = ASF.replace("dof rx ry rz", "dof tx ty tz rz l").replace("axis 0 0 0 XYZ", "axis 0 0 90 XYZ", 1)
    (tmp_path / "arm.asf").write_text(asf)
    (tmp_path / "arm.amc").write_text("1\nroot 1 0 0 0 0 0\nupper 5 0 0 90 1\nlower 0\n")
    xyz = read_asf(tmp_path / "arm.asf").positions(read_amc(tmp_path / "arm.amc"))
    unit = 25.4 / 0.5
    # The upper bone's own x is, by its axis, the world's y: the shift of 5 moves its beginning from (1, 0, 0)
    # to (1, 5, 0). 90 degrees about z turn it from y to -x, and it is 2 + 1 long: (1 - 3, 5, 0). The lower
    # bone follows without turning: 1 more along -x.
    np.testing.assert_allclose(xyz["upper"] / unit, [[-2, 5, 0]], atol=1e-12)
    np.testing.assert_allclose(xyz["lower"] / unit, [[-3, 5, 0]], atol=1e-12)


def test_an_asf_hierarchy_in_any_order_a_bone_without_length_and_the_formats_blanks(tmp_path: Path) -> None:
    (tmp_path / "a.asf").write_text(ASF)
    other = ASF.replace("root upper\n    upper lower", "upper lower\n    root upper")
    other = other.replace("direction 0 1 0\n     length 1", "direction (0, 0, 0) # none\n     length 0")
    (tmp_path / "b.asf").write_text(other)
    (tmp_path / "a.amc").write_text(AMC)
    motion = read_amc(tmp_path / "a.amc")
    one, two = (read_asf(tmp_path / name).positions(motion) for name in ("a.asf", "b.asf"))
    np.testing.assert_allclose(two["upper"], one["upper"])
    np.testing.assert_allclose(two["lower"], one["upper"])  # length 0: where its parent ends


@pytest.mark.parametrize("trial", [1, 5])
def test_cmu_subject_2_from_asf_amc_is_where_the_positions_are(
    real_data: Callable[[str], Path], tmp_path: Path, trial: int
) -> None:
    cmu = real_data("cmu_mocap")
    skeleton = read_asf(cmu / "asfamc_samples" / "02.asf")
    xyz = skeleton.positions(read_amc(unpacked(cmu / "asfamc_samples" / f"02_{trial:02}.amc.gz", tmp_path)))
    positions = clip(np.load(cmu / "cmu_amc_positions_30hz.npz"), 2, trial)
    ours = np.stack([xyz[name] for name in ASF_NAMES], axis=1)[::4]  # 120 Hz to 30
    np.testing.assert_allclose(ours, 1000 * positions, atol=0.001)  # millimeters


@pytest.mark.parametrize(("subject", "trial"), [(2, 1), (2, 5), (7, 2)])
def test_cmu_on_iclones_skeleton_from_bvh_is_where_the_positions_are(
    real_data: Callable[[str], Path], tmp_path: Path, subject: int, trial: int
) -> None:
    cmu = real_data("cmu_mocap")
    motion = read_bvh(unpacked(cmu / "bvh_samples" / f"{subject:03}_{trial:02}.bvh.gz", tmp_path))
    joints = [motion.names().index(f"CC_Base_{name}") for name in ICLONE_NAMES]
    ours = 10 * motion.positions()[1::2, joints]  # centimeters at 60 Hz, from the second frame on
    positions = 1000 * clip(np.load(cmu / "cmu_iclone_positions_30hz.npz"), subject, trial)
    np.testing.assert_allclose(ours - ours[:, :1], positions - positions[:, :1], atol=0.001)


def test_the_same_clip_from_bvh_and_from_asf_amc_agrees(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    """The BVH begins with a T-pose, and lacks the thorax bone: legs and the trunk below it are compared."""
    cmu = real_data("cmu_mocap")
    motion = read_bvh(unpacked(cmu / "bvh_samples" / "cgspeed_01_01.bvh.gz", tmp_path))
    ours = 25.4 / 0.45 * motion.positions()[1::4]
    amc = 1000 * clip(np.load(cmu / "cmu_amc_positions_30hz.npz"), 1, 1)
    for bvh_name, asf_name in {
        "LeftUpLeg": "lhipjoint", "LeftLeg": "lfemur", "LeftFoot": "ltibia", "RightUpLeg": "rhipjoint",
        "RightLeg": "rfemur", "RightFoot": "rtibia", "Spine": "lowerback", "Spine1": "upperback",
    }.items():  # fmt: skip
        one = ours[:, motion.names().index(bvh_name)] - ours[:, 0]
        other = amc[:, ASF_NAMES.index(asf_name)] - amc[:, 0]
        np.testing.assert_allclose(one[: len(other)], other[: len(one)], atol=0.005)


def test_a_real_hdm05_file_is_read(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    hdm05 = real_data("hdm05")
    file = unpacked(hdm05 / "asfamc_samples" / "HDM_bd_grabHighR_001_120.amc.gz", tmp_path)
    xyz = read_asf(hdm05 / "asfamc_samples" / "HDM_bd.asf").positions(read_amc(file))
    arrays = np.load(hdm05 / "hdm05_subset_positions_30hz.npz")
    wanted = (arrays["actor"] == "bd") & (arrays["action"] == "grabHighR") & (arrays["take"] == 1)
    start, stop = arrays["offsets"][int(np.flatnonzero(wanted)[0]) :][:2]
    ours = np.stack([xyz[name] for name in ASF_NAMES], axis=1)[::4]
    np.testing.assert_allclose(ours, 1000 * arrays["positions"][start:stop], atol=0.001)


def camera_poses() -> PoseSequence3D:
    """A synthetic person who jogs, in camera axes."""
    recording = synthetic_recordings(num_subjects=1, clips_per_action=1, seed=0)[9]
    return PoseSequence3D(xyz=(recording.xyz * [1, -1, -1]).astype(np.float32), fps=30.0, skeleton=H36M_17)


def test_poses_written_as_bvh_are_read_back_in_centimeters_and_upright(tmp_path: Path) -> None:
    poses = camera_poses()
    (tmp_path / "out.bvh").write_text(write_bvh(to_bvh(poses)))
    motion = read_bvh(tmp_path / "out.bvh")
    assert motion.frame_time == pytest.approx(1 / 30)
    joints = [motion.names().index(name) for name in H36M_17.joints]
    expected = poses.xyz * [0.1, -0.1, -0.1]
    # Bones of constant length are kept exactly; the spine's, a middle of other joints, breathes by some
    # millimeters.
    assert np.abs(motion.positions()[:, joints] - expected).max() < 1.0
    legs = [
        H36M_17.joints.index(f"{side}_{part}")
        for side in ("left", "right")
        for part in ("hip", "knee", "foot")
    ]
    np.testing.assert_allclose(motion.positions()[:, np.array(joints)[legs]], expected[:, legs], atol=0.001)


def test_a_root_path_moves_the_whole_body() -> None:
    poses = camera_poses()
    path = np.tile([100.0, 200.0, 3000.0], (poses.num_frames, 1))
    moved = to_bvh(poses, path).positions()
    np.testing.assert_allclose(moved[:, 0], np.tile([10.0, -20.0, -300.0], (poses.num_frames, 1)))


def test_the_rest_pose_is_a_t() -> None:
    motion = to_bvh(camera_poses())
    rest = Bvh(joints=motion.joints, values=np.zeros((1, motion.values.shape[1])), frame_time=1.0)
    place = dict(zip(motion.names(), rest.positions()[0], strict=True))
    assert place["left_wrist"][0] > place["left_elbow"][0] > place["left_shoulder"][0] > 0
    assert place["left_wrist"][1] == pytest.approx(place["left_shoulder"][1])
    assert place["right_foot"][1] < place["right_knee"][1] < 0


def test_missing_joints_and_two_people_are_refused() -> None:
    xyz = camera_poses().xyz.copy()
    xyz[3, 5] = np.nan
    with pytest.raises(ValueError, match=r"frame 3 has no left_knee; fill the gaps"):
        to_bvh(PoseSequence3D(xyz=xyz, fps=30.0, skeleton=H36M_17))
    with pytest.raises(ValueError, match="two people"):
        to_bvh(PoseSequence3D(xyz=np.zeros((2, 2, 20, 3)), fps=30.0, skeleton=MSR_20))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ARM[:150], "it ends in the middle of the hierarchy, where a brace } is needed"),
        (ARM.split("MOTION")[0], "it is cut off: no line MOTION follows"),
        (ARM.replace("Frames: 2", "Frames: 0").rsplit("\n", 3)[0], "it announces 0 frames; at least 1 is"),
        (ARM.replace("90", "ninety", 1), "line 20: 'ninety' came where a number is needed"),
        (ARM.replace("0.04", "0"), "the frame time is 0.0 s; a positive time is needed"),
        (ARM.replace("OFFSET 0 1 0", ""), "joint elbow end has no OFFSET"),
        (ARM.replace("Zrotation Xrotation", "Zrotation Zrotation", 1), "joint shoulder has a channel twice"),
        (ARM.replace("JOINT elbow", "JOINT"), "line 6: the joint has no name"),
        (ARM[:-12], r"2 frames of 9 channels are announced, 1\d numbers follow"),
        (
            ARM.replace("Zrotation Xrotation", "Wrotation Xrotation"),
            "channels Wrotation, which are not known",
        ),
        ("nothing", "line 1: 'nothing' came where HIERARCHY is needed"),
    ],
)
def test_a_bad_bvh_is_named_with_its_fault(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.bvh").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_bvh(tmp_path / "bad.bvh")


def test_bad_asf_and_amc_are_named_with_their_fault(tmp_path: Path) -> None:
    (tmp_path / "a.asf").write_text(ASF.split(":hierarchy")[0])
    with pytest.raises(
        ValueError, match=r"a.asf is not an ASF skeleton, or it is damaged: it has no section :hierarchy"
    ):
        read_asf(tmp_path / "a.asf")
    for change, message in (
        (("upper lower", "lower lower"), "bones lower do not hang from the root"),
        (("upper lower", "upper hand"), "bone hand of the hierarchy is not among the bones"),
        (
            ("dof ry\n", "dof rw\n"),
            "lower has the degrees of freedom rw; each of tx ty tz rx ry rz l at most",
        ),
        (("direction 0 1 0", "direction 0 0 0"), "bone upper has length 2 and direction 0 0 0"),
        (("axis 0 0 90 XYZ", "axis 0 0 90 XYX"), "bone lower has the axis order 'XYX'"),
        (("length 0.5", "length nan"), "'nan' came where a finite number is needed"),
    ):
        (tmp_path / "c.asf").write_text(ASF.replace(*change, 1))
        with pytest.raises(ValueError, match=f"c.asf is not an ASF skeleton, or it is damaged: {message}"):
            read_asf(tmp_path / "c.asf")
    (tmp_path / "a.amc").write_text(AMC + "2\nroot 1 0 0 0 0 0\n")
    with pytest.raises(ValueError, match=r"a.amc is cut off: frame 2 has other bones"):
        read_amc(tmp_path / "a.amc")
    (tmp_path / "b.asf").write_text(ASF)
    (tmp_path / "b.amc").write_text("1\nroot 1 0 0 0 0 0\nupper 0 90\nlower 90\n")
    with pytest.raises(ValueError, match=r"bone upper has 2 numbers a frame; the skeleton needs 3"):
        read_asf(tmp_path / "b.asf").positions(read_amc(tmp_path / "b.amc"))
    (tmp_path / "c.amc").write_text("1\nroot one\n")
    with pytest.raises(ValueError, match=r"c.amc, line 2 is no AMC motion: 'one' came where a number is"):
        read_amc(tmp_path / "c.amc")
