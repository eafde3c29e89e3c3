"""The source of a network of any space beside ENAS micro, written for exactly its genotype.

The classes of its stem, operations and head are quoted from `nas.temporal_layers`, which needs torch alone;
its cells are written out line by line.
"""

import inspect
import json
import re
from collections.abc import Iterator, Sequence
from string import Template

from nas import layers, temporal_layers
from nas.genotype import Cell, Genotype
from nas.image_classifier import num_parameters
from nas.network import Network
from nas.operation_table import find_operation
from nas.plan import STEM_WIDTH, plan
from nas.source_text import cell_call, comma_lines, notation, one_line
from nas.stems import find_stem

__all__ = ["space_source"]

_HEAD = Template('''\
"""$title

It needs torch and nothing else; the weights lie beside it:

    from safetensors.torch import load_file

    network = FoundNetwork()
    network.load_state_dict(load_file("weights.safetensors"))
    logits = network.eval()(images)

Images are float32 (N, 3, $size, $size) from -1 to 1, logits (N, $num_classes) in the order of CLASSES.

$parameters parameters. Space, stem and head, then the normal and the reduction cell:

    $label
    $normal
    $reduction
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = (
$classes
)


def batch_norm(channels: int) -> nn.BatchNorm2d:
    """Batch normalization."""
    return nn.BatchNorm2d(channels)
''')

_FIT = '''

def fit(in_channels: int, channels: int) -> nn.Module:
    """What brings a layer to the width of a cell: nothing where it has it."""
    return nn.Identity() if in_channels == channels else Calibration(in_channels, channels)
'''

_CELL = Template('''

class $name(nn.Module):
    """The $kind cell reads $inputs before it; every node adds two operations on states.

    Args:
        before, last: channels of the layer before the last, and of the last layer.
        channels: of every state in here; the output has $num_ends times as many.
        halve: the layer before the last is twice as long as the last layer.
    """

    def __init__(self, before: int, last: int, channels: int, halve: bool = False) -> None:
        super().__init__()
$fits
        self.base = Calibration(channels, channels)
$modules
    def forward(self, before: Tensor, last: Tensor) -> Tensor:
$states
$nodes
        return $output
''')

_NETWORK = Template('''

class FoundNetwork(nn.Module):
    """Stem, cells, statistics over time, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = $stem
        self.cells = nn.ModuleList(
            [
$cells
            ]
        )
        self.classifier = nn.Linear($features, len(CLASSES), bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, $num_classes) of images float32 (N, 3, $size, $size), from -1 to 1."""
        before = last = self.stem(images)
        for cell in self.cells:
            before, last = last, cell(before, last)
        return self.classifier($head)
''')


def space_source(network: Network, class_names: Sequence[str], title: str) -> str:
    """The network as one Python file that imports torch alone.

    Raises:
        ValueError: an operation or the stem does not say how its source is written.
    """
    genotype, config = network.genotype, network.config
    body = _cells(genotype) + _network(network)
    head = _HEAD.substitute(
        title=one_line(title),
        size=config.image_size,
        num_classes=config.num_classes,
        parameters=f"{num_parameters(network):,}",
        label=genotype.label,
        normal=notation(genotype.normal),
        reduction=notation(genotype.reduction),
        classes=comma_lines([json.dumps(name, ensure_ascii=False) for name in class_names]),
    )
    return head + "".join(f"\n\n{text}" for text in _quoted(body)) + _FIT + body


def _quoted(body: str) -> list[str]:
    """Sources of the classes and functions that the body names, and of those that they name."""
    known = {
        name: inspect.getsource(value)
        for module in (layers, temporal_layers)
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and name != "batch_norm"
    }
    wanted, waiting = {"Calibration"}, [body, known["Calibration"]]
    while waiting:
        words = set(re.findall(r"\w+", waiting.pop()))
        waiting += [known[name] for name in (words & set(known)) - wanted]
        wanted |= words & set(known)
    return [text for name, text in known.items() if name in wanted]


