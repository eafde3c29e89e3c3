"""Every reader's door: a damaged file ends in one sentence with its name, soon, and in little memory.

Valid small files are damaged at random with fixed seeds: bytes changed, cut off, doubled, numbers replaced. A
longer run: POSENAS_FUZZ_ROUNDS=20000 python -m pytest tests/test_damaged_files.py
"""

import json
import os
import pickle
import resource
import shutil
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.pose_files import read_pose_file
from cluster.settings import read_settings_file
from encoding.datasets.npz import check, load_clips
from lifting.asf_amc import read_amc, read_asf
from lifting.bvh import read_bvh
from lifting.datasets.object_npz import read_object
from lifting.openpose import open_folder
from lifting.pickles import read_pickle
from lifting.trained_lifter import TwoStreamLifter
from lifting.video_orientation import read_orientation
from nas.genotype import Genotype
from recognition_models import small_classifier

ROUNDS = int(os.environ.get("POSENAS_FUZZ_ROUNDS", "150"))
SECONDS = 5.0
MEGABYTES = 400

BVH = b"""HIERARCHY
ROOT hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT knee
  {
    OFFSET 0 -40 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -38 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
0 90 0 0 0 0 0 0 0
0 90 1 0 5 0 1e1 0 0
"""
ASF = b""":version 1.10
:units
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
:bonedata
  begin
     name upper
     direction 0 1 0
     length 2
     axis 0 0 0 XYZ
    dof rx ry rz
  end
:hierarchy
  begin
    root upper
  end
"""
AMC = b":FULLY-SPECIFIED\n:DEGREES\n1\nroot 1 0 0 0 0 0\nupper 0 0 90\n2\nroot 1 0 0 0 0 0\nupper 0 1 90\n"
YAML = b"data: {name: synthetic, num_subjects: 6}\nsearch: &s\n  epochs: 3\nagain: *s\nlist: [1, off]\n"


