"""MSR Action3D as pairs: the same 20 joints in the depth camera's image and in the world, cross-subject.

The image is a mirror image (a person's right side is on its right); here it is turned round, image and
world together, so
that left and right are those of a common video. Camera axes are x right, y down, z away.
"""

from collections.abc import Collection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lifting.datasets.pairs import LiftingSplit, PairClip, PosePairs
from lifting.geometry import project
from lifting.msr_files import (
    ACTIONS,
    FPS,
    NUM_SUBJECTS,
    TRAIN_SUBJECTS,
    Sequence,
    read_screen_file,
    read_skeleton_file,
    sequences,
)
from lifting.noise import DetectorNoise, detect
from lifting.poses import Keypoints2D
from lifting.skeleton import MSR_20

IMAGE_SIZE = (320, 240)
TO_CAMERA = (-1, -1, 1)
"""Axes of the world files (x as in a mirror, y up) times this: those of a camera (x right, y down)."""
# Fitted to all 443,380 joints of the files: focal 285.62 (u) and 285.63 (v), center 160.00 and 120.00; what
# remains is the rounding to whole pixels (at most 0.504). It is the Kinect depth camera's nominal focal
# length.
FOCAL, CENTER = (285.63, 285.63), (160.0, 120.0)
# The tracker's 0 means "inferred, not measured", for many joints in nearly every frame; ours means missing.
INFERRED_CONFIDENCE = 0.5
# An inferred joint so far from its own median over five frames (relative to the hip) has jumped.
JUMP_MM, JUMP_FRAMES = 250.0, 5

HOW_TO_GET = (
    "get 'Skeleton data in real world coordinates' (MSRAction3DSkeletonReal3D) and 'Skeleton data in screen "
    "coordinates' (MSRAction3DSkeleton(20joints)) of MSR Action3D from "
    "https://sites.google.com/view/wanqingli/data-sets/msr-action3d and unpack them so that the folder holds "
    "real3d/aAA_sSS_eEE_skeleton3D.txt and screen20/aAA_sSS_eEE_skeleton.txt"
)


def load_msr_pairs(
    root: Path,
    *,
    noise: DetectorNoise | None,
    stride: int,
    seed: int,
    test_subjects: Collection[str] | None = None,
) -> LiftingSplit:
    """All 20 actions of the 557 list: subjects 1 3 5 7 9 without one for validation, and the others to test.

    Keypoints are the files' own (whole pixels, with wild places missing), and with noise what a worse
    detector would
    make of them. Frames without a complete pose, or in which an inferred joint jumps, are left out.

    Args:
        root: folder that holds real3d/ and screen20/.
        noise: added to the keypoints; None keeps them as they are.
        stride: one of every `stride` frames is taken.
        seed: of the noise and of the choice of the validation subject.
        test_subjects: others than 2 4 6 8 10 to test on, for a lifter that must not know them either.

    Raises:
        FileNotFoundError: the folder or a file is missing; says where to get the data.
        ValueError: a file cannot be read, the two files of a sequence differ in length, a test subject is not
            there, or fewer than two subjects are left to train and to choose.
    """
    _check_root(root)
    learned = _learned_subjects(test_subjects)
    validation_subject = learned[np.random.default_rng(seed).integers(len(learned))]
    parts: dict[str, list[PosePairs]] = {"train": [], "validation": [], "test": []}
    num_frames = num_kept = 0
    for index, sequence in enumerate(sequences("all", "557")):
        rng = np.random.default_rng([seed, index])
        pairs, length = _read_sequence(root, sequence, noise, stride, rng)
        num_frames += length
        if pairs is not None:
            num_kept += len(pairs)
            parts[_part(sequence.subject, learned, validation_subject)].append(pairs)
    joined = {part: PosePairs.join(members) for part, members in parts.items()}
    return LiftingSplit(
        name="MSR Action3D screen and world, 557 list, "
        + ("cross-subject" if test_subjects is None else f"subjects {' '.join(test_subjects)} to test"),
        train=joined["train"],
        validation=joined["validation"],
        test={"test subjects": joined["test"]},
        notes=(
            f"{num_frames - num_kept} of {num_frames} frames are left out: without a complete pose, or "
            f"with an "
            "inferred joint that jumps",
        ),
    )


def _learned_subjects(test_subjects: Collection[str] | None) -> tuple[int, ...]:
    """The subjects to train and to choose by."""
    if test_subjects is None:
        return TRAIN_SUBJECTS
    everybody = {str(subject): subject for subject in range(1, NUM_SUBJECTS + 1)}
    unknown = [subject for subject in test_subjects if subject not in everybody]
    if unknown:
        raise ValueError(f"no sequence is of subject {unknown[0]!r}; there are {', '.join(everybody)}")
    learned = tuple(number for subject, number in everybody.items() if subject not in test_subjects)
    if len(learned) < 2 or not test_subjects:
        raise ValueError(
            f"{len(learned)} of {NUM_SUBJECTS} subjects are left to train and to choose by; at least 2, and "
            "a test subject, are needed"
        )
    return learned


