import numpy as np
import pytest
import torch

from nas.baselines import Baseline, BaselineConfig, BaselineKind, baseline_for_budget
from nas.evaluate import evaluate
from nas.image_classifier import num_parameters
from nas.images import TensorImages
from nas.train import Training
from nas.training_config import TrainingConfig

KINDS: tuple[BaselineKind, ...] = ("residual", "densenet")


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
    varied = {"residual": "width", "densenet": "depth"}[kind]
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
