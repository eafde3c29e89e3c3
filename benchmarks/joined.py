"""Trained features and random kernels in one ridge, on training people of MSR Action3D left out.

    python benchmarks/joined.py --data FOLDER
    python benchmarks/joined.py --subsets AS1 --seed 1

Each training subject in turn is left out. Two tall-stem networks, one an image, are trained on the others
with a bank of weakly changed copies. A ridge then reads what their last layers read, alone or beside the
features of random kernels; its penalty is chosen by leaving out training people. The test part is not looked
at. Answers of every clip are kept, and what is measured already is not measured again.
"""

import argparse
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from ablation import BASE, DATA, PARTS, SUBSETS, difference, left_out, unit_of
from numpy.typing import NDArray

from cluster.config import ExperimentConfig
from cluster.files import read_json, write_json
from cluster.images import PoseImages
from cluster.stages.kernels import kernels_encoding
from cluster.stages.preparation import PreparedExperiment
from encoding.datasets import Clip
from encoding.spmf import fit_statistics
from lifting.tables import as_text
from nas.baselines import Baseline, baseline_for_budget
from nas.images import TensorImages, fixed_copies
from nas.random_kernels import TEMPERATURE, RandomKernels, mixed
from nas.ridge import fit_ridge
from nas.threads import torch_threads
from nas.train import Training
from nas.training_config import TrainingConfig

Floats = NDArray[np.float32]
KERNELS, PARAMETERS, BANK, EPOCHS = 500, 150_000, 24, 200


