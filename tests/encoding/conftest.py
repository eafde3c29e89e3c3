"""Fixtures of the encoding tests."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from lifting.poses import PoseSequence3D
from lifting.skeleton import SBU_15, Skeleton

# Same examples in every run, and no deadline: the machine may be busy.
settings.register_profile("encoding", deadline=None, derandomize=True)
settings.load_profile("encoding")

# Four joints make six pairs: enough for every step, and an image that a person can still read.
TINY = Skeleton(
    name="tiny_4", joints=("hip", "head", "left_hand", "right_hand"), parents=(-1, 0, 0, 0), pairs=((2, 3),)
)


@pytest.fixture(scope="session")
def oracle() -> ModuleType:
    """The literal-loop encoder, loaded by path: tests are no package."""
    spec = importlib.util.spec_from_file_location("oracle", Path(__file__).with_name("oracle.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def clip() -> Callable[..., PoseSequence3D]:
    """A clip from coordinates; the skeleton follows from the number of joints."""

    def make(xyz: Any) -> PoseSequence3D:
        values = np.asarray(xyz, dtype=np.float32)
        skeleton = {4: TINY, 15: SBU_15}[values.shape[-2]]
        return PoseSequence3D(xyz=values, fps=15, skeleton=skeleton)

    return make


@pytest.fixture(scope="session")
def random_clip(clip: Callable[..., PoseSequence3D]) -> Callable[..., PoseSequence3D]:
    """A body of four joints that wanders: 300 mm around moving centers, on a grid of 1/8 mm.

    On the grid, moves and differences of coordinates are exact in float32.
    """

    def make(num_frames: int, seed: int = 0, people: int = 1) -> PoseSequence3D:
        rng = np.random.default_rng(seed)
        shape = (num_frames, 4, 3) if people == 1 else (num_frames, 2, 4, 3)
        centers = rng.normal(scale=400, size=shape[1:])
        return clip(np.round(8 * (centers + rng.normal(scale=60, size=shape))) / 8)

    return make
