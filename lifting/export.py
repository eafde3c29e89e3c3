"""The lifting network as ONNX: batch normalization folded into the linear layers, any number of frames."""

import copy
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from lifting.model import Lifter, LimitedLinear

__all__ = ["folded", "in_eight_bits", "save_onnx"]


def folded(network: Lifter) -> Lifter:
    """A copy for inference alone: norms of the form linear -> batch norm become part of the linear layer."""
    network = copy.deepcopy(network).eval().cpu()
    for holder in (network, *network.layers()):
        for name, module in list(holder.named_children()):
            if isinstance(module, LimitedLinear):  # else the limit would see the folded weights
                setattr(holder, name, module.as_linear().eval())
    if network.config.norm == "batch":
        for layer in network.layers():
            if not layer.norm_first and isinstance(layer.norm, nn.BatchNorm1d):
                layer.linear = fuse_linear_bn_eval(layer.linear, layer.norm)
                layer.norm = nn.Identity()
    return network


def save_onnx(network: Lifter, path: Path) -> None:
    """Write the network as ONNX: float32 `keypoints` (N, inputs) to `joints` (N, outputs), for any N."""
    network = folded(network)
    two_frames = torch.zeros(2, network.num_inputs)  # of one, the exporter would fix N at 1
    with warnings.catch_warnings():
        # torch and onnxscript use each other's older names; nothing here is for a person to act upon
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            network,
            (two_frames,),
            str(path),
            input_names=["keypoints"],
            output_names=["joints"],
            dynamic_shapes={"x": {0: torch.export.Dim("N")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def in_eight_bits(path: Path) -> bytes:
    """The network of `save_onnx` with weights of 8 bits, each unit with a scale of its own.

    One frame reads every weight once, and nothing else costs: a quarter of the bytes is a quarter of the time
    or less. Units are quantized to 8 bits anew in every layer, with one scale for all of a call's frames.

    Returns:
        ONNX with the inputs and outputs of `save_onnx`; the outputs differ by the rounding.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory() as place, _quiet(logging.getLogger()):
        target = Path(place) / "network.onnx"
        # 7 bits where a sum of two products would not fit: on processors without VNNI it saturates
        quantize_dynamic(path, target, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8)
        return target.read_bytes()


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Without advice to preprocess a model that has nothing to preprocess."""
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
