"""From tensors to the compiled kernels, and whether they are to be used."""

import ctypes

import torch
from torch import Tensor

from nas.kernels.devices import ours
from nas.kernels.library import library, selected
from nas.kernels.normalization import Rows


class Shape(ctypes.Structure):
    """Sizes of the images, as `common.h` knows them."""

    _fields_ = [
        (name, ctypes.c_long) for name in ("images", "height", "width", "kernel", "pixels", "chunk", "chain")
    ]


def shape_of(x: Tensor, kernel: int, chain: int | None = None) -> Shape:
    """Of images (N, C, H, W); the chain is a whole image where it is not given."""
    N, C, H, W = x.shape
    rows = Rows.of((N, C, H, W))
    return Shape(N, H, W, kernel, rows.pixels, rows.chunk, chain or H * W)


def available(x: Tensor) -> bool:
    """Whether compiled kernels are selected, there, and meant for such images.

    Raises:
        RuntimeError: they are demanded and cannot be built.
    """
    if selected() == "torch" or not ours(x) or x.dtype != torch.float32:
        return False
    if torch.compiler.is_compiling():  # an exported network (ONNX, pt2) must run without posenas
        return False
    if torch.get_num_threads() > 1:  # then torch adds in another order
        return False
    if library(x.shape[1]) is not None:
        return True
    if selected() == "compiled":
        raise RuntimeError(
            f"kernels for {x.shape[1]} channels cannot be compiled: a C compiler (cc, gcc, clang) and a "
            "processor with AVX2 or AVX-512 are needed; choose the kernels 'auto' or 'torch'"
        )
    return False


def call(name: str, channels: int, shape: Shape, *tensors: Tensor | None) -> None:
    """Call a function of the library; the tensors stay alive as arguments until it returns."""
    found = library(channels)
    assert found is not None
    pointers = [None if t is None else ctypes.c_void_p(t.data_ptr()) for t in tensors]
    getattr(found, f"posenas_{name}")(shape, *pointers)


def last(x: Tensor) -> Tensor:
    """Channels last in memory."""
    return x.contiguous(memory_format=torch.channels_last)
