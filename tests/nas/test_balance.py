"""Classes of unequal size: weights and orders by hand, their part in a training, and its key."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from nas.balance import balanced_order, class_weights, loss_weights
from nas.genotype import Genotype
from nas.images import IntArray, TensorImages
from nas.network import Network
from nas.plan import NetworkConfig
from nas.train import Training
from nas.training_config import TrainingConfig

GENOTYPE = Genotype.parse("0 2 1 0 2 4 1 1 0 0 1 4 2 1 0 3")


def test_weights_by_hand() -> None:
    """6 images, 2 classes that have some: 6 / (2 * 4) = 0.75 and 6 / (2 * 2) = 1.5."""
    labels = np.array([0, 0, 0, 0, 2, 2])
    np.testing.assert_allclose(class_weights(labels, 3), [0.75, 0, 1.5])
    assert class_weights(labels, 3)[labels].mean() == pytest.approx(1)
    assert loss_weights("equal", labels, 3, torch.device("cpu")) is None


@given(st.lists(st.integers(0, 3), min_size=2, max_size=40), st.integers(0, 3))
def test_every_class_comes_equally_often_and_every_image_of_it(values: list[int], seed: int) -> None:
    labels = np.array(values)
    order = balanced_order(labels, np.random.default_rng(seed))
    assert len(order) == len(labels)
    counts = np.bincount(labels[order], minlength=4)[np.unique(labels)]
    assert counts.max() - counts.min() <= 1
    for label in np.unique(labels):
        times = np.bincount(order, minlength=len(labels))[labels == label]
        assert times.max() - times.min() <= 1


class Recorded(TensorImages):
    """Keeps the labels that it was asked for."""

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> torch.Tensor:
        self.__dict__.setdefault("asked", []).extend(self.labels[indices])
        return super().batch(indices, rng)


def training(**changes: object) -> tuple[Training, Recorded]:
    """Twelve images of a class and three of another."""
    labels = np.array([0] * 12 + [1] * 3)
    images = np.random.default_rng(0).normal(size=(15, 3, 8, 8)).astype(np.float32)
    source = Recorded(images, labels, 2)
    # Nothing is dropped at random, so that a loss can be worked out beside.
    size = NetworkConfig(
        num_classes=2, channels=4, normal_cells=3, image_size=8, dropout_keep=1, drop_path_keep=1, stem_keep=1
    )
    network = Network(GENOTYPE, size, 0)
    config = TrainingConfig(epochs=2, batch_size=15, warmup_epochs=0, **changes)  # type: ignore[arg-type]
    return Training(network, source, config), source


def test_an_epoch_of_balanced_sampling_shows_both_classes_equally_often() -> None:
    uniform, plain = training()
    uniform.run_epoch()
    assert sorted(plain.__dict__["asked"]) == [0] * 12 + [1] * 3
    balanced, source = training(sampling="balanced")
    balanced.run_epoch()
    assert sorted(np.bincount(source.__dict__["asked"])) == [7, 8]


def test_the_loss_of_a_training_is_weighted() -> None:
    """Of the first batch, all images, before any update: the same logits, other weights."""
    found = {}
    for kind in ("equal", "balanced"):
        one, source = training(class_weights=kind, label_smoothing=0.0)
        found[kind] = one.run_epoch().loss
    other, _ = training(label_smoothing=0.0)
    other.network.train()
    with torch.no_grad():
        logits, _ = other.network.training_logits(torch.from_numpy(source.images), 1 / 2, torch.Generator())
    losses = F.cross_entropy(logits, torch.from_numpy(source.labels), reduction="none").numpy()
    # Batch normalization does not mind the order of the images.
    means = [losses[source.labels == label].mean() for label in (0, 1)]
    assert found["equal"] == pytest.approx((12 * means[0] + 3 * means[1]) / 15, rel=1e-4)
    assert found["balanced"] == pytest.approx((means[0] + means[1]) / 2, rel=1e-4)


def test_trainings_begun_before_there_was_a_choice_keep_their_key() -> None:
    plain = TrainingConfig()
    left_out = {"class_weights", "sampling", "copies", "swa_epochs"}
    assert not left_out & set(plain.key())
    assert set(plain.model_dump()) - set(plain.key()) == left_out
    assert TrainingConfig(sampling="balanced").key()["sampling"] == "balanced"
    assert TrainingConfig(copies=3).key()["copies"] == 3
