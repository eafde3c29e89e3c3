"""TRC, BVH, ASF/AMC, C3D, Kinect 1 text, FreeMoCap: units, axes, rates and joints of each."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.formats.table import recognize
from encoding.datasets.importing import import_clips
from encoding.datasets.npz import load_clips
from lifting.poses import PoseSequence3D
from lifting.skeleton import KINECT_20, MEDIAPIPE_33, MSR_20
from recording_files import as_layout, movement, utkinect_text, write_trc

POSE2SIM = ("RHip", "RKnee", "RAnkle", "RBigToe", "LHip", "LKnee", "LAnkle", "Neck", "Head", "RShoulder",
            "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist")  # fmt: skip
MARKERS = """
name: plug_in
joints:
  hip: {markers: [LASI, RASI]}
  chest: {parent: hip, markers: CLAV}
  left_hand: {parent: chest, markers: LWRA}
  right_hand: {parent: chest, markers: RWRA}
"""


def imported(source: Path, **options: object) -> PoseSequence3D:
    """The only clip, with what was said of it checked by the caller."""
    labels = source.parent / "labels.csv"
    names = (
        sorted(p.stem for p in source.glob("*.*") if p.suffix not in (".asf", ".yaml"))
        if source.is_dir()
        else [source.stem]
    )
    labels.write_text("clip,label\n" + "".join(f"{name},a\n" for name in names))
    out = source.parent / "out" / "x.npz"
    import_clips(source, out, ImportOptions.from_words({"labels": labels, **options}))
    return load_clips(out, validation_fraction=0).train[0].poses


def test_trc_in_meters_with_missing_markers(tmp_path: Path) -> None:
    xyz = movement()
    xyz = xyz.copy()
    xyz[3, 5] = np.nan
    for blank in (False, True):
        write_trc(tmp_path / "a.trc", xyz, MSR_20.joints, blank)
        poses = imported(tmp_path / "a.trc")
        assert (poses.fps, poses.skeleton) == (60, MSR_20)
        np.testing.assert_allclose(poses.xyz, xyz, atol=0.01)


def test_trc_of_pose2sim_becomes_a_layout_of_its_joints(tmp_path: Path) -> None:
    xyz = movement()[:, : len(POSE2SIM)]
    write_trc(tmp_path / "a.trc", xyz, POSE2SIM)
    skeleton = imported(tmp_path / "a.trc").skeleton
    assert skeleton.joints[:4] == ("right_hip", "right_knee", "right_ankle", "right_big_toe")
    parent = {
        joint: skeleton.joints[p]
        for joint, p in zip(skeleton.joints, skeleton.parents, strict=True)
        if p >= 0
    }
    assert (parent["right_wrist"], parent["right_knee"], parent["head"]) == (
        "right_elbow",
        "right_hip",
        "neck",
    )
    assert skeleton.joints[skeleton.root] == "neck"
    assert len(skeleton.pairs) == 6


def test_trc_of_wrong_width_is_refused_with_the_line(tmp_path: Path) -> None:
    write_trc(tmp_path / "a.trc", movement(), MSR_20.joints)
    lines = (tmp_path / "a.trc").read_text().splitlines()
    lines[8] = "\t".join(lines[8].split("\t")[:-2])
    (tmp_path / "a.trc").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"a\.trc, line 9 has 60 columns; the header's markers need 62"):
        imported(tmp_path / "a.trc")


def test_two_layouts_in_one_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    write_trc(tmp_path / "d" / "a.trc", movement(), MSR_20.joints)
    write_trc(tmp_path / "d" / "b.trc", movement()[:, : len(POSE2SIM)], POSE2SIM)
    with pytest.raises(ValueError, match=r"b\.trc has no point .* the files of one import need one layout"):
        imported(tmp_path / "d")


BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT LeftUpLeg
  {
    OFFSET 10 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -90 0
    }
  }
  JOINT RightUpLeg
  {
    OFFSET -10 0 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -90 0
    }
  }
  JOINT Head
  {
    OFFSET 0 70 0
    CHANNELS 3 Zrotation Xrotation Yrotation
  }
}
MOTION
Frames: 2
Frame Time: 0.01
0 90 0 0 0 0 0 0 0 0 0 0 0 0 0
5 90 0 0 0 0 0 0 0 0 0 0 0 0 0
"""


