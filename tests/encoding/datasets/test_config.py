"""One configuration and one call for every data set."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from encoding.datasets import DataConfig, load, save_clips
from encoding.datasets.importing import import_clips
from ntu_files import write_ntu


def test_the_default_is_synthetic_and_needs_nothing() -> None:
    split = load(DataConfig())
    assert (len(split.development), len(split.test), split.num_people) == (100, 100, 1)


def test_two_people_are_an_option_of_the_synthetic_data() -> None:
    assert load(DataConfig(people=2, num_subjects=4, clips_per_action=1)).num_people == 2


def test_each_name_loads_its_data_set(msr_root: Path, sbu_root: Path, tmp_path: Path) -> None:
    assert (
        load(DataConfig(name="msr", root=msr_root, subset="AS2")).name
        == "MSR Action3D AS2, 557 list, cross-subject"
    )
    sbu = load(DataConfig(name="sbu", root=sbu_root, fold=2))
    assert sbu.name == "SBU Kinect Interaction, fold 2"
    save_clips(tmp_path / "own.npz", sbu)
    assert load(DataConfig(name="npz", root=tmp_path / "own.npz")).name == "own.npz"


def test_the_root_comes_from_the_environment_where_none_is_given(
    msr_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msr_action3d").symlink_to(msr_root)
    monkeypatch.setenv("POSENAS_DATA", str(tmp_path))
    assert len(load(DataConfig(name="msr", subset="AS1")).test) == 105
    with pytest.raises(FileNotFoundError, match=r"SBU is not at .*/sbu: get the clean version"):
        load(DataConfig(name="sbu"))


def test_without_root_and_environment_the_message_says_what_to_get(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSENAS_DATA", raising=False)
    with pytest.raises(
        FileNotFoundError, match=r"no root is given and POSENAS_DATA is not set: get 'Skeleton data"
    ):
        load(DataConfig(name="msr"))
    with pytest.raises(
        FileNotFoundError, match=r"the data set 'npz' needs a root, the file: name a \.npz with arrays"
    ):
        load(DataConfig(name="npz"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": "sbu", "subset": "AS2"}, "subset='AS2' is for the data set 'msr'; the data set is 'sbu'"),
        ({"name": "msr", "fold": 2}, "fold=2 is for the data set 'sbu'; the data set is 'msr'"),
        ({"root": "/somewhere"}, "root='/somewhere' is given; the data set 'synthetic' is drawn, not read"),
        (
            {"name": "kinetics"},
            "there is no data set 'kinetics'; 'msr', 'sbu', 'npz', 'files' or 'synthetic' is needed",
        ),
        ({"validation_fraction": 1.0}, "Input should be less than 1"),
        ({"subset_": "AS1"}, "Extra inputs are not permitted"),
    ],
)
def test_a_field_that_would_be_ignored_is_refused(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataConfig.model_validate(fields)


def test_a_configuration_survives_json() -> None:
    config = DataConfig(name="msr", root=Path("data/msr"), subset="AS3", seed=4)
    assert DataConfig.model_validate_json(config.model_dump_json()) == config


def test_an_option_that_a_data_set_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="'msr' has no option 'subsett'; its options are: none"):
        DataConfig(name="msr", options={"subsett": "AS1"})
    with pytest.raises(
        ValidationError, match="'files' has no option 'fpss'; its options are: format, layout"
    ):
        DataConfig(name="files", options={"fpss": 25})


def test_recordings_are_a_data_set_without_an_import(tmp_path: Path) -> None:
    write_ntu(tmp_path / "ntu", subjects=4)
    config = DataConfig(name="files", root=tmp_path / "ntu", options={"split": "xview60", "layout": "msr_20"})
    split = load(config)
    assert (split.name, split.skeleton.name) == ("ntu (NTU RGB+D 60 or 120)", "msr_20")
    assert {clip.name[4:8] for clip in split.test} == {"C001"}
    with pytest.raises(ValueError, match="people is 3; one of 1, 2 is needed"):
        load(config.model_copy(update={"options": {"people": 3}}))


def test_a_named_split_of_an_npz_is_an_option(tmp_path: Path) -> None:
    write_ntu(tmp_path / "ntu", subjects=4)
    import_clips(tmp_path / "ntu", tmp_path / "x.npz")
    split = load(DataConfig(name="npz", root=tmp_path / "x.npz", options={"split": "xview60"}))
    assert {clip.name[4:8] for clip in split.test} == {"C001"}
    with pytest.raises(ValueError, match="has no split 'xset'; its named splits are: xsub60, xview60"):
        load(DataConfig(name="npz", root=tmp_path / "x.npz", options={"split": "xset"}))


def test_a_label_tells_two_runs_on_one_data_set_apart() -> None:
    assert DataConfig(name="msr", subset="AS2").label == "msr-as2"
    assert DataConfig(name="sbu", fold=3).label == "sbu-fold3"
    assert DataConfig().label == "synthetic"
