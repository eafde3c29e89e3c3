"""The parts of a trained model's folder: written with their digests, checked against them when it is read."""

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import nn

from lifting.files import sha256_of_file, write_atomically

__all__ = ["check_parts", "origin", "write_weights"]


def write_weights(path: Path, network: nn.Module) -> None:
    """Parameters and batch statistics of a network as a safetensors file."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_atomically(path, safetensors.torch.save(state))


def origin(folder: Path, parts: Iterable[str], packages: Iterable[str]) -> dict[str, Any]:
    """What the description of a model says of its making: `versions` and, of the parts, `sha256`.

    Args:
        folder: where the parts lie, whole.
        parts: their names.
        packages: whose versions matter, beside posenas.
    """
    return {
        "versions": {name: version(name) for name in ("posenas", *packages)},
        "sha256": {name: sha256_of_file(folder / name) for name in parts},
    }


def check_parts(
    folder: Path, parts: Iterable[str], sha256: Mapping[str, str], *, model: str, described: str, remedy: str
) -> None:
    """Check that the parts of a model are those that were saved with it.

    Args:
        folder: where they lie.
        parts: their names.
        sha256: the digest of each, as the description has it.
        model: what it is, as "classifier".
        described: the name of the description.
        remedy: what makes the model anew, as "train again".

    Raises:
        FileNotFoundError: a part is missing.
        ValueError: a part was changed since it was written.
    """
    for name in parts:
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"the {model} in {folder} is incomplete: {name} is missing")
        if sha256_of_file(path) != sha256.get(name):
            raise ValueError(
                f"{path} was changed after the {model} was saved (its SHA-256 is not the one in "
                f"{described}): restore it, or {remedy}"
            )
