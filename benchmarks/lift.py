"""How well the lifter lifts: the paper's settings, Martinez's, and the best that tuning found.

    python benchmarks/lift.py --data FOLDER --out runs/benchmark_lift

Trains each setting on the same pairs for the same number of steps (CMU mocap with true and with detected
keypoints, MSR Action3D), keeps what each network predicts for the test parts, and prints the tables of
docs/lifting_results.md from that. Whatever is done already is not done again: start it again after a stop,
or with more seeds, or once more beside, on another core. With --report only the tables are made.

The data set folders `cmu_mocap`, `msr_action3d` and `pose2sim_demo` lie under --data.

The script is not called lifting.py: Python would then import it in place of the package.
"""

import argparse
import fcntl
import io
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cluster.files import read_json, write_atomically, write_json
from cluster.lifter.config import LiftConfig
from cluster.tracking.facts import git_commit
from encoding.smoothing import smooth
from lifting.datasets import LiftingDataConfig, LiftingSplit, PosePairs, load_pairs
from lifting.metrics import MEASURES, Evaluation, evaluate
from lifting.model import num_parameters
from lifting.msr_files import FOLDER
from lifting.tables import as_text
from lifting.train import LifterTraining, training_samples

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("POSENAS_DATA", REPOSITORY.parent / "shared" / "data"))  # as in the tests

SETTINGS = ("paper", "martinez", "tuned", "best")
TUNED = {data: REPOSITORY / "benchmarks" / f"lift_tuned_{data}.yaml" for data in ("cmu", "msr")}
STREAMS = (("cmu", "gt"), ("cmu", "detected"), ("msr", "detected"))
# Same length and same decline of the rate for all settings: the paper, too, halves it five times on its way.
SCHEDULE = {"batch_size": 128, "epochs": 6, "steps_per_epoch": 300, "decay": "halving", "halve_every": 1}


TITLES = {
    ("cmu", "gt"): "CMU mocap, true keypoints",
    ("cmu", "detected"): "CMU mocap, keypoints of a simulated detector",
    ("msr", "detected"): "MSR Action3D, keypoints of the sensor",
}


@dataclass(frozen=True)
class Unit:
    """One network to train."""

    data: str
    stream: str
    setting: str
    seed: int

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.data}-{self.stream}-{self.setting}-{self.seed}"


Scored = Mapping[Unit, Mapping[str, Evaluation]]


