"""Synthetic recordings: the articulated body doing its named motions, each subject in its own style."""

import numpy as np

from lifting.body import ANGLES, BONE_NAMES, BONES, Floats, pose_body
from lifting.datasets.mocap import Recording
from lifting.mapping import map_joints
from lifting.motions import MOTIONS, ONCE, Beat
from lifting.skeleton import H36M_17, MSR_20

FPS = 30.0
_UP = (0.0, 1.0, 0.0)


def synthetic_recordings(*, num_subjects: int, clips_per_action: int, seed: int) -> tuple[Recording, ...]:
    """Clips of two to four seconds on the Human3.6M layout, subjects "1", "2" and so on.

    Every draw is keyed by (seed, subject, action, clip): a clip stays the same when more of anything is
    asked for.
    """
    return tuple(
        _perform(seed, subject, action, clip)
        for subject in range(1, num_subjects + 1)
        for action in MOTIONS
        for clip in range(1, clips_per_action + 1)
    )


def _perform(seed: int, subject: int, action: str, clip: int) -> Recording:
    rng = np.random.default_rng([seed, subject, tuple(MOTIONS).index(action), clip])
    bones, posture = _style(seed, subject)
    T = int(rng.integers(60, 120))
    beat = Beat(
        progress=np.linspace(0, 1, T) ** rng.uniform(0.8, 1.25),
        cycles=1 if action in ONCE else int(rng.integers(2, 4)),
        size=rng.uniform(0.7, 1.2),
    )
    angles = MOTIONS[action](beat) + posture + _sway(rng, T)
    facing = rng.uniform(-180, 180) + 15 * np.sin(np.linspace(0, 2 * np.pi, T))
    xyz = pose_body(angles, np.tile(bones, (T, 1)), facing, np.zeros((T, 3)))
    return Recording(
        name=f"{action.replace(' ', '_')}_s{subject:02}_e{clip:02}",
        subject=str(subject),
        action=action,
        xyz=map_joints(xyz, MSR_20, H36M_17).astype(np.float64),
        up=_UP,
        fps=FPS,
        skeleton=H36M_17,
    )


def _style(seed: int, subject: int) -> tuple[Floats, Floats]:
    """Bone lengths, millimeters, and the habitual offset of each joint angle, degrees."""
    rng = np.random.default_rng([seed, subject])
    mean = np.array([BONES[name] for name in BONE_NAMES])
    proportions = rng.normal(1.0, 0.05, len(BONE_NAMES)).clip(0.85, 1.15)
    return rng.uniform(0.86, 1.1) * proportions * mean, rng.normal(0.0, 7.0, len(ANGLES))


def _sway(rng: np.random.Generator, num_frames: int) -> Floats:
    """(T, angles), degrees: one slow sine of random period for each angle."""
    period, start = rng.uniform(30, 120, len(ANGLES)), rng.uniform(0, 2 * np.pi, len(ANGLES))
    return np.asarray(5.0 * np.sin(2 * np.pi * np.arange(num_frames)[:, None] / period + start))