class _Versions:
    """The images of a bank that exists already: clips, then their copies."""

    def __init__(self, bank: TensorImages, image: int) -> None:
        self.num_classes, self.image_shape = bank.num_classes, (3, *bank.image_shape[1:])
        self._images = bank.images[:, 3 * image : 3 * image + 3].reshape(BANK + 1, -1, *self.image_shape)
        self.labels = bank.labels[: self._images.shape[1]]

    def batch(self, indices: NDArray[np.int64], rng: np.random.Generator | None) -> torch.Tensor:
        chosen = 0 if rng is None else rng.integers(BANK + 1, size=len(indices))
        return torch.from_numpy(self._images[chosen, indices])


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=Path("runs/joined"), help="where results lie")
    parser.add_argument("--subsets", nargs="+", choices=SUBSETS, default=SUBSETS, help="of MSR Action3D")
    parser.add_argument("--seed", type=int, default=0, help="of networks, kernels and copies")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with torch_threads(1):
        for subset in given.subsets:
            measure(given.data, given.out, subset, given.seed)
    print(report(given.out, given.subsets, given.seed))
    print(f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread.")


def measure(data: Path, out: Path, subset: str, seed: int) -> None:
    """Each person of a subset left out in turn; one file a person."""
    part = PARTS[subset]
    settings = {f"data.{name}": value for name, value in part.data.items()}
    place = {"data.root": str(data / Path(part.data["root"]).name)}
    experiment = PreparedExperiment.load(
        ExperimentConfig.preset("small", {**BASE, **settings, **place, "kernels.kernels": KERNELS})
    )
    clips = experiment.split.development
    for unit in left_out(part, clips):
        path = out / f"{subset}-{unit.replace(' ', '')}-{seed}.json"
        if path.exists():
            continue
        begin = time.process_time()
        others = [clip for clip in clips if unit_of(part, clip) == unit]
        answers = fold(experiment, [c for c in clips if unit_of(part, c) != unit], others, seed)
        labels = np.array([clip.label for clip in others])
        right = {
            name: (shares.argmax(axis=1) == labels).astype(int).tolist() for name, shares in answers.items()
        }
        seconds = time.process_time() - begin
        write_json(path, {"seconds": seconds, "clips": [clip.name for clip in others], "right": right})
        print(f"{subset} without {unit}: {seconds:.0f} s", flush=True)


def fold(
    experiment: PreparedExperiment, kept: list[Clip], others: list[Clip], seed: int
) -> dict[str, Floats]:
    """Answers to the clips left out, (N, K) of each learner."""
    config, num_classes = experiment.config, experiment.split.num_classes
    encoding = kernels_encoding(config)
    statistics = fit_statistics((clip.poses for clip in kept), encoding)
    known, unknown = (
        PoseImages(clips, num_classes, encoding, config.kernels.augmentation, statistics)
        for clips in (kept, others)
    )
    bank, test = fixed_copies(known, BANK + 1, seed), fixed_copies(unknown, 1, seed)
    rows = len(kept) * (config.kernels.copies + 1)
    people = [str(clip.unit) for clip in kept] * (config.kernels.copies + 1)

    def ridge(features: Floats, shown: Floats) -> Floats:
        scored = np.arange(rows) < len(kept)
        fitted = fit_ridge(features, bank.labels[:rows], num_classes, groups=people, scored=scored)
        return fitted.scores(shown)

    kernels = RandomKernels(config.kernels.model_copy(update={"seed": seed}), known.image_shape)
    images, asked = torch.from_numpy(bank.images[:rows]), torch.from_numpy(test.images)
    kernels.fit_biases(images[: len(kept)])
    of_kernels = kernels.features(images), kernels.features(asked)
    networks = [_trained(_Versions(bank, image), seed) for image in range(2)]
    answers: dict[str, Floats] = {"random kernels, ridge": _shares(ridge(*of_kernels))}
    features = []
    for network, name, image in zip(networks, ("SPMF", "motion image"), range(2), strict=True):
        parts = [_read(network, one[:, 3 * image : 3 * image + 3]) for one in (images, asked)]
        features.append([read for read, _ in parts])
        answers[f"tall stem, {name}"] = parts[1][1]
        answers[f"tall stem, {name}, ridge as head"] = _shares(ridge(*features[-1]))
    trained, shown = (np.concatenate(columns, axis=1) for columns in zip(*features, strict=True))
    both = np.mean([answers[f"tall stem, {name}"] for name in ("SPMF", "motion image")], axis=0)
    answers["two tall stems, mean of answers"] = both
    answers["two tall stems, one ridge as head"] = _shares(ridge(trained, shown))
    answers["two tall stems and kernels, mean of answers"] = mixed(both, answers["random kernels, ridge"])
    answers["two tall stems and kernels, one ridge"] = _shares(
        ridge(
            np.concatenate([of_kernels[0], trained], axis=1), np.concatenate([of_kernels[1], shown], axis=1)
        )
    )
    return answers


def _trained(source: _Versions, seed: int) -> Baseline:
    network = Baseline(
        baseline_for_budget("tall", source.num_classes, source.image_shape[1], PARAMETERS), seed
    )
    config = TrainingConfig.preset("temporal", epochs=EPOCHS, warmup_epochs=EPOCHS // 10, seed=seed)
    training = Training(network, source, config)
    for _ in range(EPOCHS):
        training.run_epoch()
    return network.eval()


def _read(network: Baseline, images: torch.Tensor) -> tuple[Floats, Floats]:
    """What the last layer reads, (N, F), and the network's answers, (N, K)."""
    read: list[torch.Tensor] = []
    hook = network.classifier.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0]))
    with torch.inference_mode():
        answers = torch.cat([network(part) for part in images.split(256)]).softmax(dim=1).numpy()
    hook.remove()
    return torch.cat(read).numpy(), answers


def _shares(scores: Floats) -> Floats:
    return torch.softmax(torch.from_numpy(scores) / TEMPERATURE, dim=1).numpy()


def report(out: Path, subsets: list[str], seed: int) -> str:
    """Accuracy of each learner, and its difference from random kernels with the standard error over clips."""
    contents = {
        subset: [read_json(path) for path in sorted(out.glob(f"{subset}-*-{seed}.json"))]
        for subset in subsets
    }
    found = {
        name: {
            (subset, clip): right
            for subset, people in contents.items()
            for content in people
            for clip, right in zip(content["clips"], content["right"][name], strict=True)
        }
        for name in contents[subsets[0]][0]["right"]
    }
    first = next(iter(found))
    rows = [["", *subsets, "mean", "difference"]]
    for name, right in found.items():
        means = [np.mean([value for key, value in right.items() if key[0] == one]) for one in subsets]
        apart = "" if name == first else difference(right, found[first])
        rows.append([name, *(f"{value:.3f}" for value in (*means, np.mean(means))), apart])
    minutes = sum(content["seconds"] for people in contents.values() for content in people) / 60
    return f"{as_text(rows, markdown=True)}\n\n{minutes:.1f} processor minutes in all."


if __name__ == "__main__":
    main()
