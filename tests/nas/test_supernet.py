"""The search network equals a plain network of only the genotype's operations, and its traps stay shut."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.genotype import Cell, Genotype
from nas.operations import avg_pool, factorized_reduction
from nas.random import generator
from nas.strategy import RandomStrategy
from nas.supernet import Supernet, _dropout_mask
from nas.supernet_config import SupernetConfig

RELEASED = Genotype.parse("0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1")
TINY = SupernetConfig(
    num_classes=3, image_size=16, channels=4, normal_cells=3, auxiliary_channels=(5, 6), dropout_keep=1.0
)

Values = dict[str, Tensor]


class Plain(nn.Module):
    """Written from docs/enas.md with ordinary modules, for one genotype, without sharing or shortcuts."""

    def __init__(self, config: SupernetConfig, genotype: Genotype, values: Values) -> None:
        super().__init__()
        self.config, self.genotype, self.values = config, genotype, values
        self.used: set[str] = set()

    def value(self, name: str) -> Tensor:
        self.used.add(name)
        return self.values[name]

    def bn(self, name: str, x: Tensor) -> Tensor:
        module = nn.BatchNorm2d(x.shape[1], eps=1e-5, track_running_stats=False).double()
        scale, offset = self.value(f"{name}.scale"), self.value(f"{name}.offset")
        return torch.func.functional_call(module, {"weight": scale, "bias": offset}, (x,))

    def relu_conv_bn(self, name: str, x: Tensor) -> Tensor:
        return self.bn(name, F.conv2d(F.relu(x), self.value(f"{name}.weight")))

    def sep_conv(self, name: str, size: int, x: Tensor) -> Tensor:
        for stack in ("0", "1"):
            depthwise = self.value(f"{name}.{stack}.depthwise")
            x = F.conv2d(F.relu(x), depthwise, padding=size // 2, groups=len(depthwise))
            x = self.bn(f"{name}.{stack}", F.conv2d(x, self.value(f"{name}.{stack}.pointwise")))
        return x

    def reduce(self, name: str, x: Tensor) -> Tensor:
        padded = F.pad(x, (0, 1, 0, 1))
        halves = [x[:, :, ::2, ::2], padded[:, :, 1::2, 1::2]]
        paths = [F.conv2d(h, self.value(f"{name}.path{i}")) for i, h in enumerate(halves, start=1)]
        return self.bn(name, torch.cat(paths, 1))

    def operation(self, edge: str, number: int, x: Tensor) -> Tensor:
        if number == 0:
            return self.sep_conv(f"{edge}.sep_conv_3x3", 3, x)
        if number == 1:
            return self.sep_conv(f"{edge}.sep_conv_5x5", 5, x)
        if number == 2:
            return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
        if number == 3:
            return F.max_pool2d(x, 3, 1, 1)
        return x

    def cell(self, name: str, cell: Cell, states: list[Tensor]) -> Tensor:
        read = set()
        for i, node in enumerate(cell.nodes):
            prefix = f"{name}.node{i}"
            x = self.operation(f"{prefix}.x.input{node.x_input}", node.x_operation, states[node.x_input])
            y = self.operation(f"{prefix}.y.input{node.y_input}", node.y_operation, states[node.y_input])
            states.append(x + y)
            read |= {node.x_input, node.y_input}
        # One slice for each loose end: a sum of 1x1 convolutions is the 1x1 convolution of the concatenation.
        loose = [s for s in range(len(states)) if s not in read]
        parts = [F.conv2d(F.relu(states[s]), self.value(f"{name}.final_conv.state{s}")) for s in loose]
        return self.bn(f"{name}.final_conv", sum(parts[1:], parts[0]))

    def auxiliary(self, x: Tensor) -> Tensor:
        window = min(5, x.shape[-1])
        x = F.avg_pool2d(F.relu(x), window, 3)
        x = F.relu(self.bn("auxiliary.0", F.conv2d(x, self.value("auxiliary.0.weight"))))
        weight = self.value("auxiliary.1.weight")
        size = weight.shape[-1]
        before = (size - 1) // 2
        x = F.conv2d(F.pad(x, (before, size - 1 - before) * 2), weight)
        x = F.relu(self.bn("auxiliary.1", x)).mean((2, 3))
        return F.linear(x, self.value("auxiliary.classifier"))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        C, cells = self.config.channels, self.config.normal_cells
        first, second = cells // 3, 2 * (cells // 3) + 1
        kernels = F.conv2d(images, self.value("stem.weight"), padding=1, stride=self.config.stem_stride)
        stem = self.bn("stem", kernels)
        states = [stem, stem]
        for layer in range(cells + 2):
            name = f"layer{layer}"
            cell = self.genotype.normal
            if layer in (first, second):
                C, cell = 2 * C, self.genotype.reduction
                states = [states[1], self.reduce(f"{name}.reduce", states[1])]
            x, y = states
            if x.shape[-1] != y.shape[-1]:
                x = self.reduce(f"{name}.input0", F.relu(x))
            elif x.shape[1] != C:
                x = self.relu_conv_bn(f"{name}.input0", x)
            if y.shape[1] != C:
                y = self.relu_conv_bn(f"{name}.input1", y)
            states = [states[1], self.cell(name, cell, [x, y])]
            if layer == second + 1:
                auxiliary = self.auxiliary(states[1])
        features = F.relu(states[1]).mean((2, 3))
        return F.linear(features, self.value("classifier")), auxiliary


def random_images(count: int, config: SupernetConfig) -> Tensor:
    size = config.image_size
    return torch.randn(count, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def leaves(net: Supernet, genotype: Genotype) -> Values:
    buffer = net.initial_weights(0).double()
    buffer += 0.1 * torch.randn(len(buffer), generator=torch.Generator().manual_seed(1))
    return {name: net.layout.view(buffer, name).detach().requires_grad_() for name in net.used(genotype)}


@pytest.mark.parametrize(
    "config",
    [
        TINY,
        TINY.model_copy(update={"normal_cells": 1}),
        TINY.model_copy(update={"stem_stride": 2}),
        TINY.model_copy(update={"normal_cells": 6, "image_size": 32}),
    ],
)
@pytest.mark.parametrize("number", range(3))
def test_it_computes_what_a_plain_network_of_only_those_operations_computes(
    config: SupernetConfig, number: int
) -> None:
    net = Supernet(config)
    genotype = RELEASED if number == 0 else RandomStrategy(5, seed=number).sample(1, "test", 0)[0]
    values = leaves(net, genotype)
    images = random_images(4, config)
    plain = Plain(config, genotype, values)
    ours, theirs = net.logits(values, genotype, images, generator(0, "dropout")), plain(images)
    torch.testing.assert_close(ours, theirs)
    names = list(values)
    mine, its = (
        torch.autograd.grad((a * a).sum() + b.square().sum(), [values[n] for n in names])
        for a, b in (ours, theirs)
    )
    torch.testing.assert_close(mine, its, rtol=1e-4, atol=1e-6)
    assert plain.used == set(names)  # nothing is listed that is not read


def test_every_layer_node_side_and_input_has_weights_of_its_own() -> None:
    net = Supernet(TINY)
    depthwise = [n for n in net.layout.specs if n.endswith("sep_conv_3x3.0.depthwise")]
    # 5 cells x 2 sides x (2 + 3 + 4 + 5 + 6) inputs
    assert len(depthwise) == 5 * 2 * 20


def test_the_two_sides_do_not_share_weights() -> None:
    net = Supernet(TINY.model_copy(update={"num_nodes": 1}))
    first = set(net.used(Genotype.parse("0 0 1 4 0 4 1 4")))
    second = set(net.used(Genotype.parse("1 4 0 0 0 4 1 4")))
    assert first - second == {n.replace(".y.", ".x.") for n in second - first}
    assert len(first - second) == 3 * 8  # three normal cells, eight parameters each


def test_the_released_size() -> None:
    net = Supernet(SupernetConfig(num_classes=10))
    sizes = {name: spec.size for name, spec in net.layout.specs.items()}
    # A 3x3 separable convolution of 20 channels: 2 x (20 x 9 + 20 x 20 + 20 + 20)
    one = sum(s for n, s in sizes.items() if n.startswith("layer0.node0.x.input0.sep_conv_3x3."))
    assert one == 2 * (180 + 400 + 40)
    assert sizes["stem.weight"] == 60 * 3 * 9
    assert sizes["layer7.final_conv.state6"] == 80 * 80
    assert sizes["auxiliary.1.weight"] == 768 * 128 * 2 * 2
    assert net.reduction_layers == (2, 5)


def test_the_mean_of_a_pool_does_not_count_padding() -> None:
    assert torch.equal(avg_pool(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4))


def test_factorised_reduction_sees_even_and_odd_pixels() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    one = torch.ones(1, 1, 1, 1)
    # The normalized result keeps the order: pixels (0,0) (0,2) (2,0) (2,2) and (1,1), then the zero border.
    y = factorized_reduction(
        {"r.path1": one, "r.path2": one, "r.scale": torch.ones(2), "r.offset": torch.zeros(2)}, "r", x
    )
    expected = torch.tensor([[[0.0, 2, 8, 10], [5, 7, 13, 15]]]).view(1, 2, 2, 2)
    torch.testing.assert_close(y, F.batch_norm(expected, None, None, training=True))


def test_what_a_cell_does_not_read_goes_to_its_output_and_nothing_else() -> None:
    net = Supernet(TINY)
    slices = [n for n in net.used(RELEASED) if n.startswith("layer0.final_conv.state")]
    assert slices == [f"layer0.final_conv.state{state}" for state in RELEASED.normal.loose_ends]


def test_scores_do_not_depend_on_dropout_or_the_auxiliary_head() -> None:
    net = Supernet(TINY.model_copy(update={"dropout_keep": 0.5}))
    values, images = leaves(net, RELEASED), random_images(4, TINY)
    first, auxiliary = net.logits(values, RELEASED, images, None)
    assert auxiliary is None
    assert torch.equal(first, net.logits(values, RELEASED, images, None)[0])
    dropped = [net.logits(values, RELEASED, images, generator(0, "d", n))[0] for n in (0, 0, 1)]
    assert torch.equal(dropped[0], dropped[1])
    assert not torch.equal(dropped[0], dropped[2])


def test_dropout_keeps_the_mean() -> None:
    mask = _dropout_mask(torch.zeros(100, 100), 0.8, generator(0, "d"))
    assert set(mask.unique().tolist()) == {0.0, 1.25}  # 1 / 0.8
    assert mask.mean().item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize(
    ("shape", "nodes", "message"),
    [
        ((2, 3, 8, 16), 5, r"images have shape \(2, 3, 8, 16\); the search network needs \(N, 3, 16, 16\)"),
        ((2, 1, 16, 16), 5, "images have shape"),
        ((2, 3, 16, 16), 1, "genotype has 1 nodes a cell; the search network has 5"),
    ],
)
def test_what_does_not_fit_is_named(shape: tuple[int, ...], nodes: int, message: str) -> None:
    genotype = RandomStrategy(nodes, seed=0).sample(1, "test", 0)[0]
    with pytest.raises(ValueError, match=message):
        Supernet(TINY).logits({}, genotype, torch.zeros(shape), None)


@pytest.mark.parametrize(
    "bad",
    [
        {"channels": 5},
        {"image_size": 30},
        {"image_size": 36, "stem_stride": 2},
        {"auxiliary_channels": (0, 3)},
        {"normal_cells": 0},
        {"chanels": 4},
    ],
)
def test_bad_sizes_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        SupernetConfig.model_validate({"num_classes": 3, **bad})


def test_presets_are_named() -> None:
    assert SupernetConfig.preset("released", num_classes=10) == SupernetConfig(num_classes=10)
    assert SupernetConfig.preset("small", num_classes=8, channels=6).channels == 6
    with pytest.raises(ValueError, match="search network preset is 'big'; known are paper, released, small"):
        SupernetConfig.preset("big", num_classes=10)  # type: ignore[arg-type]


def test_weights_differ_by_seed_and_not_by_run() -> None:
    net = Supernet(TINY)
    assert torch.equal(net.initial_weights(3), net.initial_weights(3))
    assert not torch.equal(net.initial_weights(3), net.initial_weights(4))
    assert np.isfinite(net.initial_weights(3).numpy()).all()
