"""How a run's network stands against the baselines, on the same test sequences."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.files import read_json
from cluster.recognition.kernel_model import TrainedKernels
from cluster.stages.folder import RunFolder
from cluster.stages.preparation import PreparedExperiment
from nas.baselines import nearest_neighbor

__all__ = ["BaselineScore", "Standing", "scores_beside", "standing_of"]

NAMES = {
    "kernels": "random kernels with a ridge",
    "neighbour": "the nearest neighbor",
    "residual": "the residual network",
    "densenet": "the DenseNet",
    "tall": "the tall-stem network",
}


@dataclass(frozen=True)
class BaselineScore:
    """A baseline's mean accuracy over its seeds.

    Attributes:
        baseline: which.
        accuracy: on the test sequences.
        folder: its run; None: scored beside the network.
    """

    baseline: str
    accuracy: float
    folder: str | None = None


@dataclass(frozen=True)
class Standing:
    """A network's mean accuracy over its seeds, and the baselines', the best first.

    Attributes:
        accuracy: of the network.
        total: test sequences.
        baselines: at least one.
    """

    accuracy: float
    total: int
    baselines: tuple[BaselineScore, ...]

    @property
    def sentence(self) -> str:
        """One sentence for a person."""
        parts = [f"{self._apart(one)} {NAMES[one.baseline]} ({one.accuracy:.4f})" for one in self.baselines]
        listed = parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
        return f"On these {self.total} test sequences the network has {self.accuracy:.4f}: {listed}."

    def _apart(self, baseline: BaselineScore) -> str:
        points = 100 * (self.accuracy - baseline.accuracy)
        if round(abs(points), 1) == 0:
            return "as much as"
        return f"{abs(points):.1f} points {'more' if points > 0 else 'less'} than"

    def to_dict(self) -> dict[str, Any]:
        """For evaluation.json."""
        return {"baselines": [asdict(one) for one in self.baselines], "standing": self.sentence}


def standing_of(
    run: RunFolder,
    experiment: PreparedExperiment,
    accuracy: float,
    kernels: TrainedKernels | None,
) -> Standing:
    """The network of a run beside the nearest neighbor, kernels and the baselines in the folders around it.

    Args:
        run: its folder.
        experiment: its settings and clips.
        accuracy: of its networks, the mean over their seeds.
        kernels: fitted on the same clips; None: they could not be.
    """
    split = experiment.split
    labels = np.array([clip.label for clip in split.test])
    found = {one.baseline: one for one in scores_beside(run, experiment)}
    found["neighbour"] = BaselineScore("neighbour", _neighbor(experiment, labels))
    if kernels is not None:
        answers = kernels.predict([clip.poses for clip in split.test]).argmax(axis=1)
        found["kernels"] = BaselineScore("kernels", float((answers == labels).mean()))
    ordered = sorted(found.values(), key=lambda one: -one.accuracy)
    return Standing(accuracy, len(labels), tuple(ordered))


def scores_beside(run: RunFolder, experiment: PreparedExperiment) -> list[BaselineScore]:
    """The baselines on the same data whose folders lie beside a run's, the newest of each kind."""
    found: dict[str, tuple[float, BaselineScore]] = {}
    for path in run.path.absolute().parent.glob("*/baseline.json"):
        other = RunFolder(path.parent)
        if other.config().data != experiment.config.data or other.config().poses != experiment.config.poses:
            continue
        content, when = read_json(path), path.stat().st_mtime
        score = BaselineScore(content["baseline"], content["mean"], str(path.parent))
        if score.baseline in NAMES and when > found.get(score.baseline, (0.0,))[0]:
            found[score.baseline] = when, score
    return [score for _, score in found.values()]


def _neighbor(experiment: PreparedExperiment, labels: NDArray[np.int64]) -> float:
    split = experiment.split
    statistics = experiment.statistics(split.development)
    known, unknown = (experiment.images(clips, statistics) for clips in (split.development, split.test))
    return float((nearest_neighbor(known, unknown) == labels).mean())
