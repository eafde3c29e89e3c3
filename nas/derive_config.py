"""How the final genotype is chosen. Reading these settings loads no torch."""

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["DeriveConfig"]


class DeriveConfig(BaseModel):
    """How many genotypes are looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    num_samples: int = Field(default=100, ge=1, description="genotypes drawn from the strategy")
    num_retrained: int = Field(default=3, ge=1, description="best of them that are retrained from scratch")
    rank_by: str = Field(
        default="loss", pattern="^(loss|accuracy)$", description="shared-weight score that ranks samples"
    )
