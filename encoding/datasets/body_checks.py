"""Whether bodies are what the data says: axes, left and right, the order of the joints, joints at zero."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from encoding.datasets.gaps import marked, zero_joints
from encoding.datasets.layout_fit import Fit, better_layout, uneven_bone
from encoding.datasets.validation import Finding, warning
from encoding.posture import Posture, Up, posture_of, some_frames
from lifting.skeleton import Skeleton

__all__ = ["body_findings"]

# Left and right count as mirrored where knees, toes and noses point backwards this clearly.
MIRRORED = -0.3


def body_findings(
    names: Sequence[str], clips: Sequence[NDArray[Any]], skeleton: Skeleton, expected: Up = "y"
) -> Iterator[Finding]:
    """Findings about clips of one layout, (T, J, 3) or (T, 2, J, 3).

    Args:
        names: of the clips.
        clips: NaN where missing.
        skeleton: layout of the J joints.
        expected: the axis that the data says points up.
    """
    gaps = zero_joints(clips, skeleton)
    yield from _zero_findings(names, gaps, skeleton)
    # A few frames of each say it, and take little memory.
    clips = [marked(some_frames(xyz), gaps) for xyz in clips]
    better = better_layout(clips, skeleton)
    if better is not None:
        yield _layout_finding(skeleton, *better)
    else:
        yield from _uneven_finding(clips, skeleton)
    posture = posture_of(clips, better[0] if better else skeleton)
    yield from _axis_findings(names, posture, expected)


def _zero_findings(
    names: Sequence[str], gaps: Mapping[int, tuple[int, int]], skeleton: Skeleton
) -> Iterator[Finding]:
    """Joints at exactly (0, 0, 0) beside joints that are not."""
    for joint, found in sorted(gaps.items()):
        poses, example = found
        yield warning(
            f"joint {skeleton.joints[joint]} is exactly (0, 0, 0) in {poses} poses, such as in clip "
            f"{names[example]!r}; it is taken for missing there: mark it as NaN"
        )


def _layout_finding(skeleton: Skeleton, other: Skeleton, there: Fit, here: Fit) -> Finding:
    """Another layout that fits better."""
    return warning(
        f"this fits {other.name} better than {skeleton.name}: left and right bones differ by "
        f"{there.asymmetry:.0%} there and {here.asymmetry:.0%} here, and bones vary within a clip by "
        f"{there.spread:.0%} and {here.spread:.0%}; if so, name skeleton {other.name} "
        "(of an import, the option skeleton)"
    )


def _uneven_finding(clips: Sequence[NDArray[Any]], skeleton: Skeleton) -> Iterator[Finding]:
    """A bone that is longer on one side."""
    uneven = uneven_bone(clips, skeleton)
    if uneven is not None:
        name, left, right = uneven
        yield warning(
            f"the bone to the {name} is {left:.0f} mm on the left and {right:.0f} mm on the right: is the "
            f"order of the joints that of {skeleton.name}? `posenas data skeletons` lists it"
        )


def _axis_findings(names: Sequence[str], posture: Posture, expected: Up) -> Iterator[Finding]:
    if posture.up is not None and posture.up != expected:
        yield warning(_axis_message(posture, expected))
    if posture.handedness is not None and posture.handedness < MIRRORED:
        yield warning(
            "left and right are mirrored: knees, toes or noses point backwards; swap the joints of each "
            "pair, or negate one horizontal axis"
        )
    for number in posture.fallen if posture.up == expected else ():
        yield warning("the person lies, or is upside down", names[number], kind="fallen")


def _axis_message(posture: Posture, expected: Up) -> str:
    up = posture.up
    assert up is not None
    if up[-1] == expected[-1]:
        return (
            f"heads are below the hips along {up[-1]}: the data has {up[-1]} "
            f"{'down' if up.startswith('-') else 'up'}, and {_axis_word(expected)} is expected. Say so in "
            f"the array axes ({_axis_word(up)!r}; of an import, the option up), or negate x and y"
        )
    return (
        f"bodies stand along {_axis_word(up)}, and {_axis_word(expected)} is expected. Say so in the array "
        f"axes ({_axis_word(up)!r}; of an import, the option up), and the poses are turned when loaded"
    )


def _axis_word(up: Up) -> str:
    return f"{up[-1]} {'down' if up.startswith('-') else 'up'}"
