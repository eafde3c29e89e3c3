"""Clips as images for the networks."""

import pickle

import numpy as np
import pytest
import torch

from cluster.images import PoseImages
from encoding.augmentation import AugmentationConfig, encode_augmented
from encoding.datasets.synthetic import synthetic
from encoding.spmf import EncodingConfig, encode, encode_all, fit_statistics
from nas.images import to_network

ENCODING = EncodingConfig()


@pytest.fixture(scope="module")
def source() -> PoseImages:
    clips = synthetic(num_subjects=2, clips_per_action=1).development
    statistics = fit_statistics((clip.poses for clip in clips), ENCODING)
    return PoseImages(clips, 12, ENCODING, AugmentationConfig(), statistics)


def test_bytes_0_and_255_become_minus_1_and_1_and_channels_come_first() -> None:
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[0, 1, 2] = (255, 0, 51)  # 51 * 2 / 255 - 1 = -0.6
    scaled = to_network(image)
    assert scaled.shape == (1, 3, 4, 4)
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled[0, :, 1, 2], [1, -1, -0.6], atol=1e-6)
    assert scaled[0, 0, 0, 0] == -1


def test_without_a_generator_the_images_are_the_encoded_clips_as_they_are() -> None:
    clips = synthetic(num_subjects=2, clips_per_action=1).development
    statistics = fit_statistics((clip.poses for clip in clips), ENCODING)
    source = PoseImages(clips, 12, ENCODING, AugmentationConfig(), statistics)
    expected = to_network(encode(clips[3].poses, ENCODING, statistics)[None])
    np.testing.assert_array_equal(source.batch(np.array([3]), None).numpy(), expected)
    assert source.labels[3] == clips[3].label
    assert source.image_shape == (3, 32, 32)


def test_equal_generators_give_equal_augmented_images_and_others_give_others(source: PoseImages) -> None:
    indices = np.arange(4)
    first = source.batch(indices, np.random.default_rng(1))
    again = source.batch(indices, np.random.default_rng(1))
    other = source.batch(indices, np.random.default_rng(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.min() >= -1
    assert first.max() <= 1


def test_a_source_that_traveled_to_another_process_gives_the_same_images(source: PoseImages) -> None:
    traveled = pickle.loads(pickle.dumps(source))
    indices = np.array([0, 5])
    assert torch.equal(
        source.batch(indices, np.random.default_rng(7)), traveled.batch(indices, np.random.default_rng(7))
    )


def test_no_augmentation_gives_the_clips_themselves_even_with_a_generator() -> None:
    clips = synthetic(num_subjects=2, clips_per_action=1).development
    statistics = fit_statistics((clip.poses for clip in clips), ENCODING)
    source = PoseImages(clips, 12, ENCODING, AugmentationConfig.none(), statistics)
    indices = np.arange(len(clips))
    torch.testing.assert_close(
        source.batch(indices, np.random.default_rng(0)), source.batch(indices, None), atol=0.2, rtol=0
    )


def test_a_reference_body_that_is_put_on_once_gives_the_images_of_one_put_on_for_each() -> None:
    clips = synthetic(num_subjects=2, clips_per_action=1).development[:4]
    poses, config = [clip.poses for clip in clips], EncodingConfig(bones="reference")
    statistics = fit_statistics(poses, config)
    source = PoseImages(clips, 12, config, AugmentationConfig(), statistics)
    indices = np.arange(len(clips))
    plain = encode_all(poses, config, statistics)
    changed = encode_augmented(poses, config, AugmentationConfig(), statistics, np.random.default_rng(5))
    np.testing.assert_array_equal(source.batch(indices, None).numpy(), to_network(plain))
    np.testing.assert_array_equal(
        source.batch(indices, np.random.default_rng(5)).numpy(), to_network(changed)
    )
    assert not np.array_equal(plain, encode_all(poses, ENCODING, statistics))
