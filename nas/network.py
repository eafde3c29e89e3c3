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
    batch_norm,
    keep_mask,
    operation,
)
from nas.plan import LayerPlan, NetworkConfig, plan
from nas.random import torch_generator

__all__ = ["Network", "NetworkConfig", "channels_for_budget", "num_parameters"]

DROP_PATH_OPERATIONS = (0, 1, 2, 3)


class CellLayer(nn.Module):
    """One cell of the final network on the outputs of the two layers before it.

    Args:
        genotype: which operations, on which states.
        layer: the cell's place.
        search_form: end in ReLU, 1x1, BN instead of the plain concatenation, and neither strides nor an extra
            1x1 on the second input.
    """

    def __init__(self, genotype: Genotype, layer: LayerPlan, search_form: bool) -> None:
        super().__init__()
        cell = self.cell = genotype.reduction if layer.reduction else genotype.normal
        channels, (before, last) = layer.channels, layer.in_channels
        stride = 2 if layer.reduction and not search_form else 1
        self.calibrate_x = _calibration(before, channels, halve=layer.in_sizes[0] != layer.in_sizes[1])
        self.calibrate_y = _calibration(last, channels, halve=False)
        self.base = nn.Identity() if search_form else Calibration(channels, channels)
        self.x_operations = nn.ModuleList(
            operation(node.x_operation, channels, stride if node.x_input < 2 else 1) for node in cell.nodes
        )
        self.y_operations = nn.ModuleList(
            operation(node.y_operation, channels, stride if node.y_input < 2 else 1) for node in cell.nodes
        )
        # Only the cell's own inputs can be loose at the size before the reduction.
        self.reduce_loose = nn.ModuleDict(
            {str(state): FactorizedReduction(channels, channels)
             for state in cell.loose_ends if state < 2 and stride == 2}
        )  # fmt: skip
        width = channels * len(cell.loose_ends)
        self.output = Calibration(width, channels) if search_form else nn.Identity()

    def forward(self, before: Tensor, last: Tensor, path_masks: Tensor | None = None) -> Tensor:
        """The cell's output.

        Args:
            before: output of the layer before the last, (N, C', H', W').
            last: output of the last layer, (N, C'', H, W).
            path_masks: (nodes, 2, N) factors on the operations' outputs, or None to keep every path.

        Returns:
            (N, out_channels, H / stride, W / stride).
        """
        states = _States([self.calibrate_x(before), self.base(self.calibrate_y(last))])
        for number, node in enumerate(self.cell.nodes):
            x = states.apply(self.x_operations[number], node.x_input)
            y = states.apply(self.y_operations[number], node.y_input)
            if path_masks is not None:
                x = _drop_path(x, node.x_operation, path_masks[number, 0])
                y = _drop_path(y, node.y_operation, path_masks[number, 1])
            states.tensors.append(x + y)
        loose = [self._loose_end(state, states.tensors[state]) for state in self.cell.loose_ends]
        output: Tensor = self.output(torch.cat(loose, dim=1) if len(loose) > 1 else loose[0])
        return output

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


def _calibration(in_channels: int, channels: int, *, halve: bool) -> nn.Module:
    """Brings a cell's input to the cell's size and width; nothing to do where it already has them."""
    if halve:
        return FactorizedReduction(in_channels, channels, relu=True)
    return nn.Identity() if in_channels == channels else Calibration(in_channels, channels)


def _drop_path(x: Tensor, operation_number: int, mask: Tensor) -> Tensor:
    """Drops whole samples' paths; identity is never dropped, so that a node always has somewhere to go."""
    return x * mask.view(-1, 1, 1, 1) if operation_number in DROP_PATH_OPERATIONS else x


