"""The last part of a search: retrain the best candidates from scratch, keep the best by validation."""

from collections.abc import Sequence
from typing import Any

from cluster.config import ExperimentConfig
from cluster.distributed.courses import Course, GenotypeSpec
from cluster.files import write_json
from cluster.interruption import Interruption
from cluster.progress import Progress
from cluster.settings import configuration_hash
from cluster.stages.folder import RunFolder
from cluster.stages.history import SearchHistory
from cluster.stages.preparation import Experiment
from cluster.stages.scores import KeptScores
from cluster.stages.teams import Team
from nas.derive import Derivation, derive
from nas.genotype import Genotype
from nas.network import num_parameters
from nas.shards import ShardScore
from nas.train import TrainingConfig

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

    Scoring and retraining are spread over the team. Scores are kept, and retraining is checkpointed for each
    candidate in `run.derivation`, so that a killed derivation goes on where it was. The best genotype of the
    last epoch is looked at besides the samples.

    Raises:
        Interrupted: asked to stop; the state is saved.
    """
    config = experiment.config
    kept = KeptScores(run.scores_file, {**config.genotype_settings(), "weights": team.children.digest()})
    samples = config.derivation.num_samples
    progress.begin("scoring samples", samples, min(kept.count, samples))

    def scored(genotype: Genotype, score: ShardScore) -> None:
        kept.add(genotype, score)
        progress.advance(min(kept.count, samples))
        interruption.stop_if_requested()

    def retrain(genotypes: Sequence[Genotype]) -> list[float]:
        kept.save()
        courses = [
            _course(number, genotype, run, experiment, team)
            for number, genotype in enumerate(genotypes, start=1)
        ]
        _retrain(courses, team, progress, interruption)
        for course in courses:
            write_json(run.candidate_file(course.spec.genotype), _facts(course))
        return [_quality(course) for course in courses]

    extra = [Genotype.parse(history.epochs[-1]["best_genotype"])]
    with kept:
        return derive(team.strategy, team.children, config.derivation, retrain, extra, kept.scores, scored)


def _course(
    number: int, genotype: Genotype, run: RunFolder, experiment: Experiment, team: Team
) -> Course[GenotypeSpec]:
    """One candidate, to be trained from scratch."""
    config = experiment.config
    spec = GenotypeSpec(
        genotype=genotype,
        network=experiment.network(genotype, config.derivation.parameters),
        config=retraining_config(config),
        compute=config.compute,
    )
    # By what it depends on: a search that was lengthened has other candidates, perhaps some of the same.
    key = configuration_hash({**config.genotype_settings(), "genotype": str(genotype)})
    return Course(
        f"candidate {number}",
        spec,
        team.train,
        team.validation,
        run.derivation / f"candidate-{key[:12]}",
        config.search_settings(),
        config.resources.training_checkpoint_seconds,
    )


def _retrain(
    courses: Sequence[Course[GenotypeSpec]], team: Team, progress: Progress, interruption: Interruption
) -> None:
    """Train all candidates, and say of each what became of it."""

    def epochs_done() -> int:
        return sum(course.epoch for course in courses)

    def progressed(course: Course[GenotypeSpec]) -> None:
        accuracy = course.history[-1]["accuracy"]
        progress.advance(epochs_done(), f"{course.name}, training accuracy {accuracy:.3f}")
        if course.score is not None:
            line = f"{course.name}: validation accuracy {course.score.accuracy:.3f}"
            progress.say(line, str(course.spec.genotype))

    for course in courses:
        for note in course.notes:
            progress.say(note)
    epochs = sum(course.spec.config.epochs for course in courses)
    progress.begin(f"retraining the best {len(courses)}", epochs, epochs_done())
    team.trainers.run(courses, progressed, interruption)


def _facts(course: Course[GenotypeSpec]) -> dict[str, Any]:
    """What the retraining of a candidate gave, as plain data."""
    assert course.score is not None
    return {
        "genotype": str(course.spec.genotype),
        "parameters": num_parameters(course.network),
        "training": course.spec.config.model_dump(mode="json"),
        "accuracy": course.score.accuracy,
        "loss": course.score.loss,
        "epochs": course.history,
    }


def _quality(course: Course[GenotypeSpec]) -> float:
    """Validation accuracy; the loss decides between equals."""
    assert course.score is not None
    return course.score.accuracy - LOSS_WEIGHT * course.score.loss


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
