"""The final network as one readable Python file that needs torch alone, written for exactly its genotype.

A cell's `forward` says line by line which operation reads which state.
"""

import json
from collections.abc import Iterator, Sequence
from string import Template

from nas.genotype import Cell, Genotype
from nas.network import Network, num_parameters
from nas.plan import plan
from nas.source_text import cell_call, comma_lines, notation, one_line
from nas.space import ENAS_MICRO
from nas.space_source import space_source

__all__ = ["network_source"]

_HEAD = Template('''\
"""$title

It needs torch and nothing else; the weights lie beside it:

    from safetensors.torch import load_file

    network = FoundNetwork()
    network.load_state_dict(load_file("weights.safetensors"))
    logits = network.eval()(images)

Images are float32 (N, 3, $size, $size) from -1 to 1, logits (N, $num_classes) in the order of CLASSES.

$parameters parameters. Its cells in ENAS's notation, the normal, then the reduction cell:

    $normal
    $reduction
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = (
$classes
)


class SeparableConvolution(nn.Module):
    """(ReLU, depthwise k x k, 1 x 1, batch normalization) twice; the first has the stride."""

    def __init__(self, channels: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.stack = nn.Sequential(
            *self._once(channels, kernel, stride), nn.ReLU(), *self._once(channels, kernel, 1)
        )

    @staticmethod
    def _once(channels: int, kernel: int, stride: int) -> tuple[nn.Module, ...]:
        depthwise = nn.Conv2d(
            channels, channels, kernel, stride, padding=kernel // 2, groups=channels, bias=False
        )
        pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        return depthwise, pointwise, nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.stack(F.relu(x))


class Pointwise(nn.Module):
    """ReLU, 1 x 1, batch normalization: brings a state to another width."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.convolution(F.relu(x)))


class Halve(nn.Module):
    """Half the height and width: 1 x 1 on even pixels and on odd ones, batch normalization."""

    def __init__(self, in_channels: int, channels: int, relu: bool = False) -> None:
        super().__init__()
        self.relu = relu
        self.even = nn.Conv2d(in_channels, channels // 2, 1, bias=False)
        self.odd = nn.Conv2d(in_channels, channels - channels // 2, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x) if self.relu else x
        height, width = x.shape[-2:]
        odd = F.pad(x[:, :, 1::2, 1::2], (0, width % 2, 0, height % 2))
        return self.norm(torch.cat([self.even(x[:, :, ::2, ::2]), self.odd(odd)], dim=1))


def fit(in_channels: int, channels: int) -> nn.Module:
    """What brings a layer to the width of a cell: nothing where it has it."""
    return nn.Identity() if in_channels == channels else Pointwise(in_channels, channels)
''')

_AVERAGE = '''

def average_pool(x: Tensor, stride: int = 1) -> Tensor:
    """3 x 3 mean; what lies outside of the image is not counted."""
    return F.avg_pool2d(x, 3, stride, padding=1, count_include_pad=False)
'''

_MAXIMUM = '''

def max_pool(x: Tensor, stride: int = 1) -> Tensor:
    """3 x 3 maximum."""
    return F.max_pool2d(x, 3, stride, padding=1)
'''

_CELL = Template('''

class $name(nn.Module):
    """The $kind cell reads the two layers before it; every node adds two operations on states.

    Args:
        before, last: channels of the layer before the last, and of the last layer.
        channels: of every state in here; the output has $num_ends times as many.
        halve: the layer before the last is twice as high and wide as the last layer.
    """

    def __init__(self, before: int, last: int, channels: int, halve: bool = False) -> None:
        super().__init__()
        self.fit_before = Halve(before, channels, relu=True) if halve else fit(before, channels)
        self.fit_last = fit(last, channels)
        self.base = Pointwise(channels, channels)
$modules
    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        state0 = self.fit_before(before)
        state1 = self.base(self.fit_last(last))
$nodes
        return $output
''')

_NETWORK = Template('''

class FoundNetwork(nn.Module):
    """Stem, cells, mean over all positions, classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, $stem, 3, stride=$stride, padding=1, bias=False), nn.BatchNorm2d($stem)
        )
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
        return self.classifier(F.relu(last).mean(dim=(2, 3)))
''')


