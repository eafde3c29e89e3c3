"""Adaptive histogram equalization and the resize."""

from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from encoding.enhance import Enhancement, enhance, resize


def noise(*shape: int, seed: int = 0) -> Any:
    """Levels 90..149, so that equalization has something to stretch."""
    return np.random.default_rng(seed).integers(90, 150, shape, dtype=np.uint8)


@pytest.mark.parametrize("tiles", [1, 2, 4])
def test_equalization_is_that_of_the_literal_loop(oracle: ModuleType, tiles: int) -> None:
    image = noise(24, 32, 3)
    lab = cv2.cvtColor(image, cv2.COLOR_RGB2Lab)
    expected = lab.copy()
    expected[:, :, 0] = oracle.equalize(lab[:, :, 0], tiles)
    result = cv2.cvtColor(enhance(image, "lab", tiles=tiles), cv2.COLOR_RGB2Lab)
    # a level on the edge between two may round either way, and Lab to RGB and back is off by a few more
    assert np.abs(result[:, :, 0].astype(int) - expected[:, :, 0]).mean() < 1
    difference = enhance(image, "lab", tiles=tiles).astype(int) - cv2.cvtColor(expected, cv2.COLOR_Lab2RGB)
    assert np.abs(difference).max() <= 3


def test_equalization_spreads_the_lightness_alone() -> None:
    image = noise(64, 64, 3)
    before, after = (cv2.cvtColor(i, cv2.COLOR_RGB2HSV) for i in (image, enhance(image, "hsv")))
    assert np.ptp(before[..., 2]) < 60
    assert np.ptp(after[..., 2]) > 240
    assert np.median(np.abs(after[..., 1].astype(int) - before[..., 1])) <= 2  # saturation stays


def test_the_options_give_different_images() -> None:
    image = noise(64, 64, 3)
    variants = [
        enhance(image, "off"),
        enhance(image, "lab"),
        enhance(image, "hsv"),
        enhance(image, "lab", clip_limit=2.0),
        enhance(image, "lab", tiles=4),
    ]
    assert len({variant.tobytes() for variant in variants}) == len(variants)
    assert np.array_equal(variants[0], image)


@pytest.mark.parametrize("method", ["lab", "hsv", "off"])
def test_the_input_is_not_changed_and_the_result_repeats(method: Enhancement) -> None:
    image = noise(40, 31, 3)
    before = image.copy()
    assert np.array_equal(enhance(image, method), enhance(image, method))
    assert np.array_equal(image, before)


@pytest.mark.parametrize("method", ["lab", "hsv"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (12, 1), (12, 3), (380, 1), (7, 7), (9, 17)])
def test_images_smaller_than_the_tiles_are_equalized(method: Enhancement, shape: tuple[int, int]) -> None:
    enhanced = enhance(noise(*shape, 3), method)
    assert (enhanced.shape, enhanced.dtype) == ((*shape, 3), np.uint8)


def test_a_shrinking_axis_takes_the_mean_over_the_area() -> None:
    column = np.array([0, 30, 60, 90, 120, 150], dtype=np.uint8).reshape(6, 1, 1)
    image = np.broadcast_to(column, (6, 4, 3))
    # each new row covers 1.5 old ones: (0 + 15) / 1.5, (15 + 60) / 1.5, (90 + 60) / 1.5, (60 + 150) / 1.5
    assert resize(np.ascontiguousarray(image), 4)[:, 0, 0].tolist() == [10, 50, 100, 140]


def test_a_growing_axis_is_interpolated_linearly() -> None:
    image = np.ascontiguousarray(np.broadcast_to(np.uint8([0, 80]).reshape(1, 2, 1), (4, 2, 3)))
    # centers of the 4 new columns lie at -0.25, 0.25, 0.75, 1.25 of the old: 0, 20, 60, 80
    assert resize(image, 4)[0, :, 0].tolist() == [0, 20, 60, 80]


def test_each_axis_is_resized_in_its_own_way() -> None:
    # rows shrink by area although columns grow: one bright row in 8 is worth 255 / 8 = 31.9 wherever it is
    for bright in range(8):
        image = np.zeros((32, 2, 3), dtype=np.uint8)
        image[bright] = 255
        assert resize(image, 4)[0].tolist() == [[32] * 3] * 4


def test_an_image_of_the_right_size_is_handed_on() -> None:
    image = noise(32, 32, 3)
    assert resize(image, 32) is image
