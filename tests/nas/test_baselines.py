import numpy as np
import pytest
import torch

from nas.baselines import Baseline, BaselineConfig, BaselineKind, baseline_for_budget
from nas.evaluate import evaluate
from nas.image_classifier import num_parameters
from nas.images import TensorImages
from nas.train import Training
from nas.training_config import TrainingConfig

KINDS: tuple[BaselineKind, ...] = ("residual", "densenet", "tall")


def small(kind: BaselineKind, **changes: object) -> BaselineConfig:
    settings = {"kind": kind, "num_classes": 3, "image_size": 16, "depth": 2, "width": 6, "growth": 4}
    return BaselineConfig.model_validate({**settings, **changes})


def stripes(number: int = 30) -> TensorImages:
    """Three classes: a bright band at the top, in the middle, at the bottom."""
    rng = np.random.default_rng(0)
    labels = np.arange(number) % 3
    images = rng.normal(0, 0.3, (number, 3, 16, 16)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        image[:, 5 * label : 5 * label + 5] += 1
    return TensorImages(images, labels, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_a_baseline_learns(kind: BaselineKind) -> None:
    network = Baseline(small(kind))
    training = Training(network, stripes(), TrainingConfig(epochs=12, batch_size=10, warmup_epochs=1))
    losses = [training.run_epoch().loss for _ in range(12)]
    assert losses[-1] < 0.7 * losses[0]
    assert evaluate(network, stripes()).accuracy > 0.9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stem_stride", [1, 2])
def test_a_budget_gives_the_nearest_size(kind: BaselineKind, stem_stride: int) -> None:
    config = baseline_for_budget(kind, 8, 32, 300_000, stem_stride)
    varied = "depth" if kind == "densenet" else "width"
    beside = [config.model_copy(update={varied: getattr(config, varied) + step}) for step in (-1, 0, 1)]
    smaller, chosen, larger = (num_parameters(Baseline(size)) - 300_000 for size in beside)
    assert smaller < 0 < larger
    assert abs(chosen) <= min(-smaller, larger)
    assert config.stem_stride == stem_stride


@pytest.mark.parametrize("kind", KINDS)
def test_weights_follow_from_the_seed_alone(kind: BaselineKind) -> None:
    torch.manual_seed(1)
    first = Baseline(small(kind), seed=3).state_dict()
    torch.manual_seed(2)
    again, other = Baseline(small(kind), seed=3).state_dict(), Baseline(small(kind), seed=4).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_dropped_comes_from_the_generator(kind: BaselineKind) -> None:
    network, images = Baseline(small(kind, dropout_keep=0.5)), torch.randn(4, 3, 16, 16)

    def logits(seed: int) -> torch.Tensor:
        return network.training_logits(images, 0.5, torch.Generator().manual_seed(seed))[0]

    assert torch.equal(logits(0), logits(0))
    assert not torch.equal(logits(0), logits(1))


@pytest.mark.parametrize("kind", KINDS)
def test_odd_sizes_pass(kind: BaselineKind) -> None:
    assert Baseline(small(kind, image_size=13))(torch.randn(2, 3, 13, 13)).shape == (2, 3)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 3, 8, 8\); this network needs \(N, 3, 16, 16\)"):
        Baseline(small("residual"))(torch.zeros(2, 3, 8, 8))


def test_a_budget_below_the_smallest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the smallest densenet has \d+ parameters; the budget is 100"):
        baseline_for_budget("densenet", 8, 32, 100)


def test_the_tall_network_reads_rows_anywhere_and_drops_whole_ones_while_training() -> None:
    network = Baseline(small("tall", stem_keep=0.5)).eval()
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    stem = network.features[0]
    shuffled = Baseline(small("tall", stem_keep=0.5)).eval()
    rows = (torch.arange(3)[:, None] * 16 + order).flatten()  # a row of each color
    with torch.no_grad():
        shuffled.features[0].convolution.weight.copy_(stem.convolution.weight[:, rows])
        assert torch.allclose(network(images), shuffled(images[:, :, order]), atol=1e-5)
    one, other = (
        network.training_logits(images, 0.0, torch.Generator().manual_seed(seed))[0] for seed in (0, 1)
    )
    assert not torch.allclose(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_of_two_images_each_has_its_network_and_the_answers_are_averaged(kind: BaselineKind) -> None:
    network = Baseline(small(kind, num_images=2), seed=1).eval()
    first, second = Baseline(small(kind), seed=1).eval(), network.others[0]
    images = torch.randn(4, 6, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = (first(images[:, :3]).softmax(dim=1) + second(images[:, 3:]).softmax(dim=1)) / 2
        assert torch.allclose(network(images).softmax(dim=1), expected, atol=1e-6)
    assert num_parameters(network) == 2 * num_parameters(first)
    assert not torch.equal(network.classifier.weight, second.classifier.weight)
    with pytest.raises(ValueError, match=r"shape \(4, 3, 16, 16\); this network needs \(N, 6, 16"):
        network(images[:, :3])
    single = baseline_for_budget(kind, 8, 32, 100_000)
    double = baseline_for_budget(kind, 8, 32, 200_000, num_images=2)
    assert double.model_copy(update={"num_images": 1}) == single


def test_each_network_of_two_images_learns_as_it_would_alone() -> None:
    config = TrainingConfig(epochs=2, batch_size=15, warmup_epochs=0, optimizer="adamw", weight_decay=0.0)
    alone = Baseline(small("tall", stem_keep=1.0, dropout_keep=1.0))
    both = Baseline(small("tall", stem_keep=1.0, dropout_keep=1.0, num_images=2))
    plain = stripes()
    doubled = TensorImages(np.concatenate([plain.images] * 2, axis=1), plain.labels, 3)
    for network, source in ((alone, plain), (both, doubled)):
        training = Training(network, source, config)
        for _ in range(2):
            training.run_epoch()
    # AdamW's steps do not depend on the gradient's scale, which is half as large beside a second network.
    assert torch.allclose(alone.classifier.weight, both.classifier.weight, atol=1e-3)
