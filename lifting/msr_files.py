"""The files of MSR Action3D (Li, Zhang, Liu: Action recognition based on a bag of 3D points, CVPR4HB 2010).

20 actions, 10 subjects, 567 sequences; skeletons of 20 joints by a depth camera, one joint a line, 20 lines
a frame:
`aAA_sSS_eEE_skeleton3D.txt` has x y z confidence (meters, y up, z away from the camera),
`aAA_sSS_eEE_skeleton.txt` the
same joints in the image, u v depth confidence (pixels).
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lifting.skeleton import MSR_20

# Where it is looked for under $POSENAS_DATA.
FOLDER = "msr_action3d"
Subset = Literal["AS1", "AS2", "AS3", "all"]
FileList = Literal["557", "567"]
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
MILLIMETERS = np.float32(1000.0)
COLUMNS = 4

# Farther outside the image than this is a mark for "nothing", not a place.
WILD_PIXELS = 1000.0


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

    @property
    def screen_file_name(self) -> str:
        """The original file of the places in the image."""
        return f"{self.name}_skeleton.txt"


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
    """One real3d file in millimeters.

    A joint at exactly (0, 0, 0) (the tracker had lost the person) becomes NaN.

    Returns:
        float32 (T, 20, 3), millimeters, y up, z away from the camera.

    Raises:
        ValueError: the file is empty, a line is not four numbers, or the lines do not make whole frames.
    """
    rows = _read_rows(path)
    xyz = MILLIMETERS * rows[..., :3]
    xyz[(xyz == 0).all(axis=-1)] = np.nan
    return xyz


def read_screen_file(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """One screen file: where each joint appears in the depth camera's image of 320 x 240 pixels.

    A joint at exactly (0, 0), and one at a wild place (some files hold 2147483648), becomes NaN.

    Returns:
        float32 (T, 20, 2), pixels, and the tracker's confidence (T, 20) in [0, 1]; many joints that are well
        placed have confidence 0.

    Raises:
        ValueError: as `read_skeleton_file`.
    """
    rows = _read_rows(path)
    uv = rows[..., :2].copy()
    uv[(uv == 0).all(axis=-1) | (np.abs(uv) > WILD_PIXELS).any(axis=-1)] = np.nan
    return uv, rows[..., 3]


def _read_rows(path: Path) -> NDArray[np.float32]:
    """(T, 20, 4)."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="loadtxt: input contained no data")
            rows = np.loadtxt(path, dtype=np.float32, ndmin=2)
    except ValueError as error:
        raise ValueError(
            f"{path}: not a skeleton file, each line needs {COLUMNS} numbers: {error}"
        ) from error
    if rows.size == 0:
        raise ValueError(f"{path}: the file is empty; {MSR_20.num_joints} lines a frame are needed")
    if rows.shape[1] != COLUMNS:
        raise ValueError(
            f"{path}: lines of {rows.shape[1]} numbers; {COLUMNS} are needed (a place and its confidence)"
        )
    if len(rows) % MSR_20.num_joints:
        raise ValueError(
            f"{path}: {len(rows)} lines, cut off in mid-frame; a multiple of {MSR_20.num_joints} is needed, "
            "one line a joint"
        )
    return rows.reshape(-1, MSR_20.num_joints, COLUMNS)
