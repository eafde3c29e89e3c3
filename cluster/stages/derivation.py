"""The last part of a search: retrain the best candidates from scratch, keep the best by validation."""

from collections.abc import Sequence
from typing import Any

from cluster.config import ExperimentConfig
from cluster.distributed.training_runs import GenotypeSpec, TrainingRun
from cluster.files import read_json, write_json
from cluster.interruption import Interruption
from cluster.progress import Progress
from cluster.settings import configuration_hash
from cluster.stages.backends import SearchBackend
from cluster.stages.folder import RunFolder
from cluster.stages.history import SearchHistory
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.scores import KeptScores
from nas.derive import Candidate, Derivation, derive
from nas.genotype import Genotype
from nas.network import num_parameters
from nas.shards import ShardScore
from nas.training_config import TrainingConfig

__all__ = ["candidate_rows", "derive_genotype", "retraining_config"]

# Accuracies of n clips differ by 1/n or not at all; less than that decides between equals by their loss.
LOSS_WEIGHT = 1e-5


def derive_genotype(
    run: RunFolder,
    experiment: PreparedExperiment,
    backend: SearchBackend,
    history: SearchHistory,
    progress: Progress,
    interruption: Interruption,
) -> Derivation:
    """Sample, score with the shared weights, retrain the best few on the training part, rank by validation.

    Scoring and retraining run on the search backend. Scores are kept, and retraining is checkpointed for each
    candidate in `run.derivation`, so a killed derivation continues where it was. The best genotype of the
    last epoch is looked at besides the samples.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    config = experiment.config
    kept = KeptScores(run.scores_file, {**config.genotype_settings(), "weights": backend.children.digest()})
    samples = config.derivation.num_samples
    progress.begin("scoring samples", samples, min(kept.count, samples))

    def scored(genotype: Genotype, score: ShardScore) -> None:
        kept.add(genotype, score)
        progress.advance(min(kept.count, samples))
        interruption.stop_if_requested()

    def retrain(genotypes: Sequence[Genotype]) -> list[float]:
        kept.save()
        training_runs = [
            _course(number, genotype, run, experiment, backend)
            for number, genotype in enumerate(genotypes, start=1)
        ]
        _retrain(training_runs, backend, progress, interruption)
        for number, training_run in enumerate(training_runs, start=1):
            facts = {"number": number, **_facts(training_run)}
            write_json(run.candidate_file(training_run.spec.genotype), facts)
        return [_quality(training_run) for training_run in training_runs]

    extra = [Genotype.parse(history.epochs[-1]["best_genotype"])]
    with kept:
        return derive(
            backend.strategy, backend.children, config.derivation, retrain, extra, kept.scores, scored
        )


def _course(
    number: int, genotype: Genotype, run: RunFolder, experiment: PreparedExperiment, backend: SearchBackend
) -> TrainingRun[GenotypeSpec]:
    """One candidate, to be trained from scratch."""
    config = experiment.config
    spec = GenotypeSpec(
        genotype=genotype,
        network=experiment.candidate_network(genotype),
        config=retraining_config(config),
        compute=config.compute,
    )
    # By what it depends on: a search that was lengthened has other candidates, perhaps some of the same.
    key = configuration_hash({**config.genotype_settings(), "genotype": str(genotype)})
    return TrainingRun(
        f"candidate {number}",
        spec,
        backend.train,
        backend.validation,
        run.derivation / f"candidate-{key[:12]}",
        config.search_settings(),
        config.resources.training_checkpoint_seconds,
    )


def _retrain(
    training_runs: Sequence[TrainingRun[GenotypeSpec]],
    backend: SearchBackend,
    progress: Progress,
    interruption: Interruption,
) -> None:
    """Train all candidates, and say of each what became of it."""

    def epochs_done() -> int:
        return sum(training_run.epoch for training_run in training_runs)

    def progressed(training_run: TrainingRun[GenotypeSpec]) -> None:
        accuracy = training_run.history[-1]["accuracy"]
        progress.advance(epochs_done(), f"{training_run.name}, training accuracy {accuracy:.3f}")
        if training_run.score is not None:
            line = f"{training_run.name}: validation accuracy {training_run.score.accuracy:.3f}"
            progress.say(line, str(training_run.spec.genotype))

    for training_run in training_runs:
        for note in training_run.notes:
            progress.say(note)
    epochs = sum(training_run.spec.config.epochs for training_run in training_runs)
    progress.begin(f"retraining the best {len(training_runs)}", epochs, epochs_done())
    backend.training.run(training_runs, progressed, interruption)


def _facts(training_run: TrainingRun[GenotypeSpec]) -> dict[str, Any]:
    """What the retraining of a candidate gave, as plain data."""
    assert training_run.score is not None
    return {
        "genotype": str(training_run.spec.genotype),
        "parameters": num_parameters(training_run.network),
        "training": training_run.spec.config.model_dump(mode="json"),
        "accuracy": training_run.score.accuracy,
        "loss": training_run.score.loss,
        "epochs": training_run.history,
    }


def _quality(training_run: TrainingRun[GenotypeSpec]) -> float:
    """Validation accuracy; the loss decides between equals."""
    assert training_run.score is not None
    return training_run.score.accuracy - LOSS_WEIGHT * training_run.score.loss


def retraining_config(config: ExperimentConfig) -> TrainingConfig:
    """The final training's settings, shortened to the derivation's epochs."""
    epochs = config.derivation.epochs
    warmup = min(config.training.warmup_epochs, max(0, epochs // 10))
    averaged = min(config.training.swa_epochs, epochs // 2)
    shortened = {"epochs": epochs, "warmup_epochs": warmup, "swa_epochs": averaged}
    return config.training.model_copy(update=shortened)


def candidate_rows(derivation: Derivation, run: RunFolder) -> list[dict[str, Any]]:
    """Every genotype looked at, best first, as plain data.

    `number` is that of "candidate 2" on the terminal, `retrained` the validation accuracy shown there; the
    loss decides the order of equals.
    """
    return [
        {
            "rank": rank,
            "genotype": str(candidate.genotype),
            "shared_accuracy": candidate.shared.accuracy,
            "shared_loss": candidate.shared.loss,
            **_retrained(candidate, run),
            "chosen": rank == 1,
        }
        for rank, candidate in enumerate(derivation.candidates, start=1)
    ]


def _retrained(candidate: Candidate, run: RunFolder) -> dict[str, Any]:
    if candidate.retrained is None:
        return {"number": None, "retrained": None}
    facts = read_json(run.candidate_file(candidate.genotype))
    return {"number": facts["number"], "retrained": facts["accuracy"]}