def _part(subject: int, learned: tuple[int, ...], validation_subject: int) -> str:
    if subject not in learned:
        return "test"
    return "validation" if subject == validation_subject else "train"


def _check_root(root: Path) -> None:
    for folder in ("real3d", "screen20"):
        if not (root / folder).is_dir():
            raise FileNotFoundError(f"MSR Action3D at {root} has no folder {folder}: {HOW_TO_GET}")


def _read_sequence(
    root: Path, sequence: Sequence, noise: DetectorNoise | None, stride: int, rng: np.random.Generator
) -> tuple[PosePairs | None, int]:
    """The pairs, None where no frame is usable, and the number of frames they were taken from."""
    world_path = root / "real3d" / sequence.file_name
    screen_path = root / "screen20" / sequence.screen_file_name
    try:
        world, (screen, confidence) = read_skeleton_file(world_path), read_screen_file(screen_path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"MSR Action3D lacks {error.filename}: {HOW_TO_GET}") from error
    if len(world) != len(screen):
        raise ValueError(
            f"{screen_path} has {len(screen)} frames, {world_path} {len(world)}; as many are needed"
        )
    complete = np.flatnonzero(np.isfinite(world).all(axis=(1, 2)))
    frames = complete[~_jumps(world[complete], confidence[complete])][::stride]
    if not frames.size:
        return None, len(world)
    return _pairs(sequence, world[frames], screen[frames], confidence[frames], noise, stride, rng), len(world)


def _pairs(
    sequence: Sequence,
    world: NDArray[np.float32],
    screen: NDArray[np.float32],
    confidence: NDArray[np.float32],
    noise: DetectorNoise | None,
    stride: int,
    rng: np.random.Generator,
) -> PosePairs:
    camera_xyz = world * np.array(TO_CAMERA)
    true = project(camera_xyz, FOCAL, CENTER)
    seen, sure = _turned_round(screen, confidence)
    if noise is not None:
        detection = detect(seen, MSR_20, noise, rng)
        seen, sure = detection.xy, sure * detection.confidence
    sure = np.where(np.isnan(seen).any(axis=-1), 0.0, sure)
    return PosePairs(
        keypoints=seen.astype(np.float32),
        confidence=sure.clip(0, 1).astype(np.float32),
        true_keypoints=true.astype(np.float32),
        poses=(camera_xyz - camera_xyz[:, MSR_20.root, None]).astype(np.float32),
        clip=np.zeros(len(world), dtype=np.int64),
        clips=(
            PairClip(
                name=sequence.name,
                subject=str(sequence.subject),
                action=ACTIONS[sequence.action - 1],
                camera="depth camera",
                fps=FPS / stride,
                image_size=IMAGE_SIZE,
            ),
        ),
        keypoint_skeleton=MSR_20,
        pose_skeleton=MSR_20,
    )


def _turned_round(
    screen: NDArray[np.float32], confidence: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Keypoints (T, 20, 2) of a common video and how sure they are (T, 20)."""
    seen = np.stack([IMAGE_SIZE[0] - screen[..., 0], screen[..., 1]], axis=-1)
    sure = np.where(confidence > 0, confidence, np.float32(INFERRED_CONFIDENCE))
    return seen, np.where(np.isnan(seen).any(axis=-1), np.float32(0), sure)


def read_msr_keypoints(root: Path, sequence: Sequence) -> Keypoints2D:
    """The keypoints of one sequence, every frame of it, as `load_msr_pairs` pairs them with poses.

    Raises:
        FileNotFoundError: the folder or the file is missing; says where to get the data.
        ValueError: the file cannot be read.
    """
    _check_root(root)
    path = root / "screen20" / sequence.screen_file_name
    try:
        screen, confidence = read_screen_file(path)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"MSR Action3D lacks {error.filename}: {HOW_TO_GET}") from error
    xy, sure = _turned_round(screen, confidence)
    return Keypoints2D(xy=xy, confidence=sure.clip(0, 1), image_size=IMAGE_SIZE, fps=FPS, skeleton=MSR_20)


def _jumps(world: NDArray[np.float32], confidence: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(T,), True where a joint of confidence 0 is far from where it was and will be."""
    if not len(world):
        return np.zeros(0, dtype=np.bool_)
    relative = world - world[:, MSR_20.root, None]
    half = JUMP_FRAMES // 2
    padded = np.pad(relative, ((half, half), (0, 0), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, JUMP_FRAMES, axis=0)
    off = np.linalg.norm(relative - np.median(windows, axis=-1), axis=-1)
    return np.asarray(((confidence == 0) & (off > JUMP_MM)).any(axis=1))
