"""BVH motion: joint positions, and writing poses so that animation programs open them.

No library that is kept up reads and writes them with joint positions. The file's length unit is its own:
CMU's conversions use inches / 0.45 or centimeters; what is written here is in centimeters, y up, facing +z.
`lifting.bvh_text` parses the text.
"""

from collections.abc import Iterator
from pathlib import Path

from lifting.bvh_motion import Bvh, BvhJoint
from lifting.bvh_text import parse_bvh
from lifting.reading import guarded, read_text

__all__ = ["Bvh", "BvhJoint", "read_bvh", "write_bvh"]


def read_bvh(path: Path) -> Bvh:
    """A BVH file.

    Raises:
        OSError: there is no such file.
        ValueError: it is no BVH, or is cut off; says at which line.
    """
    with guarded(path, "a BVH motion file"):
        return parse_bvh(read_text(path))


def write_bvh(motion: Bvh) -> str:
    """The text of a BVH file."""
    children: dict[int, list[int]] = {}
    for number, joint in enumerate(motion.joints):
        children.setdefault(joint.parent, []).append(number)
    lines = ["HIERARCHY"]
    for root in children.get(-1, []):
        lines += _write_joint(motion.joints, children, root, 0)
    lines += ["MOTION", f"Frames: {len(motion.values)}", f"Frame Time: {motion.frame_time:.8f}"]
    lines += [" ".join(f"{value:.5f}" for value in row) for row in motion.values]
    return "\n".join(lines) + "\n"


def _write_joint(
    joints: tuple[BvhJoint, ...], children: dict[int, list[int]], number: int, depth: int
) -> Iterator[str]:
    joint, tab = joints[number], "\t" * depth
    yield f"{tab}End Site" if joint.end_site else f"{tab}{'JOINT' if depth else 'ROOT'} {joint.name}"
    yield f"{tab}{{"
    yield f"{tab}\tOFFSET {' '.join(f'{value:.5f}' for value in joint.offset)}"
    if not joint.end_site:
        yield f"{tab}\tCHANNELS {' '.join([str(len(joint.channels)), *joint.channels])}"
    for child in children.get(number, []):
        yield from _write_joint(joints, children, child, depth + 1)
    yield f"{tab}}}"
