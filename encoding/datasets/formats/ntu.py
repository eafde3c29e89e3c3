"""NTU RGB+D 60 and 120 (Shahroudy et al., CVPR 2016; Liu et al., TPAMI 2020): folders of .skeleton files.

Text. The first line is the number of frames. A frame is a line with the number of bodies; a body is a line
of 10 values that begins with its tracking id, a line "25", and 25 lines of 12 values: x y z in meters (y up,
z away from the sensor), places in two images, a rotation, and the tracking state (2 tracked, 1 inferred,
0 not). The name SsssCcccPpppRrrrAaaa gives setup, camera, person, take and action.
"""

import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.formats.entry import Format, ImportOptions, Part, RawClip, Recordings
from encoding.datasets.formats.text_lists import read_names
from encoding.datasets.ntu_protocols import ACTIONS, FPS, Place, people_of, protocols_of
from lifting.skeleton import KINECT2_25

__all__ = ["FORMAT", "read_bodies"]

J = KINECT2_25.num_joints
_NAME = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})")
# A body seen in fewer frames than this, or wider than tall in most of them, is a chair or a curtain: the
# thresholds of CTR-GCN's preparation of this data set (Chen et al., ICCV 2021).
_MIN_FRAMES, _WIDE, _WIDE_SHARE = 11, 0.8, 0.69754


def place_of(name: str) -> Place | None:
    """The numbers of a file name; None where it is not of the form."""
    match = _NAME.search(name)
    return Place(*(int(group) for group in match.groups())) if match else None


def _find(root: Path) -> Iterator[Path]:
    """All .skeleton files below a folder, or the one."""
    if root.is_file():
        if root.suffix == ".skeleton":
            yield root
        return
    for folder, _, names in os.walk(root):
        yield from (Path(folder) / name for name in names if name.endswith(".skeleton"))


def recognize(path: Path) -> bool:
    """Whether there is a .skeleton file whose second line counts bodies."""
    first = next(_find(path), None)
    if first is None:
        return False
    with first.open(encoding="ascii", errors="replace") as file:
        return file.readline().strip().isdigit()


def open_ntu(root: Path, options: ImportOptions) -> Recordings:
    """The files of a folder, in the order of their names.

    Raises:
        ValueError: a file name is not of the form, or an action is not known.
    """
    files = sorted(_find(root), key=lambda path: path.name)
    unusable = set() if options.unusable is None else read_names(options.unusable, ".skeleton")
    places = {path: place_of(path.name) for path in files}
    strange = [path.name for path, place in places.items() if place is None]
    if strange:
        raise ValueError(
            f"{root}: {strange[0]} is not named SsssCcccPpppRrrrAaaa.skeleton ({len(strange)} such files), "
            "so that person and action are not known"
        )
    kept = [path for path in files if path.stem not in unusable]
    known = [place for place in places.values() if place is not None]
    if not kept or max(place.action for place in known) > len(ACTIONS):
        raise ValueError(
            f"{root} holds {len(kept)} usable .skeleton files; at least 1, of actions 1 to {len(ACTIONS)}, "
            "is needed"
        )
    protocols = protocols_of(known)
    present = sorted({place.action for path in kept if (place := places[path])})
    listed = len(files) - len(kept)
    return Recordings(
        items=kept,
        read=partial(_read_clip, protocols=tuple(protocols), people=options.people),
        skeleton=KINECT2_25,
        unit="meters",
        axes="y up, z away from the sensor",
        rate=f"{FPS:g} frames/s",
        class_names=tuple(ACTIONS[action - 1] for action in present),
        protocols=tuple(protocols),
        left_out=(f"{listed} clips are on the list {options.unusable}",) if listed else (),
        heavy=True,
    )


def _read_clip(path: Path, *, protocols: tuple[str, ...], people: int | None) -> list[RawClip]:
    place = place_of(path.name)
    assert place is not None
    bodies = read_bodies(path)
    tracks = _actors(bodies, people or people_of(place.action))
    if not len(tracks):
        raise ValueError(f"{path.name}: no frame shows a body")
    parts: dict[str, Part] = {name: place.part(name) for name in protocols}
    return [
        RawClip(
            name=path.stem,
            points=np.moveaxis(tracks, 0, 1),
            fps=FPS,
            label=ACTIONS[place.action - 1],
            subject=place.person,
            parts=parts,
        )
    ]


