"""What the synthetic people do: named actions as curves of joint angles over time, degrees."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lifting.body import ANGLES, REST, Floats

Value = Floats | float
Curves = dict[str, Value]


@dataclass(frozen=True, eq=False, kw_only=True)
class Beat:
    """The timing of one performance.

    Attributes:
        progress: (T,) from 0 to 1, not necessarily at even speed.
        cycles: how often a repeated movement is done.
        size: 1 for a movement of common size.
    """

    progress: Floats
    cycles: int
    size: float

    @property
    def phase(self) -> Floats:
        """(T,), radians: 2 pi a cycle."""
        return 2 * np.pi * self.cycles * self.progress

    @property
    def stroke(self) -> Floats:
        """(T,), 0 to 1 and back, once a cycle."""
        return (1 - np.cos(self.phase)) / 2

    @property
    def hold(self) -> Floats:
        """(T,), up to 1 in the first fifth, down to 0 in the last."""
        edge = np.minimum(self.progress, 1 - self.progress) / 0.2
        return _smooth(edge)

    @property
    def once(self) -> Floats:
        """(T,), 0 to 1 and back, once in all."""
        return (1 - np.cos(2 * np.pi * self.progress)) / 2

    def after(self, start: float, end: float) -> Floats:
        """(T,), 0 before `start`, 1 after `end`, smooth between."""
        return _smooth((self.progress - start) / (end - start))


def _smooth(x: Floats) -> Floats:
    x = np.clip(x, 0.0, 1.0)
    return np.asarray(x * x * (3 - 2 * x))


def blend(weight: Floats, targets: Curves, base: Floats | None = None) -> Floats:
    """Angles on the way from a base (standing at ease) to the targets.

    Args:
        weight: (T,), 0 at the base, 1 at the targets.
        targets: degrees, by name; a name not given stays at the base.
        base: (T, len(ANGLES)), degrees.

    Returns:
        (T, len(ANGLES)), degrees.
    """
    if base is None:
        base = np.tile([REST[name] for name in ANGLES], (len(weight), 1))
    angles = base.copy()
    for name, target in targets.items():
        column = ANGLES.index(name)
        angles[:, column] += weight * (target - base[:, column])
    return angles


def arm(side: str, raised: Value, plane: Value, elbow: Value, turn: Value = 0.0) -> Curves:
    """The four angles of one arm, by name."""
    return {
        f"{side}_arm_raise": raised,
        f"{side}_arm_plane": plane,
        f"{side}_elbow": elbow,
        f"{side}_turn": turn,
    }


def leg(side: str, raised: Value, plane: Value, knee: Value) -> Curves:
    """The three angles of one leg, by name."""
    return {f"{side}_leg_raise": raised, f"{side}_leg_plane": plane, f"{side}_knee": knee}


def arms(raised: Value, plane: Value, elbow: Value, turn: Value = 0.0) -> Curves:
    """Both arms alike."""
    return arm("left", raised, plane, elbow, turn) | arm("right", raised, plane, elbow, turn)


def legs(raised: Value, plane: Value, knee: Value) -> Curves:
    """Both legs alike."""
    return leg("left", raised, plane, knee) | leg("right", raised, plane, knee)


def high_arm_wave(beat: Beat) -> Floats:
    """The right forearm swings from side to side above the shoulder."""
    return blend(beat.hold, arm("right", 105.0, 80.0, 75 + 40 * beat.size * np.sin(beat.phase)))


def two_hand_wave(beat: Beat) -> Floats:
    """Both forearms swing above the shoulders."""
    return blend(beat.hold, arms(105.0, 80.0, 70 + 40 * beat.size * np.sin(beat.phase)))


def forward_punch(beat: Beat) -> Floats:
    """The right fist goes from the guard straight ahead; the left stays in guard."""
    guard = arm("left", 30.0, 15.0, 120.0, -10.0) | arm("right", 20.0, 20.0, 125.0, -10.0)
    punch = arm("right", 88.0, -8.0, 5.0, -10.0) | {"twist": 25.0, "lean": 12.0}
    return blend(beat.size * beat.stroke * beat.hold, punch, blend(beat.hold, guard))


def high_throw(beat: Beat) -> Floats:
    """The right arm draws back over the shoulder and throws forward and down."""
    cocked = arm("right", 100.0, 110.0, 100.0) | {"twist": -20.0, "lean": -6.0, "left_arm_raise": 45.0}
    thrown = arm("right", 65.0, -15.0, 10.0) | {"twist": 25.0, "lean": 18.0}
    back = blend(beat.size * beat.after(0.05, 0.4), cocked)
    forth = blend(beat.size * beat.after(0.42, 0.6), thrown, back)
    return blend(beat.after(0.75, 1.0), dict(REST), forth)


def draw_circle(beat: Beat) -> Floats:
    """The right hand draws a circle in front of the chest."""
    raised = 80 + 28 * beat.size * np.cos(beat.phase)
    return blend(beat.hold, arm("right", raised, 12 + 32 * beat.size * np.sin(beat.phase), 18.0))


def hand_clap(beat: Beat) -> Floats:
    """The hands meet in front of the chest and part again."""
    return blend(beat.hold, arms(62.0, -14 + 50 * beat.size * (1 - beat.stroke), 35.0, -25.0))


def bend(beat: Beat) -> Floats:
    """The trunk bends down until the hands are at the shins, and comes up again."""
    return blend(beat.size * beat.once, arms(80.0, 5.0, 14.0) | legs(18.0, 0.0, 28.0) | {"lean": 88.0})


def squat(beat: Beat) -> Floats:
    """The knees bend until the thighs are level, the arms stretched out ahead."""
    return blend(beat.size * beat.once, arms(115.0, 5.0, 8.0) | legs(88.0, 20.0, 112.0) | {"lean": 38.0})


def forward_kick(beat: Beat) -> Floats:
    """The right leg swings forward, the shank last; the left arm swings against it."""
    kick = leg("right", 82.0, 0.0, 80 * (1 - beat.after(0.3, 0.5)) + 5) | {"lean": -10.0}
    balance = arm("left", 50.0, 15.0, 20.0) | arm("right", 25.0, 110.0, 20.0)
    return blend(beat.size * beat.once, kick | balance)


def jogging(beat: Beat) -> Floats:
    """Running on the spot: legs in turn, arms against them."""
    return blend(beat.hold, _stride(beat, thigh=42.0, knee=70.0, swing=38.0, elbow=85.0))


def walk(beat: Beat) -> Floats:
    """Steps; where they lead is the scene's business."""
    return blend(np.ones_like(beat.progress), _stride(beat, thigh=26.0, knee=34.0, swing=22.0, elbow=18.0))


def _stride(beat: Beat, *, thigh: float, knee: float, swing: float, elbow: float) -> Curves:
    curves: Curves = {"lean": 8.0}
    for side, step in (("left", -np.sin(beat.phase)), ("right", np.sin(beat.phase))):
        curves |= leg(
            side, thigh * (0.4 + 0.6 * beat.size * step), 0.0, knee * (0.5 + 0.4 * beat.size * step)
        )
        curves |= arm(side, -swing * beat.size * step, 10.0, elbow)
    return curves


MOTIONS: Mapping[str, Callable[[Beat], Floats]] = {
    "high arm wave": high_arm_wave,
    "forward punch": forward_punch,
    "high throw": high_throw,
    "draw circle": draw_circle,
    "hand clap": hand_clap,
    "two hand wave": two_hand_wave,
    "bend": bend,
    "forward kick": forward_kick,
    "jogging": jogging,
    "squat": squat,
}

# A movement done once a clip; the others are repeated one to three times.
ONCE = frozenset({"bend", "squat", "forward kick", "high throw"})
