"""HDM05 motion capture (Müller et al. 2007): the subset of eleven actions by five people."""

from pathlib import Path

from lifting.datasets.acclaim import find_clips, read_recording
from lifting.datasets.mocap import Recording
from lifting.datasets.positions import PositionFile
from lifting.mocap_skeletons import ASF_31, ASF_NAMES

FILE = "hdm05_subset_positions_30hz.npz"
FPS = 30.0
# The actors that Ofli et al. (2014) keep for testing.
TEST_SUBJECTS = ("mm", "tr")
HOW_TO_GET = (
    f"the folder must hold {FILE}, joint positions at 30 Hz (docs/lifting.md says how each array looks), "
    "or the .asf and .amc files from http://resources.mpi-inf.mpg.de/HDM05, such as HDM_bd.asf and "
    "HDM_bd_squat1Reps_001_120.amc"
)


def hdm05_recordings(root: Path) -> tuple[Recording, ...]:
    """All clips, named by actor, action and take.

    Raises:
        FileNotFoundError: the file is not there; says what the folder must hold.
        ValueError: the file is not of the form.
    """
    files = list(find_clips(root))
    if files and not (root / FILE).exists():
        return tuple(_from_acclaim(skeleton, motion) for skeleton, motion in files)
    try:
        file = PositionFile(
            root / FILE,
            joint_names=ASF_NAMES,
            skeleton=ASF_31,
            per_clip=("actor", "action", "take"),
            fps=FPS,
        )
    except FileNotFoundError as error:
        raise FileNotFoundError(f"HDM05 is not at {root}: {HOW_TO_GET}") from error
    return tuple(_recording(file, clip) for clip in range(file.num_clips))


def _from_acclaim(skeleton: Path, motion: Path) -> Recording:
    actor = skeleton.stem.removeprefix("HDM_")
    action, take = motion.stem.removeprefix(f"{skeleton.stem}_").removesuffix("_120").rsplit("_", 1)
    return read_recording(skeleton, motion, name=f"{actor}_{action}_{take}", subject=actor, action=action)


def _recording(file: PositionFile, clip: int) -> Recording:
    actor, action = str(file.arrays["actor"][clip]), str(file.arrays["action"][clip])
    return file.recording(
        clip, name=f"{actor}_{action}_{int(file.arrays['take'][clip]):03}", subject=actor, action=action
    )
