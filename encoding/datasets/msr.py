"""MSR Action3D (Li, Zhang, Liu: Action recognition based on a bag of 3D points, CVPR4HB 2010).

The files themselves are read by `lifting.msr_files`; here they become labeled clips by the published
protocols.
"""

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.entry import DataSet
from encoding.datasets.gaps import trim_missing_frames
from encoding.datasets.records import Clip, Split
from encoding.datasets.splits import HoldOutBy, draw_by_class, hold_out
from lifting.msr_files import (
    ACTIONS,
    FOLDER,
    FPS,
    SUBSETS,
    TRAIN_SUBJECTS,
    FileList,
    Sequence,
    Subset,
    read_skeleton_file,
    sequences,
)
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20

Protocol = Literal["cross-subject", "one-third", "two-thirds"]

HOW_TO_GET = (
    "get 'Skeleton data in real world coordinates' (MSRAction3DSkeletonReal3D) of MSR Action3D from "
    "https://sites.google.com/view/wanqingli/data-sets/msr-action3d and unpack it so that the folder holds "
    "aAA_sSS_eEE_skeleton3D.txt files, either itself or in a subfolder real3d/"
)


def load_msr_action3d(
    root: Path,
    *,
    subset: Subset = "AS1",
    file_list: FileList = "557",
    protocol: Protocol = "cross-subject",
    validation_fraction: float = 0.2,
    validation_by: HoldOutBy = "auto",
    seed: int = 0,
) -> Split:
    """MSR Action3D by one of its published protocols.

    "cross-subject": subjects 1 3 5 7 9 train, the others test. "one-third" and "two-thirds": tests one and
    two of Li et al. 2010, whose draw was not published: here that part of each class's sequences, drawn by
    `seed`, trains and the rest tests. Validation is split off the training part by `hold_out`.

    Frames without any joint are cut off at both ends and NaN within. A sequence without a single joint
    (a13_s09_e02 of the 567) is left out, and said in `Split.left_out`.

    Args:
        root: folder that holds the real3d files, itself or in real3d/.
        subset: eight actions (AS1, AS2, AS3) or all 20.
        file_list: "557" of Wang et al. 2012, or "567", all that were published.
        protocol: as above.
        validation_fraction: of the training subjects, or of the training sequences.
        validation_by: as in `hold_out`.
        seed: of the random tests and of the validation draw.

    Raises:
        FileNotFoundError: the folder or one of its files is missing; says where to get the data.
        ValueError: an unknown name, or a file that cannot be read.
    """
    wanted = sequences(subset, file_list)
    folder = _find_folder(Path(root), wanted)
    labels = {action: label for label, action in enumerate(SUBSETS[subset])}
    clips: list[Clip] = []
    left_out: list[str] = []
    for sequence in wanted:
        path = folder / sequence.file_name
        xyz = trim_missing_frames(read_skeleton_file(path))
        if len(xyz) == 0:
            left_out.append(f"{sequence.name} has no frame with a joint")
            continue
        clips.append(
            Clip(
                name=sequence.name,
                poses=_poses(xyz, path),
                label=labels[sequence.action],
                subject=sequence.subject,
            )
        )
    development, test = _divide(clips, protocol, seed)
    held = hold_out(
        development, num_classes=len(labels), fraction=validation_fraction, by=validation_by, seed=seed
    )
    return Split(
        name=f"MSR Action3D {subset}, {file_list} list, {protocol}",
        class_names=tuple(ACTIONS[action - 1] for action in SUBSETS[subset]),
        train=held.train,
        validation=held.validation,
        test=test,
        validation_rule=held.rule,
        left_out=tuple(left_out),
    )


def _find_folder(root: Path, wanted: tuple[Sequence, ...]) -> Path:
    """The folder with the files, complete."""
    if not root.is_dir():
        raise FileNotFoundError(f"MSR Action3D is not at {root}: {HOW_TO_GET}")
    folder = root / "real3d" if (root / "real3d").is_dir() else root
    present = {path.name for path in folder.iterdir()}
    missing = [sequence.file_name for sequence in wanted if sequence.file_name not in present]
    if missing:
        raise FileNotFoundError(
            f"MSR Action3D at {folder} lacks {len(missing)} of {len(wanted)} files, the first of them "
            f"{missing[0]}: {HOW_TO_GET}"
        )
    return folder


def _poses(xyz: NDArray[np.float32], path: Path) -> PoseSequence3D:
    try:
        return PoseSequence3D(xyz=xyz, fps=FPS, skeleton=MSR_20)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _divide(clips: list[Clip], protocol: Protocol, seed: int) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """(development, test)."""
    if protocol == "cross-subject":
        return (
            tuple(clip for clip in clips if clip.subject in TRAIN_SUBJECTS),
            tuple(clip for clip in clips if clip.subject not in TRAIN_SUBJECTS),
        )
    if protocol not in ("one-third", "two-thirds"):
        raise ValueError(
            f"MSR Action3D has no protocol {protocol!r}; cross-subject, one-third or two-thirds is needed"
        )
    fraction = 1 / 3 if protocol == "one-third" else 2 / 3
    return draw_by_class(clips, fraction, np.random.default_rng(seed))


DATA_SET = DataSet(
    name="msr",
    load=load_msr_action3d,
    settings=("subset", "file_list", "protocol"),
    how_to_get=HOW_TO_GET,
    folder=FOLDER,
    inside="real3d",
    label="{subset}",
)
