"""Random kernels with a ridge on an experiment's clips: a baseline, and a partner of its networks."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cluster.config import ExperimentConfig
from cluster.images import PoseImages
from cluster.progress import Progress
from cluster.recognition.kernel_model import TrainedKernels
from cluster.stages.folder import RunFolder
from cluster.stages.preparation import PreparedExperiment
from encoding.datasets import Clip
from encoding.spmf import EncodingConfig, fit_statistics
from nas.random_kernels import fit_kernels
from nas.threads import torch_threads

__all__ = ["check_partner", "describe_kernels", "fit_kernels_on", "kernels_encoding", "kernels_of"]


def kernels_encoding(config: ExperimentConfig) -> EncodingConfig:
    """The experiment's encoding with the images that the kernels read, which are not equalized."""
    return config.encoding.model_copy(update={"images": config.kernels.images, "enhancement": "off"})


def fit_kernels_on(
    experiment: PreparedExperiment, clips: Sequence[Clip], seed: int, threads: int = 1
) -> TrainedKernels:
    """Fit random kernels to clips and weakly changed copies of them; the penalty by leaving people out.

    Args:
        experiment: its sections `encoding` and `kernels` say how.
        clips: of the training part.
        seed: of kernels, biases and copies.
        threads: torch threads.

    Raises:
        KernelsTooLargeError: the fit needs more memory than `kernels.memory_gib`.
    """
    config, split, begin = experiment.config, experiment.split, time.perf_counter()
    settings, encoding = config.kernels.model_copy(update={"seed": seed}), kernels_encoding(config)
    settings.check_memory(len(clips), encoding.num_channels)
    statistics = fit_statistics((clip.poses for clip in clips), encoding)
    source = PoseImages(clips, split.num_classes, encoding, settings.augmentation, statistics)
    with torch_threads(threads):
        classifier = fit_kernels(source, settings, _people(clips))
    return TrainedKernels(
        classifier=classifier,
        class_names=split.class_names,
        skeleton=split.skeleton,
        num_people=split.num_people,
        encoding=encoding,
        statistics=statistics,
        notes={
            "data": split.name,
            "training_clips": len(clips),
            "seed": seed,
            "configuration": config.hash,
            "seconds": round(time.perf_counter() - begin, 1),
        },
    )


def kernels_of(
    run: RunFolder, experiment: PreparedExperiment, seed: int, threads: int, progress: Progress
) -> TrainedKernels:
    """The kernels that lie in a run's folder, fitted on its development part first where need be.

    Raises:
        KernelsTooLargeError: as `fit_kernels_on`.
        ValueError: those in the folder were changed.
    """
    wanted = {"configuration": experiment.config.hash, "seed": seed}
    if run.kernels.exists():
        found = TrainedKernels.load(run.kernels)
        if found.notes.items() >= wanted.items():
            return found
    progress.say("fitting random kernels")
    kernels = fit_kernels_on(experiment, experiment.split.development, seed, threads)
    kernels.save(run.kernels)
    return kernels


def check_partner(class_names: tuple[str, ...], kernels: TrainedKernels) -> None:
    """Whether a network of these classes and kernels can answer together.

    Raises:
        ValueError: they know other classes, or the same in another order.
    """
    if class_names != kernels.class_names:
        raise ValueError(
            f"the network knows the classes {', '.join(class_names)} and the kernels "
            f"{', '.join(kernels.class_names)}; a committee needs the same classes in the same order"
        )


def describe_kernels(kernels: TrainedKernels) -> Mapping[str, Any]:
    """What a score says of the kernels: how many features, penalty, accuracy on people left out."""
    ridge = kernels.classifier.ridge
    return {
        "features": len(ridge.mean),
        "penalty": ridge.penalty,
        "left_out": ridge.left_out[ridge.penalty],
        "seconds": kernels.notes["seconds"],
    }


def _people(clips: Sequence[Clip]) -> "np.ndarray[Any, np.dtype[np.str_]] | None":
    """What is left out together: people, or groups of them; None where the data does not say, or has one."""
    units = [clip.unit for clip in clips]
    if None in units or len(set(units)) < 2:
        return None
    return np.array(units, np.str_)
