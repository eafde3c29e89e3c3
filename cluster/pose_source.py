"""Which poses an experiment works on: those of the data set, or what a trained lifter makes of its 2D."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from cluster.files import sha256_of_file
from lifting.lifter_folder import DESCRIPTION, lifter_folder

__all__ = ["PosesConfig"]


class PosesConfig(BaseModel):
    """The poses of the clips."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Literal["sensor", "lifted"] = Field(
        default="sensor", description="the data set's own poses, or its 2D keypoints lifted"
    )
    lifter: Path | None = Field(default=None, description="lifted: a trained lifter's folder, or its run")
    lifter_sha256: str | None = Field(
        default=None, description="of the lifter's description; found where it is not given"
    )
    lookahead: int = Field(
        default=5, ge=0, description="lifted: frames to wait for a keypoint that was lost, as in `lift run`"
    )

    mend: bool = Field(
        default=False, description="lifted: mend poses that no person can have, as `lift run` does"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.source == "lifted") == (self.lifter is None):
            given = "not given" if self.lifter is None else "given"
            raise ValueError(
                f"`source` is {self.source!r} and `lifter` is {given}; lifted poses need a lifter, and a "
                "sensor's have none"
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _note_lifter(cls, content: Any) -> Any:
        """The result depends on what the lifter is, not on where it lies."""
        if not isinstance(content, dict) or content.get("lifter") is None or content.get("lifter_sha256"):
            return content
        path = lifter_folder(Path(content["lifter"])) / DESCRIPTION
        return {**content, "lifter_sha256": sha256_of_file(path) if path.is_file() else None}
