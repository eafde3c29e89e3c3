"""The answers of a classifier on the test part of an experiment."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.scores import Answers
from encoding.datasets import Split

__all__ = ["named_alone", "test_answers"]


def test_answers(split: Split, probabilities: NDArray[np.floating[Any]]) -> Answers:
    """Probabilities (N, K) of the test clips, in their order, with what the clips are."""
    return Answers(
        clips=tuple(clip.name for clip in split.test),
        labels=np.array([clip.label for clip in split.test], np.int64),
        probabilities=probabilities,
        class_names=split.class_names,
        subjects=tuple(clip.subject for clip in split.test),
    )


def named_alone(answers: NDArray[np.int64], num_classes: int) -> NDArray[np.float64]:
    """The classes that were named (N,) as probabilities (N, K), where nothing else is known: 1 for each."""
    shares: NDArray[np.float64] = np.eye(num_classes)[answers]
    return shares