def read_bodies(path: Path) -> dict[str, NDArray[np.float32]]:
    """Every tracked body of a file.

    Returns:
        Tracking id -> float32 (T, 25, 3), millimeters; NaN where the body is absent and in joints that are
        not tracked.

    Raises:
        ValueError: the file is cut off, or a line is not what it should be; says which.
    """
    lines = path.read_bytes().split(b"\n")
    at = 0
    try:
        T = int(lines[0])
        if not 0 <= T < len(lines):  # every frame has a line of its own
            raise IndexError
        bodies: dict[str, NDArray[np.float32]] = {}
        at = 1
        for t in range(T):
            count = int(lines[at])
            at += 1
            for _ in range(count):
                identity = lines[at].split(None, 1)[0].decode()
                if int(lines[at + 1]) != J:
                    raise ValueError(f"a body has {int(lines[at + 1])} joints; {J} are needed")
                at += 2
                body = bodies.get(identity)
                if body is None:
                    body = bodies[identity] = np.full((T, J, 3), np.nan, np.float32)
                body[t] = _joints(lines[at : at + J])
                at += J
    except (ValueError, IndexError) as error:
        cut = isinstance(error, IndexError) or not any(line.strip() for line in lines[at:])
        why = "the file ends there" if cut else str(error)
        line = min(at, len(lines)) + 1
        raise ValueError(f"{path.name} is cut off or damaged at line {line}: {why}") from None
    return bodies


def _joints(lines: list[bytes]) -> NDArray[np.float32]:
    """(25, 3), millimeters. Only the first three values and the state, the last, are looked at."""
    if len(lines) < J:
        raise IndexError
    rows = [line.split(None, 3) for line in lines]
    xyz = np.array([row[:3] for row in rows], np.float32)
    # The state is the last character; one that is not there makes the line too short, and the file cut off.
    lost = [row[3].rstrip()[-2:] == b" 0" for row in rows]
    xyz *= np.float32(1000)
    xyz[lost] = np.nan
    xyz[(xyz == 0).all(axis=1)] = np.nan
    return xyz


def _actors(bodies: dict[str, NDArray[np.float32]], people: int) -> NDArray[np.float32]:
    """(P, T, 25, 3): the bodies with the most motion; a person whose id changes is joined together.

    Bodies that appear shortly or are wider than tall are dropped, unless no other is there. P is 0 where no
    body is, and `people` otherwise, absent ones NaN.
    """
    tracks = [track for track in bodies.values() if _is_person(track)] or list(bodies.values())
    tracks.sort(key=_motion, reverse=True)
    if not tracks:
        return np.empty((0, 0, J, 3), np.float32)
    actors = np.full((people, *tracks[0].shape), np.nan, np.float32)
    seen = np.zeros((people, len(tracks[0])), bool)
    for track in tracks:
        present = np.isfinite(track).any(axis=(1, 2))
        free = [p for p in range(people) if not (seen[p] & present).any()]
        if free:
            # A new person where there is room, but two ids that follow one another are one person.
            p = next((p for p in free if people == 1 or not seen[p].any()), free[0])
            actors[p, present] = track[present]
            seen[p] |= present
    return actors


def _is_person(track: NDArray[np.float32]) -> bool:
    present = track[np.isfinite(track).any(axis=(1, 2))]
    if len(present) < min(_MIN_FRAMES, len(track)):
        return False
    size = np.nanmax(present, axis=1) - np.nanmin(present, axis=1)
    return float((size[:, 0] > _WIDE * size[:, 1]).mean()) < _WIDE_SHARE


def _motion(track: NDArray[np.float32]) -> float:
    """How much the joints move about their means: the sum of their variances, times the frames seen."""
    present = track[np.isfinite(track).all(axis=(1, 2))]
    return float(present.var(axis=0).sum() * len(present)) if len(present) else 0.0


FORMAT = Format(
    name="ntu",
    title="NTU RGB+D 60 or 120",
    looks_like="a folder of SsssCcccPpppRrrrAaaa.skeleton files",
    recognize=recognize,
    open=open_ntu,
    options=("unusable",),
)
