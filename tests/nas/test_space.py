"""Search spaces as values, and the temporal space: notation, JSON, search network, final network."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from nas.children import LocalChildren
from nas.config import SearchConfig
from nas.genotype import Genotype
from nas.images import TensorImages
from nas.network import Network, channels_for_budget, num_parameters
from nas.operation_table import OPERATION_TABLE, Operation, find_operation
from nas.plan import NetworkConfig
from nas.random import generator, torch_generator
from nas.search import Search
from nas.shared_module import SharedModule
from nas.space import ENAS_MICRO, SPACES, TEMPORAL, SearchSpace, find_space
from nas.stems import HEADS, find_head
from nas.strategy import EnasStrategy, RandomStrategy, build_strategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.temporal_layers import GatedConvolution, MaximumPool, TallStem, temporal_features

SIZE = SupernetConfig(num_classes=3, image_size=16, channels=4, normal_cells=2, num_nodes=2)
ONE_INPUT = SearchSpace(name="one_input", operations=("sep_conv_3", "identity"), num_inputs=1)

OUTSIDE = """
from torch import nn
from nas.operation_table import Operation
from nas.space import SearchSpace

double = Operation(
    build=lambda channels, stride, dimensions: nn.Conv2d(channels, channels, 1, stride),
    label="x",
    color="#0072B2",
)
mine = SearchSpace(name="", operations=("outside_cells:double", "identity"), dimensions=1,
                   reductions=(1,), stems=("tall",))
