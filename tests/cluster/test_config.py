"""Experiments from presets, files and changes, and the sentences that wrong settings earn."""

import json
from pathlib import Path

import pytest

from cluster.config import PRESETS, ExperimentConfig
from cluster.settings import difference, override, read_settings_file
from cluster.tracking.config import TrackingConfig
from encoding.spmf import EncodingConfig

SMALL = ExperimentConfig.preset("small")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_its_own_json(name: str, tmp_path: Path) -> None:
    config = ExperimentConfig.preset(name)
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(config.to_dict()))
    assert ExperimentConfig.from_file(path) == config
    assert ExperimentConfig.from_file(path).hash == config.hash


def test_a_file_changes_a_preset_and_the_command_line_changes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "my.yaml"
    path.write_text("preset: paper\nsearch:\n  epochs: 7\n  batch_size: 9\n")
    config = ExperimentConfig.from_file(path, {"search.epochs": 8})
    assert (config.search.epochs, config.search.batch_size) == (8, 9)
    assert config.search.controller.temperature == 5.0  # from the preset


def test_workers_and_tracking_do_not_enter_the_hash_but_the_seed_does() -> None:
    assert SMALL.changed({"resources.workers": 4, "tracking": None}).hash == SMALL.hash
    assert SMALL.changed({"search.seed": 1}).hash != SMALL.hash


def test_more_epochs_leave_the_state_of_the_search_usable() -> None:
    longer = SMALL.changed({"search.epochs": 99, "parameters": 5000, "derivation.epochs": 2})
    assert longer.search_settings() == SMALL.search_settings()
    assert longer.genotype_settings() != SMALL.genotype_settings()