def main() -> None:
    """Train what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path("runs/benchmark_lift"), help="where results lie")
    parser.add_argument("--seeds", type=int, default=3, help="networks of each setting")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="bf16", help="of the training")
    parser.add_argument(
        "--settings", nargs="+", default=SETTINGS[:3], choices=SETTINGS, help="which to train"
    )
    parser.add_argument("--only", nargs="+", default=("cmu", "msr"), help="data sets to train on")
    parser.add_argument("--report", action="store_true", help="train nothing, only print the tables")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    for unit in units(options.seeds):
        wanted = unit.setting in options.settings and unit.data in options.only
        if wanted and not options.report:
            train_if_missing(unit, options.data, options.out, options.precision)
    text = report(options.seeds, options.data, options.out)
    write_atomically(options.out / "tables.md", text)
    print(text)


def units(seeds: int) -> Iterator[Unit]:
    """All networks, seed by seed, so that an early look shows every setting."""
    for seed, (data, stream), setting in product(range(seeds), STREAMS, SETTINGS):
        yield Unit(data, stream, setting, seed)


_loaded: dict[str, LiftingSplit] = {}


def load(data: str, root: Path) -> LiftingSplit:
    """The pairs of a data set, read once."""
    if data not in _loaded:
        folder = {"cmu": "cmu_mocap", "msr": FOLDER}[data]
        _loaded[data] = load_pairs(LiftingDataConfig(name=data, root=root / folder))  # type: ignore[arg-type]
    return _loaded[data]


def train_if_missing(unit: Unit, root: Path, out: Path, precision: str) -> None:
    """Train one network unless it is done, or another process of this benchmark works on it."""
    with (out / f"{unit.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not (out / f"{unit.name}.json").exists():
            train(unit, root, out, precision)


def settings_of(name: str, data: str) -> LiftConfig:
    """A preset, or what tuning has found on that data set."""
    if name == "tuned":
        return LiftConfig.from_file(TUNED[data])
    return LiftConfig.preset(name)  # type: ignore[arg-type]


def train(unit: Unit, root: Path, out: Path, precision: str) -> None:
    """Train one network and keep its predictions for every test part."""
    split = load(unit.data, root)
    settings = settings_of(unit.setting, unit.data)
    schedule = {**SCHEDULE, "seed": unit.seed, "precision": precision}
    settings = settings.changed({f"training.{name}": value for name, value in schedule.items()})
    config = settings.stream(unit.stream)  # type: ignore[arg-type]
    begin, begin_cpu = time.perf_counter(), time.process_time()
    training = LifterTraining(
        config,
        settings.model,
        settings.normalization,
        split.train,
    )
    while training.epoch < config.epochs:
        training.run_epoch()
    validation = evaluate(predict(training, split.validation, unit.stream)[0], split.validation).frame_wise.p1
    predicted = {part: predict(training, pairs, unit.stream) for part, pairs in split.test.items()}
    write_predictions(out / f"{unit.name}.npz", {part: poses for part, (poses, _) in predicted.items()})
    write_json(
        out / f"{unit.name}.json",
        {
            "validation_p1": validation,
            "filled": {part: share for part, (_, share) in predicted.items()},
            "parameters": num_parameters(training.network),
            "seconds": time.perf_counter() - begin,
            "cpu_seconds": time.process_time() - begin_cpu,
            "steps": config.epochs * training.num_steps,
            "precision": precision,
            "commit": git_commit(REPOSITORY),
            "machine": machine(),
        },
    )
    print(f"{unit.name}: validation {validation:.1f} mm, {time.perf_counter() - begin:.0f} s")


def predict(training: LifterTraining, pairs: PosePairs, stream: str) -> tuple[np.ndarray, float]:
    """Poses (N, K, 3) in millimeters for all frames, and the share of frames that had to be filled.

    A frame with too few keypoints is not lifted but filled from its neighbors in the clip, and counts.
    """
    samples = training_samples(pairs, stream)  # type: ignore[arg-type]
    usable = training.keypoints.usable(samples.xy, samples.confidence)
    features = training.keypoints.features(samples.xy[usable], samples.confidence[usable])
    training.network.eval()
    with torch.inference_mode():
        outputs = [training.network(part) for part in torch.from_numpy(features).split(4096)]
    poses = np.full(samples.poses.shape, np.nan, np.float32)
    poses[usable] = training.joints.poses(torch.cat(outputs).numpy())
    for clip in range(len(pairs.clips)):
        frames = pairs.frames_of(clip)
        poses[frames] = filled(poses[frames], usable[frames], training.joints.mean)
    return poses, float(1 - usable.mean())


def filled(poses: np.ndarray, known: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Frames between known ones by linear interpolation; a clip without any gets the mean pose."""
    if known.all():
        return poses
    if not known.any():
        return np.broadcast_to(np.insert(mean, 0, 0, axis=0), poses.shape)
    times, at = np.arange(len(poses)), np.flatnonzero(known)
    flat = poses[known].reshape(len(at), -1)
    columns = [np.interp(times, at, column) for column in flat.T]
    return np.stack(columns, axis=1).reshape(poses.shape).astype(np.float32)


def write_predictions(path: Path, predictions: dict[str, np.ndarray]) -> None:
    """A compressed file, whole or not there; tenths of millimeters are as fine as anyone asks."""
    buffer = io.BytesIO()
    rounded: dict[str, Any] = {
        part: np.round(poses * 10).astype(np.int32) for part, poses in predictions.items()
    }
    np.savez_compressed(buffer, **rounded)
    write_atomically(path, buffer.getvalue())


def report(seeds: int, root: Path, out: Path) -> str:
    """All tables as Markdown; what has not been trained yet is left out, which the number of seeds shows."""
    done = [unit for unit in units(seeds) if (out / f"{unit.name}.json").exists()]
    scores = {unit: evaluated(unit, root, out) for unit in done}
    facts = [read_json(out / f"{unit.name}.json") for unit in done]
    sections = [errors_table(data, stream, scores, root) for data, stream in STREAMS]
    sections += [bodies_table(scores), smoothing_table(done, root, out), provenance(facts)]
    return "\n\n".join(section for section in sections if section) + "\n"


def evaluated(unit: Unit, root: Path, out: Path) -> dict[str, Evaluation]:
    """What one network scored on each test part."""
    test = load(unit.data, root).test
    return {part: evaluate(poses, test[part]) for part, poses in predictions(unit, out).items()}


def predictions(unit: Unit, out: Path) -> dict[str, np.ndarray]:
    """Poses (N, K, 3) in millimeters by test part."""
    with np.load(out / f"{unit.name}.npz") as archive:
        return {part: archive[part].astype(np.float32) / 10 for part in archive.files}


