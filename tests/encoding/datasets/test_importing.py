"""Imports whatever the format: stopped and continued, in several processes, unknown files."""

from pathlib import Path

import numpy as np
import pytest

from encoding.datasets import importing
from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.formats.table import FORMATS, recognize
from encoding.datasets.importing import import_clips
from lifting.skeleton import COCO_17, MSR_20
from ntu_files import write_ntu


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("ntu") / "files"
    write_ntu(root, subjects=4)
    return root


def test_a_stopped_import_continues_and_ends_with_the_same_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART_ITEMS", 5)
    import_clips(folder, tmp_path / "whole.npz")

    def stop(done: int, total: int) -> None:
        if done >= 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_clips(folder, tmp_path / "clips.npz", on_progress=stop)
    assert not (tmp_path / "clips.npz").exists()
    seen: list[tuple[int, int]] = []
    import_clips(folder, tmp_path / "clips.npz", on_progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (10, 24)
    assert seen[-1] == (24, 24)
    with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "clips.npz") as clips:
        assert set(whole.files) == set(clips.files)
        for name in whole.files:
            np.testing.assert_array_equal(whole[name], clips[name])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clips.npz", "whole.npz"]


def test_parts_of_other_files_are_not_taken(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "PART_ITEMS", 5)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_clips(folder, tmp_path / "clips.npz", on_progress=stop)
    seen: list[int] = []
    import_clips(
        folder,
        tmp_path / "clips.npz",
        ImportOptions(people=2),
        on_progress=lambda done, total: seen.append(done),
    )
    assert seen[0] == 0


def test_processes_give_the_same_file(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PART_ITEMS", 8)
    monkeypatch.setattr(importing, "_MIN_ITEMS_FOR_PROCESSES", 1)
    import_clips(folder, tmp_path / "two.npz", processes=2)
    import_clips(folder, tmp_path / "one.npz")
    assert (tmp_path / "one.npz").stat().st_size == (tmp_path / "two.npz").stat().st_size
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "two.npz") as two:
        np.testing.assert_array_equal(one["xyz"], two["xyz"])
        np.testing.assert_array_equal(one["names"], two["names"])


def test_joints_are_mapped_to_another_layout(folder: Path, tmp_path: Path) -> None:
    report = import_clips(folder, tmp_path / "msr.npz", layout=MSR_20)
    assert report.skeleton is MSR_20
    import_clips(folder, tmp_path / "own.npz")
    with np.load(tmp_path / "msr.npz") as mapped, np.load(tmp_path / "own.npz") as own:
        # Joint 4 of Kinect 2 is the left shoulder, joint 0 of MSR; its base of the spine is joint 6 there.
        np.testing.assert_array_equal(mapped["xyz"][:, 0], own["xyz"][:, 4])
        np.testing.assert_array_equal(mapped["xyz"][:, 6], own["xyz"][:, 0])
    with pytest.raises(ValueError, match="no mapping from skeleton 'kinect2_25' to 'coco_17'"):
        import_clips(folder, tmp_path / "coco.npz", layout=COCO_17)


@pytest.mark.parametrize(
    ("content", "looks"),
    [
        (b"", "an empty file"),
        (b"hello, world\nand more", "a text file that begins 'hello, world'"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip; unpack it first"),
        (b"PK\x03\x04rest", "a zip archive"),
        (bytes(range(128, 200)), "a pickle"),
    ],
)
def test_an_unknown_file_is_answered_with_what_it_looks_like_and_what_is_known(
    tmp_path: Path, content: bytes, looks: str
) -> None:
    path = tmp_path / "data.bin"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=looks) as refused:
        recognize(path)
    for name in FORMATS:
        assert f"{name} (" in str(refused.value)


def test_a_folder_of_unknown_files_is_described_by_their_endings(tmp_path: Path) -> None:
    for name in ("a.avi", "b.avi", "c.txt"):
        (tmp_path / name).write_text("x")
    with pytest.raises(ValueError, match=r"is a folder with 2 \.avi, 1 \.txt, and of no format"):
        recognize(tmp_path)


def test_wrong_names_and_useless_options_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no format 'nut'; the formats are ntu"):
        import_clips(folder, tmp_path / "x.npz", format_name="nut")
    with pytest.raises(ValueError, match="is read as ntu, which has no use for the option fps; it takes"):
        import_clips(folder, tmp_path / "x.npz", ImportOptions(fps=25))
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        import_clips(tmp_path / "nothing", tmp_path / "x.npz")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"unit": "feet"}, "unit is 'feet'; one of m, cm, mm, in is needed"),
        ({"up": "w"}, "up is 'w'; one of x, y, z, -y is needed"),
        ({"fps": 0}, "fps is 0; a positive number is needed"),
        (
            {"image_size": "1920"},
            "image size is '1920'; width and height in pixels",
        ),
        ({"rate": 30}, "there is no option 'rate'; the options are labels"),
    ],
)
def test_options_in_words(words: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImportOptions.from_words(words)


def test_a_size_in_words() -> None:
    assert ImportOptions.from_words({"image_size": "1920x1080"}).image_size == (1920, 1080)