def test_bvh_brings_its_own_layout_and_its_unit_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "walk.bvh").write_text(BVH)
    poses = imported(tmp_path / "walk.bvh")
    assert poses.skeleton.joints == ("hips", "left_up_leg", "right_up_leg", "head")
    assert poses.skeleton.pairs == ((1, 2),)
    assert poses.fps == pytest.approx(100)
    # 70 + 90 = 160 units from foot to head: centimeters.
    np.testing.assert_allclose(poses.xyz[:, 0], [[0, 900, 0], [50, 900, 0]], atol=1e-3)
    np.testing.assert_allclose(poses.xyz[0, 3], [0, 1600, 0], atol=1e-3)
    assert imported(tmp_path / "walk.bvh", unit="in").xyz[0, 0, 1] == pytest.approx(90 * 25.4)


def test_kinect_text_is_cut_by_its_action_labels(tmp_path: Path) -> None:
    root = tmp_path / "utkinect"
    (root / "joints").mkdir(parents=True)
    xyz = movement(frames=30)
    (root / "joints" / "joints_s01_e01.txt").write_text(utkinect_text(xyz, first=100))
    (root / "joints" / "joints_s02_e01.txt").write_text(utkinect_text(xyz, first=200))
    (root / "actionLabel.txt").write_text(
        "s01_e01\nwalk: 100 109\nsitDown: 112 121\ns02_e01\nwalk: 200 220\ncarry: NaN NaN\n"
    )
    assert recognize(root).name == "kinect"
    report = import_clips(root, tmp_path / "x.npz")
    assert report.left_out == ("1 lines of actionLabel.txt have no frames or no recording",)
    split = load_clips(tmp_path / "x.npz", validation_fraction=0)
    assert [(clip.name, clip.subject, clip.poses.num_frames) for clip in split.train] == [
        ("s01_e01_sitDown", 1, 10), ("s01_e01_walk", 1, 10), ("s02_e01_walk", 2, 21),
    ]  # fmt: skip
    assert split.skeleton == KINECT_20
    np.testing.assert_allclose(split.train[0].poses.xyz, as_layout(xyz[12:22], KINECT_20), atol=0.02)


def test_kinect_text_of_another_width_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "wave.txt"
    path.write_text(utkinect_text(movement()) + "7 1 2 3\n")
    with pytest.raises(ValueError, match=r"wave\.txt, line 25 has 4 numbers; 61 are needed"):
        imported(path)


def test_freemocap_with_z_up_is_turned(tmp_path: Path) -> None:
    xyz = as_layout_33(movement())
    z_up = np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)
    np.save(tmp_path / "skeleton.npy", np.concatenate([z_up, np.zeros((len(xyz), 520, 3))], axis=1))
    assert recognize(tmp_path / "skeleton.npy").name == "freemocap"
    poses = imported(tmp_path / "skeleton.npy")
    assert (poses.skeleton, poses.fps) == (MEDIAPIPE_33, 30)
    np.testing.assert_allclose(poses.xyz, xyz, atol=0.01)


def as_layout_33(xyz: np.ndarray) -> np.ndarray:
    """MediaPipe's joints; what the body lacks stands at the head, the hands and the feet."""
    near = {"mouth": "head", "eye": "head", "ear": "head", "nose": "head", "pinky": "hand", "index": "hand",
            "thumb": "hand", "heel": "foot", "foot_index": "foot"}  # fmt: skip
    joints = []
    for joint in MEDIAPIPE_33.joints:
        side = joint.split("_")[0] + "_" if joint.startswith(("left", "right")) else ""
        part = next((to for word, to in near.items() if word in joint), joint.removeprefix(side))
        joints.append(MSR_20.joints.index(part if part == "head" else side + part))
    return xyz[:, joints]


