"""Synthetic clips: an articulated body of the MSR skeleton doing named actions, deterministic by seed.

Subjects differ in stature, proportions, posture, size and speed of movement; clips in length, timing,
viewpoint, place and sensor noise. Every draw is keyed by (seed, people, subject, action, clip): a clip stays
the same when more subjects or clips are asked for.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.entry import DataSet
from encoding.datasets.interactions import INTERACTIONS
from encoding.datasets.records import Clip, Split
from encoding.datasets.splits import HoldOutBy, hold_out
from lifting.body import ANGLES, BONE_NAMES, BONES, Floats, pose_body
from lifting.motions import MOTIONS, ONCE, Beat
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20

FPS = 15.0
# A tracker loses hands and feet first: their noise is twice that of the trunk.
_FAR = ("hand", "wrist", "foot", "ankle")
_NOISE_SCALE = np.array([2.0 if joint.endswith(_FAR) else 1.0 for joint in MSR_20.joints])
_GROUND_MM, _DEPTH_MM = -900.0, 2700.0


def synthetic(
    *,
    people: int = 1,
    num_subjects: int = 10,
    clips_per_action: int = 2,
    actions: tuple[str, ...] | None = None,
    noise_mm: float = 15.0,
    viewpoint_degrees: float = 40.0,
    missing: float = 0.0,
    validation_fraction: float = 0.2,
    validation_by: HoldOutBy = "auto",
    seed: int = 0,
) -> Split:
    """Draw a data set and split it by subject: odd ones train, even ones test, as in MSR Action3D.

    Args:
        people: 1 for single actions, 2 for interactions; both on the MSR skeleton.
        num_subjects: people; in interactions the pairs (k, another).
        clips_per_action: of each subject.
        actions: names out of `MOTIONS` or `INTERACTIONS`; None takes them all.
        noise_mm: standard deviation of the position of a trunk joint, white and slow noise in equal parts.
        viewpoint_degrees: the camera stands up to so far aside, to either side.
        missing: share of (frame, joint) pairs that are NaN.
        validation_fraction: of the training subjects.
        validation_by: as in `hold_out`.
        seed: of everything.

    Raises:
        ValueError: an unknown action, or a number out of its range.
    """
    names = _check(people, num_subjects, clips_per_action, actions, noise_mm, missing)
    takes = [
        _draw_take(seed, people, subject, action, clip)
        for subject in range(1, num_subjects + 1)
        for action in names
        for clip in range(1, clips_per_action + 1)
    ]
    positions = _pose_all(takes)
    clips = [
        Clip(
            name=f"{take.action.replace(' ', '_')}_s{take.subject:02}_e{take.clip:02}",
            poses=PoseSequence3D(
                xyz=_seen(take, xyz, noise_mm, viewpoint_degrees, missing), fps=FPS, skeleton=MSR_20
            ),
            label=names.index(take.action),
            subject=take.subject,
        )
        for take, xyz in zip(takes, positions, strict=True)
    ]
    held = hold_out(
        [clip for clip, take in zip(clips, takes, strict=True) if take.subject % 2 == 1],
        num_classes=len(names),
        fraction=validation_fraction,
        by=validation_by,
        seed=seed,
    )
    return Split(
        name=f"synthetic, {people} a clip, {num_subjects} subjects, seed {seed}",
        class_names=names,
        train=held.train,
        validation=held.validation,
        test=tuple(clip for clip, take in zip(clips, takes, strict=True) if take.subject % 2 == 0),
        validation_rule=held.rule,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Take:
    """One performance before the body is posed: P people, T frames."""

    subject: int
    action: str
    clip: int
    angles: Floats  # (P, T, len(ANGLES)), degrees
    bones: Floats  # (P, len(BONE_NAMES)), millimeters
    facing: Floats  # (P, T), degrees
    ground: Floats  # (P, T, 3), millimeters
    rng: np.random.Generator


@dataclass(frozen=True, eq=False, kw_only=True)
class _Style:
    """What one subject does in all clips."""

    bones: Floats
    size: float
    tempo: float
    haste: float
    posture: Floats


# First part of the key of every draw, so that a subject's style and a clip never share a stream.
_STYLE, _TAKE = 1, 2


def _draw_style(seed: int, subject: int) -> _Style:
    rng = np.random.default_rng([seed, _STYLE, subject])
    proportions = rng.normal(1.0, 0.05, len(BONE_NAMES)).clip(0.85, 1.15)
    return _Style(
        bones=rng.uniform(0.86, 1.1) * proportions * np.array([BONES[name] for name in BONE_NAMES]),
        size=rng.uniform(0.65, 1.1),
        tempo=rng.uniform(0.8, 1.25),
        haste=rng.uniform(0.7, 1.4),
        posture=rng.normal(0.0, 7.0, len(ANGLES)),
    )


def _draw_take(seed: int, people: int, subject: int, action: str, clip: int) -> _Take:
    number = tuple(MOTIONS if people == 1 else INTERACTIONS).index(action)
    rng = np.random.default_rng([seed, _TAKE, people, subject, number, clip])
    style = _draw_style(seed, subject)
    T = round(rng.uniform(32, 52) / style.tempo)
    haste = style.haste * rng.uniform(0.85, 1.18)
    beat = Beat(
        progress=np.linspace(rng.uniform(0.0, 0.12), rng.uniform(0.88, 1.0), T) ** haste,
        cycles=1 if action in ONCE else int(rng.integers(2, 4)),
        size=style.size * rng.uniform(0.85, 1.15),
    )
    if people == 1:
        poses, facing, ground = MOTIONS[action](beat)[None], np.zeros((1, T)), np.zeros((1, T, 3))
        styles = [style]
    else:
        scene = INTERACTIONS[action](beat)
        poses = np.stack([scene.first, scene.second])
        facing = np.stack([90 + scene.turned, scene.turned - 90])
        ground = np.zeros((2, T, 3))
        gap = scene.gap * rng.uniform(0.85, 1.15)
        ground[0, :, 0], ground[1, :, 0] = -gap / 2, gap / 2
        partner = 1000 + int(rng.integers(1000))
        styles = [style, _draw_style(seed, partner)]
    posture = np.stack([each.posture for each in styles])[:, None]
    posture = posture + rng.normal(0.0, 4.0, (people, 1, len(ANGLES)))
    return _Take(
        subject=subject,
        action=action,
        clip=clip,
        angles=poses + posture + _sway(rng, (people, T, len(ANGLES)), degrees=3.5),
        bones=np.stack([each.bones for each in styles]),
        facing=facing,
        ground=ground,
        rng=rng,
    )


def _sway(rng: np.random.Generator, shape: tuple[int, int, int], *, degrees: float) -> Floats:
    """Slow random movement, (P, T, C): one sine of a random period for each angle."""
    P, T, C = shape
    period = rng.uniform(15, 60, (P, 1, C))
    start = rng.uniform(0, 2 * np.pi, (P, 1, C))
    curves: Floats = degrees * np.sqrt(2) * np.sin(2 * np.pi * np.arange(T)[None, :, None] / period + start)
    return curves


def _pose_all(takes: list[_Take]) -> list[Floats]:
    """All frames of all takes through the body at once; (P, T, 20, 3) each."""
    frames = [take.facing.size for take in takes]
    xyz = pose_body(
        np.concatenate([take.angles.reshape(-1, len(ANGLES)) for take in takes]),
        np.concatenate([np.repeat(take.bones, take.facing.shape[1], axis=0) for take in takes]),
        np.concatenate([take.facing.ravel() for take in takes]),
        np.concatenate([take.ground.reshape(-1, 3) for take in takes]),
    )
    parts = np.split(xyz, np.cumsum(frames)[:-1])
    return [part.reshape(*take.facing.shape, 20, 3) for part, take in zip(parts, takes, strict=True)]


def _seen(
    take: _Take, xyz: Floats, noise_mm: float, viewpoint_degrees: float, missing: float
) -> NDArray[np.float32]:
    """What the camera records: turned, at a place in the room, noisy; (T, 20, 3) or (T, 2, 20, 3)."""
    rng = take.rng
    P, T, J, _ = xyz.shape
    angle = np.radians(rng.uniform(-viewpoint_degrees, viewpoint_degrees))
    if P == 2 and rng.random() < 0.5:  # the first of the two stands on the other side
        angle += np.pi
    cos, sin = np.cos(angle), np.sin(angle)
    place = [rng.uniform(-400, 400), _GROUND_MM + rng.uniform(-100, 100), _DEPTH_MM + rng.uniform(-400, 400)]
    seen = xyz @ np.array([[cos, 0.0, -sin], [0.0, 1.0, 0.0], [sin, 0.0, cos]]) + place
    white = rng.normal(size=(P, T, J, 3))
    slow = _sway(rng, (P, T, J * 3), degrees=1.0).reshape(P, T, J, 3)
    seen += noise_mm * np.sqrt(0.5) * _NOISE_SCALE[:, None] * (white + slow)
    if missing > 0:
        seen[rng.random((P, T, J)) < missing] = np.nan
    return np.asarray(seen[0] if P == 1 else seen.transpose(1, 0, 2, 3), dtype=np.float32)


def _check(
    people: int,
    num_subjects: int,
    clips_per_action: int,
    actions: tuple[str, ...] | None,
    noise_mm: float,
    missing: float,
) -> tuple[str, ...]:
    """The actions' names."""
    if people not in (1, 2):
        raise ValueError(f"people is {people}; 1 (actions) or 2 (interactions) is needed")
    known = tuple(MOTIONS if people == 1 else INTERACTIONS)
    unknown = [name for name in actions or () if name not in known]
    if unknown:
        raise ValueError(
            f"no synthetic action {unknown[0]!r} of {people} people; known are {', '.join(known)}"
        )
    if num_subjects < 2 or clips_per_action < 1:
        raise ValueError(
            f"{num_subjects} subjects with {clips_per_action} clips an action; at least 2 subjects (one to "
            "train, one to test) with 1 clip are needed"
        )
    if not (noise_mm >= 0 and 0 <= missing < 1):
        raise ValueError(f"noise {noise_mm} mm and share missing {missing}; >= 0 and 0 to below 1 are needed")
    return actions or known


DATA_SET = DataSet(name="synthetic", load=synthetic, settings=("people", "num_subjects", "clips_per_action"))
