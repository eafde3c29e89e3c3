"""What recognition costs a frame, stage by stage; how fast it starts; and how fast a video goes through it.

    python benchmarks/recognize.py                                    # stages and cold start
    python benchmarks/recognize.py --videos FOLDER/videos --film      # and every video there, by MediaPipe

The networks have the sizes of the paper and have learned nothing: a lifter of two streams (1024 units, two
blocks) and a classifier of 2.3 million parameters of the preset small. Stages are timed on one thread, each
by itself: a frame lifted, a window of 60 frames encoded, its image classified. A window is looked at every
tenth frame, so that a frame pays a tenth of the last two.

A video goes through the detector (two processes), the recognizer, and with --film the drawing of the
annotated .mp4 (a third process encodes it).
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.live import LiveOptions
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.running import RecognitionOutput, recognize_source
from encoding.spmf import EncodingConfig, EncodingStatistics
from lifting.datasets import LiftingDataConfig, load_pairs
from lifting.gaps import GapConfig
from lifting.model import Lifter, LifterConfig
from lifting.normalize import KeypointNormalizer, NormalizationConfig, PoseNormalizer
from lifting.poses import PoseSequence3D
from lifting.skeleton import BODY_25, H36M_17
from lifting.sources import VideoSource
from lifting.stage_times import StageTimes
from lifting.trained_lifter import TrainedStream, TwoStreamLifter
from nas.genotype import Genotype
from nas.network import Network, channels_for_budget, num_parameters
from nas.plan import NetworkConfig

GENOTYPE = Genotype.parse("0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1  1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1")
WINDOW, STRIDE = 60, 10


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200, help="of every stage")
    parser.add_argument("--runtime", choices=("onnx", "int8"), default="onnx", help="of the lifter")
    parser.add_argument("--videos", type=Path, nargs="*", default=[], help="files, or folders of .mp4")
    parser.add_argument(
        "--detect-every", type=int, default=1, help="the detector looks at one in so many frames"
    )
    parser.add_argument("--film", action="store_true", help="write the annotated video too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {load}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        build().save(folder)
        recognizer = Recognizer.load(folder, runtime=options.runtime)
        stages(recognizer, options.rounds)
        cold_start(folder)
        for place in options.videos:
            for video in sorted(place.glob("*.mp4")) if place.is_dir() else [place]:
                film = Path(scratch) / "film.mp4" if options.film else None
                run(recognizer, video, film, options.detect_every)


def build() -> RecognitionModel:
    """A model of the paper's sizes with the weights of the first day."""
    pairs = load_pairs(LiftingDataConfig(num_subjects=3, clips_per_action=1)).train
    streams = {}
    for name in ("gt", "detected"):
        keypoints = KeypointNormalizer.fit(
            NormalizationConfig(), pairs.keypoint_skeleton, pairs.keypoints, pairs.confidence
        )
        joints = PoseNormalizer.fit(pairs.pose_skeleton, pairs.poses)
        network = Lifter(keypoints.num_features, joints.num_targets, LifterConfig()).eval()
        streams[name] = TrainedStream(network=network, keypoints=keypoints, joints=joints)
    base = NetworkConfig.preset("small", num_classes=8)
    config = base.model_copy(update={"channels": channels_for_budget(GENOTYPE, base)})
    classifier = TrainedClassifier(
        network=Network(GENOTYPE, config).eval(),
        class_names=tuple(f"action {number}" for number in range(8)),
        skeleton=H36M_17,
        num_people=1,
        encoding=EncodingConfig(),
        statistics=EncodingStatistics(pose_distance_max=2000.0, motion_distance_max=2000.0),
        notes={},
    )
    print(f"classifier of {num_parameters(classifier.network):,} parameters")
    return RecognitionModel(classifier=classifier, lifter=TwoStreamLifter.of(streams, {}))  # type: ignore[arg-type]


def stages(recognizer: Recognizer, rounds: int) -> None:
    """Each stage by itself, milliseconds."""
    draw = np.random.default_rng(0)
    body = draw.normal(0, 80, (25, 2)) + np.array([640, 360])
    lifter = recognizer.model.lifter
    assert lifter is not None
    live = lifter.stream(BODY_25, 30.0)
    frames = [(body + draw.normal(0, 2, body.shape)).astype(np.float32) for _ in range(64)]
    poses = np.stack([frame.pose for xy in frames[:WINDOW] for frame in live.push(xy)])
    window = PoseSequence3D(xyz=poses, fps=30, skeleton=H36M_17)
    classifier = recognizer.model.classifier
    image = classifier.images([window])[0]
    lift = timed(lambda: live.push(frames[0]), rounds)
    encode = timed(lambda: classifier.images([window]), rounds)
    classify = timed(lambda: recognizer.model.classify(image), rounds)
    print(f"lift a frame, both streams        {lift:6.2f} ms")
    print(f"encode a window of {WINDOW} frames     {encode:6.2f} ms")
    print(f"classify its image                {classify:6.2f} ms")
    print(f"all three, for every frame         {lift + encode + classify:6.2f} ms")
    print(f"a frame, predicted every {STRIDE}      {lift + (encode + classify) / STRIDE:6.2f} ms")


def timed(work: Callable[[], object], rounds: int) -> float:
    """Median milliseconds of one call."""
    for _ in range(10):
        work()
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begin)
    return 1000 * statistics.median(seconds)


def cold_start(folder: Path) -> None:
    """From the shell to the first answer about one clip of keypoints, best and median of five."""
    program = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from cluster.recognition.recognizer import Recognizer\n"
        "from lifting.poses import Keypoints2D; from lifting.skeleton import BODY_25\n"
        "xy = np.random.default_rng(0).normal(300, 50, (60, 25, 2)).astype(np.float32)\n"
        "clip = Keypoints2D(xy=xy, confidence=np.ones((60, 25), np.float32), image_size=(1280, 720), fps=30, "
        "skeleton=BODY_25)\n"
        "Recognizer.load(Path(sys.argv[1])).predict(clip)\n"
    )
    seconds = []
    for _ in range(5):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", program, str(folder)], check=True)
        seconds.append(time.perf_counter() - begin)
    print(
        f"cold start to the first answer    {min(seconds):6.2f} s (median {statistics.median(seconds):.2f})"
    )


def run(recognizer: Recognizer, video: Path, film: Path | None, every: int) -> None:
    """One video, by MediaPipe."""
    times = StageTimes()
    source = VideoSource(video, times=times, detect_every=every)
    outcome = recognize_source(
        recognizer,
        source,
        options=LiveOptions(gaps=GapConfig(lookahead=every - 1)),
        output=RecognitionOutput(film=film),
        times=times,
    )
    width, height = source.image_size
    parts = ", ".join(f"{stage} {times.milliseconds(stage):.1f} ms" for stage in times.seconds)
    how = f"{outcome.frames_per_second:.1f} frames/s{' with its film' if film else ''}"
    how += f", the detector in one of {every}" * (every > 1)
    print(f"{video.name} {width}x{height}: {outcome.num_frames} frames, {how}; {parts}")


if __name__ == "__main__":
    main()
