"""CSV with named columns, of DeepLabCut and of Vicon."""

from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.formats.table import recognize
from encoding.datasets.importing import ImportReport, import_clips
from lifting.skeleton import COCO_17, KINECT2_25, MEDIAPIPE_33, MSR_20
from recording_files import as_layout, in_picture, movement, named


def imported(source: Path, **options: object) -> tuple[ImportReport, dict[str, np.ndarray]]:
    labels = source.parent / "labels" / "l.csv"
    labels.parent.mkdir(exist_ok=True)
    labels.write_text(f"clip,label\n{source.stem},a\n")
    out = source.parent / "out" / "x.npz"
    report = import_clips(source, out, ImportOptions.from_words({"labels": labels, **options}))
    with np.load(out) as file:
        return report, {name: file[name] for name in file.files}


def kinect2_csv(path: Path, xyz: np.ndarray) -> None:
    names = [joint.title().replace("_", "") for joint in KINECT2_25.joints]
    sided = {"Left": "Left", "Right": "Right"}
    names = [next((n.removeprefix(s) + s for s in sided if n.startswith(s)), n) for n in names]
    header = ["timestamp_ms", *(f"{name}_{axis}" for name in names for axis in "XYZ")]
    rows = [f"{40 * t}," + ",".join(f"{v:.6f}" for v in frame.ravel()) for t, frame in enumerate(xyz)]
    path.write_text(",".join(header) + "\n" + "\n".join(rows) + "\n")


def test_kinect_2_loggers_name_the_side_last(tmp_path: Path) -> None:
    xyz = movement()[:, [0] * 25] + np.linspace(0, 1600, 25)[:, None] * [0, 1, 0]
    kinect2_csv(tmp_path / "log.csv", xyz / 1000)
    assert recognize(tmp_path / "log.csv").name == "csv"
    report, arrays = imported(tmp_path / "log.csv", up="y")
    assert report.skeleton == KINECT2_25
    assert arrays["fps"].tolist() == [25]
    assert report.unit == "meters (guessed from the height of the body)"
    np.testing.assert_allclose(arrays["xyz"], xyz, atol=0.01)


def test_mediapipe_image_landmarks_are_2d_and_need_the_picture_s_size(tmp_path: Path) -> None:
    xy = np.full((20, 33, 2), 0.5) + np.random.default_rng(0).uniform(-0.2, 0.2, (20, 33, 2))
    rows = np.concatenate([xy, np.zeros((20, 33, 1)), np.full((20, 33, 1), 0.9)], axis=-1).reshape(20, -1)
    header = [f"landmark_{n}_{axis}" for n in range(33) for axis in ("x", "y", "z", "visibility")]
    path = tmp_path / "mp.csv"
    path.write_text(
        ",".join(header) + "\n" + "\n".join(",".join(f"{v:.6f}" for v in row) for row in rows) + "\n"
    )
    with pytest.raises(
        ValueError, match=r"mp\.csv: the points are shares of the picture .* its size in pixels"
    ):
        imported(path)
    report, arrays = imported(path, image_size="640x480")
    assert (report.skeleton, report.imported.coordinates) == (MEDIAPIPE_33, 2)
    np.testing.assert_allclose(arrays["xyz"], xy * [640, 480], atol=0.01)


def test_mediapipe_world_landmarks_are_meters_with_y_down(tmp_path: Path) -> None:
    skeleton = MEDIAPIPE_33
    xyz = np.zeros((10, 33, 3))
    xyz[:, 0] = [0, -0.6, 0.1]  # the nose is above the hips: y grows down
    for n, joint in enumerate(skeleton.joints):
        if joint.endswith(("ankle", "heel", "foot_index")):
            xyz[:, n, 1] = 0.9
    (tmp_path / "world.csv").write_text(named(skeleton, (), xyz.reshape(10, -1), "xyz", "{joint}_{axis}"))
    report, arrays = imported(tmp_path / "world.csv")
    assert report.axes == "y down, turned to y up (as heads are above feet)"
    np.testing.assert_allclose(arrays["xyz"][0, 0], [0, 600, 100], atol=0.01)


