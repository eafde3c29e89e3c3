"""MSR Action3D (Li, Zhang, Liu: Action recognition based on a bag of 3D points, CVPR4HB 2010).

20 actions, 10 subjects, 567 sequences; skeletons of 20 joints by a depth camera. The original files of world
coordinates, `aAA_sSS_eEE_skeleton3D.txt`, hold one joint a line (x y z confidence, metres, y up, z away from
the camera), 20 lines a frame.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.missing import trim_missing_frames, zeros_to_nan
from encoding.datasets.records import Clip, Split
from encoding.datasets.splits import HoldOutBy, draw_by_class, hold_out
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20

Subset = Literal["AS1", "AS2", "AS3", "all"]
FileList = Literal["557", "567"]
Protocol = Literal["cross-subject", "one-third", "two-thirds"]

ACTIONS = (
    "high arm wave", "horizontal arm wave", "hammer", "hand catch", "forward punch", "high throw", "draw x",
    "draw tick", "draw circle", "hand clap", "two hand wave", "side boxing", "bend", "forward kick",
    "side kick", "jogging", "tennis swing", "tennis serve", "golf swing", "pickup & throw",
)  # fmt: skip
SUBSETS: dict[Subset, tuple[int, ...]] = {
    "AS1": (2, 3, 5, 6, 10, 13, 18, 20),
    "AS2": (1, 4, 7, 8, 9, 11, 12, 14),
    "AS3": (6, 14, 15, 16, 17, 18, 19, 20),
    "all": tuple(range(1, 21)),
}
TRAIN_SUBJECTS = (1, 3, 5, 7, 9)
NUM_SUBJECTS, NUM_INSTANCES = 10, 3

# Of 20 x 10 x 3 sequences these 33 were never published.
NEVER_PUBLISHED = frozenset(
    {
        "a01_s04_e01", "a01_s04_e02", "a01_s04_e03", "a02_s04_e01", "a02_s04_e02", "a02_s04_e03",
        "a03_s04_e01", "a03_s04_e02", "a03_s04_e03", "a04_s03_e03", "a04_s04_e01", "a04_s04_e02",
        "a04_s04_e03", "a05_s04_e01", "a05_s04_e02", "a05_s04_e03", "a05_s06_e03", "a06_s04_e01",
        "a06_s04_e02", "a06_s04_e03", "a06_s06_e03", "a07_s04_e03", "a07_s07_e03", "a15_s02_e03",
        "a15_s03_e01", "a15_s03_e02", "a15_s03_e03", "a15_s04_e01", "a15_s04_e02", "a15_s04_e03",
        "a15_s05_e01", "a15_s05_e02", "a15_s05_e03",
    }
)  # fmt: skip
# Wang et al. (Actionlet ensemble, CVPR 2012) left these ten out for missing or wrong skeletons; 557 remain.
LEFT_OUT_OF_557 = frozenset(
    {
        "a02_s03_e02", "a04_s03_e01", "a07_s04_e01", "a13_s09_e01", "a13_s09_e02", "a13_s09_e03",
        "a14_s03_e01", "a20_s07_e01", "a20_s07_e03", "a20_s10_e03",
    }
)  # fmt: skip

# The depth camera's nominal rate, given as about 15 frames a second in the papers that describe the set; the
# files carry no time stamps and the encoding does not use it.
FPS = 15.0
MILLIMETRES = np.float32(1000.0)
COLUMNS = 4

HOW_TO_GET = (
    "get 'Skeleton data in real world coordinates' (MSRAction3DSkeletonReal3D) of MSR Action3D from "
    "https://sites.google.com/view/wanqingli/data-sets/msr-action3d and unpack it so that the folder holds "
    "aAA_sSS_eEE_skeleton3D.txt files, either itself or in a subfolder real3d/"
)


@dataclass(frozen=True, kw_only=True)
class Sequence:
    """The numbers in a file name: action 1..20, subject 1..10, instance 1..3."""

    action: int
    subject: int
    instance: int

    @property
    def name(self) -> str:
        """As in the file name and in the published lists."""
        return f"a{self.action:02}_s{self.subject:02}_e{self.instance:02}"

    @property
    def file_name(self) -> str:
        """The original file of the world coordinates."""
        return f"{self.name}_skeleton3D.txt"


def sequences(subset: Subset = "all", file_list: FileList = "557") -> tuple[Sequence, ...]:
    """The sequences of a subset and a list, ordered by name.

    Raises:
        ValueError: subset or list is not known.
    """
    if subset not in SUBSETS:
        raise ValueError(f"MSR Action3D has no subset {subset!r}; one of {', '.join(SUBSETS)} is needed")
    if file_list not in ("557", "567"):
        raise ValueError(f"MSR Action3D has no file list {file_list!r}; '557' or '567' is needed")
    absent = NEVER_PUBLISHED | LEFT_OUT_OF_557 if file_list == "557" else NEVER_PUBLISHED
    every = (
        Sequence(action=action, subject=subject, instance=instance)
        for action in SUBSETS[subset]
        for subject in range(1, NUM_SUBJECTS + 1)
        for instance in range(1, NUM_INSTANCES + 1)
    )
    return tuple(sequence for sequence in every if sequence.name not in absent)


def read_skeleton_file(path: Path) -> NDArray[np.float32]:
    """One real3d file in millimetres.

    A joint at exactly (0, 0, 0) (the tracker had lost the person) becomes NaN.

    Returns:
        float32 (T, 20, 3), millimetres, y up, z away from the camera.

    Raises:
        ValueError: the file is empty, a line is not four numbers, or the lines do not make whole frames.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
            rows = np.loadtxt(path, dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise ValueError(
            f"{path}: not a skeleton file, each line needs {COLUMNS} numbers x y z c: {error}"
        ) from error
    if rows.size == 0:
        raise ValueError(f"{path}: the file is empty; {MSR_20.num_joints} lines a frame are needed")
    if rows.shape[1] != COLUMNS:
        raise ValueError(f"{path}: lines of {rows.shape[1]} numbers; {COLUMNS} are needed (x y z confidence)")
    if len(rows) % MSR_20.num_joints:
        raise ValueError(
            f"{path}: {len(rows)} lines, cut off in mid-frame; a multiple of {MSR_20.num_joints} is needed, "
            "one line a joint"
        )
    return zeros_to_nan(MILLIMETRES * rows[:, :3].reshape(-1, MSR_20.num_joints, 3))


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
