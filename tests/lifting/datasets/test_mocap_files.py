"""CMU and HDM05: small files of the same form, the real ones, and every bad file."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifting.datasets import LiftingDataConfig, load_pairs
from lifting.datasets.cmu import AMC_FILE, ICLONE_FILE, cmu_recordings
from lifting.datasets.hdm05 import FILE as HDM05_FILE
from lifting.datasets.hdm05 import hdm05_recordings
from lifting.mocap_skeletons import ASF_NAMES, ICLONE_NAMES

T = 12


def write(path: Path, names: tuple[str, ...], clips: int, **per_clip: Any) -> None:
    """Random points that lie within a meter, T frames a clip."""
    positions = np.random.default_rng(clips).uniform(-1, 1, (clips * T, len(names), 3)).astype(np.float32)
    arrays = {"positions": positions, "offsets": np.arange(clips + 1) * T, "joint_names": np.array(names)}
    np.savez(path, **(arrays | {name: np.array(values) for name, values in per_clip.items()}))


@pytest.fixture
def cmu(tmp_path: Path) -> Path:
    write(
        tmp_path / AMC_FILE, ASF_NAMES, 6,
        subject=[1, 1, 1, 2, 2, 3], trial=[1, 2, 3, 1, 2, 1], description=["playground - climb"] * 6,
    )  # fmt: skip
    write(
        tmp_path / ICLONE_FILE, ICLONE_NAMES, 3,
        subject=[1, 5, 5], trial=[1, 1, 2], description=["walk", "dance - small jetes", "walk"],
    )  # fmt: skip
    return tmp_path


@pytest.fixture
def hdm05(tmp_path: Path) -> Path:
    write(
        tmp_path / HDM05_FILE, ASF_NAMES, 6,
        actor=["bd", "bd", "bk", "dg", "mm", "tr"], action=["squat"] * 6, take=[1, 2, 1, 1, 1, 1],
    )  # fmt: skip
    return tmp_path


def test_a_subject_in_both_files_is_taken_from_the_measured_one(cmu: Path) -> None:
    recordings = cmu_recordings(cmu)
    assert [recording.name for recording in recordings] == [
        "s01_t01", "s01_t02", "s01_t03", "s02_t01", "s02_t02", "s03_t01", "s05_t01", "s05_t02",
    ]  # fmt: skip
    assert recordings[6].action == "dance"
    # The left knee of Human3.6M is where the file's left femur ends; meters become millimeters.
    positions = np.load(cmu / AMC_FILE)["positions"]
    np.testing.assert_allclose(
        recordings[0].xyz[:, 5], 1000 * positions[:T, ASF_NAMES.index("lfemur")], rtol=1e-5
    )


def test_subject_2_of_cmu_is_seen_in_no_other_part(cmu: Path) -> None:
    split = load_pairs(LiftingDataConfig(name="cmu", root=cmu, cameras_per_clip=2))
    assert split.test["held-out subject"].subjects == ("2",)
    assert len(split.test["held-out subject"]) == 2 * 2 * T
    others = [split.train, split.validation, split.test["held-out clips"]]
    assert all("2" not in pairs.subjects for pairs in others)
    # Both cameras of a clip are on the same side.
    recordings = [{clip.name.split(",")[0] for clip in pairs.clips} for pairs in others]
    assert sum(map(len, recordings)) == len(set.union(*recordings))


def test_hdm05_tests_on_two_actors(hdm05: Path) -> None:
    split = load_pairs(LiftingDataConfig(name="hdm05", root=hdm05, cameras_per_clip=1, stride=3))
    assert split.test["held-out subject"].subjects == ("mm", "tr")
    assert split.train.clips[0].fps == 10.0
    assert len(split.test["held-out subject"]) == 2 * 4


def test_everybody_stays_in_front_of_the_camera_and_outside_is_not_seen(
    real_data: Callable[[str], Path],
) -> None:
    config = LiftingDataConfig(name="cmu", root=real_data("cmu_mocap"), cameras_per_clip=1, stride=10)
    split = load_pairs(config)
    assert [len(pairs.clips) for _, pairs in split.parts()] == [45, 10, 10, 10]
    for _, pairs in split.parts():
        assert np.isfinite(pairs.true_keypoints).all()
        outside = ((pairs.true_keypoints < 0) | (pairs.true_keypoints >= 1000)).any(axis=-1)
        assert outside.mean() < 0.01
    # An adult's thigh is 350 to 500 mm long, in every frame of every clip.
    thigh = np.linalg.norm(split.train.poses[:, 5] - split.train.poses[:, 4], axis=-1)
    assert 350 < thigh.min() <= thigh.max() < 500


def test_the_real_hdm05_has_288_clips(real_data: Callable[[str], Path]) -> None:
    split = load_pairs(
        LiftingDataConfig(name="hdm05", root=real_data("hdm05"), cameras_per_clip=1, stride=20)
    )
    assert sum(len(pairs.clips) for _, pairs in split.parts()) == 288
    assert len(split.test["held-out subject"].clips) == 99


def unpack(packed: Path, target: Path) -> None:
    target.write_bytes(gzip.decompress(packed.read_bytes()))


def test_cmu_as_its_makers_give_it_is_the_same_clip(real_data: Callable[[str], Path], tmp_path: Path) -> None:
    raw, folder = real_data("cmu_mocap") / "asfamc_samples", tmp_path / "subjects" / "02"
    folder.mkdir(parents=True)
    (folder / "02.asf").write_bytes((raw / "02.asf").read_bytes())
    for trial in ("01", "05"):
        unpack(raw / f"02_{trial}.amc.gz", folder / f"02_{trial}.amc")
    kept = {recording.name: recording for recording in cmu_recordings(real_data("cmu_mocap"))}
    recordings = cmu_recordings(tmp_path)
    assert [recording.name for recording in recordings] == ["s02_t01", "s02_t05"]
    for recording in recordings:
        assert recording.subject == "2"
        np.testing.assert_allclose(recording.xyz, kept[recording.name].xyz, atol=0.01)


def test_hdm05_as_its_makers_give_it_is_the_same_clip(
    real_data: Callable[[str], Path], tmp_path: Path
) -> None:
    raw, name = real_data("hdm05") / "asfamc_samples", "HDM_bd_grabHighR_001_120.amc"
    (tmp_path / "HDM_bd.asf").write_bytes((raw / "HDM_bd.asf").read_bytes())
    unpack(raw / f"{name}.gz", tmp_path / name)
    kept = {recording.name: recording for recording in hdm05_recordings(real_data("hdm05"))}
    (recording,) = hdm05_recordings(tmp_path)
    assert (recording.name, recording.subject, recording.action) == ("bd_grabHighR_001", "bd", "grabHighR")
    np.testing.assert_allclose(recording.xyz, kept[recording.name].xyz, atol=0.01)


def test_nan_in_training_data_is_named_by_clip_frame_and_joint(cmu: Path) -> None:
    arrays = dict(np.load(cmu / AMC_FILE))
    arrays["positions"][2 * T + 3, 4, 1] = np.nan
    np.savez(cmu / AMC_FILE, **arrays)
    with pytest.raises(
        ValueError, match=r"clip 2, frame 3, joint lfemur is nan; a finite position is needed"
    ):
        cmu_recordings(cmu)


def test_a_missing_file_is_named_with_what_the_folder_must_hold(cmu: Path) -> None:
    (cmu / ICLONE_FILE).unlink()
    with pytest.raises(FileNotFoundError, match=r"CMU motion capture is not complete at .*must hold cmu_amc"):
        cmu_recordings(cmu)


def test_joints_in_another_order_are_refused(cmu: Path) -> None:
    arrays = dict(np.load(cmu / AMC_FILE))
    arrays["joint_names"] = arrays["joint_names"][::-1]
    np.savez(cmu / AMC_FILE, **arrays)
    with pytest.raises(ValueError, match=r"has the joints rfingers, .* are needed"):
        cmu_recordings(cmu)


def test_a_file_that_is_no_npz_is_refused(cmu: Path) -> None:
    (cmu / AMC_FILE).write_text("not arrays")
    with pytest.raises(
        ValueError, match=r"cmu_amc_positions_30hz.npz is no file of motion capture positions"
    ):
        cmu_recordings(cmu)


def test_without_a_root_the_message_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSENAS_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="POSENAS_DATA is not set"):
        load_pairs(LiftingDataConfig(name="cmu"))


def test_an_unknown_test_subject_is_answered_with_those_there_are(cmu: Path) -> None:
    with pytest.raises(ValueError, match=r"no clip is of subject '9'; there are 1, 2, 3, 5"):
        load_pairs(LiftingDataConfig(name="cmu", root=cmu, test_subjects=("9",)))
