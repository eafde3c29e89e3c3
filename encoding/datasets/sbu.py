"""SBU Kinect Interaction (Yun et al., CVPRW 2012), clean version: 282 clips of 8 interactions.

Read from the original text tree (`sXXsYY/CC/NNN/skeleton_pos.txt`) or from the arrays of the 2P-GCN project
in one .npz. Both hold normalized coordinates of two people, which the data set's own formula turns into those
of the camera:

    X = 1280 - 2560 x    Y = 960 - 1920 y    Z = 10000 z / 7.8125 = 1280 z

The authors name no unit. These are millimeters as far as the data can tell: the three scales are those at
which the lengths of bones vary least within a sequence (2.2 %; each step of 320 to 640 away varies more), and
at them thigh, shank and upper arm measure 429, 412 and 283 mm in the median. Take the scale as approximate.
y grows up, z away from the camera, and left and right come out as in MSR Action3D. (A published copy of the
formula computes Z from y: a slip.)
"""

import re
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoding.datasets.entry import DataSet
from encoding.datasets.gaps import trim_missing_frames, zeros_to_nan
from encoding.datasets.records import Clip, Split
from encoding.datasets.splits import HoldOutBy, hold_out
from lifting.poses import PoseSequence3D
from lifting.skeleton import SBU_15

# In the order of the folders 01..08, which is the order of the labels in the arrays: the longest clip, 46
# frames, is s02s07/05/001 and has label 4; one of the two shortest, 10 frames, is s01s02/08/002 with label 7.
CLASSES = (
    "approaching", "departing", "kicking", "pushing",
    "shaking hands", "hugging", "exchanging object", "punching",
)  # fmt: skip
FOLDS: dict[int, tuple[str, ...]] = {
    1: ("s01s02", "s03s04", "s05s02", "s06s04"),
    2: ("s02s03", "s02s07", "s03s05", "s05s03"),
    3: ("s01s03", "s01s07", "s07s01", "s07s03"),
    4: ("s02s01", "s02s06", "s03s02", "s03s06"),
    5: ("s04s02", "s04s03", "s04s06", "s06s02", "s06s03"),
}
FOLD_OF_SET = {name: fold for fold, names in FOLDS.items() for name in names}

# The recording's nominal rate; the encoding does not use it.
FPS = 15.0
NPZ_NAME = "sbu_interaction.npz"
PEOPLE, COLUMNS = 2, 1 + 2 * 15 * 3
_SCALE = np.array([-2560.0, -1920.0, 1280.0], np.float32)
_ORIGIN = np.array([1280.0, 960.0, 0.0], np.float32)

HOW_TO_GET = (
    "get the clean version of the SBU Kinect Interaction data set from "
    "https://www3.cs.stonybrook.edu/~kyun/research/kinect_interaction/ and unpack its 21 sets into a folder, "
    f"so that it holds sXXsYY/CC/NNN/skeleton_pos.txt; or name {NPZ_NAME} or the folder that holds it"
)


def to_millimeters(normalized: NDArray[np.float32]) -> NDArray[np.float32]:
    """Camera coordinates, mm, from normalized ones, (..., 3); a joint at (0, 0, 0) becomes NaN."""
    return np.asarray(_ORIGIN + _SCALE * zeros_to_nan(normalized), dtype=np.float32)


