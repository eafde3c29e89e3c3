"""Where the workers of a search run. Reading these settings imports no Ray."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from nas.kernel_choice import Choice

__all__ = ["RuntimeConfig"]


class RuntimeConfig(BaseModel):
    """Where the workers run. Nothing here changes the result of a search."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str | None = Field(
        default=None,
        description="`auto` or HOST:PORT of a running Ray cluster; none starts Ray on this machine",
    )
    workers: int | Literal["auto"] = Field(
        default="auto", description="evaluators; `auto`: as many as the resources allow"
    )
    cpus_per_worker: float = Field(default=1.0, gt=0, description="CPUs that one worker occupies")
    gpus_per_worker: float = Field(
        default=0.0, ge=0, description="GPUs that one worker occupies; 0.5 puts two on one"
    )
    owners: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        default="auto",
        description="actors that share the weights by ranges; `auto`: one for every 16 workers",
    )
    placement: Literal["PACK", "SPREAD"] = Field(
        default="PACK",
        description="PACK fills one machine before the next; SPREAD takes as many machines as it can",
    )
    placement_timeout_seconds: float = Field(
        default=60.0, gt=0, description="seconds to wait for free resources of the cluster"
    )
    shard_timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        description="seconds for a shard; then its worker is replaced, and the next one has twice as long",
    )
    owner_timeout_seconds: float = Field(
        default=120.0,
        gt=0,
        description="seconds of silence after which an owner of the weights or the controller is replaced",
    )
    worker_timeout_seconds: float = Field(
        default=120.0, gt=0, description="seconds without any worker after which the search stops"
    )
    kernels: Choice = Field(
        default="auto",
        description="the search network on the CPU: `compiled` in C, `torch`, or `auto`: compiled where a "
        "C compiler is at hand; the results are the same, bit for bit",
    )

    def resources(self) -> dict[str, float]:
        """What one worker occupies, in Ray's terms."""
        gpus = {"GPU": self.gpus_per_worker} if self.gpus_per_worker else {}
        return {"CPU": self.cpus_per_worker, **gpus}
