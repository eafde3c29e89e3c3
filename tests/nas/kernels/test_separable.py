"""Both forms of the separable convolution, and that the compiled one changes no bit.

Where no compiler, or neither AVX-512 nor AVX2, is at hand, the tests of the compiled form are skipped.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from nas import kernels
from nas.config import SearchConfig
from nas.kernels import bridge, compiled_pooling, compiled_separable, library
from nas.kernels.separable import separable_conv
from nas.kernels.torch_separable import SeparableWeights, separable_conv_in_torch
from nas.shards import score_shard, train_shard
from nas.strategy import RandomStrategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.threads import one_thread

needs_compiler = pytest.mark.skipif(
    library.find_compiler() is None, reason="no C compiler, or a processor without AVX2"
)


@pytest.fixture(autouse=True)
def _own_choice() -> Iterator[None]:
    with one_thread():
        yield
    kernels.select("torch")
    compiled_separable._agreeing_chain.cache_clear()
    compiled_pooling._agrees.cache_clear()


def draw(shape: tuple[int, ...], seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def arguments(shape: tuple[int, int, int, int], kernel: int) -> tuple[Tensor, list[SeparableWeights], Tensor]:
    C = shape[1]
    stacks = [
        SeparableWeights(
            draw((C, 1, kernel, kernel), 4 * i),
            draw((C, C, 1, 1), 4 * i + 1),
            draw((C,), 4 * i + 2),
            draw((C,), 4 * i + 3),
        )
        for i in range(2)
    ]
    x, addend = (draw(shape, seed).contiguous(memory_format=torch.channels_last) for seed in (10, 11))
    return x, stacks, addend


def test_the_form_in_torch_is_two_stacks_of_ordinary_operations_and_a_sum() -> None:
    x, stacks, addend = arguments((6, 5, 9, 7), 5)
    expected = x.double()
    for stack in stacks:
        depthwise, pointwise, scale, offset = (value.double() for value in stack)
        expected = F.conv2d(F.relu(expected), depthwise, padding=2, groups=5)
        expected = F.batch_norm(
            F.conv2d(expected, pointwise), None, None, scale, offset, training=True, eps=1e-5
        )
    ours = separable_conv_in_torch(x, stacks, addend).double()
    torch.testing.assert_close(ours, expected + addend, rtol=1e-4, atol=1e-4)


SHAPES = [
    (16, 20, 32, 32),  # two vectors, the second with four channels; rows wider than 28; chunks of six images
    (3, 40, 16, 16),  # a last vector of eight
    (5, 80, 8, 8),  # of sixteen
    (4, 12, 12, 10),  # of twelve; rows that are no power of two
    (2, 6, 7, 5),  # an odd number of pixels
]


# There torch adds up in another order on some processors (both on AMD's family 26, the second with AVX2).
LEFT_TO_TORCH = {(3, 40, 16, 16), (2, 6, 7, 5)}
USED = (4, 12, 12, 10)


@needs_compiler
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_compiled_form_gives_the_bits_of_torch_forwards_and_backwards(
    shape: tuple[int, int, int, int], kernel: int
) -> None:
    kernels.select("compiled")
    x, stacks, addend = arguments(shape, kernel)
    leaves = [x, addend, *stacks[0], *stacks[1]]
    for leaf in leaves:
        leaf.requires_grad_()
    assert compiled_separable.usable(x, kernel) or shape in LEFT_TO_TORCH
    compiled = compiled_separable.separable_conv(x, stacks[0], stacks[1], addend)
    used, theirs = separable_conv(x, stacks, addend), separable_conv_in_torch(x, stacks, addend)
    assert torch.equal(used, theirs)
    dy = draw(shape, 12)
    for mine, chosen, its in zip(
        *(torch.autograd.grad(y, leaves, dy) for y in (compiled, used, theirs)), strict=True
    ):
        assert torch.equal(chosen, its)
        torch.testing.assert_close(mine, its, rtol=1e-5, atol=1e-6 * float(its.detach().abs().max()))
    torch.testing.assert_close(compiled, theirs, rtol=1e-5, atol=1e-5)


@needs_compiler
@pytest.mark.parametrize("shape", [*SHAPES, (3, 8, 1, 4)])
def test_compiled_pooling_gives_the_bits_of_torch(shape: tuple[int, int, int, int]) -> None:
    x = (2 * draw(shape, 1)).round().contiguous(memory_format=torch.channels_last)  # many are equal
    x[0, 0, 0, :2] = torch.tensor([torch.nan, 99.0])
    dy = draw(shape, 2)
    outcomes = []
    for choice in ("torch", "compiled"):
        kernels.select(choice)  # type: ignore[arg-type]
        assert compiled_pooling.usable(x) == (choice == "compiled")
        leaf = x.clone().requires_grad_()
        pooled = kernels.avg_pool(leaf), kernels.max_pool(leaf)
        outcomes.append(
            [p.nan_to_num(7.5) for p in (*pooled, *(torch.autograd.grad(y, leaf, dy)[0] for y in pooled))]
        )
    for theirs, ours in zip(*outcomes, strict=True):
        assert torch.equal(theirs, ours)


@needs_compiler
def test_an_export_keeps_to_torch_whatever_is_selected() -> None:
    class Pools(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return kernels.avg_pool(kernels.max_pool(x))

    kernels.select("compiled")
    x = draw((2, 4, 8, 8), 0)
    batch = torch.export.Dim("batch", min=1)
    program = torch.export.export(Pools(), (x,), dynamic_shapes=({0: batch},))
    assert torch.equal(program.module()(x), Pools()(x))
    assert "max_pool2d" in str(program.graph)


class Images:
    """Fixed random images."""

    image_shape, num_classes = (3, 16, 16), 3
    labels = torch.arange(12).remainder(3).numpy()

    def batch(self, indices: object, rng: object) -> Tensor:
        return draw((12, 3, 16, 16), 5)[torch.as_tensor(indices)]


@needs_compiler
def test_what_it_adds_gets_the_gradient_in_the_order_of_memory_in_which_it_came() -> None:
    """Slices of a concatenation's gradient are strided, and batch normalization adds those up differently."""
    outcomes = []
    for choice in ("torch", "compiled"):
        kernels.select(choice)  # type: ignore[arg-type]
        x, stacks, addend = arguments(USED, 3)
        addend.requires_grad_()
        orders: list[tuple[int, ...]] = []
        added = addend * 1
        added.register_hook(lambda gradient, orders=orders: orders.append(gradient.stride()))
        y = separable_conv(x, stacks, added)
        torch.cat([y, y], dim=1).sum().backward()
        outcomes.append(orders)
    assert outcomes[0] == outcomes[1] != []


