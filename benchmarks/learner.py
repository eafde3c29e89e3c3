"""Which part of random kernels with a ridge gains: one factor at a time, on training people left out.

    python benchmarks/learner.py --data FOLDER
    python benchmarks/learner.py --data FOLDER --table sbu --seeds 0 1
    python benchmarks/learner.py --only kernels "strong copies" --report

Each training subject of MSR Action3D is left out in turn; of SBU's training folds, the one after the test
fold. The test parts are not looked at. Answers of every clip are kept, so that a row is compared with the
first clip by clip, and what is measured already is not measured again.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from ablation import BASE, DATA, PARTS, difference, folder_of, left_out, unit_of
from numpy.typing import NDArray

from cluster.config import ExperimentConfig
from cluster.files import read_json, write_json
from cluster.images import PoseImages
from cluster.stages.kernels import kernels_encoding
from cluster.stages.preparation import PreparedExperiment
from encoding.datasets import Clip
from encoding.spmf import fit_statistics
from lifting.tables import as_text
from nas.baselines import nearest_neighbor
from nas.images import fixed_copies
from nas.random import torch_generator
from nas.random_kernels import RandomKernels, fit_kernels
from nas.threads import torch_threads

Answers = NDArray[np.int64]
Learner = Callable[[PoseImages, PoseImages, ExperimentConfig, NDArray[np.str_]], Answers]

STRONG = {
    f"kernels.augmentation.{name}": value
    for name, value in (ExperimentConfig.preset("small").final_augmentation or {}).items()
}


def ridge(
    known: PoseImages, unknown: PoseImages, config: ExperimentConfig, people: NDArray[np.str_]
) -> Answers:
    """The learner itself."""
    classifier = fit_kernels(known, config.kernels, people)
    return classifier.scores(_all(unknown)).argmax(axis=1)


def trained_head(
    known: PoseImages, unknown: PoseImages, config: ExperimentConfig, people: NDArray[np.str_]
) -> Answers:
    """The same features; a linear layer is trained on them by AdamW instead of the ridge."""
    del people
    copies = fixed_copies(known, config.kernels.copies + 1, config.kernels.seed)
    kernels, labels = RandomKernels(config.kernels, known.image_shape), torch.from_numpy(copies.labels)
    images = torch.from_numpy(copies.images)
    kernels.fit_biases(images[: len(known.labels)])
    x = torch.from_numpy(kernels.features(images))
    mean, scale = x.mean(dim=0), x.std(dim=0).clamp_min(1e-6)
    x = (x - mean) / scale
    layer = torch.nn.Linear(x.shape[1], known.num_classes)
    torch.nn.init.zeros_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.AdamW(layer.parameters(), 1e-3, weight_decay=0.02)
    for epoch in range(60):
        order = torch.randperm(len(x), generator=torch_generator(config.kernels.seed, "head", epoch))
        for batch in order.split(32):
            loss = F.cross_entropy(layer(x[batch]), labels[batch], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    features = torch.from_numpy(kernels.features(_all(unknown)))
    with torch.inference_mode():
        return layer((features - mean) / scale).argmax(dim=1).numpy()


def neighbor(
    known: PoseImages, unknown: PoseImages, config: ExperimentConfig, people: NDArray[np.str_]
) -> Answers:
    """The class of the nearest image."""
    del config, people
    return nearest_neighbor(known, unknown)


@dataclass(frozen=True)
class Row:
    """A row of the table: settings that differ from the learner's, and who learns."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    learner: Learner = ridge
    equalized: bool = False


ROWS: dict[str, Row] = {
    "kernels": Row(),
    "SPMF alone": Row({"kernels.images": ["spmf"]}),
    "motion image alone": Row({"kernels.images": ["motion"]}),
    "SPMF alone, equalized": Row({"kernels.images": ["spmf"]}, equalized=True),
    "both, SPMF equalized": Row(equalized=True),
    "strong copies": Row(STRONG),
    "no copies": Row({"kernels.copies": 0}),
    "two copies": Row({"kernels.copies": 2}),
    "halves not kept apart": Row({"kernels.halves": False}),
    "windows of 3 x 5": Row({"kernels.reading": "windows", "kernels.kernels": 500}),
    "rows, 500 kernels": Row({"kernels.kernels": 500}),
    "trained head on the same features": Row(learner=trained_head),
    "fixed penalty 100": Row({"kernels.penalty": 100.0}),
    "penalty 1": Row({"kernels.penalty": 1.0}),
    "nearest neighbor of both images": Row(learner=neighbor),
}


