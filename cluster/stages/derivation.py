"""The last part of a search: retrain the best candidates from scratch, keep the best by validation."""

from collections.abc import Mapping, Sequence
from typing import Any

from cluster.config import ExperimentConfig
from cluster.distributed.teams import Team
from cluster.files import write_json
from cluster.interruption import Interruption
from cluster.progress import Progress
from cluster.stages.checkpoints import configuration_hash
from cluster.stages.folder import RunFolder
from cluster.stages.history import SearchHistory
from cluster.stages.preparation import Experiment
from cluster.stages.training import train_network
from nas.derive import Derivation, derive
from nas.genotype import Genotype
from nas.network import Network, num_parameters
from nas.train import TrainingConfig, evaluate

__all__ = ["candidate_rows", "derive_genotype", "retraining_config"]

# Accuracies of n clips differ by 1/n or not at all; less than that decides between equals by their loss.
LOSS_WEIGHT = 1e-5


def derive_genotype(
    run: RunFolder,
    experiment: Experiment,
    team: Team,
    history: SearchHistory,
    progress: Progress,
    interruption: Interruption,
) -> Derivation:
    """Sample, score with the shared weights, retrain the best few on the training part, rank by validation.

    Retraining is checkpointed for each candidate in `run.derivation`, so that a killed derivation goes on
    where it was. The best genotype of the last epoch is looked at besides the samples.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    config = experiment.config
    progress.begin("scoring samples", config.derivation.num_samples)

    def retrain(genotypes: Sequence[Genotype]) -> list[float]:
        epochs = len(genotypes) * config.derivation.epochs
        progress.begin(f"retraining the best {len(genotypes)}", epochs)
        return [
            _retrained(number, genotype, run, experiment, team, progress, interruption)
            for number, genotype in enumerate(genotypes)
        ]

    extra = [Genotype.parse(history.epochs[-1]["best_genotype"])]
    return derive(team.strategy, team.children, config.derivation, retrain, extra)


def _retrained(
    number: int,
    genotype: Genotype,
    run: RunFolder,
    experiment: Experiment,
    team: Team,
    progress: Progress,
    interruption: Interruption,
) -> float:
    """Validation accuracy of one candidate trained from scratch; its loss decides between equals."""
    config = experiment.config
    training = retraining_config(config)
    network = Network(genotype, experiment.network(genotype, config.derivation.parameters), training.seed)
    # By what it depends on: a search that was lengthened has other candidates, perhaps some of the same.
    key = configuration_hash({**config.genotype_settings(), "genotype": str(genotype)})

    def epoch_done(row: Mapping[str, float]) -> None:
        note = f"candidate {number + 1}, training accuracy {row['accuracy']:.3f}"
        progress.advance(number * training.epochs + int(row["epoch"]), note)

    history = train_network(
        network,
        team.train,
        training,
        run.derivation / f"candidate-{key[:12]}",
        progress=progress,
        interruption=interruption,
        checkpoint_seconds=config.resources.checkpoint_seconds,
        context=config.search_settings(),
        epoch_done=epoch_done,
    )
    score = evaluate(network, team.validation)
    content = {
        "genotype": str(genotype),
        "parameters": num_parameters(network),
        "training": training.model_dump(mode="json"),
        "accuracy": score.accuracy,
        "loss": score.loss,
        "epochs": history,
    }
    write_json(run.candidate_file(genotype), content)
    progress.say(f"candidate {number + 1}: validation accuracy {score.accuracy:.3f}", str(genotype))
    return score.accuracy - LOSS_WEIGHT * score.loss


def retraining_config(config: ExperimentConfig) -> TrainingConfig:
    """The final training's settings, shortened to the derivation's epochs."""
    epochs = config.derivation.epochs
    warmup = min(config.training.warmup_epochs, max(0, epochs // 10))
    return config.training.model_copy(update={"epochs": epochs, "warmup_epochs": warmup})


def candidate_rows(derivation: Derivation) -> list[dict[str, Any]]:
    """Every genotype looked at, best first, as plain data."""
    return [
        {
            "rank": rank,
            "genotype": str(candidate.genotype),
            "shared_accuracy": candidate.shared.accuracy,
            "shared_loss": candidate.shared.loss,
            "retrained": candidate.retrained,
            "chosen": rank == 1,
        }
        for rank, candidate in enumerate(derivation.candidates, start=1)
    ]
