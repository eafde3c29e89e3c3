"""Several networks that answer as one."""

import numpy as np

from cluster.stages.evaluation import accuracy_of, together


def test_networks_together_answer_by_the_mean_of_their_probabilities() -> None:
    labels = np.array([0, 1])
    sure = np.array([[0.9, 0.1], [0.6, 0.4]], np.float32)  # right, wrong
    unsure = np.array([[0.4, 0.6], [0.1, 0.9]], np.float32)  # wrong, right
    assert (accuracy_of(sure, labels), accuracy_of(unsure, labels)) == (0.5, 0.5)
    assert together([sure, unsure], labels) == 1.0  # (0.65, 0.35) and (0.35, 0.65)
    assert together([sure], labels) is None
