"""SBU: arrays and text tree agree, folds are the published ones, both people share a frame of reference."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.sbu import CLASSES, FOLD_OF_SET, load_sbu, read_skeleton_file, to_millimeters

FOLD_SIZES = {1: 55, 2: 52, 3: 56, 4: 54, 5: 65}


def write_arrays(path: Path, **changes: np.ndarray) -> Path:
    """Ten clips of each class, two in each fold, on random joints."""
    N = 80
    rng = np.random.default_rng(0)
    arrays = {
        "skeleton": rng.uniform(0.2, 1.2, (N, 3, 6, 15, 2)).astype(np.float32),
        "num_frames": np.full(N, 4),
        "label": np.arange(N) % 8,
        "fold": np.arange(N) // 8 % 5 + 1,
    }
    np.savez(path, **{key: value for key, value in (arrays | changes).items() if value is not None})
    return path


def test_millimeters_by_the_formula_of_the_data_set() -> None:
    # 1280 - 2560 x 0.25 = 640; 960 - 1920 x 0.75 = -480; 10000 / 7.8125 x 2 = 1280 x 2 = 2560.
    np.testing.assert_allclose(to_millimeters(np.array([[0.25, 0.75, 2.0]], np.float32)), [[640, -480, 2560]])


def test_a_joint_at_the_origin_is_missing() -> None:
    assert np.isnan(to_millimeters(np.zeros((1, 3), np.float32))).all()


def test_y_grows_up_and_a_thigh_is_as_long_as_a_thigh(real_data: Callable[[str], Path]) -> None:
    clips = load_sbu(real_data("sbu")).clips
    xyz = np.concatenate([clip.poses.xyz for clip in clips])
    names = clips[0].poses.skeleton.joints
    head, hip, knee = (xyz[:, :, names.index(name)] for name in ("head", "left_hip", "left_knee"))
    assert np.median(head[..., 1] - hip[..., 1]) > 400
    assert np.median(np.linalg.norm(hip - knee, axis=-1)) == pytest.approx(429, abs=2)


@pytest.mark.parametrize("fold", FOLD_SIZES)
def test_the_folds_of_the_real_arrays(real_data: Callable[[str], Path], fold: int) -> None:
    split = load_sbu(real_data("sbu"), fold=fold)
    assert len(split.test) == FOLD_SIZES[fold]
    assert len(split.clips) == 282
    assert split.num_people == 2
    # One of the four training folds validates, whole.
    (held,) = {clip.fold for clip in split.validation}
    assert held not in {clip.fold for clip in split.train} | {fold}
    assert len(split.validation) == FOLD_SIZES[held or 0]


def test_the_classes_of_the_real_arrays_have_the_counts_of_the_data(real_data: Callable[[str], Path]) -> None:
    split = load_sbu(real_data("sbu"))
    counts = Counter(CLASSES[clip.label] for clip in split.clips)
    assert counts["shaking hands"] == 18
    assert counts["hugging"] == 21
    assert counts["approaching"] == 42


def test_hugging_people_are_closer_than_departing_ones(real_data: Callable[[str], Path]) -> None:
    """Both people are in one frame of reference: the gap between them means something."""
    gaps: dict[int, list[float]] = {}
    for clip in load_sbu(real_data("sbu")).clips:
        torso = clip.poses.xyz[:, :, 2]
        gaps.setdefault(clip.label, []).append(
            float(np.linalg.norm(torso[:, 0] - torso[:, 1], axis=-1).min())
        )
    nearest = min(gaps, key=lambda label: float(np.median(gaps[label])))
    assert CLASSES[nearest] == "hugging"


def test_an_original_file_equals_its_arrays(real_data: Callable[[str], Path]) -> None:
    raw = read_skeleton_file(real_data("sbu") / "raw_samples" / "skeleton_pos_1.txt")
    with np.load(real_data("sbu") / "sbu_interaction.npz", allow_pickle=False) as file:
        first = np.flatnonzero(file["fold"] == 1)[0]
        arrays = file["skeleton"][first, :, : file["num_frames"][first]].transpose(1, 3, 2, 0)
    np.testing.assert_allclose(raw, arrays, atol=1e-6)


def test_the_text_tree_is_divided_by_sets(sbu_root: Path) -> None:
    split = load_sbu(sbu_root, fold=5)
    # 5 sets of 8 categories test; of 16 sets, round(0.2 x 16) = 3 validate.
    assert {clip.group for clip in split.test} == {"s04s02", "s04s03", "s04s06", "s06s02", "s06s03"}
    assert (len(split.train), len(split.validation), len(split.test)) == (13 * 8, 3 * 8, 5 * 8)
    assert not {clip.group for clip in split.validation} & {clip.group for clip in split.train}
    clip = split.test[0]
    assert (clip.name, clip.label, clip.fold, clip.poses.xyz.shape) == ("s04s02_01_001", 0, 5, (3, 2, 15, 3))


def test_there_are_21_sets_in_five_folds() -> None:
    assert Counter(FOLD_OF_SET.values()) == {1: 4, 2: 4, 3: 4, 4: 4, 5: 5}


def test_a_missing_folder_says_where_to_get_the_data_and_what_it_must_hold(tmp_path: Path) -> None:
    message = (
        r"SBU is not at .*nowhere: get the clean version .* from https://.* "
        r"holds sXXsYY/CC/NNN/skeleton_pos\.txt; or name sbu_interaction\.npz"
    )
    with pytest.raises(FileNotFoundError, match=message):
        load_sbu(tmp_path / "nowhere")


def test_a_tree_that_lacks_sets_names_the_first(sbu_root: Path, tmp_path: Path) -> None:
    for name in FOLD_OF_SET:
        if name not in ("s01s03", "s07s01"):
            (tmp_path / name).symlink_to(sbu_root / name / name)
    with pytest.raises(
        FileNotFoundError, match=r"lacks 2 of 21 sets, the first of them s01s03: get the clean version"
    ):
        load_sbu(tmp_path)


def test_a_file_in_an_unknown_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "s01s02" / "09" / "001" / "skeleton_pos.txt"
    path.parent.mkdir(parents=True)
    path.touch()
    with pytest.raises(
        ValueError, match=r"s01s02/09/001/skeleton_pos.txt: not one of SBU's places; .* CC in 01\.\.08"
    ):
        load_sbu(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty; a line of 91 numbers a frame is needed"),
        (
            "1,0.5,0.5,0.5\n",
            r"lines of 4 numbers; 91 are needed \(frame, then x, y, z of 15 joints of 2 people\)",
        ),
        ("1,0.5,zero\n", "each line needs 91 numbers with commas between: .*'zero'"),
    ],
)
def test_a_bad_text_file_is_named_with_its_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "skeleton_pos.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"skeleton_pos\.txt: {message}"):
        read_skeleton_file(path)


def test_a_wild_coordinate_is_named_with_its_sequence(tmp_path: Path) -> None:
    skeleton = np.full((80, 3, 6, 15, 2), 0.5, np.float32)
    skeleton[3, 1, 2, 4, 1] = 1e4
    path = write_arrays(tmp_path / "sbu_interaction.npz", skeleton=skeleton)
    with pytest.raises(
        ValueError, match=r"sequence fold1_003: xyz is -1\.91.*e\+07 mm at frame 2, joint 4 \(left_elbow\)"
    ):
        load_sbu(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fold": None}, r"arrays skeleton, num_frames, label and fold are needed: .*fold"),
        ({"fold": np.zeros(80, int)}, r"fold must be 80 numbers from 1 to 5"),
        ({"num_frames": np.full(80, 7)}, r"num_frames must be 80 numbers from 1 to 6"),
        (
            {"skeleton": np.zeros((80, 3, 6, 20, 2))},
            r"skeleton has shape \(80, 3, 6, 20, 2\); \(80, 3, frames, 15, 2\)",
        ),
    ],
)
def test_arrays_of_another_form_are_refused(
    tmp_path: Path, changes: dict[str, np.ndarray], message: str
) -> None:
    path = write_arrays(tmp_path / "sbu_interaction.npz", **changes)
    with pytest.raises(ValueError, match=rf"sbu_interaction\.npz: {message}"):
        load_sbu(tmp_path)
    assert path.exists()


def test_a_file_that_is_no_npz_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sbu_interaction.npz"
    path.write_text("not an archive")
    with pytest.raises(ValueError, match=r"arrays skeleton, num_frames, label and fold are needed"):
        load_sbu(path)


def test_an_unknown_fold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"SBU has no fold 6; 1\.\.5 is needed"):
        load_sbu(tmp_path, fold=6)