def person() -> dict[str, object]:
    values = np.random.default_rng(0).uniform(10, 500, (18, 3))
    return {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": values.ravel().tolist()}]}


def clips_file(path: Path) -> None:
    draw = np.random.default_rng(0)
    np.savez(
        path,
        xyz=draw.normal(0, 300, (40, 17, 3)).astype(np.float32),
        offsets=np.arange(5) * 10,
        labels=np.array([0, 1, 0, 1]),
        class_names=np.array(["a", "b"]),
        skeleton=np.array("h36m_17"),
        fps=np.array(30.0),
        unit=np.array("mm"),
        split=np.array(["train", "train", "test", "test"]),
    )


def read_genotype(path: Path) -> None:
    try:
        Genotype.from_json(path.read_text(encoding="utf-8", errors="replace"))
    except ValueError as error:  # a value has no file; who reads one names it
        raise ValueError(f"{path}: {error}") from error


def read_folder(path: Path) -> None:
    for _ in open_folder(path.parent).frames():
        pass


def read_motion(path: Path) -> None:
    (path.parent / "whole.asf").write_bytes(ASF)
    read_asf(path.parent / "whole.asf").positions(read_amc(path))


def genotype() -> bytes:
    numbers = [0, 1, 0, 2] * 4
    return Genotype.from_numbers(numbers, numbers).to_json().encode()


def npz(path: Path) -> bytes:
    clips_file(path)
    return path.read_bytes()


def clip(path: Path) -> bytes:
    xyz = np.random.default_rng(0).normal(0, 300, (30, 17, 3)).astype(np.float32)
    np.savez(path, xyz=xyz, skeleton=np.array("h36m_17"), fps=np.array(30.0))
    return path.read_bytes()


def objects(path: Path) -> bytes:
    content = {"S1": {"Walking": np.arange(12, dtype=np.float32).reshape(2, 2, 3)}}
    np.savez(path, positions_3d=np.array(content, dtype=object))
    return path.read_bytes()


def annotations(_: Path) -> bytes:
    one = {"frame_dir": "a", "label": 1, "keypoint": np.zeros((1, 4, 3, 2), np.float16), "total_frames": 4}
    return pickle.dumps({"split": {"train": ["a"]}, "annotations": [one]}, protocol=4)


def old_annotations(_: Path) -> bytes:
    return pickle.dumps([{"keypoint": np.ones((2, 3)), "n": np.int64(3)}], protocol=1)


def movie(_: Path) -> bytes:
    """A track header with a display matrix, and what must stand around it."""

    def box(kind: bytes, content: bytes) -> bytes:
        return (8 + len(content)).to_bytes(4, "big") + kind + content

    header = box(b"tkhd", bytes(40) + b"\xff\xff\0\0" + bytes(32) + b"\0\x40\0\0\0\x30\0\0")
    media = box(b"mdia", box(b"hdlr", bytes(8) + b"vide" + bytes(13)))
    return box(b"ftyp", b"isom\0\0\2\0isom") + box(b"moov", box(b"trak", header + media))


READERS: dict[str, tuple[str, Callable[[Path], bytes], Callable[[Path], object]]] = {
    "BVH": ("a.bvh", lambda _: BVH, lambda path: read_bvh(path).positions()),
    "ASF": ("a.asf", lambda _: ASF, read_asf),
    "AMC": ("a.amc", lambda _: AMC, read_motion),
    "OpenPose": ("a_000000000000_keypoints.json", lambda _: json.dumps(person()).encode(), read_folder),
    "YAML": ("a.yaml", lambda _: YAML, read_settings_file),
    "JSON": (
        "a.json",
        lambda _: json.dumps({"data": {"name": "msr"}, "n": [1, 2]}).encode(),
        read_settings_file,
    ),
    "genotype": ("a.txt", lambda _: genotype(), read_genotype),
    "clips": ("a.npz", npz, lambda path: load_clips(path, validation_fraction=0)),
    "data check": ("a.npz", npz, check),
    "pose file": ("a.npz", clip, read_pose_file),
    "object npz": ("a.npz", objects, lambda path: read_object(path, "positions_3d")),
    "pickle": ("a.pkl", annotations, read_pickle),
    "old pickle": ("a.pkl", old_annotations, read_pickle),
    "display matrix": ("a.mp4", movie, read_orientation),
}


def damaged(content: bytes, draw: np.random.Generator) -> bytes:
    """A few random damages, of kinds that files come with."""
    data = bytearray(content)
    for _ in range(int(draw.integers(1, 5))):
        place = int(draw.integers(len(data))) if data else 0
        match int(draw.integers(6)):
            case 0:
                data[place : place + 1] = bytes([int(draw.integers(256))])
            case 1:
                del data[place:]
            case 2:
                length = int(draw.integers(1, 40))
                data[place:place] = data[place : place + length]
            case 3:
                del data[place : place + int(draw.integers(1, 20))]
            case 4:
                words = [
                    b"-1",
                    b"1e999",
                    b"nan",
                    b"99999999999999999999",
                    b"{",
                    b"[",
                    b"\n",
                    b"\0",
                    b'"',
                    b"null",
                ]
                data[place:place] = words[int(draw.integers(len(words)))]
            case _:
                data[place : place + 4] = draw.bytes(4)
    return bytes(data)


def recompressed(content: bytes, draw: np.random.Generator) -> bytes:
    """An archive whose entries are damaged, with sums that are right again."""
    import io

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        chosen = names[int(draw.integers(len(names)))]
        for name in names:
            entry = old.read(name)
            new.writestr(name, damaged(entry, draw) if name == chosen else entry)
    return out.getvalue()


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::UserWarning")
def test_a_damaged_file_ends_in_one_sentence_that_names_it(tmp_path: Path, kind: str) -> None:
    name, make, read = READERS[kind]
    path = tmp_path / name
    whole = make(path)
    path.write_bytes(whole)
    read(path)  # whole, it is read
    draw = np.random.default_rng(zlib.crc32(kind.encode()))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for _ in range(ROUNDS):
        archive = name.endswith(".npz") and draw.random() < 0.8
        path.write_bytes(recompressed(whole, draw) if archive else damaged(whole, draw))
        begin = time.perf_counter()
        try:
            read(path)
            sentence = None
        except (ValueError, OSError) as error:
            sentence = str(error)
        if sentence is not None:
            refused += 1
            assert tmp_path.name in sentence, f"no place in {sentence!r}"
            assert "\n" not in sentence, f"several lines in {sentence!r}"
        assert time.perf_counter() - begin < SECONDS
    assert refused or kind in ("display matrix", "data check"), "the damage must be felt"
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES


def changed(content: object, draw: np.random.Generator) -> object:
    """JSON with one of its values in another form, or gone."""
    if isinstance(content, dict) and content:
        name = list(content)[int(draw.integers(len(content)))]
        if draw.random() < 0.15:
            return {key: value for key, value in content.items() if key != name}
        return {**content, name: changed(content[name], draw)}
    if isinstance(content, list) and content and draw.random() < 0.7:
        place = int(draw.integers(len(content)))
        return [*content[:place], changed(content[place], draw), *content[place + 1 :]]
    return [None, "x", [], {}, -1, True, [[1]], {"a": 1}][int(draw.integers(8))]


@pytest.mark.parametrize("kind", ["classifier", "lifter"])
def test_a_changed_description_of_a_model_ends_in_one_sentence(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    folder = tmp_path / kind
    if kind == "classifier":
        small_classifier().save(folder)
        read: Callable[[Path], object] = TrainedClassifier.load
    else:
        shutil.copytree(request.getfixturevalue("trained_run") / "lifter", folder)
        read = partial(TwoStreamLifter.load, runtime="torch")
    description = folder / f"{kind}.json"
    content = json.loads(description.read_text())
    draw = np.random.default_rng(1)
    refused = 0
    for _ in range(ROUNDS):
        description.write_text(json.dumps(changed(content, draw)))
        try:
            read(folder)
            sentence = None
        except (ValueError, OSError) as error:
            sentence = str(error)
        if sentence is not None:
            refused += 1
            assert tmp_path.name in sentence, f"no place in {sentence!r}"
            assert "\n" not in sentence, f"several lines in {sentence!r}"
    assert refused
