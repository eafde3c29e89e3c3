"""The final network of a genotype: what is trained after the search, and what predicts.

It is not the search network. While searching, every cell ends in a shared 1x1 convolution that brings its
loose ends to C channels, and a reduction cell runs at stride 1 on an output that was reduced before it. Here
the loose ends are concatenated as they are, the operations on a reduction cell's inputs have stride 2, and
the second input of every cell passes one more 1x1. `NetworkConfig.search_form` builds the other form of the
same genotype.

Source: the released program of Pham et al., "Efficient Neural Architecture Search via Parameter Sharing"
    (2018).
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas.genotype import Genotype
from nas.image_classifier import ImageClassifier, num_parameters
from nas.layers import (
    AuxiliaryHead,
    Calibration,
    FactorizedReduction,
    SeparableConvolution,
    keep_mask,
)
from nas.operation_table import check_operations, check_passing_operation, find_operation
from nas.plan import STEM_WIDTH, LayerPlan, NetworkConfig, plan
from nas.random import torch_generator
from nas.space import ENAS_MICRO
from nas.stems import check_stems_and_heads, find_head, find_stem

__all__ = ["Network", "NetworkConfig", "channels_for_budget", "num_parameters"]


class CellLayer(nn.Module):
    """One cell of the final network on the outputs of the layers that it reads.

    Args:
        genotype: which operations, on which states.
        layer: the cell's place.
        search_form: end in ReLU, 1x1, BN instead of the plain concatenation, and neither strides nor an extra
            1x1 on the second input.
    """

    def __init__(self, genotype: Genotype, layer: LayerPlan, search_form: bool) -> None:
        super().__init__()
        cell = self.cell = genotype.reduction if layer.reduction else genotype.normal
        channels, self.dimensions = layer.channels, genotype.space.dimensions
        stride = 2 if layer.reduction and not search_form else 1
        self.calibrate_x = self._calibration(layer, 0) if cell.num_inputs == 2 else nn.Identity()
        self.calibrate_y = self._calibration(layer, -1)
        self.base = nn.Identity() if search_form else Calibration(channels, channels)
        self.x_operations = nn.ModuleList(
            self._operation(node.x_operation, node.x_input, channels, stride) for node in cell.nodes
        )
        self.y_operations = nn.ModuleList(
            self._operation(node.y_operation, node.y_input, channels, stride) for node in cell.nodes
        )
        # Only the cell's own inputs can be loose at the size before the reduction.
        self.reduce_loose = nn.ModuleDict(
            {str(state): FactorizedReduction(channels, channels, dimensions=self.dimensions)
             for state in cell.loose_ends if state < cell.num_inputs and stride == 2}
        )  # fmt: skip
        width = channels * len(cell.loose_ends)
        self.output = Calibration(width, channels) if search_form else nn.Identity()

    def _calibration(self, layer: LayerPlan, number: int) -> nn.Module:
        """Brings an input to the cell's size and width; nothing to do where it already has them."""
        into = layer.in_channels[number]
        if layer.in_sizes[number] != layer.in_sizes[-1]:
            return FactorizedReduction(into, layer.channels, relu=True, dimensions=self.dimensions)
        return nn.Identity() if into == layer.channels else Calibration(into, layer.channels)

    def _operation(self, number: int, state: int, channels: int, stride: int) -> nn.Module:
        operation = find_operation(self.cell.operations[number])
        return operation.build(channels, stride if state < self.cell.num_inputs else 1, self.dimensions)

    def forward(self, before: Tensor, last: Tensor, path_masks: Tensor | None = None) -> Tensor:
        """The cell's output.

        Args:
            before: output of the layer before the last, (N, C', H', W'); unused by a cell of one input.
            last: output of the last layer, (N, C'', H, W).
            path_masks: (nodes, 2, N) factors on the operations' outputs, or None to keep every path.

        Returns:
            (N, out_channels, H / stride, W / stride); H stays in one dimension.
        """
        inputs = [self.base(self.calibrate_y(last))]
        if self.cell.num_inputs == 2:
            inputs = [self.calibrate_x(before), *inputs]
        states = _States(inputs)
        for number, node in enumerate(self.cell.nodes):
            x = states.apply(self.x_operations[number], node.x_input)
            y = states.apply(self.y_operations[number], node.y_input)
            if path_masks is not None:
                x = self._drop_path(x, node.x_operation, path_masks[number, 0])
                y = self._drop_path(y, node.y_operation, path_masks[number, 1])
            states.tensors.append(x + y)
        loose = [self._loose_end(state, states.tensors[state]) for state in self.cell.loose_ends]
        output: Tensor = self.output(torch.cat(loose, dim=1) if len(loose) > 1 else loose[0])
        return output

    def _drop_path(self, x: Tensor, number: int, mask: Tensor) -> Tensor:
        """Drops whole samples' paths; identity is never dropped, so that a node has somewhere to go."""
        passes = find_operation(self.cell.operations[number]).passes
        return x if passes else x * mask.view(-1, 1, 1, 1)

    def _loose_end(self, number: int, state: Tensor) -> Tensor:
        if str(number) not in self.reduce_loose:
            return state
        reduced: Tensor = self.reduce_loose[str(number)](state)
        return reduced


