"""Where and how a search or training computes. Reading these settings loads no torch."""

from contextlib import AbstractContextManager
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ComputeConfig"]


class ComputeConfig(BaseModel):
    """On what, and how exactly. Part of the result: another device or precision gives other last digits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Literal["cpu", "cuda"] = Field(
        default="cpu", description="cpu, or cuda: an NVIDIA GPU for every process that computes"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        default="float32",
        description="precision of activations; with bfloat16, weights and their updates stay in float32",
    )
    tf32: bool = Field(
        default=False, description="when on, float32 products on a GPU use TF32 (10-bit mantissa)"
    )

    def autocast(self) -> AbstractContextManager[None]:
        """Mixed precision inside, if it is asked for.

        bfloat16 has the range of float32, so that losses need no scaling, which would be a state that all
        workers share.
        """
        import torch  # settings are read without it

        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device, dtype=torch.bfloat16, enabled=enabled)
