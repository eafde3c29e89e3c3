"""Names of the baselines that a search is held against. Reading them loads no torch."""

from typing import Literal, get_args

__all__ = ["COMPARISONS", "Comparison"]

Comparison = Literal["kernels", "residual", "densenet", "tall", "neighbour"]
COMPARISONS: tuple[Comparison, ...] = get_args(Comparison)