def test_sleap_rows_are_people_of_frames(tmp_path: Path) -> None:
    xy = in_picture(movement(frames=12))
    other = np.repeat(xy[:1], 12, axis=0) + np.array([200, 0])
    header = ["track", "frame_idx", "instance.score"]
    header += [f"{joint}.{axis}" for joint in COCO_17.joints for axis in ("x", "y", "score")]
    lines = [",".join(header)]
    for t in range(12):
        for track, person in (("track_0", other), ("track_1", xy)):
            cells = np.column_stack([person[t], np.full(17, 0.7)]).ravel()
            lines.append(f"{track},{t},0.9," + ",".join(f"{v:.3f}" for v in cells))
    (tmp_path / "sleap.csv").write_text("\n".join(lines) + "\n")
    report, arrays = imported(tmp_path / "sleap.csv")
    assert report.skeleton == COCO_17
    np.testing.assert_allclose(arrays["xyz"], xy, atol=0.01)  # the one who moves


def test_a_csv_without_joints_says_which_columns_came(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time,speed,a_x,a_y,b_x,b_y\n0,1,2,3,4,5\n")
    with pytest.raises(
        ValueError, match=r"has the columns time, speed, a_x, a_y, b_x, b_y; of 2 joints x and y"
    ):
        imported(tmp_path / "a.csv")
    names = ",".join(f"p{n}_{axis}" for n in range(40, 46) for axis in "xyz")
    (tmp_path / "b.csv").write_text(names + "\n" + ",".join(["1"] * 18) + "\n")
    with pytest.raises(ValueError, match=r"the names p40, p41, .* do not say which joints they are"):
        imported(tmp_path / "b.csv")
    (tmp_path / "c.csv").write_text(named(MSR_20, (), np.ones((2, 60)), "xyz", "{joint}_{axis}") + "1,2\n")
    with pytest.raises(ValueError, match=r"c\.csv, line 4 has 2 columns; the header has 60"):
        imported(tmp_path / "c.csv")


@pytest.mark.parametrize("likelihood", ["0.9", ""])
def test_deeplabcut_with_and_without_likelihood(tmp_path: Path, likelihood: str) -> None:
    xy = in_picture(movement(frames=10))
    parts = [joint for joint in COCO_17.joints for _ in range(3)]
    lines = [
        "scorer," + ",".join(["net"] * 51),
        "bodyparts," + ",".join(parts),
        "coords," + ",".join(["x", "y", "likelihood"] * 17),
    ]
    lines += [f"{t}," + ",".join(f"{x:.3f},{y:.3f},{likelihood}" for x, y in xy[t]) for t in range(10)]
    (tmp_path / "dlc.csv").write_text("\n".join(lines) + "\n")
    assert recognize(tmp_path / "dlc.csv").name == "deeplabcut"
    report, arrays = imported(tmp_path / "dlc.csv", fps=25)
    assert report.skeleton == COCO_17
    np.testing.assert_allclose(arrays["xyz"], xy, atol=0.01)
    np.testing.assert_allclose(arrays["confidence"], float(likelihood or 1))


def test_vicon_trajectories_with_z_up_and_a_subject_s_prefix(tmp_path: Path) -> None:
    xyz = as_layout(movement(frames=5), MSR_20)
    z_up = np.stack([xyz[..., 0], -xyz[..., 2], xyz[..., 1]], axis=-1)
    lines = ["Devices", "1000", "", "Trajectories", "120"]
    lines += [",," + ",,,".join(f"anna:{joint}" for joint in MSR_20.joints)]
    lines += ["Frame,Sub Frame," + ",".join(["X,Y,Z"] * 20), ",," + ",".join(["mm"] * 60)]
    for t in range(5):
        cells = [f"{v:.3f}" for v in z_up[t].ravel()]
        if t == 2:
            cells[:3] = ["", "", ""]
        lines.append(f"{t + 1},0," + ",".join(cells))
    (tmp_path / "trial.csv").write_text("\r\n".join(lines) + "\r\n")
    assert recognize(tmp_path / "trial.csv").name == "vicon"
    report, arrays = imported(tmp_path / "trial.csv")
    assert (report.skeleton, arrays["fps"].tolist()) == (MSR_20, [120])
    assert np.isnan(arrays["xyz"][2, 0]).all()
    np.testing.assert_allclose(arrays["xyz"][0], xyz[0], atol=0.01)
