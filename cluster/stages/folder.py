"""The folder of one run: what lies where, and who may write there.

run.json            the run's own id, by which MLflow knows it, and when it was started
data.json           fingerprint of the data: class names, and class, part and digest of every clip
experiment.json     the whole configuration; `posenas search --config` reads it back
environment.json    versions, machine and threads of each stage that ran
checkpoints/        the search, at step boundaries
derivation/         scores of the samples, and the candidates retrained: checkpoints and curves of each
search.json         curves of the search, every architecture sampled, the candidates and their scores
genotype.json       the cells found
training/           checkpoints of the final training, a folder for each seed
training.json       curves of the final training
model/              the trained classifier: all that prediction needs
models/             those of further seeds, a folder each
kernels/            random kernels with a ridge: the baseline beside the network, or its partner
evaluation.json     accuracy per original test sequence, confusion matrix, every prediction
predictions.csv     the answers, a row a test clip, with the probability of every class
baseline.json       the same of a baseline, in a folder of its own (`posenas baseline`)
pictures/           cells, network, curves and images as SVG and PNG
report.html         all of it on one page
outbox/             what is to be recorded in MLflow, kept until it is
"""

from pathlib import Path

from cluster.config import ExperimentConfig
from cluster.files import read_json, sha256, write_json
from cluster.run_folder_base import RunFolderBase
from nas.genotype import Genotype

__all__ = ["BRANCH_FACT", "RunFolder"]

BRANCH_FACT = "from_run"
"""What run.json says of a run that begins where the search of another ended."""


class RunFolder(RunFolderBase):
    """Names the files of a run; never lets one run write over another."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.experiment_file = path / "experiment.json"
        self.data_file = path / "data.json"
        self.checkpoints = path / "checkpoints"
        self.derivation = path / "derivation"
        self.scores_file = self.derivation / "scores.json"
        self.search_file = path / "search.json"
        self.genotype_file = path / "genotype.json"
        self.training = path / "training"
        self.training_file = path / "training.json"
        self.model = path / "model"
        self.models = path / "models"
        self.kernels = path / "kernels"
        self.evaluation_file = path / "evaluation.json"
        self.predictions_file = path / "predictions.csv"
        self.baseline_file = path / "baseline.json"
        self.pictures = path / "pictures"
        self.report_file = path / "report.html"
        self.outbox = path / "outbox"

    @classmethod
    def create(cls, path: Path, config: ExperimentConfig, **facts: str) -> "RunFolder":
        """Start a run here.

        Args:
            path: new, or empty.
            config: its settings.
            facts: what else run.json shall say of it.

        Raises:
            FileExistsError: the folder holds a run already, or files that are not ours.
        """
        run = cls(Path(path))
        run.check_free()
        run.identify(**facts)
        run.replace_config(config)
        return run

    def check_free(self) -> None:
        """Whether a run can be started here.

        Raises:
            FileExistsError: the folder holds a run already, or files that are not ours.
        """
        if self.experiment_file.exists():
            raise FileExistsError(
                f"{self.path} already holds a run; continue it with --resume, "
                "or give another folder with --out"
            )
        self.check_unused()

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """The run of a search that lies here.

        Raises:
            FileNotFoundError: there is none.
            ValueError: what lies here is a baseline, which has no search.
        """
        run = cls(Path(path))
        if not run.experiment_file.exists():
            raise FileNotFoundError(
                f"{path} holds no run (no {run.experiment_file.name}); "
                f"`posenas search --out {path}` starts one"
            )
        if run.baseline is not None:
            raise ValueError(
                f"{path} holds the baseline {run.baseline!r}, which has no search and no genotype; its score "
                f"is in {run.baseline_file.name}"
            )
        return run

    def config(self) -> ExperimentConfig:
        """The configuration that this run was started with."""
        return ExperimentConfig.from_run(self.experiment_file)

    def replace_config(self, config: ExperimentConfig) -> None:
        """Keep other settings from now on; the caller knows that what is done does not depend on them."""
        write_json(self.experiment_file, config.to_dict())

    @property
    def baseline(self) -> str | None:
        """Which baseline it is; None: the run of a search."""
        name = read_json(self.identity_file).get("baseline") if self.identity_file.exists() else None
        return None if name is None else str(name)

    @property
    def is_branch(self) -> bool:
        """Whether its search is that of another run (`posenas train --from`)."""
        return self.identity_file.exists() and BRANCH_FACT in read_json(self.identity_file)

    @property
    def partner(self) -> str | None:
        """What the run's networks answer together with (`posenas train --with`); None: alone."""
        name = read_json(self.training_file).get("partner") if self.training_file.exists() else None
        return None if name is None else str(name)

    def candidate_file(self, genotype: Genotype) -> Path:
        """What the retraining of a candidate gave."""
        return self.derivation / f"candidate-{sha256(str(genotype).encode())[:12]}.json"

    def seed_model(self, seed: int) -> Path:
        """Where the classifier of a further seed lies."""
        return self.models / f"seed-{seed}"

    def genotype(self) -> Genotype:
        """The cells found.

        Raises:
            FileNotFoundError: the search has not ended.
            ValueError: the file holds no genotype.
        """
        if not self.genotype_file.exists():
            raise FileNotFoundError(
                f"{self.path} has no {self.genotype_file.name} yet; "
                f"`posenas search --resume --out {self.path}` brings the search to its end"
            )
        return Genotype.from_json(self.genotype_file.read_text(encoding="utf-8"))