def test_networks_take_classes_and_image_size_from_the_data() -> None:
    assert "num_classes" not in SMALL.to_dict()["supernet"]
    with pytest.raises(ValueError, match=r"'network.num_classes' cannot be given; it follows from the data"):
        SMALL.changed({"network.num_classes": 8})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"search.epochz": 3},
            r"there is no setting 'search.epochz' \(did you mean 'epochs'\?\); the settings of",
        ),
        ({"serach.epochs": 3}, r"there is no setting 'serach' \(did you mean 'search'\?\)"),
        ({"search.epochs": 0}, r"search.epochs is 0; it must be greater than or equal to 1$"),
        (
            {"search.reward": "acc"},
            r"search.reward is 'acc'; it must be 'accuracy' or 'loss' \(did you mean 'acc",
        ),
        (
            {"resources.workers": "many"},
            r"resources.workers is 'many'; it must be a valid integer or 'auto'$",
        ),
        ({"resources.workers": -1}, r"`workers` is -1; 0 or more, or 'auto', is needed"),
        ({"search": 3}, r"search is 3; settings by name are needed"),
        (
            {"search.epochs": "x", "training.epochs": "y"},
            r"search.epochs is 'x'; .* \| .*training.epochs is 'y'; ",
        ),
        ({"search.epochs.more": 1}, r"'search.epochs.more' cannot be: 'epochs' is a single value"),
    ],
)
def test_a_wrong_setting_is_named_with_what_came_and_what_is_allowed(changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SMALL.changed(changes)


def test_a_file_that_is_wrong_says_where(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no experiment file"):
        read_settings_file(tmp_path / "none.yaml")
    for name, text, sentence in (
        ("a.yaml", "a: [1", "line 1: this is no YAML: expected"),
        ("b.json", "[1, 2]", "holds a list; settings by name"),
        ("c.toml", "", "ends in '.toml'; .yaml, .yml or .json is needed"),
        ("d.yaml", "preset: tiny", "preset is 'tiny'; it must be one of small"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(ValueError, match=sentence):
            ExperimentConfig.from_file(tmp_path / name)


def test_an_unknown_preset_lists_the_known() -> None:
    with pytest.raises(ValueError, match="no preset 'huge'; the presets are small, released, paper"):
        ExperimentConfig.preset("huge")  # type: ignore[arg-type]


def test_override_leaves_the_original_alone_and_difference_finds_what_changed() -> None:
    before = {"a": {"b": 1, "c": 2}, "d": 3}
    after = override(before, {"a.b": 5, "e": 6})
    assert before == {"a": {"b": 1, "c": 2}, "d": 3}
    assert difference(before, after) == [("a.b", 1, 5), ("e", None, 6)]


def test_augmentation_that_came_later_enters_the_hash_where_it_is_on() -> None:
    """Or no run that was begun before it could be resumed."""
    off = ExperimentConfig.preset("paper")
    assert "time_warp" not in off.result_settings()["augmentation"]
    assert off.hash != off.changed({"augmentation.time_warp": 0.3}).hash


def test_a_run_from_before_a_setting_is_not_filled_in_by_the_preset(tmp_path: Path) -> None:
    content = ExperimentConfig.preset("small").to_dict()
    for section, name in (("encoding", "bones"), ("augmentation", "bone_spread")):
        del content[section][name]
    del content["final_augmentation"]
    (tmp_path / "experiment.json").write_text(json.dumps(content))
    run = ExperimentConfig.from_run(tmp_path / "experiment.json")
    assert (run.encoding.bones, run.augmentation.bone_spread, run.final_augmentation) == ("own", 0, None)
    (tmp_path / "experiment.json").write_text(json.dumps({**content, "epochs": 3}))
    with pytest.raises(ValueError, match=r"experiment\.json.*'epochs'"):
        ExperimentConfig.from_run(tmp_path / "experiment.json")


def test_the_final_training_may_be_augmented_in_its_own_way() -> None:
    small = ExperimentConfig.preset("small")
    other = small.changed({"final_augmentation.bone_spread": 0.3})
    assert other.search_settings() == small.search_settings()
    assert other.training_settings()["augmentation"]["bone_spread"] == 0.3
    assert small.changed({"augmentation.mirror": 0.5}).training_augmentation.mirror == 0.5  # in both
    same = small.changed({"final_augmentation": None})
    assert same.changed({"final_augmentation.tilt_degrees": 20}).final_augmentation == {"tilt_degrees": 20}
    assert "final_augmentation" not in same.result_settings()
    assert same.training_settings()["augmentation"]["bone_spread"] == 0.1


def test_a_final_augmentation_that_is_wrong_is_named() -> None:
    with pytest.raises(ValueError, match=r"final_augmentation.*'bone_spred'.*bone_spread"):
        SMALL.changed({"final_augmentation.bone_spred": 0.3})
    with pytest.raises(ValueError, match=r"final_augmentation.*tilt_degrees"):
        SMALL.changed({"final_augmentation.tilt_degrees": 91})


def test_the_preset_for_small_data_encodes_and_augments_as_the_ablation_says() -> None:
    small, paper = ExperimentConfig.preset("small"), ExperimentConfig.preset("paper")
    assert (small.encoding.bones, small.encoding.distance_scope) == ("own", "sequence")
    assert (paper.encoding, paper.augmentation.bone_spread) == (EncodingConfig(), 0)
    assert small.augmentation.bone_spread == 0.1


def test_bones_that_came_later_enter_the_hash_where_they_are_not_each_persons_own() -> None:
    plain = ExperimentConfig.preset("paper")
    assert "bones" not in plain.result_settings()["encoding"]
    changed = plain.changed({"encoding.bones": "reference"})
    assert changed.result_settings()["encoding"]["bones"] == "reference"
    assert changed.hash != plain.hash


def test_images_that_came_later_enter_the_hash_where_they_are_not_spmf_alone() -> None:
    plain = ExperimentConfig.preset("paper")
    assert not {"kind", "images"} & set(plain.result_settings()["encoding"])
    others = [
        plain.changed({"encoding.kind": "motion"}),
        plain.changed({"encoding.images": ["spmf", "motion"]}),
    ]
    assert len({plain.hash, *(other.hash for other in others)}) == 3


def test_where_the_data_lies_is_written_out_and_does_not_enter_the_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SMALL.changed({"data.name": "msr"})
    monkeypatch.setenv("POSENAS_DATA", str(tmp_path))
    located = config.located()
    assert located.data.root == tmp_path / "msr_action3d"
    assert located.hash == config.hash
    assert SMALL.located() == SMALL  # synthetic: drawn, not read
    files = [
        SMALL.changed({"data.name": "npz", "data.root": name}) for name in ("a/x.npz", "b/x.npz", "y.npz")
    ]
    assert files[0].hash == files[1].hash != files[2].hash


def test_a_run_has_the_name_of_its_data() -> None:
    assert SMALL.data_label == "synthetic"
    assert SMALL.changed({"data.name": "msr", "data.subset": "AS2"}).data_label == "msr-as2"
    assert SMALL.changed({"data.name": "sbu", "data.fold": 3}).data_label == "sbu-fold3"
    own = SMALL.changed({"data.name": "npz", "data.root": "/data/My clips (v2).npz"})
    assert own.data_label == "my-clips--v2"


def test_the_store_of_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert TrackingConfig().uri == "http://127.0.0.1:5000"
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert TrackingConfig().uri == "sqlite:///mlflow.db"


def test_a_gpu_for_every_worker_on_ray_and_no_gpu_for_nobody() -> None:
    with pytest.raises(ValueError, match=r"gpus_per_worker is 0; each worker on Ray needs a GPU"):
        ExperimentConfig.preset("small", {"compute.device": "cuda", "resources.workers": 2})
    with pytest.raises(ValueError, match=r"gpus_per_worker is 0.5 and compute.device is 'cpu'"):
        ExperimentConfig.preset("small", {"resources.workers": 2, "resources.gpus_per_worker": 0.5})
    half = {"compute.device": "cuda", "resources.workers": 2, "resources.gpus_per_worker": 0.5}
    assert ExperimentConfig.preset("small", half).resources.resources() == {"CPU": 1.0, "GPU": 0.5}


def test_device_and_precision_are_part_of_the_result_and_of_what_a_checkpoint_depends_on() -> None:
    plain, mixed = (
        ExperimentConfig.preset("small", {"compute.precision": p}) for p in ("float32", "bfloat16")
    )
    assert plain.hash != mixed.hash
    assert plain.search_settings() != mixed.search_settings()
    assert plain.training_settings() != mixed.training_settings()


@pytest.mark.parametrize("name", ["class_weights", "sampling"])
@pytest.mark.parametrize("section", ["search", "training"])
def test_balance_that_came_later_enters_the_hash_where_it_is_on(section: str, name: str) -> None:
    plain = ExperimentConfig.preset("small")
    assert name not in plain.result_settings()[section]
    changed = plain.changed({f"{section}.{name}": "balanced"})
    assert changed.result_settings()[section][name] == "balanced"
    assert changed.hash != plain.hash


def test_weights_of_the_kernels_enter_the_hash_where_they_are_on() -> None:
    plain = ExperimentConfig.preset("small", {"kernels.kernels": 100})
    assert "class_weights" not in plain.result_settings()["kernels"]
    assert plain.changed({"kernels.class_weights": "balanced"}).hash != plain.hash
    assert "kernels" not in ExperimentConfig.preset("small").result_settings()