ASF = """:version 1.10
:name test
:units
  mass 1.0
  length 0.45
  angle deg
:root
  order TX TY TZ RX RY RZ
  axis XYZ
  position 0 0 0
  orientation 0 0 0
:bonedata
  begin
    id 1
    name lfemur
    direction 0 -1 0
    length 7
    axis 0 0 0 XYZ
    dof rx
    limits (-160 20)
  end
:hierarchy
  begin
    root lfemur
  end
"""


def test_acclaim_lengths_are_inches_by_the_file_s_unit(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "02.asf").write_text(ASF)
    (tmp_path / "d" / "02_01.amc").write_text(":FULLY-SPECIFIED\n:DEGREES\n1\nroot 0 9 0 0 0 0\nlfemur 90\n")
    poses = imported(tmp_path / "d")
    scale = 25.4 / 0.45
    np.testing.assert_allclose(poses.xyz[0, 0], [0, 9 * scale, 0], atol=1e-2)
    # Turned by 90 degrees about x, the thigh points to -z.
    np.testing.assert_allclose(poses.xyz[0, 1], [0, 9 * scale, -7 * scale], atol=1e-2)
    (tmp_path / "d" / "02.asf").rename(tmp_path / "d" / "03.asf")
    (tmp_path / "d" / "04.asf").write_text(ASF)
    with pytest.raises(ValueError, match=r"02_01\.amc has no skeleton beside it; 02\.asf is needed"):
        imported(tmp_path / "d")


@pytest.mark.skipif(importlib.util.find_spec("c3d") is None, reason="the package c3d is not installed")
def test_c3d_markers_are_joined_by_a_layout_file(tmp_path: Path) -> None:
    import c3d

    writer = c3d.Writer(point_rate=50)
    names = ["anna:LASI", "anna:RASI", "anna:CLAV", "anna:LWRA", "anna:RWRA", "anna:EXTRA"]
    writer.set_point_labels(names)
    writer.set_screen_axis("+X", "+Z")
    points = np.zeros((6, 5))
    points[:, :3] = [
        [-100, 0, 900],
        [100, 0, 900],
        [0, 10, 1400],
        [-300, 20, 1000],
        [300, 20, 1000],
        [5, 5, 5],
    ]
    missing = points.copy()
    missing[3, 3:] = -1
    writer.add_frames([(points, np.zeros((0, 1))), (missing, np.zeros((0, 1)))])
    with (tmp_path / "a.c3d").open("wb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it misses analog channels
        writer.write(file)
    (tmp_path / "layout.yaml").write_text(MARKERS)
    poses = imported(tmp_path / "a.c3d", skeleton=str(tmp_path / "layout.yaml"))
    assert (poses.fps, poses.skeleton.name) == (50, "plug_in")
    # z up becomes y up: (x, z, -y).
    np.testing.assert_allclose(
        poses.xyz[0], [[0, 900, 0], [0, 1400, -10], [-300, 1000, -20], [300, 1000, -20]]
    )
    assert np.isnan(poses.xyz[1, 2]).all()
    with pytest.raises(
        ValueError, match=r"do not say which joints they are \(0 are known, at least 5 are needed\)"
    ):
        imported(tmp_path / "a.c3d")


@pytest.mark.skipif(importlib.util.find_spec("c3d") is None, reason="the package c3d is not installed")
def test_c3d_without_markers_or_cut_off_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.c3d").write_bytes(b"\x02\x50" + bytes(100))
    with pytest.raises(ValueError, match=r"cut\.c3d"):
        imported(tmp_path / "cut.c3d")
