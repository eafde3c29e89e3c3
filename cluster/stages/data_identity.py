"""A run keeps a fingerprint of its data, and every stage compares the data with it before it begins.

A run that was begun before fingerprints were kept gets one the next time that its data is loaded.
"""

from dataclasses import dataclass

from cluster.config import ExperimentConfig
from cluster.files import read_json, write_json
from cluster.progress import Progress
from cluster.recognition.classifier import TrainedClassifier
from cluster.stages.folder import RunFolder
from cluster.stages.preparation import PreparedExperiment
from encoding.datasets.fingerprint import Change, Fingerprint

__all__ = ["LoadedData", "keep_fingerprint", "load_to_evaluate", "load_to_learn"]


@dataclass(frozen=True, kw_only=True)
class LoadedData:
    """The experiment of a run, and what changed in its data without harm to what is done now.

    Attributes:
        experiment: with the classes in the order that the run knows.
        notes: one sentence for each change.
    """

    experiment: PreparedExperiment
    notes: tuple[str, ...] = ()

    def say(self, progress: Progress) -> None:
        """Say how the data is split, and what changed."""
        for line in (self.experiment.describe(), *self.notes):
            progress.say(line)


def keep_fingerprint(run: RunFolder, experiment: PreparedExperiment) -> None:
    """Keep the fingerprint of the data in the run, unless one is kept already."""
    if not run.data_file.exists():
        write_json(run.data_file, experiment.fingerprint.to_dict())


def load_to_learn(run: RunFolder, config: ExperimentConfig) -> LoadedData:
    """Load the data of a run that continues to search or to train.

    Raises:
        FileNotFoundError: the data is not there.
        ValueError: what networks learn from changed since the run began; the sentence names what.
    """
    known = _known(run)
    experiment = PreparedExperiment.load(config, class_names=None if known is None else known.class_names)
    changes = () if known is None else known.changes(experiment.fingerprint)
    if any(change.of_learning for change in changes):
        raise ValueError(
            f"the data of {run.path} changed since the run began: {_list(changes)}. "
            "Restore the data, or start another run with --out"
        )
    return LoadedData(experiment=experiment, notes=_notes(run, changes))


def load_to_evaluate(run: RunFolder, config: ExperimentConfig, classifier: TrainedClassifier) -> LoadedData:
    """Load the data of a run whose classifier is to be scored; classes are matched by name.

    Raises:
        FileNotFoundError: the data is not there.
        ValueError: the data has other classes than the classifier, or clips that it learned from are test
            clips now.
    """
    known = _known(run)
    experiment = PreparedExperiment.load(config, class_names=classifier.class_names)
    changes = () if known is None else known.changes(experiment.fingerprint)
    if any(change.leaks or change.of_classes for change in changes):
        raise ValueError(
            f"the data of {run.path} changed since the run began, and a score would mean nothing: "
            f"{_list(changes)}. Restore the data"
        )
    return LoadedData(experiment=experiment, notes=_notes(run, changes))


def _known(run: RunFolder) -> Fingerprint | None:
    """The fingerprint that the run keeps."""
    if not run.data_file.exists():
        return None
    try:
        return Fingerprint.from_dict(read_json(run.data_file))
    except ValueError as error:
        raise ValueError(f"{run.data_file} is damaged: {error}") from error


def _list(changes: tuple[Change, ...]) -> str:
    return "; ".join(change.text for change in changes)


def _notes(run: RunFolder, changes: tuple[Change, ...]) -> tuple[str, ...]:
    if not changes:
        return ()
    return (f"the data of {run.path} changed since the run began: {_list(changes)}",)
