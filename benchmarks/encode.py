"""How long the encoding takes, and how much longer the literal loop takes.

    python benchmarks/encode.py [--root FOLDER_OF_MSR_ACTION3D]

Encodes the 557 sequences of MSR Action3D on one core, everything from raw coordinates to 32 x 32 images, and
in the same run a sample of them by the literal loop that the tests use as oracle. Prints both, with the
machine. Without the data set at hand it takes synthetic clips, and says so.

The script is not called encoding.py: Python would then import it in place of the package.
"""

import argparse
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from encoding import (
    AugmentationConfig,
    EncodingConfig,
    EncodingStatistics,
    encode,
    encode_all,
    encode_augmented,
    feature_image,
    fit_statistics,
)
from encoding.datasets.msr import load_msr_action3d
from encoding.datasets.synthetic import synthetic
from encoding.enhance import enhance, resize
from lifting.msr_files import FOLDER
from lifting.poses import PoseSequence3D

REPOSITORY = Path(__file__).resolve().parents[1]
ORACLE = REPOSITORY / "tests" / "encoding" / "oracle.py"
DATA = Path(os.environ.get("POSENAS_DATA", REPOSITORY.parent / "shared" / "data"))  # as in the tests
CONFIG = EncodingConfig()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, default=DATA / FOLDER, help="folder that holds real3d/")
    parser.add_argument(
        "--loop-clips", type=int, default=40, help="sequences for the literal loop (557: all)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="the best of so many runs counts")
    options = parser.parse_args()
    use_one_core()
    name, clips = load(options.root)
    statistics = fit_statistics(clips, CONFIG)
    print(machine())
    frames = sum(clip.num_frames for clip in clips)
    print(f"{name}: {len(clips)} sequences, {frames} frames; best of {options.rounds} rounds\n")
    report_stages(clips, statistics, options.rounds)
    report_training_batch(clips, statistics, options.rounds)
    report_loop(clips, statistics, options.loop_clips, options.rounds)


def load(root: Path) -> tuple[str, list[PoseSequence3D]]:
    """The name of the data and its clips."""
    if root.exists():
        split = load_msr_action3d(root, subset="all")
    else:
        print(f"{root} is missing: synthetic clips instead (--root names the folder of MSR Action3D)")
        split = synthetic(num_subjects=10, clips_per_action=5)
    return split.name, [clip.poses for clip in (*split.train, *split.validation, *split.test)]


def use_one_core() -> None:
    """numpy's element-wise code has one thread; OpenCV and the scheduler are told."""
    cv2.setNumThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def best(action: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest round."""
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def row(what: str, seconds: float, clips: int) -> None:
    """One line of the table."""
    print(f"{what:<44}{seconds:9.3f} s{1000 * seconds / clips:9.3f} ms a clip")


def report_stages(clips: Sequence[PoseSequence3D], statistics: EncodingStatistics, rounds: int) -> None:
    """The whole encoding, and its parts."""
    N = len(clips)
    raw = [feature_image(poses, CONFIG, statistics) for poses in clips]
    enhanced = [enhance(image) for image in raw]
    row("fit_statistics", best(lambda: fit_statistics(clips, CONFIG), rounds), N)
    row("encode_all, everything", best(lambda: encode_all(clips, CONFIG, statistics), rounds), N)
    features = best(lambda: [feature_image(poses, CONFIG, statistics) for poses in clips], rounds)
    row("  clean, smooth, features, colors", features, N)
    row("  adaptive histogram equalization", best(lambda: [enhance(image) for image in raw], rounds), N)
    row("  resize", best(lambda: [resize(image, 32) for image in enhanced], rounds), N)


def report_training_batch(
    clips: Sequence[PoseSequence3D], statistics: EncodingStatistics, rounds: int
) -> None:
    """Augmentation and encoding of 32 clips taken at equal steps."""
    batch = [clips[i] for i in np.linspace(0, len(clips) - 1, 32).astype(int)]
    rng = np.random.default_rng(0)
    seconds = best(lambda: encode_augmented(batch, CONFIG, AugmentationConfig(), statistics, rng), rounds)
    row("augment and encode 32 clips", seconds, 32)


def report_loop(
    clips: Sequence[PoseSequence3D], statistics: EncodingStatistics, sample: int, rounds: int
) -> None:
    """The literal loop and ours on the same clips."""
    oracle = load_oracle()
    chosen = [clips[i] for i in np.unique(np.linspace(0, len(clips) - 1, sample).astype(int))]

    def loop() -> None:
        for poses in chosen:
            image = oracle.feature_image(oracle.joint_set(poses.xyz), *statistics.to_dict().values())
            resize(enhance(image), CONFIG.image_size)

    slow = best(loop, 1)
    fast = best(lambda: [encode(poses, CONFIG, statistics) for poses in chosen], rounds)
    print(f"\nOn {len(chosen)} of the sequences, both with OpenCV's equalization and resize:")
    row("literal loop", slow, len(chosen))
    row("encode", fast, len(chosen))
    print(f"ratio {slow / fast:.0f}")


def load_oracle() -> ModuleType:
    """The literal loop of the tests."""
    spec = importlib.util.spec_from_file_location("oracle", ORACLE)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(f"{ORACLE} is missing; the literal loop of the tests is needed")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def machine() -> str:
    """Processor, core count and versions in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return (
        f"{model or platform.processor() or platform.machine()}, {os.cpu_count()} cores, one used; "
        f"Python {platform.python_version()}, numpy {np.__version__}, OpenCV {cv2.__version__}"
    )


if __name__ == "__main__":
    main()
