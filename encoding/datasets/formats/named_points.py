"""Points that files name: which of them make which joint, for every file of a source alike."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lifting.joint_names import layout_of
from lifting.skeleton import Skeleton
from lifting.skeleton_file import find_skeleton

__all__ = ["JointChoice", "LayoutError", "choose_joints", "pick_joints"]


class LayoutError(ValueError):
    """A file has other joints than the rest: it is not left out as a damaged one is, the import ends."""


@dataclass(frozen=True, kw_only=True)
class JointChoice:
    """The joints of a source.

    Attributes:
        skeleton: their layout.
        markers: for each joint the names of the points whose middle it is.
        left_out: names of points that are no joints.
    """

    skeleton: Skeleton
    markers: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]

    def sentence(self) -> tuple[str, ...]:
        """What is not read, if anything."""
        if not self.left_out:
            return ()
        some = ", ".join(self.left_out[:5]) + (", ..." if len(self.left_out) > 5 else "")
        return (f"{len(self.left_out)} points are no joints of {self.skeleton.name}: {some}",)


def choose_joints(names: Sequence[str], skeleton: str | None, source: str) -> JointChoice:
    """The joints that points of these names make.

    Args:
        names: of the points of the first file.
        skeleton: a layout's name or YAML file that the user gives; None: as the names say.
        source: a word for the name of a layout that is not known, as "trc".

    Raises:
        FileNotFoundError: there is no such YAML file.
        ValueError: the names do not say which joints they are, or the layout needs one that is not there.
    """
    if skeleton is None:
        layout = layout_of(names, source)
        markers = tuple((_bare(names[column]),) for column in layout.columns)
        return JointChoice(skeleton=layout.skeleton, markers=markers, left_out=layout.left_out)
    marked = find_skeleton(skeleton)
    used = {marker.lower() for own in marked.markers for marker in own}
    chosen = JointChoice(
        skeleton=marked.skeleton,
        markers=marked.markers,
        left_out=tuple(name for name in names if _bare(name).lower() not in used),
    )
    _columns(names, chosen, "the first file")
    return chosen


def pick_joints(
    points: NDArray[np.floating], names: Sequence[str], choice: JointChoice, file: str
) -> NDArray[np.float32]:
    """The joints (T, J, C) from points (T, N, C); NaN where a marker is.

    Raises:
        LayoutError: the file lacks a marker.
    """
    columns = _columns(names, choice, file)
    joints = [points[:, list(own)].mean(axis=1) for own in columns]
    return np.stack(joints, axis=1).astype(np.float32)


def _columns(names: Sequence[str], choice: JointChoice, file: str) -> list[tuple[int, ...]]:
    place = {_bare(name).lower(): column for column, name in enumerate(names)}
    missing = [m for own in choice.markers for m in own if m.lower() not in place]
    if missing:
        some = ", ".join(_bare(name) for name in names[:12]) + (", ..." if len(names) > 12 else "")
        raise LayoutError(
            f"{file} has no point {missing[0]!r}, which the joints of {choice.skeleton.name} need; it has "
            f"{some}: the files of one import need one layout"
        )
    return [tuple(place[marker.lower()] for marker in own) for own in choice.markers]


def _bare(name: str) -> str:
    """Without a subject's prefix."""
    return name.rsplit(":", 1)[-1].strip()
