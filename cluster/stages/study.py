"""What each stage costs: the same classifier on true poses, on lifted ones, and on ever worse keypoints."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from cluster.files import write_json
from cluster.pose_source import PosesConfig
from cluster.progress import Progress, SilentProgress
from cluster.recognition.classifier import TrainedClassifier
from cluster.report.figures import COLORS
from cluster.stages.data_identity import load_to_evaluate
from cluster.stages.folder import RunFolder
from cluster.stages.lifted_data import (
    ObservationConditions,
    as_lifted,
    as_sensed,
    keypoints_of,
    lift_clip,
    open_lifter,
)
from encoding.datasets import Clip, load
from lifting.mapping import can_map, map_joints
from lifting.noise import DetectorNoise
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton
from lifting.trained_lifter import TwoStreamLifter

__all__ = ["CONDITIONS", "StudyOutcome", "run_study", "study_figure"]

_CLEAN = {"jitter": 0.0, "outliers": 0.0, "swapped": 0.0}
CONDITIONS: Mapping[str, ObservationConditions | None] = {
    "true poses": None,
    "lifted, true 2D": ObservationConditions(),
    "lifted, noisy 2D": ObservationConditions(noise=DetectorNoise()),
    "every second frame": ObservationConditions(every=2),
    "every fourth frame": ObservationConditions(every=4),
    "5 % of joints missing": ObservationConditions(noise=DetectorNoise(**_CLEAN, missed=0.05)),
    "20 % of joints missing": ObservationConditions(noise=DetectorNoise(**_CLEAN, missed=0.2)),
    "50 % of joints missing": ObservationConditions(noise=DetectorNoise(**_CLEAN, missed=0.5)),
}
"""How the people are seen: None is the sensor's poses themselves; frames and joints of the keypoints that are
missing are filled in."""


@dataclass(frozen=True, kw_only=True)
class StudyOutcome:
    """Accuracies on the original test sequences.

    Attributes:
        accuracies: by the name of the run, and then by condition; a sequence that cannot be lifted is wrong.
        total: test sequences.
        table: the .json with the same numbers.
        picture: the plot.
    """

    accuracies: Mapping[str, Mapping[str, float]]
    total: int
    table: Path
    picture: Path


def run_study(
    runs: tuple[Path, ...], out: Path, *, lifter: Path | None = None, progress: Progress | None = None
) -> StudyOutcome:
    """Score the classifiers of runs under every condition; writes study.json and study.png into `out`.

    Poses are given to each classifier as it has learned them: lifted ones are turned into the axes of the
    sensor for a classifier of the sensor's poses (where the root was stays unknown to it), and the sensor's
    are made root-relative for one of lifted poses.

    Args:
        runs: with trained classifiers, of the same data.
        out: folder.
        lifter: a trained lifter's folder or run; by default that of the first run with lifted poses.
        progress: receives every condition.

    Raises:
        FileNotFoundError: no run, classifier, lifter or data there.
        ValueError: the runs are of different data, there is no lifter or no 2D, or a classifier has learned
            another layout than the lifter writes.
    """
    progress = progress or SilentProgress()
    classifiers = {path.name: TrainedClassifier.load(RunFolder.open(path).model) for path in runs}
    experiments = {}
    for path in runs:
        run = RunFolder.open(path)
        loaded = load_to_evaluate(run, run.config(), classifiers[path.name])
        loaded.say(progress)
        experiments[path.name] = loaded.experiment
    configs = [experiment.config for experiment in experiments.values()]
    placeless = [config.data.model_copy(update={"root": None}) for config in configs]
    if any(one != placeless[0] for one in placeless):
        raise ValueError("the runs are of different data; a study compares classifiers on the same sequences")
    data = configs[0].located().data
    known = [config.poses for config in configs if config.poses.source == "lifted"]
    if lifter is None and not known:
        raise ValueError("none of the runs has a lifter; name one with --lifter")
    eyes = TwoStreamLifter.load(lifter) if lifter else open_lifter(known[0])
    for name, classifier in classifiers.items():
        if not can_map(eyes.skeleton, classifier.skeleton):
            raise ValueError(
                f"the lifter writes poses of layout {eyes.skeleton.name!r}, and the classifier of {name} has "
                f"learned {classifier.skeleton.name!r}: there is no way between them; leave that run out, or "
                "name another lifter"
            )
    split, keypoints = load(data), keypoints_of(data)
    clips, settings = split.test, known[0] if known else PosesConfig()
    named = [(clip, split.class_names[clip.label]) for clip in clips]
    accuracies: dict[str, dict[str, float]] = {name: {} for name in experiments}
    progress.begin("study", len(CONDITIONS) * len(clips))
    for number, (condition, observed) in enumerate(CONDITIONS.items(), start=1):
        poses = [
            clip.poses
            if observed is None
            else lift_clip(
                clip, keypoints(clip), eyes, settings.lookahead, replace(observed, mend=settings.mend)
            )
            for clip in clips
        ]
        for name, classifier in classifiers.items():
            lifted = experiments[name].config.poses.source == "lifted"
            accuracies[name][condition] = _accuracy(classifier, named, poses, observed is None, lifted)
        progress.advance(number * len(clips), condition)
    table, picture = out / "study.json", out / "study.png"
    write_json(table, {"total": len(clips), "accuracies": accuracies, "split": split.name})
    study_figure(accuracies).savefig(picture, dpi=150)
    return StudyOutcome(accuracies=accuracies, total=len(clips), table=table, picture=picture)


def _accuracy(
    classifier: TrainedClassifier,
    named: Sequence[tuple[Clip, str]],
    poses: list[PoseSequence3D | None],
    true: bool,
    lifted: bool,
) -> float:
    """Fraction of the clips whose action is named, poses turned into what the classifier has learned."""
    given = [(action, pose) for (_, action), pose in zip(named, poses, strict=True) if pose is not None]
    turned = []
    for _, pose in given:
        if true:
            pose = as_lifted(pose) if lifted else pose
        elif not lifted:
            pose = as_sensed(pose)
        turned.append(_in_layout(pose, classifier.skeleton))
    if not turned:
        return 0.0
    answers = [classifier.class_names[label] for label in classifier.predict(turned).argmax(axis=1)]
    right = sum(answer == action for answer, (action, _) in zip(answers, given, strict=True))
    return float(right / len(named))


def _in_layout(poses: PoseSequence3D, skeleton: Skeleton) -> PoseSequence3D:
    if poses.skeleton == skeleton:
        return poses
    return PoseSequence3D(
        xyz=map_joints(poses.xyz, poses.skeleton, skeleton), fps=poses.fps, skeleton=skeleton
    )


def study_figure(accuracies: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars of accuracy by condition, one color a classifier."""
    conditions = list(next(iter(accuracies.values())))
    figure = Figure(figsize=(8.6, 3.6), layout="constrained")
    axes = figure.subplots()
    places, width = np.arange(len(conditions)), 0.8 / len(accuracies)
    for number, (name, values) in enumerate(accuracies.items()):
        left = places + (number - (len(accuracies) - 1) / 2) * width
        heights = [100 * values[condition] for condition in conditions]
        bars = axes.bar(left, heights, width * 0.92, label=name, color=COLORS[number % len(COLORS)])
        axes.bar_label(bars, fmt="%.0f", fontsize=8, color="#24292f", padding=2)
    names = [fill(condition, 12) for condition in conditions]
    axes.set_xticks(places, names, fontsize=8)
    axes.set_ylim(0, 108)
    axes.set_ylabel("test sequences right, %")
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.grid(visible=True, color="#e4e7eb")
    axes.set_axisbelow(True)
    if len(accuracies) > 1:
        axes.legend(frameon=False, fontsize=8, ncols=len(accuracies), loc="upper right")
    return figure
