"""What the folder of any run has, be it of a search or of a lifter: an id, one writer, and what it ran on.

run.json         the run's own id, by which MLflow knows it, and when it was started; written first
environment.json versions, machine and threads of each stage that ran
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from cluster.files import TEMPORARY_PREFIX, read_json, write_json
from cluster.locking import locked

__all__ = ["RunFolderBase"]


class RunFolderBase:
    """Names the files that every run has; what else lies in its folder says the class of its kind."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self.identity_file = self.path / "run.json"
        self.environment_file = self.path / "environment.json"

    @property
    def run_id(self) -> str:
        """The run's own id."""
        return str(read_json(self.identity_file)["run_id"])

    @property
    def started(self) -> datetime:
        """When the run was created."""
        return datetime.fromisoformat(read_json(self.identity_file)["started"])

    @property
    def environment(self) -> dict[str, dict[str, Any]]:
        """What each stage so far ran on, by the stage's name."""
        return dict(read_json(self.environment_file)) if self.environment_file.exists() else {}

    def note_environment(self, stage: str, facts: Mapping[str, Any]) -> None:
        """Add what `stage` (search, training, evaluation) ran on to environment.json."""
        write_json(self.environment_file, {**self.environment, stage: dict(facts)})

    def locked(self) -> AbstractContextManager[None]:
        """Hold the run against a second writer; the lock falls with the process, however it dies.

        Raises:
            BlockingIOError: another process works on this run.
        """
        return locked(self.path)

    def check_unused(self) -> None:
        """Check that nothing lies here but what a start that was cut short leaves.

        Raises:
            FileExistsError: something else lies here.
        """
        if not self.path.exists():
            return
        if not self.path.is_dir() or any(
            path != self.identity_file and not path.name.startswith(TEMPORARY_PREFIX)
            for path in self.path.iterdir()
        ):
            raise FileExistsError(
                f"{self.path} is not empty and holds no posenas run; give a new folder with --out"
            )

    def identify(self, **facts: str) -> None:
        """Give the run its id and its time of start.

        Args:
            facts: what else run.json shall say of it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(
            self.identity_file, {"run_id": uuid4().hex, "started": datetime.now(UTC).isoformat(), **facts}
        )
