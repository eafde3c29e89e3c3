"""Image sources."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nas.images import CopyBank, IntArray, TensorImages, fixed_copies


def images(count: int = 3) -> TensorImages:
    pixels = np.arange(count * 3 * 2 * 2, dtype=np.float32).reshape(count, 3, 2, 2)
    return TensorImages(pixels, np.arange(count) % 2, num_classes=2)


class Noisy:
    """Two images of zeros; augmentation adds noise."""

    labels = np.array([0, 1])
    num_classes = 2
    image_shape = (3, 2, 2)

    def batch(self, indices: IntArray, rng: np.random.Generator | None) -> Tensor:
        shape = (len(indices), *self.image_shape)
        noise = np.zeros(shape) if rng is None else rng.random(shape)
        return torch.from_numpy(noise.astype(np.float32))


def test_a_batch_is_a_copy_in_the_order_asked() -> None:
    source = images()
    batch = source.batch(np.array([2, 0, 2]), None)
    assert batch.shape == (3, 3, 2, 2)
    assert torch.equal(batch[0], batch[2])
    batch.zero_()
    assert source.images.any()


def test_fixed_copies_begin_with_the_images_as_they_are_and_never_change() -> None:
    copies = fixed_copies(Noisy(), 3, seed=5)
    assert copies.images.shape == (6, 3, 2, 2)
    assert copies.labels.tolist() == [0, 1, 0, 1, 0, 1]
    assert not copies.images[:2].any()
    assert copies.images[2:].all()
    assert not np.array_equal(copies.images[2:4], copies.images[4:])
    np.testing.assert_array_equal(copies.images, fixed_copies(Noisy(), 3, seed=5).images)


@pytest.mark.parametrize(
    ("pixels", "labels", "message"),
    [
        (
            np.zeros((0, 3, 2, 2)),
            [],
            "`images` has shape \\(0, 3, 2, 2\\); \\(N, C, H, W\\) with N of 1 or more",
        ),
        (np.zeros((2, 2, 2)), [0, 1], "`images` has shape \\(2, 2, 2\\)"),
        (np.zeros((2, 3, 2, 2)), [0], "`labels` has shape \\(1,\\); 2 images need \\(2,\\)"),
        (np.zeros((2, 3, 2, 2)), [0, 2], "`labels` are 0 to 2; 2 classes need 0 to 1"),
        (np.full((2, 3, 2, 2), np.nan), [0, 1], "`images` holds values that are not finite"),
    ],
)
def test_bad_images_are_named(pixels: np.ndarray, labels: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TensorImages(pixels.astype(np.float32), np.array(labels, dtype=np.int64), num_classes=2)


def test_there_is_at_least_one_copy() -> None:
    with pytest.raises(ValueError, match="`copies` is 0; it must be 1 or more"):
        fixed_copies(images(), 0, seed=0)


def test_a_bank_gives_the_fixed_copies_and_without_a_generator_the_images() -> None:
    bank, copies = (
        CopyBank(Noisy(), 2, seed=5),
        fixed_copies(Noisy(), 3, seed=5).images.reshape(3, 2, 3, 2, 2),
    )
    indices = np.array([1, 0, 1])
    assert torch.equal(bank.batch(indices, None), torch.zeros(3, 3, 2, 2))
    seen = set()
    for seed in range(30):
        batch = bank.batch(indices, np.random.default_rng(seed)).numpy()
        for image, index in zip(batch, indices, strict=True):
            (version,) = [number for number in range(3) if np.array_equal(image, copies[number, index])]
            seen.add((version, int(index)))
    assert seen == {(version, index) for version in range(3) for index in range(2)}
    with pytest.raises(ValueError, match="`copies` is 0; it must be 1 or more"):
        CopyBank(Noisy(), 0, seed=5)
