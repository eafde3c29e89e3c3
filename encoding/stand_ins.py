"""What stands for a joint, or a person, that a whole clip does not show.

A joint that is never seen stands where the nearest joint of the tree is that was seen, its parent first: a
foot at the ankle. An absent second person stands where the first one does, so that every vector between the
two is one of the first person's own.
"""

from collections import deque
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import Skeleton

__all__ = ["nearest_seen", "with_stand_ins"]


def with_stand_ins(xyz: NDArray[np.float32], skeleton: Skeleton) -> NDArray[np.float32]:
    """A copy in which every joint is seen in some frame.

    Args:
        xyz: (T, J, 3) or (T, 2, J, 3), NaN where missing.
        skeleton: layout of the J joints.

    Raises:
        ValueError: no joint of any person is seen in any frame.
    """
    filled = xyz.copy()
    people = [filled] if xyz.ndim == 3 else [filled[:, 0], filled[:, 1]]
    present = [bool(np.isfinite(one).all(axis=-1).any()) for one in people]
    if not any(present):
        raise ValueError(
            f"no joint is seen in any of {len(xyz)} frames; at least one joint in one frame is needed"
        )
    for one, there in zip(people, present, strict=True):
        if there:
            finite: NDArray[np.bool_] = np.asarray(np.isfinite(one).any(axis=0).all(axis=-1))
            seen = tuple(finite.tolist())
            one[...] = one[:, list(nearest_seen(skeleton, seen))]
    for one, there in zip(people, present, strict=True):
        if not there:
            one[...] = people[present.index(True)]
    return filled


@lru_cache(maxsize=256)
def nearest_seen(skeleton: Skeleton, seen: tuple[bool, ...]) -> tuple[int, ...]:
    """For every joint the one that stands for it: itself where it is seen."""
    return tuple(_nearest(skeleton, joint, seen) for joint in range(skeleton.num_joints))


def _nearest(skeleton: Skeleton, joint: int, seen: tuple[bool, ...]) -> int:
    """Breadth first through the tree, towards the root before away from it."""
    waiting, known = deque([joint]), {joint}
    while waiting:
        here = waiting.popleft()
        if seen[here]:
            return here
        parent = skeleton.parents[here]
        around = [parent] if parent >= 0 else []
        around += [child for child, above in enumerate(skeleton.parents) if above == here]
        waiting.extend(one for one in around if one not in known)
        known.update(around)
    return joint
