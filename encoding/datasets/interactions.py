"""What two synthetic people do with each other: angles of both, the gap between them, how they are turned."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lifting.body import Floats
from lifting.motions import Beat, arm, arms, blend, forward_kick, leg, walk


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """Two people who face each other along a line.

    Attributes:
        first, second: (T, len(ANGLES)), degrees; the first acts where only one does.
        gap: (T,), millimeters between their hips.
        turned: (T,), degrees that both have turned away from facing each other.
    """

    first: Floats
    second: Floats
    gap: Floats
    turned: Floats


def _scene(first: Floats, second: Floats, gap: Floats | float, turned: Floats | float = 0.0) -> Scene:
    T = len(first)
    return Scene(first=first, second=second, gap=np.full(T, gap, float), turned=np.full(T, turned, float))


def approaching(beat: Beat) -> Scene:
    """Both walk towards each other."""
    return _scene(walk(beat), walk(beat), 2300 - 1500 * beat.size * beat.after(0.0, 1.0))


def departing(beat: Beat) -> Scene:
    """Both turn round and walk off."""
    gap = 800 + 1500 * beat.size * beat.after(0.1, 1.0)
    return _scene(walk(beat), walk(beat), gap, 180 * beat.after(0.0, 0.3))


def shaking_hands(beat: Beat) -> Scene:
    """The right hands meet between the two and go up and down."""
    pose = blend(beat.hold, arm("right", 46 + 9 * beat.size * np.sin(2 * beat.phase), -5.0, 30.0, -25.0))
    return _scene(pose, pose, 870.0)


def pushing(beat: Beat) -> Scene:
    """The first pushes with both hands; the second leans back and gives way."""
    ready = blend(beat.hold, arms(35.0, 20.0, 110.0))
    push = arms(82.0, -2.0, 8.0) | leg("right", 20.0, 0.0, 15.0) | {"lean": 22.0}
    recoil = leg("left", 20.0, 180.0, 10.0) | {"lean": -18.0, "left_arm_raise": 40.0, "right_arm_raise": 40.0}
    given = beat.size * beat.after(0.38, 0.7)
    return _scene(
        blend(beat.size * beat.after(0.3, 0.45) * (1 - beat.after(0.65, 0.95)), push, ready),
        blend(given * (1 - beat.after(0.8, 1.0)), recoil),
        720 + 330 * given,
    )


def punching(beat: Beat) -> Scene:
    """The first strikes with the right fist; the second bends away."""
    strike = beat.size * beat.after(0.3, 0.45) * (1 - beat.after(0.6, 0.9))
    guard = blend(beat.hold, arms(25.0, 18.0, 120.0, -10.0))
    punch = arm("right", 88.0, -8.0, 5.0, -10.0) | {"twist": 25.0, "lean": 14.0}
    given = beat.size * beat.after(0.38, 0.6) * (1 - beat.after(0.75, 1.0))
    dodge = arm("right", 40.0, 20.0, 80.0) | {"lean": -14.0, "tilt": 16.0, "twist": 20.0}
    return _scene(blend(strike, punch, guard), blend(given, dodge), 760 + 120 * given)


def kicking(beat: Beat) -> Scene:
    """The first kicks; the second draws back bent."""
    flinch = arms(30.0, 20.0, 60.0) | {"lean": 28.0, "left_knee": 20.0}
    given = beat.size * beat.after(0.4, 0.7)
    return _scene(forward_kick(beat), blend(given * (1 - beat.after(0.8, 1.0)), flinch), 950 + 300 * given)


def hugging(beat: Beat) -> Scene:
    """Both come close and put their arms around each other."""
    close = beat.after(0.05, 0.4) * (1 - beat.after(0.75, 1.0))
    pose = blend(beat.size * close, arms(80.0, 25.0, 75.0, -85.0) | {"lean": 12.0})
    return _scene(pose, pose, 850 - 480 * close)


INTERACTIONS: Mapping[str, Callable[[Beat], Scene]] = {
    "approaching": approaching,
    "departing": departing,
    "shaking hands": shaking_hands,
    "pushing": pushing,
    "punching": punching,
    "kicking": kicking,
    "hugging": hugging,
}
