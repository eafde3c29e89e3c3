"""Import paths of earlier releases: a moved module is found under its old name too, for one release."""

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType

__all__ = ["MOVED", "install"]

MOVED = {
    "cluster.classifier": "cluster.recognition.classifier",
    "cluster.detection": "lifting.detection",
    "cluster.lifter.running": "lifting.run",
    "cluster.lifter.trained": "lifting.trained_lifter",  # models registered before the move ask for it too
    "cluster.recognition.batch": "cluster.distributed.prediction",
    "cluster.recognition.finding": "cluster.recognition.model_lookup",
    "cluster.recognition.sources": "lifting.sources",
    "cluster.recognition.stopwatch": "lifting.stage_times",
    "cluster.video_file": "lifting.writers.video_file",
    "cluster.distributed.teams": "cluster.stages.backends",
    "cluster.report.results": "cluster.stages.pictures",
    "cluster.scheduling.architectures": "cluster.registry.architectures",
    "cluster.scheduling.database": "cluster.registry.database",
    "cluster.scheduling.records": "cluster.registry.records",
    "cluster.scheduling.registry": "cluster.registry.registry",
    "cluster.stages.checkpoints": "cluster.checkpoints.store",
    "cluster.stages.courses": "cluster.distributed.training_runs",
    "cluster.tracking.delivery": "cluster.stages.delivery",
}
"""Modules that pages have shown, by old name; an entry goes with the release after the one that moved it."""


class _MovedModules(MetaPathFinder, Loader):
    """Answers an old name with the module of the new one, and a warning."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002  the import system's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """A spec for the names of `MOVED` and the modules of packages among them alone."""
        return spec_from_loader(fullname, self) if _present(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the moved module in the place of the empty one; the import system takes what lies there."""
        old = module.__name__
        new = _present(old)
        assert new is not None, "`find_spec` answers no other name"
        warnings.warn(
            f"{old} is {new} now; the old name goes with the next release",
            DeprecationWarning,
            stacklevel=2,
        )
        sys.modules[old] = import_module(new)


def _present(name: str) -> str | None:
    """Where a module lies now that has moved, by itself or with its package; None: it has not moved."""
    package, _, module = name.rpartition(".")
    return MOVED.get(name) or (f"{MOVED[package]}.{module}" if package in MOVED else None)


def install() -> None:
    """Let the old names be found, before Python's own finders: those would load the modules of a package
    that has moved as a whole a second time, from its new folder.
    """
    if not any(isinstance(finder, _MovedModules) for finder in sys.meta_path):
        sys.meta_path.insert(0, _MovedModules())
