"""Checkpoints: exact, atomic, and honest about what could not be read."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cluster.checkpoints.store import Checkpoints
from cluster.files import write_atomically
from cluster.settings import configuration_hash


def state_of(seed: int, large: int = 400_000) -> dict[str, Any]:
    """A state with all that a search keeps: large and small tensors, arrays, nested scalars."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(large, generator=generator)
    return {
        "children": {"weights": weights, "momentum": torch.full((large,), 0.5), "version": seed},
        "strategy": {"bias": torch.randn(4, generator=generator), "baseline": 0.1 + seed, "name": "enas"},
        "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "betas": (0.0, 0.999)},
        "best": [{"reward": None, "numbers": [1, 2]}, True],
        "random": np.array([2**63 + seed, 1], dtype=np.uint64),
        "position": {"step": seed, "reward": math.nan},
    }


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)
    elif isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, list | tuple):
        assert len(left) == len(right)
        for ours, theirs in zip(left, right, strict=True):
            assert_same(ours, theirs)
    else:
        assert left == right or (math.isnan(left) and math.isnan(right))


def damage(path: Path) -> None:
    """Flip one bit in the middle."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def parts(folder: Path) -> set[str]:
    return {path.name for path in (folder / "parts").iterdir()}


def test_a_state_comes_back_exactly(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(state_of(1), step=7)
    loaded = Checkpoints(tmp_path).load_latest()

    assert loaded is not None
    assert (loaded.step, loaded.notes) == (7, [])
    assert_same(loaded.state, state_of(1))
    assert (tmp_path / "LATEST").read_text() == "step-00000007.json\n"


def test_a_loaded_state_can_be_written_to(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(state_of(1), step=1)
    loaded = Checkpoints(tmp_path).load_latest()
    assert loaded is not None
    loaded.state["children"]["weights"] += 1
    loaded.state["random"][0] = 0
    assert_same(Checkpoints(tmp_path).load_latest().state, state_of(1))  # type: ignore[union-attr]


def test_views_of_one_buffer_are_saved_each_by_itself(tmp_path: Path) -> None:
    buffer = torch.arange(10.0)
    Checkpoints(tmp_path).save(
        {"a": buffer[:3], "b": buffer[2:6], "c": buffer, "d": buffer.view(2, 5).T}, step=0
    )
    loaded = Checkpoints(tmp_path).load_latest()
    assert loaded is not None
    assert loaded.state["b"].tolist() == [2.0, 3.0, 4.0, 5.0]
    assert torch.equal(loaded.state["d"], buffer.view(2, 5).T)


def test_an_empty_or_missing_folder_has_no_checkpoint(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path).load_latest() is None
    assert Checkpoints(tmp_path / "missing").load_latest() is None


def test_only_the_newest_are_kept_and_their_parts(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step in range(4):
        checkpoints.save(state_of(step), step)
    assert checkpoints.steps() == [2, 3]
    # two manifests: weights and the small part differ (2 x 2), the momentum is the same in both (1)
    assert len(parts(tmp_path)) == 5


def test_an_unchanged_part_is_not_written_again(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    state = state_of(1)
    assert checkpoints.save(state, 1) > 3_200_000  # two arrays of 400,000 float32
    before = {name: (tmp_path / "parts" / name).stat().st_mtime_ns for name in parts(tmp_path)}
    state["strategy"]["baseline"] = 2.0  # a controller step leaves all arrays as they were
    assert checkpoints.save(state, 2) < 10_000
    assert {name: (tmp_path / "parts" / name).stat().st_mtime_ns for name in parts(tmp_path)} == before
    assert checkpoints.load_latest().state["strategy"]["baseline"] == 2.0  # type: ignore[union-attr]


def test_a_damaged_part_is_written_anew_instead_of_being_relied_on(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state_of(1), 1)
    for name in parts(tmp_path):
        damage(tmp_path / "parts" / name)
    checkpoints.save(state_of(1), 2)
    assert_same(Checkpoints(tmp_path).load_latest().state, state_of(1))  # type: ignore[union-attr]


@pytest.mark.parametrize("what", ["manifest", "part", "truncated part", "missing part", "empty manifest"])
def test_a_corrupt_checkpoint_is_skipped_and_said(tmp_path: Path, what: str) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state_of(1), 1)
    old = parts(tmp_path)
    checkpoints.save(state_of(2), 2)
    manifest, part = tmp_path / "step-00000002.json", tmp_path / "parts" / min(parts(tmp_path) - old)
    match what:
        case "manifest":
            damage(manifest)
        case "part":
            damage(part)
        case "truncated part":
            part.write_bytes(part.read_bytes()[:-8])
        case "missing part":
            part.unlink()
        case "empty manifest":
            manifest.write_bytes(b"")

    resumed = Checkpoints(tmp_path)
    loaded = resumed.load_latest()
    assert loaded is not None
    assert loaded.step == 1
    assert_same(loaded.state, state_of(1))
    assert len(loaded.notes) == 1
    assert "step-00000002.json is not readable and was skipped" in loaded.notes[0]

    resumed.save(state_of(3), 2)  # the repeated step takes the place of the corrupt one
    assert resumed.steps() == [1, 2]
    assert Checkpoints(tmp_path).load_latest().notes == []  # type: ignore[union-attr]


def test_a_corrupt_later_checkpoint_does_not_push_out_readable_ones(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1)
    checkpoints.save(state_of(5), 5)
    (tmp_path / "step-00000009.json").write_text("{}")
    resumed = Checkpoints(tmp_path, keep=1)
    resumed.load_latest()
    resumed.save(state_of(6), 6)
    assert resumed.steps() == [6]


def test_it_is_an_error_when_none_can_be_read(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(state_of(1), 1)
    damage(tmp_path / "step-00000001.json")
    with pytest.raises(ValueError, match=r"no checkpoint in .* can be read: .*step-00000001.json .*SHA-256"):
        Checkpoints(tmp_path).load_latest()


def test_a_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    ours, theirs = configuration_hash({"seed": 1}), configuration_hash({"seed": 2})
    Checkpoints(tmp_path, configuration=theirs).save(state_of(1), 1)
    with pytest.raises(ValueError, match=f"another configuration .{theirs[:12]}; this run has {ours[:12]}"):
        Checkpoints(tmp_path, configuration=ours).load_latest()


def test_configuration_hash_ignores_the_order_of_keys() -> None:
    assert configuration_hash({"a": 1, "b": [2]}) == configuration_hash({"b": [2], "a": 1})
    assert configuration_hash({"a": 1}) != configuration_hash({"a": 2})


def test_a_run_that_starts_anew_does_not_bury_an_earlier_one(tmp_path: Path) -> None:
    Checkpoints(tmp_path).save(state_of(1), 40)
    with pytest.raises(
        ValueError, match=r"checkpoints of an earlier run \(newest: step 40\); resume that run"
    ):
        Checkpoints(tmp_path).save(state_of(2), 1)


@pytest.mark.parametrize("failing_write", [1, 2, 3, 4])
def test_a_full_disk_at_any_write_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing_write: int
) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state_of(1), 1)
    written = 0

    def write(path: Path, content: bytes | str) -> None:
        nonlocal written
        written += 1  # weights, the small part, the manifest, LATEST: the momentum is unchanged
        if written == failing_write:
            raise OSError(28, "No space left on device")
        write_atomically(path, content)

    monkeypatch.setattr("cluster.checkpoints.store.write_atomically", write)
    with pytest.raises(
        OSError, match=r"checkpoint of step 2 could not be written to .*No space left on device"
    ):
        checkpoints.save(state_of(2), 2)

    loaded = Checkpoints(tmp_path).load_latest()
    assert loaded is not None
    expected = 2 if failing_write == 4 else 1  # only LATEST, a convenience for people, was missing
    assert loaded.step == expected
    assert_same(loaded.state, state_of(expected))
    assert loaded.notes == []


def test_a_folder_that_cannot_be_made_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OSError, match=r"checkpoint of step 0 could not be written to .*file/checkpoints"):
        Checkpoints(tmp_path / "file" / "checkpoints").save({}, 0)


def test_unfinished_files_of_a_crash_are_removed(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(state_of(1), 1)
    (tmp_path / "parts" / ".tmp-crash").write_bytes(b"half")
    checkpoints.save(state_of(1), 2)
    assert not (tmp_path / "parts" / ".tmp-crash").exists()


def test_what_cannot_be_saved_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"state.strategy\[1\] is a PosixPath; a checkpoint holds dicts, lists, tensors"
    ):
        Checkpoints(tmp_path).save({"strategy": [1, Path("x")]}, 0)


def test_at_least_one_checkpoint_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep is 0; at least 1"):
        Checkpoints(tmp_path, keep=0)
