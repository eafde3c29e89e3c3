"""Random kernels: their responses and shares, sum by sum; what they learn, and what they refuse."""

from typing import Any, Literal

import numpy as np
import pytest
import torch

from nas.images import TensorImages
from nas.kernels_config import KernelsConfig
from nas.random_kernels import DILATIONS, KernelClassifier, RandomKernels, _Rows, _Windows, fit_kernels, mixed

Reading = Literal["rows", "windows"]
READINGS: tuple[Reading, ...] = ("rows", "windows")


def images(n: int, size: int = 8, channels: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, channels, size, size, generator=torch.Generator().manual_seed(seed))


def small(**changes: Any) -> KernelsConfig:
    return KernelsConfig(**{"kernels": 40, "copies": 0, **changes})


def waves(n: int, channels: int = 3) -> TensorImages:
    """Two classes that differ in the order in time alone: a bump in the first or in the second half."""
    rng = np.random.default_rng(0)
    x = rng.normal(scale=0.3, size=(n, channels, 8, 16, 16)).mean(axis=2).astype(np.float32)
    labels = np.arange(n) % 2
    for image, label in zip(x, labels, strict=True):
        image[:, 5, 3 + 8 * label : 6 + 8 * label] += 1
    return TensorImages(x, labels, 2)


def test_a_row_kernel_sums_rows_and_then_taps_in_time() -> None:
    rows, x = _Rows(30, 8, np.random.default_rng(1)), images(2)
    responses = rows.responses(x)
    series = x.reshape(2, 24, 8).numpy()
    for kernel in range(30):
        dilation = next(d for d in range(1, DILATIONS + 1) if kernel < rows._ends[d])
        taps, signs = rows._taps[kernel].tolist(), rows._sums[kernel].numpy()
        assert sorted(taps) == [-1] * 6 + [2] * 3
        assert 1 <= np.abs(signs).sum() <= 6
        assert set(signs.tolist()) <= {-1, 0, 1}
        for image in range(2):
            summed = signs @ series[image]
            for column in range(8):
                expected = sum(
                    tap * summed[min(max(column + (place - 4) * dilation, 0), 7)]
                    for place, tap in enumerate(taps)
                )
                assert responses[image, kernel, column].item() == pytest.approx(expected, abs=1e-5)


def test_a_window_kernel_reads_three_rows_by_five_columns() -> None:
    windows, x = _Windows(4, 8, np.random.default_rng(1)), images(1)
    response = windows.responses(x)
    assert response.shape == (1, 4, 8, 8)
    inner = (x[0, :, 2:5, 1:6] * windows._weights[2]).sum().item()  # around row 3, column 3
    assert response[0, 2, 3, 3].item() == pytest.approx(inner, abs=1e-5)
    corner = x[0, :, [0, 0, 1]][:, :, [0, 0, 0, 1, 2]]  # edges are repeated
    assert response[0, 2, 0, 0].item() == pytest.approx((corner * windows._weights[2]).sum().item(), abs=1e-5)
    assert windows._weights.sum(dim=(1, 2, 3)).abs().max() < 1e-5


@pytest.mark.parametrize("reading", READINGS)
def test_features_are_shares_above_the_biases_in_the_clip_and_its_halves(reading: Reading) -> None:
    kernels, x = RandomKernels(small(reading=reading), (6, 8, 8)), images(5, channels=6)
    kernels.fit_biases(x)
    features = kernels.features(x)
    assert features.shape == (5, 2 * 4 * 40)
    assert kernels.biases is not None
    responses = kernels._parts[1].responses(x[:, 3:])[:, 7].numpy()  # of the second image
    low, high = kernels.biases[1, :, 7]
    second = features[:, 160:]
    for image in range(5):
        above = [responses[image] > low, responses[image] > high]
        shares = [one.mean() for one in above] + [above[0][..., :4].mean(), above[1][..., 4:].mean()]
        assert second[image, [7, 47, 87, 127]] == pytest.approx(shares, abs=1e-6)


