"""CMU motion capture (mocap.cs.cmu.edu), as ASF and AMC files or kept as joint positions in two files.

`cmu_amc_positions_30hz.npz` has subjects 1, 2, 3 and 11, each with the bones measured on the person.
`cmu_iclone_positions_30hz.npz` has more subjects on the bones of one character; those that are in the first
file are left out of it. Without them every 02/02_05.amc below the folder is read with its 02/02.asf.
"""

from pathlib import Path

from lifting.datasets.acclaim import find_clips, read_recording
from lifting.datasets.mocap import Recording
from lifting.datasets.positions import PositionFile
from lifting.mocap_skeletons import ASF_31, ASF_NAMES, ICLONE_24, ICLONE_NAMES

AMC_FILE, ICLONE_FILE = "cmu_amc_positions_30hz.npz", "cmu_iclone_positions_30hz.npz"
FPS = 30.0
# Walks, runs, jumps, strikes, bends and washes itself, on bones that no other clip has.
TEST_SUBJECTS = ("2",)
HOW_TO_GET = (
    f"the folder must hold {AMC_FILE} and {ICLONE_FILE}, joint positions at 30 Hz (docs/lifting.md says "
    "how each array looks), or the .asf and .amc files from http://mocap.cs.cmu.edu, such as 02/02.asf and "
    "02/02_05.amc"
)


def cmu_recordings(root: Path) -> tuple[Recording, ...]:
    """All clips, named s02_t05 for subject 2, trial 5; the action is CMU's description up to the first dash.

    Raises:
        FileNotFoundError: a file is not there; says what the folder must hold.
        ValueError: a file is not of the form.
    """
    files = list(find_clips(root))
    if files and not (root / AMC_FILE).exists():
        return tuple(_from_acclaim(skeleton, motion) for skeleton, motion in files)
    per_clip = ("subject", "trial", "description")
    try:
        amc = PositionFile(
            root / AMC_FILE, joint_names=ASF_NAMES, skeleton=ASF_31, per_clip=per_clip, fps=FPS
        )
        iclone = PositionFile(
            root / ICLONE_FILE, joint_names=ICLONE_NAMES, skeleton=ICLONE_24, per_clip=per_clip, fps=FPS
        )
    except FileNotFoundError as error:
        raise FileNotFoundError(f"CMU motion capture is not complete at {root}: {HOW_TO_GET}") from error
    measured = set(amc.arrays["subject"].tolist())
    clips = [(amc, clip) for clip in range(amc.num_clips)]
    clips += [
        (iclone, clip) for clip in range(iclone.num_clips) if iclone.arrays["subject"][clip] not in measured
    ]
    return tuple(_recording(file, clip) for file, clip in clips)


def _from_acclaim(skeleton: Path, motion: Path) -> Recording:
    subject, _, trial = motion.stem.rpartition("_")
    return read_recording(
        skeleton,
        motion,
        name=f"s{subject}_t{trial}",
        subject=subject.lstrip("0") or "0",
        action="",  # CMU's descriptions stand on its pages, not in the files
    )


def _recording(file: PositionFile, clip: int) -> Recording:
    subject, trial = int(file.arrays["subject"][clip]), int(file.arrays["trial"][clip])
    return file.recording(
        clip,
        name=f"s{subject:02}_t{trial:02}",
        subject=str(subject),
        action=str(file.arrays["description"][clip]).split(" - ")[0],
    )