"""


@pytest.fixture
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchSpace:
    """A space and an operation in a file of the current folder."""
    (tmp_path / "outside_cells.py").write_text(OUTSIDE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "outside_cells", raising=False)
    return find_space("outside_cells:mine")


def images(count: int, key: int) -> TensorImages:
    """Three classes that a brighter row tells apart."""
    rng = generator(key, "images")
    labels = rng.integers(0, 3, count)
    pixels = rng.standard_normal((count, 3, 16, 16))
    pixels[np.arange(count), 0, labels] += 2.0
    return TensorImages(pixels.astype(np.float32), labels, 3)


def some(space: SearchSpace, count: int = 4, nodes: int = 2) -> list[Genotype]:
    return RandomStrategy(nodes, 1, space).sample(count, "test", 0)


@pytest.mark.parametrize("space", [*SPACES.values(), ONE_INPUT], ids=lambda space: space.name)
def test_genotypes_are_read_back_from_decisions_text_and_json(space: SearchSpace) -> None:
    for genotype in some(space, 20):
        assert Genotype.from_decisions(genotype.to_decisions(), space) == genotype
        assert Genotype.from_json(genotype.to_json()) == genotype
        if space.name in SPACES:
            assert Genotype.parse(str(genotype)) == genotype


def test_the_notation_of_the_temporal_space_names_stem_and_head() -> None:
    genotype = Genotype.parse("temporal/both/thirds_mean_max 0 3 1 11 0 0 1 0")
    assert str(genotype) == "temporal/both/thirds_mean_max 0 3 1 11 0 0 1 0"
    assert genotype.to_decisions() == (0, 3, 1, 11, 0, 0, 1, 0, 2, 2)
    data = json.loads(genotype.to_json())
    assert (data["space"], data["stem"], data["head"]) == ("temporal", "both", "thirds_mean_max")
    assert data["normal"][0]["x_operation"] == "sep_conv_3_d2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("temporel/tall/mean_max 0 0 1 0 0 0 1 0", "no search space 'temporel' .did you mean 'temporal'"),
        (
            "temporal/tal/mean_max 0 0 1 0 0 0 1 0",
            "no stem of space 'temporal' named 'tal' .did you",
        ),
        ("temporal/tall/max 0 0 1 0 0 0 1 0", "no head of space 'temporal' named 'max'"),
        ("temporal/tall 0 0 1 0 0 0 1 0", "begins with 'temporal/tall'; space/stem/head is needed"),
        ("temporal/tall/mean_max 0 12 1 0 0 0 1 0", "operations are numbered 0 to 11"),
    ],
)
def test_bad_notation_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Genotype.parse(text)


def test_spaces_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match=r"no operation 'sep_conv_4' .did you mean 'sep_conv_9'"):
        Supernet(SIZE, replace(TEMPORAL, operations=("sep_conv_4", "identity")))
    with pytest.raises(ValueError, match=r"has 1 dimension.s.; operation 'sep_conv_3x3' works in 2"):
        Supernet(SIZE, replace(TEMPORAL, operations=("sep_conv_3x3", "identity")))
    with pytest.raises(ValueError, match=r"has 1 dimension.s.; stem 'conv_3x3' leaves 2"):
        Supernet(SIZE, replace(TEMPORAL, stems=("conv_3x3",)))
    with pytest.raises(ValueError, match="reduces at layer 3; with 1 normal cells the last layer is 2"):
        Supernet(SIZE.model_copy(update={"normal_cells": 1}), TEMPORAL)
    with pytest.raises(ValueError, match="repeats a name among its operations"):
        SearchSpace(name="x", operations=("identity", "identity"))
    with pytest.raises(ValueError, match=r"'halves_mean_max' .* keeps 2 parts of time apart"):
        Supernet(SIZE.model_copy(update={"image_size": 4}), replace(TEMPORAL, heads=("halves_mean_max",)))
    with pytest.raises(ValueError, match=r"space 'x' has heads .*; it needs one name or more"):
        SearchSpace(name="x", operations=("identity",), heads=())
    with pytest.raises(ValueError, match=r"no search space 'temporl' .did you mean 'temporal'"):
        SearchConfig(space="temporl")
    with pytest.raises(ValueError, match="of space 'temporal'; the search network has 'enas_micro'"):
        Supernet(SIZE).logits({}, some(TEMPORAL, 1)[0], torch.zeros(2, 3, 16, 16), None)


def test_drop_path_needs_an_operation_that_passes_its_input_on() -> None:
    space = replace(TEMPORAL, name="no_identity", operations=("sep_conv_3", "max_pool_3"))
    (genotype,) = some(space, 1)
    with pytest.raises(
        ValueError, match=r"no operation without parameters .* drop path needs one: add 'identity'"
    ):
        Network(genotype, NetworkConfig(num_classes=3, image_size=16, normal_cells=2))
    Network(genotype, NetworkConfig(num_classes=3, image_size=16, normal_cells=2, drop_path_keep=1))


def test_a_space_and_an_operation_of_a_file_outside_are_found_by_name(outside: SearchSpace) -> None:
    assert outside.name == "outside_cells:mine"
    (genotype,) = some(outside, 1)
    assert Genotype.parse(str(genotype)) == genotype
    net = Supernet(SIZE.model_copy(update={"normal_cells": 1}), outside)
    weights = net.layout.views(net.initial_weights(0), net.used(genotype))
    assert net.logits(weights, genotype, torch.zeros(4, 3, 16, 16), None)[0].shape == (4, 3)
    with pytest.raises(ValueError, match="module 'outside_cells' has no 'yours'"):
        find_operation("outside_cells:yours")
    with pytest.raises(ValueError, match=r"is a SearchSpace; a nas.operation_table.Operation is needed"):
        find_operation("outside_cells:mine")
    with pytest.raises(ValueError, match="'no_such_module' cannot be imported"):
        find_space("no_such_module:mine")


def test_json_of_a_space_from_outside_needs_no_file(outside: SearchSpace) -> None:
    (genotype,) = some(outside, 1)
    text = genotype.to_json()
    del sys.modules["outside_cells"]
    (Path.cwd() / "outside_cells.py").unlink()
    assert Genotype.from_json(text) == genotype


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("name", [n for n, o in OPERATION_TABLE.items() if 1 in o.dimensions])
def test_operations_along_time_keep_channels_and_halve_time_at_stride_2(name: str, stride: int) -> None:
    module = OPERATION_TABLE[name].build(6, stride, 1)
    assert module(torch.randn(2, 6, 1, 9)).shape == (2, 6, 1, -(-9 // stride))


def test_the_maximum_of_three_moments() -> None:
    x = torch.tensor([[[[1.0, 5, 2, 0, -3]]]])
    assert MaximumPool()(x).tolist() == [[[[5, 5, 5, 2, 0]]]]
    assert MaximumPool(2)(x).tolist() == [[[[5, 5, 0]]]]


def test_the_tall_stem_is_a_convolution_as_high_as_the_image() -> None:
    stem = TallStem((3, 4, 6), 5).eval()
    stem.norm_rows = stem.norm = nn.Identity()  # type: ignore[assignment]
    x = torch.randn(2, 3, 4, 6)
    tall = stem.convolution.weight.view(5, 3, 4, 3)
    expected = torch.nn.functional.conv2d(x, tall, padding=(0, 1))
    torch.testing.assert_close(stem(x), expected)
    mask = torch.ones(2, 12)
    mask[:, 4:8] = 0  # the second color's four rows
    x[:, 1] = 0
    torch.testing.assert_close(stem(torch.randn(2, 3, 4, 6) * 0 + x, mask), stem(x))


def test_a_head_keeps_the_order_of_time() -> None:
    x = torch.tensor([[[[1.0, 3, -2, 6, 0, 2]]]])
    # halves: (1, 3, 0) and (6, 0, 2) after the ReLU
    assert temporal_features(x, 2, True, False).tolist() == [
        [pytest.approx(4 / 3), 3, pytest.approx(8 / 3), 6]
    ]
    assert find_head("thirds_mean_max_share").multiple == 9
    reverse = temporal_features(x.flip(3), 2, True, False)
    assert reverse.tolist() != temporal_features(x, 2, True, False).tolist()
    for head in HEADS.values():
        assert head(torch.randn(2, 4, 1, 8)).shape == (2, 4 * head.multiple)


@pytest.mark.parametrize("name", ["sep_conv_5_d2", "squeeze", "group_mix_3", "gated_conv_3"])
def test_shared_weights_compute_what_the_module_computes(name: str) -> None:
    build = lambda: OPERATION_TABLE[name].build(8, 1, 1)  # noqa: E731
    shared, module, x = SharedModule(build, name), build().train(), torch.randn(4, 8, 1, 6)
    weights = {f"p.{n}": p for n, p in module.named_parameters()}
    assert {spec.name for spec in shared.specs("p")} == set(weights)
    torch.testing.assert_close(shared(weights, "p", x), module(x))


def test_modules_whose_weights_have_no_known_place_are_refused() -> None:
    with pytest.raises(ValueError, match="operation 'x' has a parameter 'weight' in a LayerNorm"):
        SharedModule(lambda: nn.LayerNorm(3), "operation 'x'")


def test_initial_values_follow_the_kind_of_module() -> None:
    specs = {s.name: s for s in SharedModule(lambda: GatedConvolution(8, 3), "gated").specs("p")}
    assert (specs["p.depthwise.weight"].initial, specs["p.depthwise.weight"].fan_in) == ("he", 3)
    assert (specs["p.value.weight"].initial, specs["p.value.weight"].fan_in) == ("he", 8)
    assert (specs["p.norm.weight"].initial, specs["p.norm.bias"].initial) == ("one", "zero")


@pytest.mark.parametrize("stem", TEMPORAL.stems)
def test_a_genotype_uses_the_weights_of_its_stem_and_head_alone(stem: str) -> None:
    net = Supernet(SIZE, TEMPORAL)
    genotype = replace(some(TEMPORAL, 1)[0], stem=stem, head="halves_mean_max")
    used = net.used(genotype)
    assert {name.split(".")[1] for name in used if name.startswith("stem.")} == {stem}
    assert [name for name in used if name.startswith("classifier")] == ["classifier.halves_mean_max"]


@pytest.mark.parametrize("sharing", ["edge", "node", "layer"])
def test_every_used_weight_has_a_gradient_and_no_other_is_read(sharing: str) -> None:
    space = replace(TEMPORAL, sharing=sharing)
    net = Supernet(SIZE, space)
    for genotype in some(space, 6):
        names = net.used(genotype)
        leaves = {n: net.layout.view(net.initial_weights(0), n).clone().requires_grad_() for n in names}
        logits, auxiliary = net.logits(
            leaves, genotype, torch.from_numpy(images(12, 0).images), generator(0, "dropout")
        )
        assert auxiliary is None
        gradients = torch.autograd.grad(logits.square().sum(), list(leaves.values()), allow_unused=True)
        assert all(gradient is not None for gradient in gradients)


@pytest.mark.parametrize("strategy", ["enas", "random"])
def test_a_temporal_search_resumes_exactly_and_learns(strategy: str) -> None:
    config = SearchConfig.preset(
        "small", space="temporal", strategy=strategy, epochs=2, weight_steps_per_epoch=4,
        controller_steps_per_epoch=2,
    )  # fmt: skip

    def begin() -> Search:
        children = LocalChildren(Supernet(SIZE, TEMPORAL), config, images(40, 0), images(20, 1))
        return Search(config, build_strategy(config, SIZE.num_nodes), children)

    straight, stopped, resumed = begin(), begin(), begin()
    epochs = [straight.run_epoch() for _ in range(2)]
    for _ in range(5):
        stopped.step()
    resumed.load_state_dict(stopped.state_dict())
    assert [resumed.run_epoch(), resumed.run_epoch()] == epochs
    assert resumed.children.digest() == straight.children.digest()
    assert epochs[1].best_genotype.space == TEMPORAL


def test_reinforce_raises_the_probability_of_a_planted_stem_and_head() -> None:
    config = SearchConfig.preset("small", controller={"learning_rate": 0.02, "adam_epsilon": 1e-5}).controller
    strategy = EnasStrategy(config, 1, 0, TEMPORAL)

    def share() -> float:
        sample = strategy.sample(200, "test", 0)
        return sum((one.stem, one.head) == ("windows", "thirds_mean_max") for one in sample) / len(sample)

    before = share()
    for step in range(120):
        sample = strategy.sample(16, "train", step)
        rewards = [float(g.stem == "windows") + float(g.head == "thirds_mean_max") for g in sample]
        strategy.update(sample, rewards)
    assert before < 0.15
    assert share() > 0.5 > 2 * before


@pytest.mark.parametrize("space", [TEMPORAL, ONE_INPUT], ids=lambda space: space.name)
def test_the_search_form_has_as_many_values_as_the_genotype_uses(space: SearchSpace) -> None:
    size = SIZE.model_copy(update={"normal_cells": 3, "stem_multiplier": 3})
    net = Supernet(size, replace(space, sharing="edge"))
    for genotype in some(net.space, 6):
        config = NetworkConfig(
            num_classes=3, channels=4, image_size=16, normal_cells=3, auxiliary=False, search_form=True
        )
        network = Network(genotype, config)
        used = [n for n in net.used(genotype) if not n.startswith("auxiliary")]
        assert num_parameters(network) == sum(net.layout.specs[name].size for name in used)


@pytest.mark.parametrize("seed", range(4))
def test_final_networks_of_the_temporal_space(seed: int) -> None:
    (genotype,) = RandomStrategy(3, seed, TEMPORAL).sample(1, "test", 0)
    config = NetworkConfig(num_classes=5, channels=8, image_size=16, normal_cells=2)
    network = Network(genotype, config, seed)
    x = torch.randn(4, 3, 16, 16)
    logits, auxiliary = network.training_logits(x, 0.5, torch_generator(0, "test"))
    assert (logits.shape, auxiliary) == ((4, 5), None)
    network.eval()
    first = network(x)
    assert torch.equal(first, network(x))
    flipped = network(x.flip(3))
    assert not torch.allclose(first, flipped)
    budget = channels_for_budget(genotype, config, 50_000)
    near = [
        abs(num_parameters(Network(genotype, config.model_copy(update={"channels": c}))) - 50_000)
        for c in (budget - 1, budget, budget + 1)
    ]
    assert near[1] == min(near)


def test_a_tall_stem_drops_whole_rows_only_in_training() -> None:
    genotype = replace(some(TEMPORAL, 1)[0], stem="tall")
    config = NetworkConfig(
        num_classes=3,
        channels=4,
        image_size=16,
        normal_cells=2,
        dropout_keep=1,
        drop_path_keep=1,
        stem_keep=0.5,
    )
    network, x = Network(genotype, config).eval(), torch.randn(4, 3, 16, 16)
    dropped, _ = network.training_logits(x, 0.5, torch_generator(0, "test"))
    assert not torch.equal(dropped, network(x))
    network.config = config.model_copy(update={"stem_keep": 1.0})
    kept, _ = network.training_logits(x, 0.5, torch_generator(0, "test"))
    assert torch.equal(kept, network(x))


def test_an_entry_of_the_table_needs_no_other_place() -> None:
    entry = Operation(
        build=lambda channels, stride, _: nn.AvgPool2d((1, 5), (1, stride), (0, 2)),
        label="avg 5",
        color="#000000",
    )
    OPERATION_TABLE["avg_pool_5"] = entry
    try:
        space = replace(TEMPORAL, name="wider", operations=(*TEMPORAL.operations, "avg_pool_5"))
        net = Supernet(SIZE, space)
        genotype = Genotype.from_decisions((0, 12, 1, 12, 0, 12, 2, 12) * 2 + (0, 0), space)
        weights = net.layout.views(net.initial_weights(0), net.used(genotype))
        assert net.logits(weights, genotype, torch.zeros(2, 3, 16, 16), None)[0].shape == (2, 3)
    finally:
        del OPERATION_TABLE["avg_pool_5"]


def test_sharing_by_node_and_layer_needs_fewer_weights() -> None:
    edge, node, layer = (
        Supernet(SIZE, replace(TEMPORAL, sharing=sharing)) for sharing in ("edge", "node", "layer")
    )

    def count(net: Supernet) -> int:
        return sum("layer0.node0" in name or name.startswith("layer0.sep") for name in net.layout.specs)

    # nine separable convolutions of four tensors: on two sides of two inputs; once for a node; for a layer
    assert (count(edge), count(node), count(layer)) == (144, 36, 36)
    assert edge.layout.size > node.layout.size > layer.layout.size
    with pytest.raises(ValueError, match=r"no way of sharing weights named 'nodes' .did you mean 'node'"):
        replace(TEMPORAL, sharing="nodes")


def test_the_number_of_nodes_is_a_size_and_not_part_of_a_space() -> None:
    assert ENAS_MICRO.sized(3) == ENAS_MICRO
    assert len(ENAS_MICRO.sized(3).bounds) == 24
    assert TEMPORAL.sized(1).bounds == (2, 12, 2, 12, 2, 12, 2, 12, 3, 6)
