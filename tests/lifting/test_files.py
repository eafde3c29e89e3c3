"""Files are whole or not there."""

import hashlib
import os
from pathlib import Path

import pytest

from lifting.files import sha256, sha256_of_file, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_written_content_is_read_back_and_folders_are_made(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "c.txt", "größer")
    write_atomically(tmp_path / "a" / "b" / "d.bin", b"\x00\xff")

    assert (tmp_path / "a/b/c.txt").read_bytes() == b"gr\xc3\xb6\xc3\x9fer"
    assert (tmp_path / "a/b/d.bin").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "a/b") == ["c.txt", "d.bin"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    path = tmp_path / "result.json"
    write_atomically(path, "old")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), fail)
    with pytest.raises(OSError, match="No space left on device"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["result.json"]


def test_a_written_file_has_the_mode_of_any_other_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "ours", "x")
    (tmp_path / "plain").write_text("x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_both_hashes_are_sha256(tmp_path: Path) -> None:
    content = bytes(range(256)) * 1000
    (tmp_path / "file").write_bytes(content)
    assert sha256(content) == sha256_of_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()
