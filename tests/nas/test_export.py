import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from nas.export import exported_weights, network_source, save_onnx
from nas.genotype import Cell, Genotype
from nas.network import Network, num_parameters
from nas.operation_table import OPERATION_TABLE
from nas.plan import NetworkConfig
from nas.space import TEMPORAL
from nas.strategy import RandomStrategy

NAMES = ("wave", "clap")
# every operation that works along time
WIDE = replace(
    TEMPORAL,
    name="wide",
    operations=tuple(name for name, one in OPERATION_TABLE.items() if 1 in one.dimensions),
)
# state 2 = sep 3x3 (0) + identity (1), state 3 = avg (2) + max (0); the ends are 1 is read, so state 3 alone
NORMAL = Cell.from_numbers((0, 0, 1, 4, 2, 2, 0, 3))
# state 2 = identity (0) + sep 5x5 (0), state 3 = max (2) + identity (2); state 1 is a loose end at full size
REDUCTION = Cell.from_numbers((0, 4, 0, 1, 2, 3, 2, 4))
GENOTYPE = Genotype(NORMAL, REDUCTION)


def network(genotype: Genotype = GENOTYPE, **changes: Any) -> Network:
    """A small network whose batch statistics have seen some images."""
    settings = {"num_classes": 2, "channels": 6, "normal_cells": 3, "image_size": 9, **changes}
    made = Network(genotype, NetworkConfig(**settings), seed=1)
    with torch.no_grad():
        for _ in range(10):
            made(images(8, made.config.image_size))
    return made.eval()


def images(count: int, size: int = 9) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0)) * 2 - 1


def built(source: str) -> tuple[nn.Module, dict[str, Any]]:
    names: dict[str, Any] = {}
    exec(compile(source, "network.py", "exec"), names)  # our own source
    return names["FoundNetwork"](), names


@pytest.mark.parametrize("stem_stride", [1, 2])
@pytest.mark.parametrize("genotype", [GENOTYPE, *RandomStrategy(5, 3).sample(6, "weights", 0)], ids=str)
def test_the_source_computes_what_the_network_computes(genotype: Genotype, stem_stride: int) -> None:
    ours = network(genotype, stem_stride=stem_stride)
    theirs, _ = built(network_source(ours, NAMES))
    theirs.load_state_dict(exported_weights(ours))
    with torch.no_grad():
        assert torch.allclose(theirs.eval()(images(4)), ours(images(4)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("stem", TEMPORAL.stems)
@pytest.mark.parametrize("genotype", RandomStrategy(4, 3, WIDE).sample(8, "weights", 0), ids=str)
def test_the_source_of_other_spaces_computes_what_the_network_computes(genotype: Genotype, stem: str) -> None:
    ours = network(replace(genotype, stem=stem), image_size=16)
    theirs, names = built(network_source(ours, NAMES))
    theirs.load_state_dict(exported_weights(ours))
    assert "nas" not in {name.split(".")[0] for name in names}
    with torch.no_grad():
        x = images(4, 16)
        assert torch.allclose(theirs.eval()(x), ours(x), atol=1e-5, rtol=0)


def test_the_source_needs_an_expression_for_each_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = replace(OPERATION_TABLE["squeeze"], source="")
    (genotype,) = RandomStrategy(1, 0, replace(TEMPORAL, operations=("squeeze",))).sample(1, "weights", 0)
    ours = network(genotype, image_size=16, drop_path_keep=1)
    monkeypatch.setitem(OPERATION_TABLE, "squeeze", operation)
    with pytest.raises(ValueError, match="'squeeze' has no `source`"):
        network_source(ours, NAMES)


def test_every_cell_is_written_out_line_by_line() -> None:
    source = network_source(network(), NAMES)
    for line in (
        "state2 = self.node0_x(state0) + state1",
        "state3 = average_pool(state2) + max_pool(state0)",
        "return state3",
        "self.node0_x = SeparableConvolution(channels, 3)",
        "self.node0_x = Halve(channels, channels)",
        "self.node0_y = SeparableConvolution(channels, 5, stride=2)",
        "state3 = max_pool(state2) + state2",
        "return torch.cat([self.halve_state1(state1), state3], dim=1)",
    ):
        assert f"        {line}\n" in source


def test_the_source_imports_torch_alone_and_no_line_is_too_long() -> None:
    source = network_source(network(), tuple(f"an action of a long name {n}" for n in range(2)))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert imported == {"torch", "torch.nn.functional"}
    assert max(len(line) for line in source.splitlines()) <= 100


def test_class_names_of_many_words_stay_whole() -> None:
    names = tuple(f"horizontal arm wave {number}" for number in range(20))
    _, found = built(network_source(network(num_classes=20), names))
    assert found["CLASSES"] == names


def test_what_the_genotype_does_not_use_is_not_written() -> None:
    plain = Cell.from_numbers((0, 0, 1, 4))
    source = network_source(network(Genotype(plain, plain)), NAMES)
    assert "average_pool" not in source
    assert "max_pool" not in source


def test_no_name_can_break_the_source() -> None:
    names = ('say "hi"', "back\\slash")
    _, found = built(network_source(network(), names, title='"""\nimport os\n"""\\'))
    assert found["CLASSES"] == names
    assert found["__doc__"].startswith("''' import os '''/")


def test_weights_are_those_of_prediction_alone() -> None:
    ours = network()
    theirs, _ = built(network_source(ours, NAMES))
    assert sum(parameter.numel() for parameter in theirs.parameters()) == num_parameters(ours)
    assert set(theirs.state_dict()) == set(exported_weights(ours))


def test_the_search_form_has_no_source() -> None:
    with pytest.raises(ValueError, match="search form"):
        network_source(network(search_form=True), NAMES)


def test_onnx_gives_the_same_for_any_number_of_images(tmp_path: Path) -> None:
    ours = network(auxiliary=False)
    save_onnx(ours, images(2), tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    for count in (1, 5):
        (answer,) = session.run(["logits"], {"images": images(count).numpy()})
        with torch.no_grad():
            assert np.abs(answer - ours(images(count)).numpy()).max() < 1e-5


def test_one_image_is_too_few_for_onnx(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="1 image came"):
        save_onnx(network(), images(1), tmp_path / "network.onnx")