def network_source(network: Network, class_names: Sequence[str], title: str = "A network found.") -> str:
    """The network as one Python file that imports torch alone, written for its genotype.

    Args:
        network: a final network, not in the search form.
        class_names: in the order of the logits.
        title: first line of the file's docstring.

    Raises:
        ValueError: the network has the search form or reads several images, or an operation or stem from
            outside the project does not say how its source is written.
    """
    genotype, config = network.genotype, network.config
    if config.search_form:
        raise ValueError(
            "a network in the search form has no source of its own; set network.search_form false"
        )
    if config.num_images > 1:
        raise ValueError(
            f"this classifier holds {config.num_images} networks, one for each image of a clip; exported "
            "source is of a single network. Its ONNX file holds them all"
        )
    if genotype.space != ENAS_MICRO:
        return space_source(network, class_names, title)
    layers = plan(genotype, config)
    head = _HEAD.substitute(
        title=one_line(title),
        size=config.image_size,
        num_classes=config.num_classes,
        parameters=f"{num_parameters(network):,}",
        normal=notation(genotype.normal),
        reduction=notation(genotype.reduction),
        classes=comma_lines([json.dumps(name, ensure_ascii=False) for name in class_names]),
    )
    tail = _NETWORK.substitute(
        stem=layers[0].in_channels[0],
        stride=config.stem_stride,
        cells="\n".join(f"                {cell_call(layer)}," for layer in layers),
        features=layers[-1].out_channels,
        num_classes=config.num_classes,
        size=config.image_size,
    )
    return head + _pools(genotype) + _cell(genotype.normal, 1) + _cell(genotype.reduction, 2) + tail


def _pools(genotype: Genotype) -> str:
    used = genotype.normal.used_operations | genotype.reduction.used_operations
    return ("avg_pool_3x3" in used) * _AVERAGE + ("max_pool_3x3" in used) * _MAXIMUM


def _cell(cell: Cell, stride: int) -> str:
    modules = "".join(f"        {line}\n" for line in _modules(cell, stride))
    ends = [
        f"self.halve_state{state}(state{state})"
        if stride == 2 and state < cell.num_inputs
        else f"state{state}"
        for state in cell.loose_ends
    ]
    return _CELL.substitute(
        name="NormalCell" if stride == 1 else "ReductionCell",
        kind="normal" if stride == 1 else "reduction",
        num_ends=len(ends),
        modules=modules,
        nodes="\n".join(f"        {line}" for line in _nodes(cell, stride)),
        output=f"torch.cat([{', '.join(ends)}], dim=1)" if len(ends) > 1 else ends[0],
    )


def _modules(cell: Cell, stride: int) -> Iterator[str]:
    """The lines that make what has weights."""
    for index, node in enumerate(cell.nodes):
        for side, state, operation in node.sides:
            halves = stride == 2 and state < cell.num_inputs
            name = cell.operations[operation]
            if name.startswith("sep_conv"):
                last = ", stride=2" if halves else ""
                yield f"self.node{index}_{side} = SeparableConvolution(channels, {name[-1]}{last})"
            elif name == "identity" and halves:
                yield f"self.node{index}_{side} = Halve(channels, channels)"
    for state in cell.loose_ends:
        if stride == 2 and state < cell.num_inputs:
            yield f"self.halve_state{state} = Halve(channels, channels)"


def _nodes(cell: Cell, stride: int) -> Iterator[str]:
    """The lines that compute the nodes' states."""
    for index, node in enumerate(cell.nodes):
        terms = [_term(cell, index, *side, stride) for side in node.sides]
        yield f"state{index + cell.num_inputs} = {' + '.join(terms)}"


def _term(cell: Cell, index: int, side: str, state: int, operation: int, stride: int) -> str:
    halves = stride == 2 and state < cell.num_inputs
    match cell.operations[operation]:
        case "avg_pool_3x3":
            return f"average_pool(state{state}{', stride=2' if halves else ''})"
        case "max_pool_3x3":
            return f"max_pool(state{state}{', stride=2' if halves else ''})"
        case "identity" if not halves:
            return f"state{state}"
    return f"self.node{index}_{side}(state{state})"
