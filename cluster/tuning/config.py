"""How hyperparameters are tuned: how many trials, who stops them, who proposes them, and where they run."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cluster.distributed.config import RuntimeConfig

__all__ = ["TrialResources", "TuningConfig"]


class TuningConfig(BaseModel):
    """What is tried and how it is judged; the outcome depends on this, the space, data and base settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trials: int = Field(default=32, ge=1, description="settings that are tried")
    epochs: int = Field(default=20, ge=1, description="epochs of a trial that is not stopped early")
    scheduler: Literal["asha", "pbt", "none"] = Field(
        default="asha",
        description="asha: stops bad trials early; pbt: population-based training; none: all to the end",
    )
    sampler: Literal["random", "optuna"] = Field(
        default="random", description="what proposes settings: chance, or Optuna's TPE sampler"
    )
    grace_epochs: int = Field(default=2, ge=1, description="asha: no trial is stopped before these")
    reduction_factor: float = Field(
        default=3.0, gt=1, description="asha: one of this many trials that reach a rung continues"
    )
    perturbation_epochs: int = Field(
        default=4, ge=1, description="pbt: epochs between the rounds in which the worst copy the best"
    )
    seed: int = Field(default=0, ge=0, description="random seed of the settings that are drawn")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.scheduler == "asha" and self.grace_epochs > self.epochs:
            raise ValueError(
                f"grace_epochs is {self.grace_epochs}; at most epochs ({self.epochs}) is needed, "
                "else no trial could ever be stopped"
            )
        if self.scheduler == "pbt" and self.sampler == "optuna":
            raise ValueError(
                "scheduler is 'pbt' and sampler 'optuna'; population-based training proposes settings "
                "itself: choose the random sampler with it, or asha with optuna"
            )
        if self.scheduler == "pbt" and self.trials < 4:
            raise ValueError(
                f"trials is {self.trials}; a population of at least 4 is needed, "
                "of which the worst quarter copies the best"
            )
        return self


class TrialResources(BaseModel):
    """Where trials run; nothing here changes what one of them gives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: str | None = Field(
        default=None,
        description="`auto` or HOST:PORT of a running Ray cluster; none starts Ray on this machine",
    )
    max_concurrent: int | None = Field(
        default=None, ge=1, description="trials at the same time; none: as many as the resources allow"
    )
    cpus_per_trial: float = Field(default=1.0, gt=0, description="CPUs that one trial occupies")
    gpus_per_trial: float = Field(
        default=0.0, ge=0, description="GPUs that one trial occupies; 0.5 puts two on one"
    )
    time_limit_seconds: float | None = Field(
        default=None, gt=0, description="longest time; a resumed tuning runs what is left"
    )
    checkpoint_seconds: float = Field(
        default=30.0, ge=0, description="time between two checkpoints of a trial; 0: after every epoch"
    )
    reuse_actors: bool = Field(
        default=True, description="run one trial after another in the same process instead of a new one each"
    )
    retries: int = Field(
        default=3, ge=0, description="how often a trial is started again whose process or machine died"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.gpus_per_trial > 1 and self.gpus_per_trial != int(self.gpus_per_trial):
            raise ValueError(
                f"gpus_per_trial is {self.gpus_per_trial:g}; a whole number, or a fraction below 1, is needed"
            )
        return self

    def runtime(self, cores: int) -> RuntimeConfig:
        """The Ray to join, or to start with room for `max_concurrent` trials."""
        workers = self.max_concurrent or max(1, int(cores / self.cpus_per_trial))
        return RuntimeConfig(
            address=self.address,
            workers=workers,
            cpus_per_worker=self.cpus_per_trial,
            gpus_per_worker=self.gpus_per_trial,
        )
