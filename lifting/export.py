"""The lifting network as ONNX: batch normalisation folded into the linear layers, any number of frames."""

import copy
import logging
import warnings
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_linear_bn_eval

from lifting.model import Lifter

__all__ = ["folded", "save_onnx"]


def folded(network: Lifter) -> Lifter:
    """A copy for inference alone: norms of the form linear -> batch norm become part of the linear layer."""
    network = copy.deepcopy(network).eval().cpu()
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