@needs_compiler
def test_shards_of_a_search_are_the_same_bit_for_bit() -> None:
    net = Supernet(
        SupernetConfig(num_classes=3, image_size=16, channels=8, normal_cells=3, auxiliary_channels=(8, 16))
    )
    config = SearchConfig(batch_size=8, validation_batch_size=6)
    weights = net.initial_weights(0)
    outcomes = []
    for choice in ("torch", "compiled"):
        kernels.select(choice)
        outcome = []
        for genotype in RandomStrategy(5, seed=1).sample(6, "test", 0):
            gradient = train_shard(net, weights, genotype, Images(), config, 0, 0)
            score = score_shard(net, weights, genotype, Images(), config, 0, 0)
            outcome.append((gradient.values.tobytes(), gradient.loss, score.loss))
        outcomes.append(outcome)
    assert outcomes[0] == outcomes[1]


@needs_compiler
def test_a_form_that_differs_in_one_bit_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def nearly(x: Tensor, stacks: list[SeparableWeights], addend: Tensor | None = None) -> Tensor:
        y = separable_conv_in_torch(x, stacks, addend)
        return torch.where(y == y.max(), torch.nextafter(y, y + 1), y)

    x = torch.zeros(USED)
    kernels.select("compiled")
    assert compiled_separable.usable(x, 3)
    compiled_separable._agreeing_chain.cache_clear()
    monkeypatch.setattr("nas.kernels.compiled_separable.separable_conv_in_torch", nearly)
    assert not compiled_separable.usable(x, 3)


def test_without_a_compiler_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "library", lambda channels: None)
    x, stacks, _ = arguments((2, 4, 4, 4), 3)
    kernels.select("auto")
    assert torch.equal(separable_conv(x, stacks), separable_conv_in_torch(x, stacks))
    kernels.select("compiled")
    with pytest.raises(RuntimeError, match="kernels for 4 channels cannot be compiled: a C compiler"):
        separable_conv(x, stacks)


@needs_compiler
def test_a_compiler_that_fails_is_reported_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(library, "FLAGS", ("--no-such-flag",))
    library.library.cache_clear()
    library._key.cache_clear()
    assert library.library(4) is None
    assert "the kernels for 4 channels cannot be built" in caplog.text
    assert list(tmp_path.rglob("*.so")) == []
    library.library.cache_clear()
    library._key.cache_clear()


@needs_compiler
def test_a_library_is_built_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    library.library.cache_clear()
    assert library.library(4) is not None
    library.library.cache_clear()

    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("it was compiled again")

    library._key(library.find_compiler() or "")
    monkeypatch.setattr(subprocess, "run", refuse)
    assert library.library(4) is not None
    library.library.cache_clear()


def test_nothing_is_compiled_unless_it_was_chosen() -> None:
    assert kernels.selected() == "torch"
    assert not compiled_separable.usable(torch.zeros(2, 4, 4, 4), 3)
    with pytest.raises(ValueError, match="kernels are 'fast'; known are auto, torch, compiled"):
        kernels.select("fast")  # type: ignore[arg-type]


@needs_compiler
def test_other_numbers_than_float32_on_one_thread_are_left_to_torch() -> None:
    kernels.select("auto")
    x = torch.zeros(USED)
    assert compiled_separable.usable(x, 3)
    assert not compiled_separable.usable(x.double(), 3)
    assert not compiled_separable.usable(x, 7)
    torch.set_num_threads(2)
    assert not compiled_separable.usable(x, 3)
