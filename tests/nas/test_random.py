"""Keyed randomness."""

import numpy as np
import torch

from nas.random import generator, torch_generator


def test_equal_keys_give_equal_numbers_and_any_difference_gives_others() -> None:
    keys = [
        (0, "dropout", 1, 2),
        (1, "dropout", 1, 2),
        (0, "crop", 1, 2),
        (0, "dropout", 2, 1),
        (0, "dropout", 12),
    ]
    draws = [tuple(generator(*key).integers(0, 2**63, 4)) for key in keys]  # type: ignore[arg-type]
    assert len(set(draws)) == len(keys)
    assert draws == [tuple(generator(*key).integers(0, 2**63, 4)) for key in keys]  # type: ignore[arg-type]


def test_numbers_do_not_change_from_version_to_version() -> None:
    # Written down once: a checkpoint of today must continue alike tomorrow.
    assert generator(0, "dropout", 1, 2).integers(0, 1000, 5).tolist() == [834, 499, 56, 31, 146]


def test_drawing_from_one_generator_leaves_another_alone() -> None:
    first, second = generator(0, "a"), generator(0, "a")
    first.random(1000)
    assert second.random() == generator(0, "a").random()


def test_numpy_counters_count_as_integers() -> None:
    assert generator(0, "a", int(np.int64(3))).random() == generator(0, "a", 3).random()


def test_torch_generators_are_keyed_too() -> None:
    draws = [torch.rand(3, generator=torch_generator(0, "a", n)).tolist() for n in (0, 0, 1)]
    assert draws[0] == draws[1] != draws[2]