def _cells(genotype: Genotype) -> str:
    dimensions = genotype.space.dimensions
    return _cell(genotype.normal, 1, dimensions) + _cell(genotype.reduction, 2, dimensions)


def _cell(cell: Cell, stride: int, dimensions: int) -> str:
    reduction = f"FactorizedReduction(before, channels, relu=True, dimensions={dimensions})"
    fits = ["self.fit_last = fit(last, channels)"]
    states = [f"state{cell.num_inputs - 1} = self.base(self.fit_last(last))"]
    if cell.num_inputs == 2:
        fits.insert(0, f"self.fit_before = {reduction} if halve else fit(before, channels)")
        states.insert(0, "state0 = self.fit_before(before)")
    ends = [
        f"self.halve_state{state}(state{state})" if _halves(cell, state, stride) else f"state{state}"
        for state in cell.loose_ends
    ]
    return _CELL.substitute(
        name="NormalCell" if stride == 1 else "ReductionCell",
        kind="normal" if stride == 1 else "reduction",
        inputs="the two layers" if cell.num_inputs == 2 else "the layer",
        num_ends=len(ends),
        fits=_indented(fits),
        modules="".join(f"        {line}\n" for line in _modules(cell, stride, dimensions)),
        states=_indented(states),
        nodes=_indented(_nodes(cell, stride)),
        output=f"torch.cat([{', '.join(ends)}], dim=1)" if len(ends) > 1 else ends[0],
    )


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"        {line}" for line in lines)


def _halves(cell: Cell, state: int, stride: int) -> bool:
    return stride == 2 and state < cell.num_inputs


def _passes(cell: Cell, state: int, number: int, stride: int) -> bool:
    return find_operation(cell.operations[number]).passes and not _halves(cell, state, stride)


def _modules(cell: Cell, stride: int, dimensions: int) -> Iterator[str]:
    """The lines that make the operations."""
    for index, node in enumerate(cell.nodes):
        for side, state, number in node.sides:
            if not _passes(cell, state, number, stride):
                own = stride if state < cell.num_inputs else 1
                yield f"self.node{index}_{side} = {_operation(cell.operations[number], own, dimensions)}"
    for state in cell.loose_ends:
        if _halves(cell, state, stride):
            reduction = f"FactorizedReduction(channels, channels, dimensions={dimensions})"
            yield f"self.halve_state{state} = {reduction}"


def _operation(name: str, stride: int, dimensions: int) -> str:
    expression = find_operation(name).source
    if not expression:
        raise ValueError(
            f"operation {name!r} has no `source`; the network's source needs the expression that makes it"
        )
    return expression.format(stride=stride, dimensions=dimensions)


def _nodes(cell: Cell, stride: int) -> list[str]:
    """The lines that compute the nodes' states."""
    lines = []
    for index, node in enumerate(cell.nodes):
        terms = [
            f"state{state}"
            if _passes(cell, state, number, stride)
            else f"self.node{index}_{side}(state{state})"
            for side, state, number in node.sides
        ]
        lines.append(f"state{index + cell.num_inputs} = {' + '.join(terms)}")
    return lines


def _network(network: Network) -> str:
    genotype, config, head = network.genotype, network.config, network.head
    stem, planned = find_stem(genotype.stem), plan(genotype, config)
    if not stem.source:
        raise ValueError(
            f"stem {genotype.stem!r} has no `source`; the network's source needs the expression that makes it"
        )
    image = (3, config.image_size, config.image_size)
    return _NETWORK.substitute(
        stem=stem.source.format(
            image=image, channels=STEM_WIDTH * config.channels, stride=config.stem_stride
        ),
        cells="\n".join(f"                {cell_call(layer)}," for layer in planned),
        features=planned[-1].out_channels * head.multiple,
        num_classes=config.num_classes,
        size=config.image_size,
        head=f"temporal_features(last, {head.segments}, {head.maximum}, {head.share})",
    )
