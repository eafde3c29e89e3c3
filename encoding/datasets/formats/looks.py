"""What a file looks like, for the answer to one that no format knows."""

from collections import Counter
from pathlib import Path

__all__ = ["looks_like"]

_KINDS = (
    (b"PK\x03\x04", "a zip archive (an .npz, or a packed folder that must be unpacked first)"),
    (b"\x1f\x8b", "compressed by gzip; unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"Rar!", "a RAR archive; unpack it first"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a numpy array"),
    (b"MATLAB", "a MATLAB file"),
    (b"\x80", "a pickle"),
    (b"\x00\x00\x00", "a binary file, perhaps a video"),
    (b"Kaydara FBX", "an FBX animation; export it as BVH"),
)


def looks_like(path: Path) -> str:
    """A few words on a file or a folder."""
    if path.is_dir():
        endings = Counter(found.suffix or found.name for found in path.rglob("*") if found.is_file())
        common = ", ".join(f"{count} {ending}" for ending, count in endings.most_common(4))
        return f"a folder with {common or 'nothing in it'}"
    with path.open("rb") as file:
        start = file.read(200)
    if not start:
        return "an empty file"
    for magic, words in _KINDS:
        if start.startswith(magic):
            return words
    try:
        line = start.decode("utf-8-sig", errors="strict" if len(start) < 200 else "ignore").splitlines()[0]
    except (UnicodeDecodeError, IndexError):
        return "a binary file"
    return f"a text file that begins {line[:60]!r}"
