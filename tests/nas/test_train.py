"""Training and evaluation: exact resume, schedules by hand, what is drawn anew, what is refused."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from nas.genotype import Genotype
from nas.images import IntArray, TensorImages
from nas.network import Network
from nas.plan import NetworkConfig
from nas.train import Training, batches, evaluate, learning_rate
from nas.training_config import TrainingConfig

GENOTYPE = Genotype.parse("0 2 1 0 2 4 1 1 0 0 1 4 2 1 0 3")
SIZE, CLASSES = 8, 3


def network(seed: int = 0, **changes: object) -> Network:
    config = {"num_classes": CLASSES, "channels": 4, "normal_cells": 3, "image_size": SIZE, **changes}
    return Network(GENOTYPE, NetworkConfig(**config), seed)  # type: ignore[arg-type]


def source(count: int = 21, spread: float = 1.0) -> TensorImages:
    """Classes differ by their brightness; `spread` is the noise on it."""
    rng = np.random.default_rng(0)
    labels = np.arange(count) % CLASSES
    pixels = spread * rng.normal(size=(count, 3, SIZE, SIZE)) + labels[:, None, None, None] - 1
    return TensorImages(pixels.astype(np.float32), labels, CLASSES)


class Augmented(TensorImages):
    """Adds noise from the given generator, so that equal generators show."""

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        images = super().batch(indices, rng)
        if rng is None:
            return images
        return images + torch.from_numpy(rng.normal(size=images.shape).astype(np.float32))


class Recorded(Augmented):
    """Keeps what it was asked for."""

    def __init__(self, inner: TensorImages) -> None:
        super().__init__(inner.images, inner.labels, inner.num_classes)
        object.__setattr__(self, "asked", [])

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        images = super().batch(indices, rng)
        self.asked.append((tuple(indices), images))  # type: ignore[attr-defined]
        return images


def augmented() -> Augmented:
    plain = source()
    return Augmented(plain.images, plain.labels, CLASSES)


def config(**changes: object) -> TrainingConfig:
    values = {"epochs": 3, "batch_size": 5, "warmup_epochs": 1, "learning_rate": 0.02, **changes}
    return TrainingConfig(**values)  # type: ignore[arg-type]


def same(a: object, b: object) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return torch.equal(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else a == b


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("changes", [{}, {"ema_decay": 0.9}, {"swa_epochs": 2}, {"copies": 3}])
def test_two_epochs_saved_loaded_and_one_more_equal_three_straight(
    optimizer: str, changes: dict[str, object]
) -> None:
    settings = config(optimizer=optimizer, **changes)
    straight = Training(network(), augmented(), settings)
    expected = [straight.run_epoch() for _ in range(3)]
    first = Training(network(), augmented(), settings)
    assert [first.run_epoch(), first.run_epoch()] == expected[:2]
    saved = first.state_dict()
    resumed = Training(network(seed=9), augmented(), settings)
    resumed.load_state_dict(saved)
    assert resumed.run_epoch() == expected[2]
    assert same(resumed.state_dict(), straight.state_dict())


def test_state_is_a_copy_that_later_epochs_leave_alone() -> None:
    training = Training(network(), augmented(), config(ema_decay=0.9))
    training.run_epoch()
    saved, kept = training.state_dict(), training.state_dict()
    training.run_epoch()
    assert same(saved, kept)


def test_state_of_another_network_is_refused() -> None:
    state = Training(network(channels=6), source(), config()).state_dict()
    with pytest.raises(ValueError, match="the training state is of another network"):
        Training(network(), source(), config()).load_state_dict(state)


def test_training_learns_to_tell_brightness() -> None:
    # on processors of two makers 12 epochs gave 21 and 20 of 21: 20 leave a margin
    training = Training(network(), source(spread=0.3), config(epochs=20))
    metrics = [training.run_epoch() for _ in range(20)]
    assert metrics[-1].loss < metrics[0].loss
    assert evaluate(training.network, source(spread=0.3)).accuracy == 1.0


def test_training_leaves_global_randomness_alone() -> None:
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    Training(network(), augmented(), config()).run_epoch()
    assert torch.equal(torch_state, torch.get_rng_state())
    assert np.array_equal(numpy_state, np.random.get_state()[1])  # noqa: NPY002


def test_augmentation_and_order_are_drawn_anew_in_every_epoch_and_alike_in_every_run() -> None:
    runs = []
    for _ in range(2):
        recorded = Recorded(source())
        training = Training(network(), recorded, config())
        training.run_epoch()
        training.run_epoch()
        runs.append(recorded.asked)  # type: ignore[attr-defined]
    first, again = runs
    assert [order for order, _ in first] == [order for order, _ in again]
    assert all(torch.equal(a, b) for (_, a), (_, b) in zip(first, again, strict=True))
    half = len(first) // 2
    assert [order for order, _ in first[:half]] != [order for order, _ in first[half:]]
    image_0 = [images[order.index(0)] for order, images in first if 0 in order]
    assert len(image_0) == 2
    assert not torch.equal(*image_0)


def test_auxiliary_head_is_trained() -> None:
    trained = network()
    before = trained.auxiliary.classifier.weight.clone()
    Training(trained, source(), config()).run_epoch()
    assert not torch.equal(trained.auxiliary.classifier.weight, before)


def test_gradient_clipping_bounds_the_step() -> None:
    trained = network()
    before = [p.detach().clone() for p in trained.parameters()]
    settings = config(
        momentum=0.0, weight_decay=0.0, gradient_clip=0.01, batch_size=21, warmup_epochs=0, learning_rate=0.5
    )
    metrics = Training(trained, source(), settings).run_epoch()
    moved = (
        sum((a - b).square().sum().item() for a, b in zip(trained.parameters(), before, strict=True)) ** 0.5
    )
    assert metrics.gradient_norm > 0.01
    assert moved == pytest.approx(0.5 * 0.01, rel=1e-3)  # learning rate x clip, in one step


def test_average_of_weights_follows_its_equation() -> None:
    trained = network()
    name = "classifier.weight"
    start = trained.state_dict()[name].clone()
    training = Training(trained, source(), config(batch_size=21, ema_decay=0.9))
    training.run_epoch()
    one = trained.state_dict()[name].clone()
    training.run_epoch()
    two = trained.state_dict()[name].clone()
    # decays (1 + t) / (10 + t) of the first steps: 2/11, 3/12
    after_one = 2 / 11 * start + 9 / 11 * one
    expected = 3 / 12 * after_one + 9 / 12 * two
    assert torch.allclose(training.use_average().state_dict()[name], expected, atol=1e-6)


def test_the_last_epochs_weights_are_averaged_with_batch_statistics_of_their_own() -> None:
    trained = network()
    training = Training(trained, source(), config(epochs=3, swa_epochs=2, batch_size=30))
    weights, normed = [], "layers.0.calibrate_y.norm.running_mean"
    for _ in range(3):
        training.run_epoch()
        weights.append(trained.state_dict()["classifier.weight"].clone())
    kept = training.state_dict()["network"]
    expected = Training(training.use_average(), source(), config()).network
    assert torch.allclose(
        expected.state_dict()["classifier.weight"], (weights[1] + weights[2]) / 2, atol=1e-6
    )
    assert same(kept["classifier.weight"], weights[2])
    # In one batch of all images the plain mean of batch statistics is that batch's own.
    again = network()
    again.load_state_dict(expected.state_dict())
    for module in again.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.0
    again.train()
    again(torch.from_numpy(source().images))
    assert torch.allclose(again.state_dict()[normed], expected.state_dict()[normed], atol=1e-5)
    assert {module.momentum for module in expected.modules() if hasattr(module, "momentum")} == {0.1}


def test_a_bank_of_copies_shows_few_versions_of_an_image() -> None:
    noisy = Recorded(source())
    training = Training(network(), noisy, config(copies=2))
    assert len(noisy.asked) == 3  # type: ignore[attr-defined]  # the image and its two copies
    training.run_epoch()
    assert len(noisy.asked) == 3  # type: ignore[attr-defined]


def test_without_average_the_trained_weights_are_used() -> None:
    training = Training(network(), source(), config())
    training.run_epoch()
    before = training.state_dict()["network"]
    assert same(dict(training.use_average().state_dict()), before)


def test_learning_rate_warms_up_and_falls_as_a_cosine() -> None:
    settings = config(epochs=10, warmup_epochs=2, learning_rate=0.3, final_learning_rate=0.1)
    rates = [learning_rate(settings, epoch) for epoch in range(10)]
    assert rates[:3] == pytest.approx([0.1, 0.2, 0.3])  # 0.3 x 1/3, 2/3; then the cosine of 8 epochs begins
    assert rates[6] == pytest.approx(0.2)  # half way: (0.3 + 0.1) / 2
    assert rates[9] == pytest.approx(0.1 + 0.2 * (1 + np.cos(np.pi * 7 / 8)) / 2)


def test_released_schedule_restarts_after_10_30_70_150_310_epochs() -> None:
    settings = TrainingConfig.preset("released")
    rates = [learning_rate(settings, epoch) for epoch in range(settings.epochs)]
    rises = [epoch + 1 for epoch, (a, b) in enumerate(pairwise(rates)) if b > a]
    assert rises == [10, 30, 70, 150, 310]  # 10, 10 + 20, + 40, + 80, + 160; the last period ends at 630
    assert {rates[epoch] for epoch in (0, *rises)} == {0.05}
    assert rates[5] == pytest.approx((0.05 + 0.0001) / 2)


def test_presets_differ_as_their_sources_do() -> None:
    released, paper = TrainingConfig.preset("released"), TrainingConfig.preset("paper")
    assert (released.epochs, released.batch_size, released.weight_decay) == (630, 144, 4e-4)
    assert (paper.epochs, paper.restart_epochs) == (200, None)
    assert TrainingConfig.preset("small", epochs=7) == TrainingConfig(epochs=7)


@given(count=st.integers(2, 300), size=st.integers(2, 64))
def test_batches_hold_every_image_once_and_are_never_of_one(count: int, size: int) -> None:
    parts = batches(count, size, np.random.default_rng(0))
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    lengths = [len(part) for part in parts]
    assert min(lengths) >= 2
    assert max(lengths) <= size + 1
    assert max(lengths) - min(lengths) <= 1


def test_last_image_alone_does_not_break_batch_normalization() -> None:
    # 21 images in batches of 4 leave one over; the auxiliary head normalizes 1 x 1 maps here.
    assert Training(network(), source(21), config(batch_size=4)).run_epoch().epoch == 1


class NotFinite(TensorImages):
    """What a broken augmentation would give."""

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        return super().batch(indices, rng) * float("nan")


def test_loss_that_is_not_finite_names_epoch_and_batch() -> None:
    plain = source()
    training = Training(network(), NotFinite(plain.images, plain.labels, CLASSES), config())
    with pytest.raises(
        ValueError,
        match=r"training loss is nan and gradient norm nan in epoch 1, batch 1; finite images or a lower",
    ):
        training.run_epoch()


def test_more_epochs_than_configured_are_refused() -> None:
    training = Training(network(), source(), config(epochs=1, warmup_epochs=0))
    training.run_epoch()
    with pytest.raises(ValueError, match="all 1 epochs are done; train longer with more `epochs`"):
        training.run_epoch()


def one_image() -> TensorImages:
    plain = source()
    return TensorImages(plain.images[:1], plain.labels[:1], CLASSES)


def more_classes() -> TensorImages:
    plain = source()
    return TensorImages(plain.images, plain.labels, CLASSES + 1)


def smaller_images() -> TensorImages:
    plain = source()
    return TensorImages(plain.images[:, :, :4, :4], plain.labels, CLASSES)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (one_image, "the training part has 1 image; batch normalization needs 2 or more"),
        (more_classes, "the images have 4 classes; the network needs 3"),
        (smaller_images, r"the images have shape \(3, 4, 4\); the network needs \(3, 8, 8\)"),
    ],
)
def test_images_that_do_not_fit_are_refused(make: Callable[[], TensorImages], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Training(network(), make(), config())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"final_learning_rate": 0.3},
            "`final_learning_rate` is 0.3; it must not exceed `learning_rate`, 0.02",
        ),
        ({"warmup_epochs": 3}, "`warmup_epochs` is 3; it must be less than `epochs`, 3"),
        ({"batch_size": 1}, "greater than or equal to 2"),
        ({"swa_epochs": 4}, "`swa_epochs` is 4; it must not exceed `epochs`, 3"),
        ({"swa_epochs": 1, "ema_decay": 0.9}, "one average is possible"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        config(**changes)


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(
        ValueError, match="training preset 'big' does not exist; there are released, paper, small"
    ):
        TrainingConfig.preset("big")  # type: ignore[arg-type]


def test_evaluation_agrees_with_the_network_image_by_image() -> None:
    scored, images = network(), source(7)
    result = evaluate(scored, images, batch_size=3)
    logits = scored.eval()(torch.from_numpy(images.images)).detach().to(torch.float64)
    probabilities = logits.softmax(dim=1).numpy()
    assert result.probabilities == pytest.approx(probabilities, abs=1e-5)
    assert result.predictions.tolist() == probabilities.argmax(axis=1).tolist()
    assert result.accuracy == (result.predictions == images.labels).mean()
    assert result.loss == pytest.approx(-np.log(probabilities[range(7), images.labels]).mean(), rel=1e-4)


def test_evaluation_leaves_the_network_as_it_was() -> None:
    scored = network()
    scored.train()
    before = {name: value.clone() for name, value in scored.state_dict().items()}
    evaluate(scored, source())
    assert scored.training
    assert same(dict(scored.state_dict()), before)


def test_evaluation_of_images_that_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="the images have 4 classes; the network needs 3"):
        evaluate(network(), more_classes())