def main() -> None:
    """Measure what is missing, then print the table."""
    given = _arguments()
    parts = [name for name, part in PARTS.items() if part.table == given.table]
    names = list(dict.fromkeys(["kernels", *(given.only or ROWS)]))
    if not given.report:
        for seed in given.seeds:
            for name in names:
                for part in parts:
                    measure(given.data, given.out, name, part, seed)
    print(report(given.out, names, parts, given.seeds))
    print(f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread.")


def measure(data: Path, out: Path, name: str, part_name: str, seed: int) -> None:
    """A row on a part: each unit left out in turn; one file."""
    path = folder_of(out, name) / f"{part_name}-{seed}.json"
    if path.exists():
        return
    part, row = PARTS[part_name], ROWS[name]
    place = {"data.root": str(data / Path(part.data["root"]).name)}
    settings = {f"data.{key}": value for key, value in part.data.items()}
    config = ExperimentConfig.preset(
        "small", {**BASE, **settings, **place, "kernels.seed": seed, **row.changes}
    )
    experiment, begin = PreparedExperiment.load(config), time.process_time()
    clips, right, shown = experiment.split.development, [], []
    with torch_threads(1):
        for unit in left_out(part, clips):
            others = [clip for clip in clips if unit_of(part, clip) == unit]
            answers = _answers(experiment, row, [c for c in clips if unit_of(part, c) != unit], others)
            right += [int(clip.label == answer) for clip, answer in zip(others, answers, strict=True)]
            shown += [clip.name for clip in others]
    content = {"seconds": time.process_time() - begin, "right": right, "clips": shown}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, content)
    print(f"{name}, {part_name}, seed {seed}: {np.mean(right):.3f}, {content['seconds']:.0f} s", flush=True)


def _answers(
    experiment: PreparedExperiment, row: Row, kept: Sequence[Clip], others: Sequence[Clip]
) -> Answers:
    config, encoding = experiment.config, kernels_encoding(experiment.config)
    if row.equalized:
        encoding = encoding.model_copy(update={"enhancement": config.encoding.enhancement})
    statistics = fit_statistics((clip.poses for clip in kept), encoding)
    known, unknown = (
        PoseImages(clips, experiment.split.num_classes, encoding, config.kernels.augmentation, statistics)
        for clips in (kept, others)
    )
    people = np.array([str(clip.fold if clip.subject is None else clip.unit) for clip in kept], np.str_)
    return row.learner(known, unknown, config, people)


def _all(source: PoseImages) -> torch.Tensor:
    return source.batch(np.arange(len(source.labels)), None)


def report(out: Path, names: Sequence[str], parts: Sequence[str], seeds: Sequence[int]) -> str:
    """Accuracy of each row over clips and seeds, and its difference from the first with the standard error
    over clips; a clip's seeds are averaged."""
    rows = [["", *parts, "mean", "difference", "processor minutes"]]
    base = _right(out, names[0], parts, seeds)
    for name in names:
        found = _right(out, name, parts, seeds)
        if len(found) < len(base) or not found:
            continue
        by_part = [np.mean([value for key, value in found.items() if key[0] == part]) for part in parts]
        paths = [folder_of(out, name) / f"{part}-{seed}.json" for part in parts for seed in seeds]
        minutes = sum(read_json(path)["seconds"] for path in paths if path.exists()) / 60
        apart = "" if name == names[0] else difference(found, base)
        means = [f"{value:.3f}" for value in (*by_part, np.mean(by_part))]
        rows.append([name, *means, apart, f"{minutes:.1f}"])
    return as_text(rows, markdown=True)


def _right(out: Path, name: str, parts: Sequence[str], seeds: Sequence[int]) -> dict[tuple[str, str], float]:
    """By part and clip, the share of seeds that are right; nothing where a part or seed is missing."""
    found: dict[tuple[str, str], list[int]] = {}
    for part in parts:
        for seed in seeds:
            path = folder_of(out, name) / f"{part}-{seed}.json"
            if not path.exists():
                return {}
            content = read_json(path)
            for clip, right in zip(content["clips"], content["right"], strict=True):
                found.setdefault((part, clip), []).append(right)
    return {key: float(np.mean(values)) for key, values in found.items()}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--table", choices=("msr", "sbu"), default="msr", help="which data set")
    parser.add_argument("--out", type=Path, default=Path("runs/learner"), help="where results lie")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), help="rows beside the first; by default all")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="of kernels and copies")
    parser.add_argument("--report", action="store_true", help="measure nothing, only print the table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
