"""With equal weights the search network, on one genotype's path, computes what a plain network computes."""

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from nas.draw import draw_genotype, draw_network
from nas.genotype import Genotype
from nas.network import Network
from nas.plan import NetworkConfig
from nas.random import torch_generator
from nas.space import TEMPORAL, SearchSpace
from nas.strategy import RandomStrategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig

# every operation, so that few draws meet each
WIDE = replace(
    TEMPORAL,
    name="wide",
    sharing="edge",
    operations=(*TEMPORAL.operations, "conv_3", "gated_conv_3", "squeeze", "group_mix_3"),
)
ONE_INPUT = SearchSpace(
    name="one_input", operations=("sep_conv_3", "sep_conv_5_d2", "identity"), num_inputs=1, reductions=(1, 2)
)
RENAMED = (
    ("norm.weight", "scale"),
    ("norm.bias", "offset"),
    ("even.weight", "path1"),
    ("odd.weight", "path2"),
)
SIZE = SupernetConfig(
    num_classes=3, image_size=16, channels=4, normal_cells=2, num_nodes=3, dropout_keep=1, stem_keep=1
)
CONFIG = NetworkConfig(
    num_classes=3, image_size=16, channels=4, normal_cells=2, auxiliary=False, search_form=True,
    dropout_keep=1, drop_path_keep=1, stem_keep=1,
)  # fmt: skip


def shared_names(name: str, network: Network) -> list[str]:
    """Names of the shared weights that make up one parameter of the search form."""
    genotype, (room, *rest) = network.genotype, name.split(".")
    space = genotype.space
    if room == "classifier":
        return ["classifier" if len(space.heads) == 1 else f"classifier.{genotype.head}"]
    if room == "stem":
        if genotype.stem != "conv_3x3":
            return [name.replace("stem.", f"stem.{genotype.stem}.")]
        return [
            {"0.weight": "stem.weight", "1.weight": "stem.scale", "1.bias": "stem.offset"}[".".join(rest)]
        ]
    prefix, path = f"layer{rest[0]}", ".".join(rest[1:])
    if room == "reducers":
        return [_renamed(f"{prefix}.reduce.{path}")]
    cell = network.layers[int(rest[0])].cell
    if path == "output.convolution.weight":
        return [f"{prefix}.final_conv.state{state}" for state in cell.loose_ends]
    if operation := re.match(r"([xy])_operations\.(\d+)\.(.*)", path):
        side, node, own = operation.groups()
        _, state, number = cell.nodes[int(node)].sides["xy".index(side)]
        return [f"{prefix}.node{node}.{side}.input{state}.{cell.operations[number]}.{own}"]
    for ours, theirs in (
        ("calibrate_x", "input0"), ("calibrate_y", f"input{space.num_inputs - 1}"), ("output", "final_conv"),
    ):  # fmt: skip
        path = path.replace(ours, theirs)
    return [_renamed(f"{prefix}.{path}").replace("convolution.weight", "weight")]


def _renamed(name: str) -> str:
    for ours, theirs in RENAMED:
        name = name.replace(ours, theirs)
    return name


@pytest.mark.parametrize("space", [WIDE, ONE_INPUT], ids=lambda space: space.name)
@pytest.mark.parametrize("seed", range(4))
def test_the_search_form_computes_what_the_search_network_computes(space: SearchSpace, seed: int) -> None:
    (genotype,) = RandomStrategy(3, seed, space).sample(1, "test", 0)
    net, network = Supernet(SIZE, space), Network(genotype, CONFIG)
    flat = net.initial_weights(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parts = [net.layout.view(flat, shared) for shared in shared_names(name, network)]
            parameter.copy_(torch.cat(parts, dim=1) if len(parts) > 1 else parts[0])
    images = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(seed))
    network.train()
    ours, _ = network.training_logits(images, 0.5, torch_generator(0, "test"))
    torch.testing.assert_close(logits(net, flat, genotype, images), ours, rtol=1e-4, atol=1e-4)


def logits(net: Supernet, flat: Tensor, genotype: Genotype, images: Tensor) -> Tensor:
    return net.logits(net.layout.views(flat, net.used(genotype)), genotype, images, None)[0]


def test_drawings_name_the_space_its_choices_and_operations() -> None:
    genotype = Genotype.parse("temporal/both/thirds_mean_max 0 3 1 8 0 11 2 9 0 0 1 10 2 5 1 0")
    texts = {text.get_text() for text in draw_genotype(genotype).axes[0].texts}
    assert {"sep conv 3 d2", "sep conv 9 d4", "identity", "sep conv 3 ↓2", "max pool 3 ↓2"} <= texts
    assert "normal cell — temporal; stem: tall and windows; head: mean, max of thirds" in texts
    size = CONFIG.model_copy(update={"search_form": False})
    rows = {text.get_text() for text in draw_network(genotype, size).axes[0].texts}
    assert {"stem: tall and windows, BN", "12 × 1 × 16", "ReLU, mean, max of thirds, dropout"} <= rows
