"""The final network outside of posenas: its weights under the names of a plain module, and ONNX."""

import logging
import re
import warnings
from pathlib import Path

import torch
from torch import Tensor

from nas.network import Network
from nas.source import network_source

__all__ = ["exported_weights", "network_source", "save_onnx"]


def exported_weights(network: Network) -> dict[str, Tensor]:
    """The network's state under the names of `network_source`; what only training uses is left out."""
    state = network.state_dict().items()
    kept = {name: value for name, value in state if not name.startswith("auxiliary.")}
    return {_exported_name(name): value.detach().cpu().contiguous() for name, value in kept.items()}


def save_onnx(network: Network, images: Tensor, path: Path) -> None:
    """The network as ONNX: float32 `images` (N, 3, S, S), from -1 to 1, to `logits` (N, classes), for any N.

    Args:
        network: in evaluation mode afterwards.
        images: two examples or more; of one, the exporter would fix N at 1.
        path: the file.

    Raises:
        ValueError: fewer than two images came.
    """
    if len(images) < 2:
        raise ValueError(f"{len(images)} image came; the ONNX exporter needs 2 or more to leave N open")
    network.eval()
    with warnings.catch_warnings():
        # torch and onnxscript use each other's older names; nothing here is for a person to act upon.
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it misses torchvision, which is not needed
        torch.onnx.export(
            network,
            (images,),
            str(path),
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes={"images": {0: torch.export.Dim("N")}},
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _exported_name(name: str) -> str:
    """layers.3.x_operations.0.stack.0.weight becomes cells.3.node0_x.stack.0.weight."""
    name = re.sub(r"^layers\.", "cells.", name)
    name = re.sub(r"\.([xy])_operations\.(\d+)\.", r".node\2_\1.", name)
    name = name.replace(".calibrate_x.", ".fit_before.").replace(".calibrate_y.", ".fit_last.")
    return re.sub(r"\.reduce_loose\.(\d+)\.", r".halve_state\1.", name)
