"""Small clips, and folders of the same form as the original data sets."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.records import Clip
from encoding.datasets.sbu import FOLD_OF_SET
from lifting.msr_files import sequences
from lifting.poses import PoseSequence3D
from lifting.skeleton import MSR_20, SBU_15

MakeClip = Callable[..., Clip]


@pytest.fixture(scope="session")
def make_clip() -> MakeClip:
    """A clip of a random body about 1.7 m tall, its content decided by its name."""

    def make(
        name: str, label: int = 0, *, subject: int | None = None, group: str | None = None, frames: int = 4
    ) -> Clip:
        rng = np.random.default_rng(list(name.encode()))
        xyz = rng.uniform(0, 1700, (frames, 20, 3))
        return Clip(
            name=name,
            poses=PoseSequence3D(xyz=xyz.astype(np.float32), fps=15.0, skeleton=MSR_20),
            label=label,
            subject=subject,
            group=group,
        )

    return make


def msr_text(xyz: np.ndarray) -> str:
    """(T, 20, 3), meters, as a real3d file."""
    return "".join(f"{x:f} {y:f} {z:f} 0.000000\n" for x, y, z in xyz.reshape(-1, 3))


@pytest.fixture
def write_msr() -> Callable[[Path, np.ndarray], None]:
    """Write one file of the real3d form."""

    def write(path: Path, xyz: np.ndarray) -> None:
        path.write_text(msr_text(xyz))

    return write


@pytest.fixture(scope="session")
def msr_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 567 files, two frames each."""
    root = tmp_path_factory.mktemp("msr")
    folder = root / "real3d"
    folder.mkdir()
    text = msr_text(np.random.default_rng(0).uniform(0.1, 1.8, (2, 20, 3)))
    for sequence in sequences("all", "567"):
        (folder / sequence.file_name).write_text(text)
    return root


@pytest.fixture(scope="session")
def sbu_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All 21 sets, one take of three frames of each category."""
    root = tmp_path_factory.mktemp("sbu")
    rng = np.random.default_rng(0)
    for name in FOLD_OF_SET:
        for category in range(1, 9):
            folder = root / name / name / f"{category:02}" / "001"
            folder.mkdir(parents=True)
            rows = np.column_stack([np.arange(3), rng.uniform(0.2, 1.2, (3, 2 * SBU_15.num_joints * 3))])
            np.savetxt(folder / "skeleton_pos.txt", rows, delimiter=",", fmt="%.5g")
    return root
