"""From a download to a trained recognizer in three commands: import, search, train."""

import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from encoding.posture import turned
from lifting.pickles import read_pickle
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20
from ntu_files import write_ntu
from recording_files import in_picture, movement, write_trc

TINY = Path(__file__).resolve().parents[1] / "tiny.yaml"

MOVES = ("hand clap", "forward kick", "bend", "squat")

LAYOUT = """
name: right_arm
joints:
  chest: {markers: [STER, XIPH]}
  back: {parent: chest, markers: T10}
  shoulder: {parent: chest, markers: [ACRO_tip, CLAV_AC]}
  elbow: {parent: shoulder, markers: [EPICl, EPICm]}
  wrist: {parent: elbow, markers: [STYLr, STYLu]}
  hand: {parent: wrist, markers: [INDEX, MEDH]}
"""


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def train_on(source: Path, folder: Path, *options: object) -> str:
    """The three commands; what the import said."""
    said = run("data", "import", source, "--out", folder / "clips.npz", *options)
    three = ["--no-mlflow", "--config", folder / "tiny.yaml"]
    # The small search of the tests, on the imported clips.
    text = re.sub(
        r"^data:.*$", f"data: {{name: npz, root: {folder / 'clips.npz'}}}", TINY.read_text(), flags=re.M
    )
    (folder / "tiny.yaml").write_text(text)
    run("search", *three, "--out", folder / "run")
    run("train", folder / "run")
    assert (folder / "run" / "model" / "weights.safetensors").is_file()
    return said


def labels(folder: Path, *names: str, seconds: float, people: int = 4) -> list[object]:
    """A table that cuts recordings into pieces of two made-up classes."""
    lines = ["clip,label,start,end,group"]
    for name in names:
        for n in range(2 * people):
            start, end = n * seconds, (n + 1) * seconds
            lines.append(f"{name},{'first' if n % 2 == 0 else 'second'},{start:g},{end:g},g{n // 2}")
    path = folder / "labels.csv"
    path.write_text("\n".join(lines) + "\n")
    return ["--labels", path]


def test_an_import_ends_with_what_the_check_warns_of(tmp_path: Path) -> None:
    for n in range(2):
        folder = tmp_path / "data" / "wave"
        folder.mkdir(parents=True, exist_ok=True)
        lying = turned(PoseSequence3D(xyz=movement(seed=n), fps=30, skeleton=MSR_20), "y", "z")
        write_trc(folder / f"{n}.trc", lying.xyz, MSR_20.joints)
    said = " ".join(
        run("data", "import", tmp_path / "data", "--out", tmp_path / "x.npz", "--up", "y").split()
    )
    assert "warning: there is one class, 'wave'" in said
    assert "bodies stand along z up, and y up is expected" in said
    assert "of an import, the option up" in said
    said = run("data", "import", tmp_path / "data", "--out", tmp_path / "y.npz", "--up", "z")
    assert "is expected" not in said


@pytest.mark.slow
def test_a_thousand_ntu_files(tmp_path: Path) -> None:
    """4 actions of 25 people, 5 takes each, before 2 cameras; 11 of the first 25 people test."""
    source = tmp_path / "nturgb+d_skeletons"
    actions = ("hand clap", "forward kick", "high arm wave", "bend")
    assert len(write_ntu(source, actions=actions, subjects=25, takes=5, cameras=2)) == 1000
    said = train_on(source, tmp_path)
    assert re.search(r"clips\s+1000 clips", said)
    assert re.search(r"split xsub60\s+440 test, 560 train", said)
    assert re.search(r"split xview60\s+500 test, 500 train", said)
    assert "of 440 test clips as the file says" in run(
        "recognize", tmp_path / "clips.npz", "--model", tmp_path / "run"
    )


@pytest.mark.slow
def test_mmaction2_s_annotations_of_the_kinetics_kind(
    tmp_path: Path, real_data: Callable[[str], Path]
) -> None:
    """The sample refers to keypoints that lie elsewhere; built-in people stand in for those that it shows."""
    source = real_data("formats") / "mmaction2_sample.pkl"
    annotations = read_pickle(source)["annotations"]
    (tmp_path / "keypoints").mkdir()
    moves = {(n, s): in_picture(movement(move, seed=s)) for n, move in enumerate(MOVES) for s in (0, 1)}
    for number, one in enumerate(annotations):
        height, width = one["img_shape"]
        xy = moves[one["label"] % len(MOVES), number % 2]
        xy = xy[np.arange(len(one["frame_inds"])) % len(xy)] * [width / 640, height / 480]
        values = np.concatenate([xy, np.full((*xy.shape[:2], 1), 0.9)], axis=-1)
        np.save(tmp_path / "keypoints" / f"{one['frame_dir']}.npy", values.astype(np.float32))
    said = train_on(source, tmp_path, "--keypoints", tmp_path / "keypoints")
    assert re.search(r"clips\s+100 clips", said)
    assert re.search(r"joints\s+17 of coco_17 \(2D\)", said)
    assert "clips as the file says" in run("recognize", tmp_path / "clips.npz", "--model", tmp_path / "run")


@pytest.mark.slow
def test_a_trc_of_pose2sim(tmp_path: Path, real_data: Callable[[str], Path]) -> None:
    (source,) = real_data("pose2sim_demo").rglob("S00_P00_T01_BalancingTrial_0-100.trc")
    said = train_on(source, tmp_path, *labels(tmp_path, source.stem, seconds=0.2))
    assert re.search(r"joints\s+21 of trc_21 \(3D\)", said)
    # A new recording of the same form, without a class anywhere.
    said = run("data", "import", source, "--out", tmp_path / "new.npz", "--unlabeled")
    assert f"next: posenas recognize {tmp_path / 'new.npz'} --model MODEL" in " ".join(said.split())
    assert "person 0" in run("recognize", tmp_path / "new.npz", "--model", tmp_path / "run", "--clip")


@pytest.mark.slow
def test_a_bvh_of_cmu(tmp_path: Path, real_data: Callable[[str], Path]) -> None:
    import gzip

    packed = real_data("cmu_mocap") / "bvh_samples" / "cgspeed_01_01.bvh.gz"
    (tmp_path / "01_01.bvh").write_bytes(gzip.decompress(packed.read_bytes()))
    said = train_on(tmp_path / "01_01.bvh", tmp_path, *labels(tmp_path, "01_01", seconds=1))
    assert re.search(r"joints\s+31 of bvh_31 \(3D\)", said)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("c3d") is None, reason="the package c3d is not installed")
def test_a_c3d_with_a_yaml_of_joints(tmp_path: Path, real_data: Callable[[str], Path]) -> None:
    source = real_data("formats") / "pyomeca_markers_analogs.c3d"
    (tmp_path / "arm.yaml").write_text(LAYOUT)
    said = train_on(
        source, tmp_path, "--skeleton", tmp_path / "arm.yaml", *labels(tmp_path, source.stem, seconds=0.5)
    )
    assert re.search(r"joints\s+6 of right_arm \(3D\)", said)
    assert re.search(r"axes\s+z up, turned to y up", said)
