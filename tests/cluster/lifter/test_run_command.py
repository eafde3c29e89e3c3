"""`posenas lift run`: what it says, and how wrong choices are named."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from cluster.cli import app
from lifting.run import LiftRequest, run_lift
from lifting.trained_lifter import TwoStreamLifter
from walking_person import FRAMES, folder


def test_the_command_says_what_it_made_and_how_fast(trained_run: Path, tmp_path: Path) -> None:
    source = folder(tmp_path / "json")
    command = ["lift", "run", str(source), "--lifter", str(trained_run), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, [*command, "--layout", "body_25", "--no-animation", "--smooth"])
    assert result.exit_code == 0, result.output
    assert f"lifted     {FRAMES} of {FRAMES} frames" in result.output
    assert "frames/s" in result.output


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--person", "tallest", "--person is 'tallest'"),
        ("--use", "neither", "--use is 'neither'"),
        ("--runtime", "tensorrt", "--runtime is 'tensorrt'"),
    ],
)
def test_wrong_choices_are_named(
    trained_run: Path, tmp_path: Path, option: str, value: str, sentence: str
) -> None:
    command = ["lift", "run", str(tmp_path), "--lifter", str(trained_run), option, value]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert sentence in result.output


def test_shares_of_the_picture_are_lifted_as_the_pixels_that_they_are(
    trained_run: Path, tmp_path: Path
) -> None:
    lifter = TwoStreamLifter.load(trained_run / "lifter")
    pixels = folder(tmp_path / "pixels")
    shares = tmp_path / "shares"
    shares.mkdir()
    for path in pixels.glob("*.json"):
        people = json.loads(path.read_text())["people"]
        for one in people:
            xyc = np.array(one["pose_keypoints_2d"]).reshape(-1, 3) / [1280, 720, 1]
            one["pose_keypoints_2d"] = xyc.ravel().tolist()
        (shares / path.name).write_text(json.dumps({"people": people}))
    command = ["lift", "run", str(shares), "--lifter", str(trained_run), "--layout", "body_25", "--no-bvh"]
    command += ["--no-animation", "--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(app, command)
    assert (refused.exit_code, "image_size, the picture's width and height" in refused.output) == (2, True)
    found = CliRunner().invoke(app, [*command, "--image-size", "1280x720"])
    assert (
        "note       keypoints are shares of the picture (0 to 1), made pixels of 1280 x 720" in found.output
    )
    request = LiftRequest(source=pixels, layout="body_25", animation=False, bvh=False)
    expected = run_lift(lifter, request, tmp_path / "expected")
    with np.load(tmp_path / "out" / "poses.npz") as one, np.load(expected.poses) as other:
        assert one["image_size"].tolist() == [1280, 720]
        np.testing.assert_allclose(one["xy"], other["xy"], atol=0.02)
        np.testing.assert_allclose(one["xyz"], other["xyz"], atol=0.5)  # four digits of a pixel's place