def read_skeleton_file(path: Path) -> NDArray[np.float32]:
    """One skeleton_pos.txt: a line a frame, its number and x, y, z of 15 joints of either person.

    Returns:
        float32 (T, 2, 15, 3), normalized as in the file.

    Raises:
        ValueError: the file is empty, or a line is not 91 numbers.
    """
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if not text:
        raise ValueError(f"{path}: the file is empty; a line of {COLUMNS} numbers a frame is needed")
    try:
        rows = np.loadtxt(text.splitlines(), dtype=np.float32, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ValueError(f"{path}: each line needs {COLUMNS} numbers with commas between: {error}") from error
    if rows.shape[1] != COLUMNS:
        raise ValueError(
            f"{path}: lines of {rows.shape[1]} numbers; {COLUMNS} are needed "
            "(frame, then x, y, z of 15 joints of 2 people)"
        )
    return rows[:, 1:].reshape(-1, PEOPLE, SBU_15.num_joints, 3)


def load_sbu(
    path: Path,
    *,
    fold: int = 1,
    validation_fraction: float = 0.2,
    validation_by: HoldOutBy = "auto",
    seed: int = 0,
) -> Split:
    """SBU with one of its five published folds as the test part.

    Both people stay in the camera's frame of reference. Validation holds out whole sets (pairs of people) of
    the text tree. The arrays do not say the set, only the fold: there one whole training fold is held out,
    which is some sets whole, and as far from training as the test fold is. The same persons occur in several
    sets and folds; that is the published protocol.

    Args:
        path: root of the text tree, folder of the .npz, or the .npz.
        fold: 1..5, the test fold.
        validation_fraction: of the training sets (or folds).
        validation_by: as in `hold_out`.
        seed: of the validation draw.

    Raises:
        FileNotFoundError: the data is not there; says where to get it.
        ValueError: an unknown fold, or data that cannot be read.
    """
    if fold not in FOLDS:
        raise ValueError(f"SBU has no fold {fold}; 1..{len(FOLDS)} is needed")
    path = Path(path)
    arrays = path / NPZ_NAME if path.is_dir() else path
    clips = _read_arrays(arrays) if arrays.is_file() else _read_tree(path)
    held = hold_out(
        [clip for clip in clips if clip.fold != fold],
        num_classes=len(CLASSES),
        fraction=validation_fraction,
        by=validation_by,
        seed=seed,
    )
    return Split(
        name=f"SBU Kinect Interaction, fold {fold}",
        class_names=CLASSES,
        train=held.train,
        validation=held.validation,
        test=tuple(clip for clip in clips if clip.fold == fold),
        validation_rule=held.rule,
    )


def _read_tree(root: Path) -> list[Clip]:
    if not root.is_dir():
        raise FileNotFoundError(f"SBU is not at {root}: {HOW_TO_GET}")
    # Unpacked into a folder of its own name, a set lies twice deep: s01s02/s01s02/01/001.
    takes = (path for depth in ("s*s*", "s*s*/s*s*") for path in root.glob(f"{depth}/*/*/skeleton_pos.txt"))
    found = [(_place(path), path) for path in sorted(takes)]
    missing = sorted(set(FOLD_OF_SET) - {place[0] for place, _ in found})
    if missing:
        raise FileNotFoundError(
            f"SBU at {root} lacks {len(missing)} of {len(FOLD_OF_SET)} sets, the first of them {missing[0]}: "
            f"{HOW_TO_GET}"
        )
    return [
        _clip(
            f"{name}_{category:02}_{take}",
            read_skeleton_file(path),
            category - 1,
            FOLD_OF_SET[name],
            name,
            path,
        )
        for (name, category, take), path in found
    ]


def _place(path: Path) -> tuple[str, int, str]:
    """(set, category, take) from .../sXXsYY/CC/NNN/skeleton_pos.txt."""
    match = re.search(r"(s\d\ds\d\d)/(\d\d)/(\d\d\d)/skeleton_pos\.txt$", path.as_posix())
    if not match or match[1] not in FOLD_OF_SET or not 1 <= int(match[2]) <= len(CLASSES):
        raise ValueError(
            f"{path}: not one of SBU's places; sXXsYY/CC/NNN/skeleton_pos.txt with one of the 21 sets "
            f"({', '.join(sorted(FOLD_OF_SET))}) and CC in 01..{len(CLASSES):02} is needed"
        )
    return match[1], int(match[2]), match[3]


def _read_arrays(path: Path) -> list[Clip]:
    """The .npz: skeleton (N, 3, F, 15, 2) padded with zeros, num_frames, label and fold (N,)."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            skeleton, num_frames, label, fold = (
                file[key] for key in ("skeleton", "num_frames", "label", "fold")
            )
    except (KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path}: arrays skeleton, num_frames, label and fold are needed: {error}"
        ) from error
    N = len(label)
    if (
        skeleton.ndim != 5
        or skeleton.shape[:2] != (N, 3)
        or skeleton.shape[3:] != (SBU_15.num_joints, PEOPLE)
    ):
        raise ValueError(f"{path}: skeleton has shape {skeleton.shape}; ({N}, 3, frames, 15, 2) is needed")
    if num_frames.shape != (N,) or num_frames.min() < 1 or num_frames.max() > skeleton.shape[2]:
        raise ValueError(f"{path}: num_frames must be {N} numbers from 1 to {skeleton.shape[2]}")
    if fold.shape != (N,) or not np.isin(fold, list(FOLDS)).all():
        raise ValueError(f"{path}: fold must be {N} numbers from 1 to {len(FOLDS)}")
    return [
        _clip(
            f"fold{fold[n]}_{n:03}",
            skeleton[n, :, : num_frames[n]].transpose(1, 3, 2, 0).astype(np.float32),
            int(label[n]),
            int(fold[n]),
            f"fold {fold[n]}",
            path,
        )
        for n in range(N)
    ]


def _clip(name: str, normalized: NDArray[np.float32], label: int, fold: int, group: str, path: Path) -> Clip:
    try:
        poses = PoseSequence3D(xyz=trim_missing_frames(to_millimeters(normalized)), fps=FPS, skeleton=SBU_15)
    except ValueError as error:
        raise ValueError(f"{path}, sequence {name}: {error}") from error
    return Clip(name=name, poses=poses, label=label, fold=fold, group=group)


DATA_SET = DataSet(
    name="sbu", load=load_sbu, settings=("fold",), how_to_get=HOW_TO_GET, folder="sbu", label="fold{fold}"
)