def test_the_seed_alone_draws_the_kernels_and_batches_do_not_matter() -> None:
    x = images(130)
    first, again, other = (RandomKernels(small(seed=seed), (3, 8, 8)) for seed in (1, 1, 2))
    for kernels in (first, again, other):
        kernels.fit_biases(x)
    features = first.features(x)
    assert np.array_equal(features, again.features(x))
    assert not np.array_equal(features, other.features(x))
    np.testing.assert_allclose(features[64:70], first.features(x[64:70]), atol=1e-6)
    kept = RandomKernels(small(seed=1), (3, 8, 8), first.biases)
    assert np.array_equal(features, kept.features(x))


@pytest.mark.parametrize("reading", READINGS)
def test_the_order_in_time_is_learned_from_the_halves(reading: Reading) -> None:
    known, unknown = waves(40), waves(20)
    with_halves = fit_kernels(known, small(reading=reading, kernels=100))
    answers = with_halves.scores(unknown.batch(np.arange(20), None)).argmax(axis=1)
    assert (answers == unknown.labels).all()


def test_probabilities_follow_the_scores_and_are_mixed_half_and_half() -> None:
    known = waves(24, channels=6)
    classifier: KernelClassifier = fit_kernels(known, small(), np.array([str(n % 3) for n in range(24)]))
    x = known.batch(np.arange(5), None)
    scores, probabilities = classifier.scores(x), classifier.probabilities(x)
    odds = np.exp(scores / 0.25)
    np.testing.assert_allclose(probabilities, odds / odds.sum(axis=1, keepdims=True), rtol=1e-4)
    sure = np.eye(2, dtype=np.float32)[[0] * 5]
    np.testing.assert_allclose(mixed(sure, probabilities), (sure + probabilities) / 2)


def test_a_fit_beyond_the_memory_is_refused_with_what_it_needs() -> None:
    # 7 * 24 = 168 rows; 1,000,000 kernels * 4 features: 8 * 168 * 4,000,000 = 5.376e9 bytes = 5.0 GiB
    with pytest.raises(
        ValueError, match=r"1,000,000 kernels of each image on 168 clips and copies give 4,000,000"
    ):
        fit_kernels(waves(24), KernelsConfig(kernels=1_000_000))
    KernelsConfig(kernels=1_000_000, memory_gib=5.1).check_memory(24, 3)


def test_a_penalty_is_for_ten_thousand_features() -> None:
    classifier = fit_kernels(waves(24), small(penalty=100.0))  # 160 features
    assert classifier.ridge.penalty == pytest.approx(1.6)


def test_images_of_another_shape_are_refused() -> None:
    kernels = RandomKernels(small(), (3, 8, 8))
    with pytest.raises(ValueError, match="no biases yet"):
        kernels.features(images(2))
    kernels.fit_biases(images(4))
    with pytest.raises(
        ValueError, match=r"images have shape \(2, 6, 8, 8\); these kernels need \(N, 3, 8, 8\)"
    ):
        kernels.features(images(2, channels=6))
    with pytest.raises(ValueError, match="4 channels; three for each image"):
        RandomKernels(small(), (4, 8, 8))
    with pytest.raises(ValueError, match=r"biases have shape \(1, 2, 3\); \(1, 2, 40\) is needed"):
        RandomKernels(small(), (3, 8, 8), np.zeros((1, 2, 3), np.float32))


def test_balanced_weights_give_a_small_class_its_share() -> None:
    """20 images of a class and 4 of the other: the intercepts are the weighted means of the targets."""
    images = waves(40)
    few = np.sort(np.concatenate([np.flatnonzero(images.labels == k)[: (20, 4)[k]] for k in (0, 1)]))
    lopsided = TensorImages(images.images[few], images.labels[few], 2)
    plain = fit_kernels(lopsided, small()).ridge.intercept
    balanced = fit_kernels(lopsided, small(class_weights="balanced")).ridge.intercept
    np.testing.assert_allclose(plain, [16 / 24, -16 / 24], atol=1e-5)  # (20 - 4) / 24
    np.testing.assert_allclose(balanced, [0, 0], atol=1e-5)
