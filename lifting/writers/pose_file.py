"""Lifted frames as a .npz of poses that grows on the disk while a video runs."""

import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lifting.files import TEMPORARY_PREFIX
from lifting.inference import LiftedFrame

__all__ = ["PoseFile"]


class PoseFile:
    """Frames appended one by one, and put together as one .npz at the end.

    Frames lie in plain files beside the result until then, so that memory does not grow with the video.

    Args:
        path: of the .npz.
        facts: further entries of it.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any]) -> None:
        self.path, self._facts = path, facts
        path.parent.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=path.parent))
        self._files = {name: (self._folder / name).open("wb") for name in ("xyz", *_ENTRIES)}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self.num_frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def append(self, frame: LiftedFrame) -> None:
        """The next frame."""
        entries = {"xyz": frame.pose, "mended": np.bool_(frame.mended), **frame.keypoints._asdict()}
        for name, file in self._files.items():
            values = np.asarray(entries[name])
            self._shapes[name] = values.shape
            file.write(values.tobytes())
        self.num_frames += 1

    def poses(self) -> NDArray[np.float32]:
        """(T, K, 3) millimeters of all frames so far, read from the disk where they are looked at."""
        return self._mapped("xyz")

    def finish(self) -> None:
        """Write the .npz, beside its place and renamed.

        Raises:
            ValueError: there is no frame.
        """
        if self.num_frames == 0:
            raise ValueError("there was no frame to lift; at least 1 is needed")
        whole = self._folder / "whole.npz"
        with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in self._files:
                self._add_file(archive, name)
            for name, value in self._facts.items():
                _add(archive, name, np.asarray(value))
        whole.replace(self.path)

    def _mapped(self, name: str) -> NDArray[Any]:
        self._files[name].flush()
        kind = np.dtype(_ENTRIES.get(name, np.float32))
        shape = (self.num_frames, *self._shapes[name])
        return np.memmap(self._folder / name, dtype=kind, mode="r", shape=shape)

    def _add_file(self, archive: zipfile.ZipFile, name: str) -> None:
        """The head of an array, then its bytes in pieces: `write_array` would copy it whole first."""
        head = np.lib.format.header_data_from_array_1_0(self._mapped(name))
        with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
            np.lib.format.write_array_header_1_0(entry, head)
            with (self._folder / name).open("rb") as content:
                shutil.copyfileobj(content, entry)


_ENTRIES: dict[str, type[np.generic]] = {
    "mended": np.bool_,
    "xy": np.float32,
    "confidence": np.float32,
    "filled": np.bool_,
}


def _add(archive: zipfile.ZipFile, name: str, values: NDArray[Any]) -> None:
    with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
        np.lib.format.write_array(entry, values, allow_pickle=False)
