"""The final network: its size, forms, randomness and agreement with the search network."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nas.genotype import Genotype
from nas.layers import FactorizedReduction
from nas.network import Network, channels_for_budget, num_parameters
from nas.operation_table import OPERATION_TABLE
from nas.plan import NetworkConfig, plan
from nas.space import ENAS_MICRO
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

SEP_3, SEP_5, AVG, MAX, IDENTITY = range(5)
RELEASED = Genotype.parse("0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1")
ONE_NODE = Genotype.from_numbers([0, IDENTITY, 1, IDENTITY], [0, IDENTITY, 1, IDENTITY])


def random_genotype(seed: int, num_nodes: int = 5) -> Genotype:
    rng = np.random.default_rng(seed)
    cells = [
        [int(v) for i in range(num_nodes) for _ in "xy" for v in (rng.integers(i + 2), rng.integers(5))]
        for _ in range(2)
    ]
    return Genotype.from_numbers(*cells)


def small(**changes: object) -> NetworkConfig:
    return NetworkConfig(
        **{"num_classes": 3, "channels": 4, "normal_cells": 3, "image_size": 16, **changes}  # type: ignore[arg-type]
    )


def images(count: int = 4, size: int = 16) -> Tensor:
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(0))


def noise() -> torch.Generator:
    return torch.Generator().manual_seed(1)


def test_parameters_of_a_one_node_network_are_those_counted_by_hand() -> None:
    # Two channels are too few to train with, and few enough to count.
    config = NetworkConfig(num_classes=2, normal_cells=3).model_copy(update={"channels": 2})
    expected = (
        (3 * 9 * 6 + 12)  # stem 3 -> 3C = 6 and its BN
        + (6 * 2 + 4) * 2 + (2 * 2 + 4)  # layer 0, C = 2: both inputs 6 -> 2, the extra 1x1
        + (6 * 4 + 8) + (2 * 4 + 8) + (4 * 4 + 8)  # layer 1, C = 4, reads stem and layer 0
        + 2 * (4 * 2 + 4 * 2 + 8)  # and both identities halve: two 1x1 to 2 each, BN
        + (2 * 2 + 2 * 2 + 8) + (4 * 4 + 8)  # layer 2, C = 4: layer 0 is halved, layer 1 fits
        + 2 * (4 * 8 + 16) + (8 * 8 + 16) + 2 * (8 * 4 * 2 + 16)  # layer 3, C = 8, as layer 1
        + (4 * 4 * 2 + 16) + (8 * 8 + 16)  # layer 4, C = 8, as layer 2
        + 8 * 2  # classifier
    )  # fmt: skip
    assert num_parameters(Network(ONE_NODE, config)) == expected == 854


def test_auxiliary_head_is_not_counted() -> None:
    with_head = Network(RELEASED, small())
    without = Network(RELEASED, small(auxiliary=False))
    assert num_parameters(with_head) == num_parameters(without)
    assert sum(p.numel() for p in without.parameters()) == num_parameters(without)
    assert sum(p.numel() for p in with_head.parameters()) > num_parameters(with_head)


@pytest.mark.parametrize("search_form", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_channels_for_budget_come_nearest(seed: int, search_form: bool) -> None:
    genotype, budget = random_genotype(seed), 300_000
    config = small(search_form=search_form)
    channels = channels_for_budget(genotype, config, budget)

    def distance(c: int) -> int:
        return abs(num_parameters(Network(genotype, config.model_copy(update={"channels": c}))) - budget)

    assert distance(channels) == min(distance(c) for c in (channels - 1, channels, channels + 1))


def test_budget_of_the_paper_is_met_within_two_percent() -> None:
    config = NetworkConfig(num_classes=8)
    channels = channels_for_budget(RELEASED, config)
    parameters = num_parameters(Network(RELEASED, config.model_copy(update={"channels": channels})))
    assert parameters == pytest.approx(2_300_000, rel=0.02)


def test_budget_below_the_smallest_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"4 channels already need \d+ parameters; the budget is 100"):
        channels_for_budget(RELEASED, small(), 100)


def test_reductions_lie_where_enas_puts_them() -> None:
    config = NetworkConfig(num_classes=2, normal_cells=6)
    assert ENAS_MICRO.reduction_layers(6) == (2, 5)  # of 0..7
    assert ENAS_MICRO.auxiliary_layer(6) == 6
    assert [layer.channels for layer in plan(ONE_NODE, config.model_copy(update={"channels": 20}))] == (
        [20, 20, 40, 40, 40, 80, 80, 80]
    )


def test_presets_have_the_sizes_of_their_sources() -> None:
    released = NetworkConfig.preset("released", num_classes=10)
    assert (released.normal_cells, released.channels) == (15, 36)
    assert (released.dropout_keep, released.drop_path_keep) == (0.8, 0.6)
    assert NetworkConfig.preset("small", num_classes=8, channels=52).normal_cells == 3


def test_unknown_preset_is_refused() -> None:
    with pytest.raises(
        ValueError, match="network preset 'big' does not exist; there are released, paper, small"
    ):
        NetworkConfig.preset("big", num_classes=8)  # type: ignore[arg-type]


def layer_outputs(network: Network, x: Tensor) -> Iterator[Tensor]:
    outputs: list[Tensor] = []
    for layer in network.layers:
        layer.register_forward_hook(lambda _module, _args, output: outputs.append(output))
    network.eval()(x)
    return iter(outputs)


@pytest.mark.parametrize("search_form", [False, True])
@pytest.mark.parametrize(("size", "stem_stride"), [(16, 1), (15, 1), (9, 2), (32, 2)])
@pytest.mark.parametrize("normal_cells", [1, 3, 4])
def test_plan_says_what_the_layers_put_out(
    search_form: bool, size: int, stem_stride: int, normal_cells: int
) -> None:
    genotype = random_genotype(7)
    config = small(
        image_size=size, stem_stride=stem_stride, search_form=search_form, normal_cells=normal_cells
    )
    layers = plan(genotype, config)
    outputs = list(layer_outputs(Network(genotype, config), images(2, size)))
    assert [tuple(output.shape) for output in outputs] == [
        (2, layer.out_channels, layer.out_size, layer.out_size) for layer in layers
    ]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), search_form=st.booleans())
def test_every_genotype_gives_finite_logits_and_gradients(seed: int, search_form: bool) -> None:
    network = Network(random_genotype(seed), small(channels=5, image_size=8, search_form=search_form))
    logits, auxiliary = network.training_logits(images(3, 8), 0.5, noise())
    assert auxiliary is not None
    (logits.sum() + auxiliary.sum()).backward()
    assert logits.shape == auxiliary.shape == (3, 3)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_average_pooling_does_not_count_padding() -> None:
    assert torch.equal(
        OPERATION_TABLE["avg_pool_3x3"].build(1, 1, 2)(torch.ones(1, 1, 4, 4)), torch.ones(1, 1, 4, 4)
    )


def test_factorized_reduction_sees_even_pixels_and_odd_ones() -> None:
    reduction = FactorizedReduction(1, 2)
    reduction.norm = nn.Identity()  # type: ignore[assignment]
    for path in (reduction.even, reduction.odd):
        nn.init.ones_(path.weight)
    x = torch.arange(16.0).view(1, 1, 4, 4)
    # rows 0, 2 and columns 0, 2 of 0..15; then rows 1, 3 and columns 1, 3
    assert reduction(x).tolist() == [[[[0, 2], [8, 10]], [[5, 7], [13, 15]]]]
    # 3 x 3 of 0..8: no pixel follows the last row and column, zeros stand there
    assert reduction(torch.arange(9.0).view(1, 1, 3, 3)).tolist() == [[[[0, 2], [6, 8]], [[4, 0], [0, 0]]]]


def test_identity_at_stride_one_is_no_operation() -> None:
    x = images(1)
    assert torch.equal(OPERATION_TABLE["identity"].build(3, 1, 2)(x), x)


def test_initial_weights_follow_the_seed_and_leave_global_randomness_alone() -> None:
    before = torch.get_rng_state()
    first, again, other = (Network(RELEASED, small(), seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["stem.0.weight"], other["stem.0.weight"])


def test_initialization_is_he_with_the_true_fan_in() -> None:
    network = Network(RELEASED, NetworkConfig(num_classes=8, channels=64, normal_cells=3))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.in_channels // module.groups * module.kernel_size[0] ** 2
            # the relative error of a standard deviation from n draws is 1 / sqrt(2 n); five of them
            tolerance = 5 / (2 * module.weight.numel()) ** 0.5
            assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=tolerance)


def test_without_progress_or_dropout_training_computes_what_prediction_computes() -> None:
    network = Network(RELEASED, small(dropout_keep=1.0))
    network.eval()
    logits, _ = network.training_logits(images(), 0.0, noise())
    assert torch.equal(logits, network(images()))


def test_drop_path_keeps_less_with_depth_and_time() -> None:
    network = Network(RELEASED, small(drop_path_keep=0.6))
    masks = network._path_masks(4000, 1.0, noise())
    assert masks is not None
    kept = (masks > 0).to(torch.float64).mean(dim=(1, 2, 3))
    # layer l of 5: 1 - (l + 1) / 5 (1 - 0.6) = 0.92, 0.84, 0.76, 0.68, 0.6
    assert kept.tolist() == pytest.approx([0.92, 0.84, 0.76, 0.68, 0.6], abs=0.01)
    assert masks.mean().item() == pytest.approx(1.0, abs=0.01)
    half = network._path_masks(4000, 0.5, noise())
    assert half is not None
    assert (half[-1] > 0).to(torch.float64).mean().item() == pytest.approx(0.8, abs=0.01)  # 1 - 0.5 * 0.4


def test_identity_is_never_dropped() -> None:
    # With identities alone nothing is left to drop: the noisy passes agree with the plain one.
    network = Network(ONE_NODE, small(dropout_keep=1.0, drop_path_keep=0.1)).eval()
    logits, _ = network.training_logits(images(), 1.0, noise())
    assert torch.equal(logits, network(images()))


def test_drop_path_and_dropout_depend_on_the_generator_alone() -> None:
    network = Network(RELEASED, small()).eval()
    before = torch.get_rng_state()
    first, again, other = (
        network.training_logits(images(), 1.0, torch.Generator().manual_seed(seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(before, torch.get_rng_state())


def test_prediction_of_an_image_does_not_depend_on_its_batch() -> None:
    network = Network(RELEASED, small())
    network.train()
    network(images(8))  # running statistics other than the initial ones
    network.eval()
    together = network(images(8))
    alone = torch.cat([network(image[None]) for image in images(8)])
    assert torch.allclose(together, alone, atol=1e-5)


def test_images_of_another_size_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"images have shape \(2, 3, 8, 8\); this network needs \(N, 3, 16, 16\)"
    ):
        Network(RELEASED, small())(images(2, 8))


def test_weights_are_channels_last() -> None:
    network = Network(RELEASED, small())
    assert network.stem[0].weight.is_contiguous(memory_format=torch.channels_last)


def names_in_supernet(name: str, genotype: Genotype, config: NetworkConfig) -> list[str]:
    """Names of the shared parameters that make up a parameter of the search form."""
    if name == "classifier.weight":
        return ["classifier"]
    name = name.replace("stem.0.", "stem.").replace("stem.1.", "stem.norm.")
    parts = name.split(".")
    if parts[0] == "reducers":
        parts = [f"layer{parts[1]}", "reduce", *parts[2:]]
    elif parts[0] == "layers":
        layer, rest = int(parts[1]), parts[2:]
        reductions = ENAS_MICRO.reduction_layers(config.normal_cells)
        cell = genotype.reduction if layer in reductions else genotype.normal
        prefix = f"layer{layer}"
        if rest[0].endswith("_operations"):
            side, index = rest[0][0], int(rest[1])
            _, state, number = cell.nodes[index].sides["xy".index(side)]
            kernel = {SEP_3: "sep_conv_3x3", SEP_5: "sep_conv_5x5"}[number]
            position = int(rest[3])  # depthwise, pointwise, BN, ReLU, depthwise, pointwise, BN
            kind = {0: "depthwise", 1: "pointwise", 2: "norm"}[position % 4]
            parts = [prefix, f"node{index}", side, f"input{state}", kernel, str(position // 4), kind, rest[4]]
            parts = parts if kind == "norm" else parts[:-1]
        elif rest[0] == "output" and rest[1] == "convolution":
            return [f"{prefix}.final_conv.state{state}" for state in cell.loose_ends]
        else:
            place = {"calibrate_x": "input0", "calibrate_y": "input1", "output": "final_conv"}[rest[0]]
            parts = [prefix, place, *rest[1:]]
    text = ".".join(parts)
    for ours, theirs in (
        ("norm.weight", "scale"), ("norm.bias", "offset"), ("even.weight", "path1"), ("odd.weight", "path2"),
        ("convolution.weight", "weight"),
    ):  # fmt: skip
        text = text.replace(ours, theirs)
    return [text]


@pytest.mark.parametrize("seed", range(3))
def test_search_form_with_shared_weights_computes_what_the_search_network_computes(seed: int) -> None:
    genotype = random_genotype(seed)
    config = small(channels=8, search_form=True, auxiliary=False)
    supernet = Supernet(
        SupernetConfig(num_classes=3, image_size=16, channels=8, normal_cells=3, dropout_keep=1.0)
    )
    flat = supernet.initial_weights(seed)
    shared = supernet.layout.views(flat, supernet.used(genotype))
    network = Network(genotype, config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parts = [shared[found] for found in names_in_supernet(name, genotype, config)]
            parameter.copy_(torch.cat(parts, dim=1) if len(parts) > 1 else parts[0])
    network.train()  # the search network normalizes with the statistics of the batch
    expected, _ = supernet.logits(shared, genotype, images(6), None)
    assert torch.allclose(network(images(6)), expected, atol=1e-4)
    assert F.cross_entropy(expected, torch.zeros(6, dtype=torch.int64)).isfinite()
