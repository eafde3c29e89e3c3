"""The last step of a pipeline: make sure that MLflow's model registry has the classifier of a run."""

from dataclasses import dataclass
from pathlib import Path

from cluster.progress import Progress, SilentProgress
from cluster.stages.delivery import deliver_run
from cluster.stages.folder import RunFolder
from cluster.stages.recording import training_id
from cluster.tracking.mlflow_registry import registered_versions
from cluster.tracking.mlflow_store import connect, said_clearly
from cluster.tracking.tracker import MlflowTracker

__all__ = ["RegistrationOutcome", "run_registration"]


@dataclass(frozen=True, kw_only=True)
class RegistrationOutcome:
    """A registered classifier.

    Attributes:
        name: of the registered model, as "posenas-msr-as1".
        version: its number.
        aliases: names that point to this version, as "champion".
        uri: by which MLflow loads it.
    """

    name: str
    version: str
    aliases: tuple[str, ...]
    uri: str

    def lines(self) -> list[str]:
        """For a person: its name in the registry, and how it is loaded."""
        aliases = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return [f"registered  {self.name} version {self.version}{aliases}", f"load it     {self.uri}"]


def run_registration(folder: Path, *, progress: Progress | None = None) -> RegistrationOutcome:
    """Deliver what the run could not tell MLflow yet, and look for its classifier in the model registry.

    The training itself registers the classifier; this is the step that may be repeated until it is there.

    Args:
        folder: a run with a trained classifier.
        progress: receives what was delivered.

    Raises:
        FileNotFoundError: there is no run, or no classifier in it.
        ConnectionError: MLflow does not answer; ask again later.
        ValueError: the run is not recorded in MLflow, or its classifier is not registered there.
    """
    progress = progress or SilentProgress()
    run = RunFolder.open(folder)
    config = run.config().tracking
    if config is None:
        raise ValueError(
            f"the run in {folder} is not recorded in MLflow (tracking: null); nothing is registered"
        )
    if not run.model.is_dir():
        raise FileNotFoundError(f"{folder} has no trained classifier yet; `posenas train {folder}` makes it")
    for done in deliver_run(folder):
        progress.say(f"{done.count} events delivered to {done.store}")
    tracker = MlflowTracker(config.uri, config.experiment, config.artifacts)
    if not tracker.attach(training_id(run)):
        raise ValueError(f"MLflow at {config.uri} does not know the training of {folder}")
    with said_clearly(config.uri):
        versions = registered_versions(connect(config.uri), tracker.mlflow_run_id)
    if not versions:
        raise ValueError(
            f"MLflow at {config.uri} has no registered model of {folder}: `posenas deliver {folder}` says why"
        )
    name, version, aliases = versions[-1]
    return RegistrationOutcome(name=name, version=version, aliases=aliases, uri=f"models:/{name}/{version}")