class _States:
    """The states of a cell; the ReLU in front of separable convolutions is computed once for each state."""

    def __init__(self, tensors: list[Tensor]) -> None:
        self.tensors = tensors
        self._rectified: dict[int, Tensor] = {}

    def apply(self, operation_module: nn.Module, state: int) -> Tensor:
        """The operation's output on a state."""
        x = self.tensors[state]
        if isinstance(operation_module, SeparableConvolution):
            if state not in self._rectified:
                self._rectified[state] = F.relu(x)
            x = self._rectified[state]
        y: Tensor = operation_module(x)
        return y


class Network(ImageClassifier):
    """The network of one genotype: stem, cells, classifier and, for training, the auxiliary head.

    `forward` predicts and has no randomness; `training_logits` adds drop path, dropout and the auxiliary
    head. Weights come from `seed` alone: He initialization with the true fan-in (k * k for a depthwise
    filter).

    Args:
        genotype: the two cells, stem and head.
        config: size and regularization.
        seed: of the initial weights.
        image: which image of a clip it reads; each has weights of its own.

    Raises:
        ValueError: the genotype's space names what no table has, or has no operation that drop path, where
            the settings ask for it, would leave.
    """

    def __init__(self, genotype: Genotype, config: NetworkConfig, seed: int = 0, *, image: int = 0) -> None:
        super().__init__()
        check_operations(genotype.space)
        if config.drop_path_keep < 1:
            check_passing_operation(genotype.space, "drop path")
        self.genotype = genotype
        self.config: NetworkConfig = config
        # On the meta device nothing is drawn: torch's layers would otherwise initialize from global state.
        with torch.device("meta"):
            self._build()
        self.materialise()
        self._initialize(torch_generator(seed, "network", *([image] if image else [])))
        alone = config.model_copy(update={"num_images": 1})
        self.others = nn.ModuleList(
            Network(genotype, alone, seed, image=number) for number in range(1, config.num_images)
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch has it, its stubs do not

    def _build(self) -> None:
        config, space = self.config, self.genotype.space
        layers = plan(self.genotype, config)
        check_stems_and_heads(space, layers[-1].out_size)
        width, last = config.channels * STEM_WIDTH, layers[-1]
        widths = (width, *(layer.out_channels for layer in layers))  # of what stands before each layer
        image = (3, config.image_size, config.image_size)
        self.stem = find_stem(self.genotype.stem).build(image, width, config.stem_stride)
        self.reducers = nn.ModuleDict(
            {
                str(layer.number): FactorizedReduction(
                    widths[layer.number], layer.channels, dimensions=space.dimensions
                )
                for layer in layers
                if layer.reduction and config.search_form
            }
        )
        self.layers = nn.ModuleList(CellLayer(self.genotype, layer, config.search_form) for layer in layers)
        self.auxiliary_layer = space.auxiliary_layer(config.normal_cells) if config.auxiliary else None
        if self.auxiliary_layer is not None:
            at = layers[self.auxiliary_layer]
            self.auxiliary = AuxiliaryHead(at.out_channels, config.num_classes, at.out_size)
        self.head = find_head(self.genotype.head)
        self.classifier = nn.Linear(last.out_channels * self.head.multiple, config.num_classes, bias=False)

    def _initialize(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Conv1d | nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def _logits(self, images: Tensor) -> Tensor:
        """(N, num_classes) of images (N, 3, image_size, image_size)."""
        features, _ = self._features(images, None, None)
        logits: Tensor = self.classifier(self.head(features))
        return logits

    def _training_logits(
        self, images: Tensor, progress: float, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None]:
        """Logits, and the auxiliary head's logits or None, with drop path and dropout.

        Args:
            images: (N, 3, image_size, image_size) float32.
            progress: how much of the training has passed, 0 to 1. A path of layer l of L is kept with
                probability 1 - progress (l + 1) / L (1 - drop_path_keep).
            generator: of the dropped paths and features.
        """
        masks = self._path_masks(len(images), progress, generator)
        rows = self._row_mask(len(images), generator)
        features, auxiliary = self._features(images, masks, rows)
        pooled = self.head(features)
        if self.config.dropout_keep < 1:
            pooled = pooled * keep_mask(tuple(pooled.shape), self.config.dropout_keep, generator).to(
                pooled.device
            )
        return self.classifier(pooled), None if self.auxiliary_layer is None else self.auxiliary(auxiliary)

    def _features(
        self, images: Tensor, path_masks: Tensor | None, rows: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Outputs of the last layer and of the auxiliary head's layer."""
        images = images.contiguous(memory_format=torch.channels_last)
        x = self.stem(images) if rows is None else self.stem(images, rows)
        before, last, auxiliary = x, x, x
        for number, layer in enumerate(self.layers):
            if str(number) in self.reducers:
                before, last = last, self.reducers[str(number)](last)
            masks = None if path_masks is None else path_masks[number]
            before, last = last, layer(before, last, masks)
            if number == self.auxiliary_layer:
                auxiliary = last
        return last, auxiliary

    def _row_mask(self, num_images: int, generator: torch.Generator) -> Tensor | None:
        """(N, rows x colors) factors for a stem that drops whole rows; None for the others."""
        width: int | None = getattr(self.stem, "masked", None)
        if width is None or self.config.stem_keep == 1:
            return None
        mask = keep_mask((num_images, width), self.config.stem_keep, generator)
        return mask.to(self.classifier.weight.device)

    def _path_masks(self, num_images: int, progress: float, generator: torch.Generator) -> Tensor | None:
        """(layers, nodes, 2, N) factors of all paths of a step, drawn at once; None where every path is
        kept."""
        if self.config.drop_path_keep == 1:
            return None
        layers = len(self.layers)
        depth = torch.arange(1, layers + 1, dtype=torch.float32) / layers
        keep = 1 - progress * depth * (1 - self.config.drop_path_keep)
        nodes = max(len(self.genotype.normal.nodes), len(self.genotype.reduction.nodes))
        masks = keep_mask((layers, nodes, 2, num_images), keep.view(-1, 1, 1, 1), generator)
        return masks.to(self.classifier.weight.device)


def channels_for_budget(genotype: Genotype, config: NetworkConfig, budget: int = 2_300_000) -> int:
    """The number of channels whose network comes nearest to `budget` parameters.

    In ENAS micro every tensor is a product of at most two widths, each a multiple of C, so that the count is
    a quadratic polynomial in C; three small networks determine it. In other spaces networks are counted.

    Args:
        genotype: the two cells.
        config: the network; its `channels` are ignored.
        budget: parameters without the auxiliary head: about 2.3 M on MSR Action3D, 3 M on SBU.

    Raises:
        ValueError: even four channels, the fewest allowed, exceed twice the budget.
    """

    def count(channels: int) -> int:
        return num_parameters(Network(genotype, config.model_copy(update={"channels": channels})))

    if genotype.space != ENAS_MICRO:
        return _channels_by_count(count, budget)
    counts = [count(channels) for channels in (2, 3, 4)]
    curvature = (counts[2] - 2 * counts[1] + counts[0]) / 2
    slope = counts[1] - counts[0] - 5 * curvature
    constant = counts[0] - 4 * curvature - 2 * slope

    def distance(channels: int) -> float:
        return abs(curvature * channels**2 + slope * channels + constant - budget)

    if counts[2] > 2 * budget:
        raise ValueError(f"4 channels already need {counts[2]} parameters; the budget is {budget}")
    root = (-slope + math.sqrt(max(0.0, slope**2 - 4 * curvature * (constant - budget)))) / (2 * curvature)
    return min((max(4, math.floor(root)), max(4, math.ceil(root))), key=distance)


def _channels_by_count(count: Callable[[int], int], budget: int) -> int:
    """The number of channels, 4 or more, whose count, which grows with them, comes nearest to the budget."""
    fewest, above = 4, 8
    if count(fewest) > 2 * budget:
        raise ValueError(f"4 channels already need {count(fewest)} parameters; the budget is {budget}")
    while count(above) < budget:
        fewest, above = above, 2 * above
    while above - fewest > 1:
        middle = (fewest + above) // 2
        fewest, above = (middle, above) if count(middle) < budget else (fewest, middle)
    return min((fewest, above), key=lambda channels: abs(count(channels) - budget))