def errors_table(data: str, stream: str, scores: Scored, root: Path) -> str:
    """Errors of every setting on every test part, mean and standard deviation over the seeds."""
    chosen = {unit: found for unit, found in scores.items() if (unit.data, unit.stream) == (data, stream)}
    if not chosen:
        return ""
    split = load(data, root)
    rows = [["test part", "setting", "seeds", *MEASURES.values(), "P1 by action"]]
    for part, pairs in split.test.items():
        mean_pose = np.broadcast_to(split.train.poses.mean(axis=0), pairs.poses.shape)
        baseline = evaluate(mean_pose, pairs)
        rows.append([part, "mean pose", "", *_numbers([baseline])])
        for setting in SETTINGS:
            found = [found[part] for unit, found in chosen.items() if unit.setting == setting]
            if found:
                rows.append([part, setting, str(len(found)), *_numbers(found)])
    return f"### {TITLES[data, stream]}\n\n" + as_text(rows, markdown=True)


def _numbers(found: list[Evaluation]) -> list[str]:
    columns = [[getattr(one.frame_wise, measure) for one in found] for measure in MEASURES]
    columns.append([one.action_wise.p1 for one in found])
    return [_mean(column) for column in columns]


def _mean(values: list[float]) -> str:
    spread = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{spread}"


def bodies_table(scores: Scored) -> str:
    """What a body cannot do: how far bones change over a clip, and how far left differs from right."""
    rows = [["data", "test part", "setting", "bones vary", "truth", "left/right differ", "truth"]]
    for (data, stream), setting in product(STREAMS, SETTINGS):
        chosen = [
            found for u, found in scores.items() if (u.data, u.stream, u.setting) == (data, stream, setting)
        ]
        for part in chosen[0] if chosen else ():
            bones, truth = [found[part].bones for found in chosen], chosen[0][part].true_bones
            rows.append(
                [
                    f"{data} {stream}", part, setting,
                    f"{np.mean([b.variation for b in bones]):.1f} mm", f"{truth.variation:.1f} mm",
                    f"{np.mean([b.asymmetry for b in bones]):.1f} mm", f"{truth.asymmetry:.1f} mm",
                ]
            )  # fmt: skip
    return "### Bones\n\n" + as_text(rows, markdown=True) if len(rows) > 1 else ""


def smoothing_table(done: list[Unit], root: Path, out: Path) -> str:
    """P1 and jitter of the best setting as predicted and after the Savitzky-Golay filter of the encoding."""
    rows = [["data", "test part", "P1", "P1 smoothed", "MPJVE", "MPJVE smoothed"]]
    for data, stream in STREAMS:
        chosen = [unit for unit in done if (unit.data, unit.stream, unit.setting) == (data, stream, "tuned")]
        for part, pairs in load(data, root).test.items() if chosen else ():
            plain, smoothed = [], []
            for unit in chosen:
                poses = predictions(unit, out)[part]
                plain.append(evaluate(poses, pairs).frame_wise)
                smoothed.append(evaluate(smoothed_by_clip(poses, pairs), pairs).frame_wise)
            both = [(s.p1, t.p1, s.mpjve, t.mpjve) for s, t in zip(plain, smoothed, strict=True)]
            rows.append(
                [f"{data} {stream}", part, *(_mean(list(column)) for column in zip(*both, strict=True))]
            )
    return "### Smoothing\n\n" + as_text(rows, markdown=True) if len(rows) > 1 else ""


def smoothed_by_clip(poses: np.ndarray, pairs: PosePairs) -> np.ndarray:
    """Each clip smoothed over time."""
    parts = [smooth(poses[pairs.frames_of(clip)]) for clip in range(len(pairs.clips))]
    return np.concatenate(parts)


def provenance(facts: list[dict[str, Any]]) -> str:
    """How long it took, on what, with which code."""
    if not facts:
        return "nothing has been trained yet"
    minutes = sum(fact["seconds"] for fact in facts) / 60
    cpu = sum(fact["cpu_seconds"] for fact in facts) / 60
    commits = ", ".join(sorted({fact["commit"][:7] for fact in facts}))
    steps = ", ".join(sorted({str(fact["steps"]) for fact in facts}))
    precisions = ", ".join(sorted({fact["precision"] for fact in facts}))
    filled_most = max(share for fact in facts for share in fact["filled"].values())
    return (
        f"{len(facts)} networks, {steps} steps of {SCHEDULE['batch_size']} pairs each ({precisions}), "
        f"{minutes:.0f} minutes by the clock, {cpu:.0f} of one core; at most {filled_most:.2%} of a "
        f"test part's frames had too few keypoints and were filled. Commit {commits}. {facts[0]['machine']}."
    )


def machine() -> str:
    """Processor, cores and versions in one line."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return (
        f"{model or platform.machine()}, {os.cpu_count()} cores, one thread; Python "
        f"{platform.python_version()}, torch {torch.__version__}"
    )


if __name__ == "__main__":
    main()
