"""What an import has read so far: parts of some hundred clips beside the file that they will become.

A part is complete or not there, so an import that was stopped continues with the parts that are missing.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import RawClip
from encoding.datasets.formats.named_points import LayoutError

__all__ = ["ClipFacts", "Part", "PartFolder", "write_part"]


@dataclass(frozen=True, kw_only=True)
class ClipFacts:
    """What is known of a clip beside its points."""

    name: str
    shape: tuple[int, int, int, int]  # frames, people, joints, coordinates
    fps: float
    label: str | None
    subject: int | None
    group: str
    has_confidence: bool
    image_size: tuple[int, int] | None
    parts: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Part:
    """The facts of one part, and what was left out of it; the points stay on disk until `points`."""

    path: Path
    clips: tuple[ClipFacts, ...]
    left_out: tuple[str, ...]

    def points(self) -> Iterator[tuple[ClipFacts, NDArray[np.float32], NDArray[np.float32] | None]]:
        """Each clip with its points (T, P, J, C) and confidence (T, P, J)."""
        with np.load(self.path, allow_pickle=False) as file:
            values, confidence = file["values"], file["confidence"]
        at = sure = 0
        for clip in self.clips:
            T, P, J, C = clip.shape
            own = values[at : at + T * P * J * C].reshape(clip.shape)
            at += own.size
            if clip.has_confidence:
                yield clip, own, confidence[sure : sure + T * P * J].reshape(T, P, J)
                sure += T * P * J
            else:
                yield clip, own, None


class PartFolder:
    """The parts of one import.

    Args:
        out: the file that the clips are for; the folder lies beside it.
        plan: everything that the parts depend on. Parts of another plan are removed.
    """

    def __init__(self, out: Path, plan: str) -> None:
        self.folder = out.parent / f".{out.name}.import"
        note = self.folder / "plan"
        if self.folder.exists() and (not note.exists() or note.read_text(encoding="utf-8") != plan):
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        note.write_text(plan, encoding="utf-8")

    def path(self, number: int) -> Path:
        """Of one part."""
        return self.folder / f"part_{number:06}.npz"

    def read(self, number: int) -> Part:
        """The facts of one part that is there."""
        path = self.path(number)
        with np.load(path, allow_pickle=False) as file:
            content = json.loads(file["facts"].tobytes())
        clips = (
            ClipFacts(
                **{
                    **clip,
                    "shape": tuple(clip["shape"]),
                    "image_size": None if clip["image_size"] is None else tuple(clip["image_size"]),
                }
            )
            for clip in content["clips"]
        )
        return Part(path=path, clips=tuple(clips), left_out=tuple(content["left_out"]))

    def remove(self) -> None:
        """When the file is written."""
        shutil.rmtree(self.folder)


def write_part(
    path: Path,
    items: Sequence[Any],
    read: Callable[[Any], list[RawClip]],
    change: Callable[[RawClip], RawClip],
) -> None:
    """Read some items and write their clips; an item that is damaged is left out with its reason."""
    clips: list[RawClip] = []
    left_out: list[str] = []
    for item in items:
        try:
            clips += [change(clip) for clip in read(item)]
        except LayoutError:
            raise
        except ValueError as error:
            left_out.append(str(error))
    facts = {"clips": [asdict(_facts(clip)) for clip in clips], "left_out": left_out}
    nothing = [np.empty(0, np.float32)]
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".part.", delete=False) as file:
        try:
            np.savez(
                file,
                values=np.concatenate(nothing + [clip.points.ravel() for clip in clips]),
                confidence=np.concatenate(
                    nothing + [clip.confidence.ravel() for clip in clips if clip.confidence is not None]
                ),
                facts=np.frombuffer(json.dumps(facts).encode(), np.uint8),
            )
            file.flush()
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def _facts(clip: RawClip) -> ClipFacts:
    T, P, J, C = clip.points.shape
    return ClipFacts(
        name=clip.name,
        shape=(T, P, J, C),
        fps=clip.fps,
        label=clip.label,
        subject=clip.subject,
        group=clip.group,
        has_confidence=clip.confidence is not None,
        image_size=clip.image_size,
        parts=dict(clip.parts),
    )
