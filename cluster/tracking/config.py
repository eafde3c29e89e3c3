"""Where the record of a run goes. Reading these settings imports no MLflow."""

import os

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["TrackingConfig"]


class TrackingConfig(BaseModel):
    """Where the record of a run goes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str = Field(
        default_factory=lambda: os.environ.get("MLFLOW_TRACKING_URI") or "sqlite:///mlflow.db",
        description="MLflow store: sqlite:///FILE, the http(s) address of a server, or a database address; "
        "by default $MLFLOW_TRACKING_URI, else sqlite:///mlflow.db",
    )
    experiment: str = Field(
        default="posenas", min_length=1, description="MLflow experiment that holds the runs"
    )
    artifacts: str | None = Field(
        default=None,
        description="where a new experiment keeps its files (a folder, s3://...); none: beside an SQLite"
        " file, where a server wants it, or mlartifacts in the current folder for another database",
    )
    wait_seconds: float = Field(
        default=5.0,
        ge=0,
        description="how long a command that ends waits for a store that does not answer",
    )
