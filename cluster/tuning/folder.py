"""The folder of one tuning.

tuning.json         the tuning's own id, by which MLflow knows it, and all of its settings
trials/, states/    the journal (see `cluster.tuning.journal`)
trials.csv          a row a trial, the best first
best.yaml           the settings of the best trial, as `posenas lift train --config` takes them
importance.json     how much each hyperparameter matters
pictures/           importance, parallel coordinates and curves as SVG and PNG
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

from cluster.files import read_json, write_json
from cluster.locking import locked
from cluster.settings import difference
from cluster.tuning.journal import Journal

__all__ = ["TuningFolder"]


class TuningFolder:
    """Names the files of a tuning; never lets one write over another."""

    def __init__(self, path: Path) -> None:
        self.path = Path(path).absolute()
        self.settings_file = self.path / "tuning.json"
        self.table_file = self.path / "trials.csv"
        self.best_file = self.path / "best.yaml"
        self.importance_file = self.path / "importance.json"
        self.pictures = self.path / "pictures"
        self.scratch = self.path / "ray"
        self.journal = Journal(self.path)

    @classmethod
    def create(cls, path: Path, settings: Mapping[str, Any]) -> "TuningFolder":
        """Start a tuning here.

        Raises:
            FileExistsError: the folder holds a tuning already, or other files.
        """
        folder = cls(path)
        if folder.settings_file.exists():
            raise FileExistsError(
                f"{path} already holds a tuning; continue it with --resume, or give another folder with --out"
            )
        if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
            raise FileExistsError(f"{path} is not empty and holds no tuning; give a new folder with --out")
        folder.keep(uuid4().hex, settings)
        return folder

    @classmethod
    def open(cls, path: Path, settings: Mapping[str, Any] | None = None) -> "TuningFolder":
        """The tuning that lies here, to go on with.

        Args:
            path: the folder.
            settings: what the tuning is asked to go on with; more `tuning.trials` are welcome, and kept.

        Raises:
            FileNotFoundError: there is none.
            ValueError: it was started with other settings; the text names the first.
        """
        folder = cls(path)
        if not folder.settings_file.exists():
            raise FileNotFoundError(
                f"{path} holds no tuning (no {folder.settings_file.name}); "
                f"`posenas lift tune --out {path}` starts one"
            )
        if settings is None:
            return folder
        for name, before, now in difference(folder.settings, settings):
            if name != "tuning.trials" or now < before:
                raise ValueError(
                    f"{path} was started with {name} {before!r}, and is asked to go on with {now!r}; "
                    "only more trials can be asked for: leave the option away, or give another --out"
                )
        folder.keep(folder.run_id, settings)
        return folder

    def keep(self, run_id: str, settings: Mapping[str, Any]) -> None:
        """Write tuning.json."""
        write_json(self.settings_file, {"run_id": run_id, "settings": dict(settings)})

    @property
    def run_id(self) -> str:
        """The tuning's own id."""
        return str(read_json(self.settings_file)["run_id"])

    @property
    def settings(self) -> dict[str, Any]:
        """All settings that it was started with."""
        return dict(read_json(self.settings_file)["settings"])

    def locked(self) -> AbstractContextManager[None]:
        """Hold the tuning against a second writer.

        Raises:
            BlockingIOError: another process works on this tuning.
        """
        return locked(self.path)
