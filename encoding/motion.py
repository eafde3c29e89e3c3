"""The motion image: where a body's points are and how fast they move, x y z as red, green and blue.

Rows are points of the body, columns are moments. The upper half shows positions relative to the hip, in units
of the body's own size, turned to face one way. The lower half shows velocities, which keep the hip's motion
and the real time. Two people stand above one another, with the vector between their hips in the middle.

Source: ours, beside SPMF, which relates every joint to every other and shows no joint's own velocity. What it
    is worth stands in docs/results.md.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from encoding.limbs import Joints, limbs_of
from encoding.smoothing import clean
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton

__all__ = ["facing_note", "motion_image", "motion_rows"]

Array = NDArray[np.float64]

LIMBS = 2.08
"""Units that both arms and both legs come to together. The unit of a mean body of MSR Action3D is 1.48 m."""
REACH = 1.2  # units from the middle of the range of positions to its ends
APART = 2.4  # the same for the vector between two people's hips
SPEED = 3.0  # units a second that are shown half-way to the end of the range of velocities
BLUR = (0.7, 3)  # standard deviation of the Gaussian over time and its reach to either side, columns
BETWEEN = "from hip to hip"


def motion_image(poses: PoseSequence3D, size: int) -> NDArray[np.uint8]:
    """The motion image of one clip.

    Args:
        poses: one or two people; the one at smaller x in the first frame stands above.
        size: height and width, pixels.

    Returns:
        uint8 (size, size, 3), RGB. Its rows are those of `motion_rows`, brought to the height.

    Raises:
        ValueError: a joint, or a person, is never seen.
    """
    people = _in_order(clean(poses).astype(np.float64))
    people = _turned(people / _unit(people, poses.skeleton), poses.skeleton)
    people = _blurred(_sampled(people, size))
    limbs = limbs_of(poses.skeleton)
    points = np.stack([_mean(people, joints) for joints in limbs.points], axis=2)
    hips = _mean(people, limbs.hip)  # (size, people, 3)
    positions = points - hips[:, :, None]
    positions[:, :, limbs.points.index(limbs.hip)] = hips - hips.mean(axis=0)
    paths, places = list(points.swapaxes(0, 1)), list(positions.swapaxes(0, 1) / REACH)
    if len(paths) == 2:
        apart = (hips[:, 1] - hips[:, 0])[:, None]
        paths.insert(1, apart)
        places.insert(1, apart / APART)
    step = poses.num_frames / poses.fps / size  # the columns last as long as the clip's frames, seconds
    velocities = _velocities(np.concatenate(paths, axis=1), step) / SPEED
    shown = np.concatenate(places, axis=1), velocities / (1 + np.abs(velocities))
    return fit_rows(_levels(np.concatenate(shown, axis=1)).swapaxes(0, 1), size)


def motion_rows(skeleton: Skeleton, num_people: int) -> tuple[str, ...]:
    """What each row shows, from the top; an image of another height has them brought to it."""
    names = [*limbs_of(skeleton).names]
    if num_people == 2:
        names = [*(f"{name} 1" for name in names), BETWEEN, *(f"{name} 2" for name in names)]
    return (*names, *(f"{name}, velocity" for name in names))


def facing_note(skeleton: Skeleton, num_people: int) -> str | None:
    """One sentence where clips are not turned to face one way, since the skeleton does not say where it
    faces."""
    if num_people == 2 or limbs_of(skeleton).across:
        return None
    return (
        f"skeleton {skeleton.name!r} has neither both hips nor both shoulders: the motion image shows its "
        "clips as they face, not turned to one side"
    )


def fit_rows(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """(R, S, 3) to (size, S, 3): rows are averaged where there are too many, repeated where too few."""
    if len(image) <= size:
        return np.ascontiguousarray(image[np.arange(size) * len(image) // size])
    image = np.ascontiguousarray(image)
    return np.asarray(cv2.resize(image, (image.shape[1], size), interpolation=cv2.INTER_AREA), np.uint8)


def _in_order(xyz: Array) -> Array:
    """(T, J, 3) or (T, 2, J, 3) to (T, people, J, 3), the person at smaller x in the first frame first."""
    people = xyz[:, None] if xyz.ndim == 3 else xyz
    places = people[0].mean(axis=1).tolist()
    return people if places == sorted(places) else people[:, ::-1]


def _unit(people: Array, skeleton: Skeleton) -> float:
    """Millimeters of one unit; two people share theirs. 1 where every bone has no length."""
    upper, lower = np.transpose(limbs_of(skeleton).bones)
    lengths = np.linalg.norm(people[:, :, lower] - people[:, :, upper], axis=-1)
    total = float(np.median(lengths, axis=0).sum(axis=-1).mean())
    return total / LIMBS or 1.0


def _turned(people: Array, skeleton: Skeleton) -> Array:
    """Turned about the vertical, once for the clip, so that x runs from left to right.

    Of one person, from the left hip and shoulder to the right ones; of two, from the first to the second.
    """
    limbs = limbs_of(skeleton)
    if people.shape[1] == 2:
        hips = _mean(people, limbs.hip)
        across = hips[:, 1] - hips[:, 0]
    elif limbs.across:
        left, right = np.transpose(limbs.across)
        across = (people[:, 0, right] - people[:, 0, left]).sum(axis=1)
    else:
        return people
    x, _, z = np.median(across, axis=0)
    length = np.hypot(x, z)
    if length == 0:
        return people
    c, s = x / length, z / length
    turned: Array = people @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T
    return turned


def _mean(people: Array, joints: Joints) -> Array:
    """(T, people, J, 3) to (T, people, 3)."""
    middle: Array = people[:, :, list(joints)].mean(axis=2)
    return middle


def _sampled(people: Array, size: int) -> Array:
    """`size` moments at equal steps from the first frame to the last, linearly between frames."""
    moments = np.linspace(0, len(people) - 1, size)
    before = np.minimum(moments.astype(np.intp), max(len(people) - 2, 0))
    after = np.minimum(before + 1, len(people) - 1)
    share = (moments - before)[:, None, None, None]
    between: Array = people[before] * (1 - share) + people[after] * share
    return between


def _blurred(people: Array) -> Array:
    """A Gaussian over time; beyond the ends stands the end."""
    deviation, reach = BLUR
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights /= weights.sum()
    padded = np.pad(people, [(reach, reach), *[(0, 0)] * 3], mode="edge")
    blurred: Array = sum(
        (weight * padded[start : start + len(people)] for start, weight in enumerate(weights)),
        np.zeros_like(people),
    )
    return blurred


def _velocities(paths: Array, step: float) -> Array:
    """Units a second by central differences; 0 in the first and the last column.

    Args:
        paths: (size, points, 3), units.
        step: from one column to the next, seconds.
    """
    velocities = np.zeros_like(paths)
    velocities[1:-1] = (paths[2:] - paths[:-2]) / (2 * step)
    return velocities


def _levels(values: Array) -> NDArray[np.uint8]:
    """-1 to 1 as 0 to 255; beyond, the end of the range."""
    return np.floor(255 * np.clip((values + 1) / 2, 0, 1)).astype(np.uint8)