class Network(ImageClassifier):
    """The network of one genotype: stem, cells, classifier and, for training, the auxiliary head.

    `forward` predicts and has no randomness; `training_logits` adds drop path, dropout and the auxiliary
    head. Weights come from `seed` alone: He initialisation with the true fan-in (k * k for a depthwise
    filter).

    Args:
        genotype: the two cells.
        config: size and regularisation.
        seed: of the initial weights.
    """

    def __init__(self, genotype: Genotype, config: NetworkConfig, seed: int = 0) -> None:
        super().__init__()
        self.genotype = genotype
        self.config: NetworkConfig = config
        # On the meta device nothing is drawn: torch's layers would otherwise initialise from global state.
        with torch.device("meta"):
            self._build()
        self.materialise()
        self._initialise(torch_generator(seed, "network"))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch has it, its stubs do not

    def _build(self) -> None:
        config = self.config
        layers = plan(self.genotype, config)
        stem, last = layers[0].in_channels[0], layers[-1]
        stride = config.stem_stride
        self.stem = nn.Sequential(nn.Conv2d(3, stem, 3, stride, padding=1, bias=False), batch_norm(stem))
        self.reducers = nn.ModuleDict(
            {
                str(layer.number): FactorizedReduction(layer.in_channels[0], layer.channels)
                for layer in layers
                if layer.reduction and config.search_form
            }
        )
        self.layers = nn.ModuleList(CellLayer(self.genotype, layer, config.search_form) for layer in layers)
        if config.auxiliary:
            at = layers[config.auxiliary_layer]
            self.auxiliary = AuxiliaryHead(at.out_channels, config.num_classes, at.out_size)
        self.classifier = nn.Linear(last.out_channels, config.num_classes, bias=False)

    def _initialise(self, generator: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
            elif isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, num_classes) of float32 images (N, 3, image_size, image_size).

        Raises:
            ValueError: the images have another shape.
        """
        features, _ = self._features(images, None)
        logits: Tensor = self.classifier(_pool(features))
        return logits

    def training_logits(
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
        features, auxiliary = self._features(images, masks)
        pooled = _pool(features)
        if self.config.dropout_keep < 1:
            pooled = pooled * keep_mask(tuple(pooled.shape), self.config.dropout_keep, generator).to(
                pooled.device
            )
        return self.classifier(pooled), self.auxiliary(auxiliary) if self.config.auxiliary else None

    def _features(self, images: Tensor, path_masks: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs of the last layer and of the auxiliary head's layer."""
        self.check_images(images)
        x = self.stem(images.contiguous(memory_format=torch.channels_last))
        before, last, auxiliary = x, x, x
        for number, layer in enumerate(self.layers):
            if str(number) in self.reducers:
                before, last = last, self.reducers[str(number)](last)
            masks = None if path_masks is None else path_masks[number]
            before, last = last, layer(before, last, masks)
            if number == self.config.auxiliary_layer:
                auxiliary = last
        return last, auxiliary

    def _path_masks(self, num_images: int, progress: float, generator: torch.Generator) -> Tensor | None:
        """(layers, nodes, 2, N) factors of all paths of a step, drawn at once; None where every path is
        kept."""
        if self.config.drop_path_keep == 1:
            return None
        layers = self.config.num_layers
        depth = torch.arange(1, layers + 1, dtype=torch.float32) / layers
        keep = 1 - progress * depth * (1 - self.config.drop_path_keep)
        nodes = max(len(self.genotype.normal.nodes), len(self.genotype.reduction.nodes))
        masks = keep_mask((layers, nodes, 2, num_images), keep.view(-1, 1, 1, 1), generator)
        return masks.to(self.classifier.weight.device)


def _pool(features: Tensor) -> Tensor:
    """ReLU and the mean over all positions: (N, C, H, W) to (N, C)."""
    return F.relu(features).mean(dim=(2, 3))


def channels_for_budget(genotype: Genotype, config: NetworkConfig, budget: int = 2_300_000) -> int:
    """The number of channels whose network comes nearest to `budget` parameters.

    Every tensor is a product of at most two widths, each a multiple of C, so that the count is a quadratic
    polynomial in C; three small networks determine it.

    Args:
        genotype: the two cells.
        config: the network; its `channels` are ignored.
        budget: parameters without the auxiliary head: about 2.3 M on MSR Action3D, 3 M on SBU.

    Raises:
        ValueError: even four channels, the fewest allowed, exceed twice the budget.
    """
    counts = [num_parameters(Network(genotype, config.model_copy(update={"channels": c}))) for c in (2, 3, 4)]
    curvature = (counts[2] - 2 * counts[1] + counts[0]) / 2
    slope = counts[1] - counts[0] - 5 * curvature
    constant = counts[0] - 4 * curvature - 2 * slope

    def distance(channels: int) -> float:
        return abs(curvature * channels**2 + slope * channels + constant - budget)

    if counts[2] > 2 * budget:
        raise ValueError(f"4 channels already need {counts[2]} parameters; the budget is {budget}")
    root = (-slope + math.sqrt(max(0.0, slope**2 - 4 * curvature * (constant - budget)))) / (2 * curvature)
    return min((max(4, math.floor(root)), max(4, math.ceil(root))), key=distance)
