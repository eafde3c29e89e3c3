"""2D recordings become 3D on their way into a data set."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from cluster.stages.lifted_import import lifting_conversion
from encoding.datasets import check
from encoding.datasets.importing import import_clips
from recording_files import in_picture, movement, pyskl_annotation, write_pyskl


def annotations(**more: object) -> list[dict[str, object]]:
    clips = {"a": "hand clap", "b": "forward kick"}
    return [
        pyskl_annotation(name, label, in_picture(movement(action))[None], **more)
        for label, (name, action) in enumerate(clips.items())
    ]


def test_a_file_of_2d_clips_is_lifted_and_keeps_its_splits(tmp_path: Path, trained_run: Path) -> None:
    write_pyskl(tmp_path / "k.pkl", annotations(img_shape=(480, 640)), {"train": ["a"], "test": ["b"]})
    result = CliRunner().invoke(
        app,
        [
            "data",
            "import",
            str(tmp_path / "k.pkl"),
            "--out",
            str(tmp_path / "x.npz"),
            "--lifter",
            str(trained_run),
        ],
    )
    assert result.exit_code == 0, result.output
    report = check(tmp_path / "x.npz")
    assert report.num_clips == 2
    with np.load(tmp_path / "x.npz") as file:
        assert (str(file["skeleton"]), str(file["unit"])) == ("h36m_17", "mm")
        assert file["xyz"].shape[1:] == (17, 3)
        assert file["split"].tolist() == ["train", "test"]
        xyz = file["xyz"]
    # Root-relative, y up: the hip is the origin and heads are above feet.
    np.testing.assert_allclose(xyz[:, 0], 0, atol=1e-3)
    assert (xyz[:, 10, 1] > xyz[:, [3, 6], 1].max(axis=1)).mean() > 0.8


def test_what_cannot_be_lifted_is_said(tmp_path: Path, trained_run: Path) -> None:
    lift = lifting_conversion(trained_run)
    write_pyskl(tmp_path / "k.pkl", annotations(), {})
    with pytest.raises(ValueError, match="clip 'a': the size of the picture is needed to lift it"):
        import_clips(tmp_path / "k.pkl", tmp_path / "x.npz", conversion=lift)
    write_pyskl(tmp_path / "s.pkl", [pyskl_annotation("a", 0, np.ones((1, 4, 25, 3)))], {})
    with pytest.raises(ValueError, match="clip 'a' is 3D already; a lifter needs 2D points"):
        import_clips(tmp_path / "s.pkl", tmp_path / "x.npz", conversion=lift)
