"""The lifter on the Pose2Sim demo: one camera's keypoints, lifted, against what four cameras triangulated.

    python benchmarks/pose2sim.py --lifter runs/lift-cmu/lifter --data FOLDER

Lifts the BODY_25B JSON of each camera of the balancing trial by itself and prints P2 over twelve joints of
the limbs, which both have. The triangulated poses come from the same keypoints: a consistency reference, no
independent truth. FOLDER holds `pose2sim_demo`.
"""

import argparse
import os
from pathlib import Path

import numpy as np

from lifting.metrics import p_mpjpe
from lifting.openpose import open_folder
from lifting.people import follow_person, person_keypoints
from lifting.skeleton import H36M_17
from lifting.tables import as_text
from lifting.trained_lifter import TwoStreamLifter

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("POSENAS_DATA", REPOSITORY.parent / "shared" / "data"))  # as in the tests
TRIAL = Path("pose2sim_demo/S00_P00_SingleParticipant/S00_P00_T01_BalancingTrial")
POSES = "pose-3d/S00_P00_T01_BalancingTrial_0-100_filt_butterworth.trc"
FPS = 60.0
# Of Human3.6M's layout, and what the file of triangulated poses calls them.
MARKERS = {
    f"{side}_{joint}": f"{side[0].upper()}{marker}"
    for side in ("left", "right")
    for joint, marker in (
        ("hip", "Hip"), ("knee", "Knee"), ("foot", "Ankle"),
        ("shoulder", "Shoulder"), ("elbow", "Elbow"), ("wrist", "Wrist"),
    )
}  # fmt: skip


def main() -> None:
    """Lift each camera and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lifter", type=Path, required=True, help="folder of a trained lifter")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    options = parser.parse_args()
    trial = options.data / TRIAL
    truth = read_markers(trial / POSES)
    lifter = TwoStreamLifter.load(options.lifter)
    joints = [H36M_17.joints.index(name) for name in MARKERS]
    rows = [["camera", "frames", "P2 (mm)", "P2 of a mean pose (mm)"]]
    mean = np.asarray(lifter.streams["detected"].joints.poses(np.zeros((1, 48), np.float32)))
    for camera in sorted((trial / "pose").iterdir()):
        poses = lifted(lifter, camera)[: len(truth), joints]
        known = np.isfinite(poses).all(axis=(1, 2))
        still = np.broadcast_to(mean[:, joints], poses.shape)
        scores = [p_mpjpe(found[known], truth[: len(poses)][known]) for found in (poses, still)]
        rows.append([camera.name.split("_")[0], str(int(known.sum())), *(f"{score:.1f}" for score in scores)])
    print(as_text(rows, markdown=True))


def lifted(lifter: TwoStreamLifter, folder: Path) -> np.ndarray:
    """(T, 17, 3) millimeters of the largest person."""
    keypoints = open_folder(folder, "body_25b")
    people = [person for _, person in follow_person(keypoints.frames, "largest")]
    sequence = person_keypoints(people, image_size=(1088, 1920), fps=FPS, skeleton=keypoints.skeleton)
    return lifter.lift(sequence).xyz


def read_markers(path: Path) -> np.ndarray:
    """(T, 12, 3) millimeters in the order of `MARKERS`, from a .trc file in meters."""
    lines = path.read_text().splitlines()
    names = [name for name in lines[3].split("\t")[2:] if name]
    values = np.array([line.split("\t") for line in lines[5:] if line.strip()], np.float64)[:, 2:]
    markers = values.reshape(len(values), -1, 3) * 1000
    return markers[:, [names.index(marker) for marker in MARKERS.values()]]


if __name__ == "__main__":
    main()
