"""Settings of random kernels and their ridge. Reading them loads no torch."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["KernelsConfig", "KernelsTooLargeError"]


class KernelsTooLargeError(ValueError):
    """A fit needs more memory than it may; a caller that wants it only beside something else does without."""


class KernelsConfig(BaseModel):
    """Random kernels and their ridge."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kernels: int = Field(default=2000, ge=1, description="random kernels of each image")
    reading: Literal["rows", "windows"] = Field(
        default="rows",
        description='"rows": a kernel sums one to six rows from anywhere and runs along time; "windows": '
        "three rows by five columns, everywhere",
    )
    halves: bool = Field(
        default=True, description="further features of the first and of the second half of the clip"
    )
    copies: int = Field(default=6, ge=0, description="changed copies of each training clip, beside itself")
    penalty: float | None = Field(
        default=None,
        gt=0,
        description="ridge penalty for every 10,000 features; none: chosen by leaving training people out",
    )
    memory_gib: float = Field(default=4.0, gt=0, description="most memory that the fit may need, GiB")
    seed: int = Field(default=0, ge=0, description="random seed of kernels, biases and copies")
    class_weights: Literal["equal", "balanced"] = Field(
        default="equal", description="in the ridge; balanced: a class counts as much as any other"
    )

    def num_features(self, channels: int) -> int:
        """Of images with this many channels, three an image."""
        return self.kernels * (4 if self.halves else 2) * (channels // 3)

    def penalties(self, channels: int) -> list[float] | None:
        """Of the ridge, to choose from; None: its own."""
        return None if self.penalty is None else [self.penalty * self.num_features(channels) / 10_000]

    def check_memory(self, num_clips: int, channels: int) -> None:
        """Refuse a fit that needs more memory than it may.

        Raises:
            KernelsTooLargeError: it does; the sentence says how much is needed and what to change.
        """
        rows, columns = num_clips * (self.copies + 1), self.num_features(channels)
        needed = (2 * 4 * rows * columns + 4 * 8 * rows * rows) / 2**30
        if needed > self.memory_gib:
            raise KernelsTooLargeError(
                f"{self.kernels:,} kernels of each image on {rows:,} clips and copies give {columns:,} "
                f"features and need about {needed:.1f} GiB; `memory_gib` allows {self.memory_gib:g}. Take "
                "fewer kernels or copies, or allow more"
            )
