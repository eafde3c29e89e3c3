"""Faster forms, for the CPU, of what search networks spend their time on; elsewhere torch's own are used.

Two forms give identical bits. The one in plain torch is always there. The compiled one needs a C compiler
and AVX2 or AVX-512, is built when first used, and is used for those shapes only for which it has just been
seen to give torch's bits. What was measured is in docs/performance.md.
"""

from nas.kernels.depthwise import depthwise_conv
from nas.kernels.library import select, selected
from nas.kernels.normalization import batch_norm
from nas.kernels.pooling import avg_pool, max_pool
from nas.kernels.separable import SeparableWeights, separable_conv

__all__ = [
    "SeparableWeights",
    "avg_pool",
    "batch_norm",
    "depthwise_conv",
    "max_pool",
    "select",
    "selected",
    "separable_conv",
]
