"""The text of a BVH file: a hierarchy of nested joints, then one row of numbers a frame.

Programs write it differently: names with blanks, keywords in either case, CHANNELS before OFFSET, everything
in one line. A name reaches to the end of its line or to the brace; all else is words. No recursion: a file
may nest joints as deeply as it likes.
"""

import re
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lifting.bvh_motion import POSITIONS, ROTATIONS, Bvh, BvhJoint
from lifting.reading import number

__all__ = ["parse_bvh"]

_CHANNELS = {name.lower(): name for name in (*POSITIONS, *ROTATIONS)}
_TOKEN = re.compile(r"[{}]|[^\s{}]+")
_NAME = re.compile(r"[^\n{]*")
_MOTION = re.compile(r"(?:^[ \t]*|(?<=\})\s*)MOTION\b", re.MULTILINE | re.IGNORECASE)
_FRAMES = re.compile(r"\s*Frames\s*:\s*(\S+)\s+Frame\s+Time\s*:\s*(\S+)", re.IGNORECASE)


@dataclass
class _Joint:
    """One joint while its block is read."""

    name: str
    parent: int
    end_site: bool = False
    offset: tuple[float, float, float] | None = None
    channels: tuple[str, ...] = ()


@dataclass
class _Words:
    """The words of the hierarchy, with the line of the last one for messages."""

    text: str
    place: int = 0
    last: int = 0
    joints: list[_Joint] = field(default_factory=list)

    def line(self) -> int:
        return self.text.count("\n", 0, self.last) + 1

    def take(self) -> str | None:
        """The next word; None at the end."""
        match = _TOKEN.search(self.text, self.place)
        if match is None:
            return None
        self.last, self.place = match.start(), match.end()
        return match[0]

    def need(self, wanted: str) -> str:
        """The next word, where the file must not end."""
        word = self.take()
        if word is None:
            raise ValueError(f"it ends in the middle of the hierarchy, where {wanted} is needed")
        return word

    def name(self) -> str:
        """What follows on the line, up to the brace."""
        match = _NAME.match(self.text, self.place)
        assert match is not None
        self.place = match.end()
        return " ".join(match[0].split())

    def number(self) -> float:
        word = self.need("a number")
        try:
            return number(word)
        except ValueError as error:
            raise ValueError(f"line {self.line()}: {error}") from None

    def wrong(self, word: str, wanted: str) -> ValueError:
        return ValueError(f"line {self.line()}: {word[:40]!r} came where {wanted} is needed")


def parse_bvh(text: str) -> Bvh:
    """The hierarchy and the motion in a text.

    Raises:
        ValueError: it is no BVH, or is cut off; says at which line.
    """
    motion = _MOTION.search(text)
    joints = _hierarchy(text if motion is None else text[: motion.start()])
    if motion is None:
        raise ValueError("it is cut off: no line MOTION follows the hierarchy")
    frames = _FRAMES.match(text, motion.end())
    line = text.count("\n", 0, motion.end()) + 1
    if frames is None:
        raise ValueError(f"line {line}: `Frames: NUMBER` and `Frame Time: SECONDS` must follow MOTION")
    if not frames[1].isdigit():
        raise ValueError(f"line {line}: {frames[1][:40]!r} came where a number of frames is needed")
    channels = sum(len(joint.channels) for joint in joints)
    values = _numbers(text, frames.end(), int(frames[1]), channels)
    return Bvh(joints=joints, values=values, frame_time=number(frames[2]))


def _numbers(text: str, begin: int, num_frames: int, channels: int) -> NDArray[np.float64]:
    """(frames, channels), line after line, so that a long file needs little more than its numbers."""
    rows: list[NDArray[np.float64]] = []
    first = text.count("\n", 0, begin) + 1
    for line, row in enumerate(text[begin:].split("\n"), start=first):
        try:
            rows.append(np.array([number(word) for word in row.split()]))
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from None
    values = np.concatenate(rows)
    if values.size != num_frames * channels:
        raise ValueError(
            f"{num_frames} frames of {channels} channels are announced, {values.size} numbers follow"
        )
    if not num_frames:
        raise ValueError("it announces 0 frames; at least 1 is needed")
    return values.reshape(num_frames, channels)


def _hierarchy(text: str) -> tuple[BvhJoint, ...]:
    words = _Words(text)
    word = words.need("HIERARCHY")
    if word.upper() != "HIERARCHY":
        raise words.wrong(word, "HIERARCHY")
    word = words.need("ROOT")
    if word.upper() != "ROOT":
        raise words.wrong(word, "ROOT")
    while True:
        _tree(words)
        following = words.take()
        if following is None:
            break
        if following.upper() != "ROOT":
            raise words.wrong(following, "MOTION or another ROOT")
    return tuple(_finished(joint) for joint in words.joints)


def _tree(words: _Words) -> None:
    """A root and everything below it; its keyword has been read."""
    open_joints = [_begin(words, words.name(), -1)]
    while open_joints:
        joint = words.joints[open_joints[-1]]
        word = words.need("a brace }")
        keyword = word.upper()
        if word == "}":
            open_joints.pop()
        elif keyword == "OFFSET":
            joint.offset = (words.number(), words.number(), words.number())
        elif keyword == "CHANNELS":
            joint.channels = _channels(words, joint)
        elif keyword == "JOINT" and not joint.end_site:
            open_joints.append(_begin(words, words.name(), open_joints[-1]))
        elif keyword == "END" and not joint.end_site:
            words.name()  # "Site", and what some programs call it
            open_joints.append(_begin(words, f"{joint.name} end", open_joints[-1], end_site=True))
        else:
            raise words.wrong(word, "OFFSET, CHANNELS, JOINT, End Site or a brace")


def _begin(words: _Words, name: str, parent: int, *, end_site: bool = False) -> int:
    """A new joint's number, its opening brace read."""
    if not name:
        raise ValueError(f"line {words.line()}: the joint has no name; a name is needed")
    brace = words.need("a brace {")
    if brace != "{":
        raise words.wrong(brace, "a brace {")
    words.joints.append(_Joint(name, parent, end_site))
    return len(words.joints) - 1


def _channels(words: _Words, joint: _Joint) -> tuple[str, ...]:
    count = words.need("the number of channels")
    if not count.isdigit() or int(count) > len(_CHANNELS):
        raise words.wrong(count, f"a number of channels from 0 to {len(_CHANNELS)}")
    names = [words.need("a channel") for _ in range(int(count))]
    unknown = [name for name in names if name.lower() not in _CHANNELS]
    if unknown:
        raise ValueError(
            f"line {words.line()}: joint {joint.name} has the channels {', '.join(unknown)}, which are not "
            f"known; {', '.join(_CHANNELS.values())} are"
        )
    known = tuple(_CHANNELS[name.lower()] for name in names)
    if len(set(known)) < len(known):
        raise ValueError(f"line {words.line()}: joint {joint.name} has a channel twice: {', '.join(names)}")
    return known


def _finished(joint: _Joint) -> BvhJoint:
    if joint.offset is None:
        raise ValueError(f"joint {joint.name} has no OFFSET; three numbers are needed")
    return BvhJoint(
        name=joint.name,
        parent=joint.parent,
        offset=joint.offset,
        channels=joint.channels,
        end_site=joint.end_site,
    )
