"""The whole chain on built-in data: lifter, lifted clips, search, training, test, recognition, film."""

import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cluster.config import ExperimentConfig
from cluster.files import write_atomically
from cluster.lifter.config import LiftConfig
from cluster.lifter.folder import LiftRun
from cluster.lifter.training import run_lift_training
from cluster.progress import Progress, SilentProgress, duration
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.film import RecognitionFilm
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.records import RecognizedFrame
from cluster.recognition.timeline import ActionSpan, in_order
from cluster.recognition.windows import WindowConfig
from cluster.stages.evaluation import EvaluationOutcome, run_evaluation
from cluster.stages.filming import DEMO_CAMERA, film_poses, one_after_the_other
from cluster.stages.final_training import TrainingOutcome, run_training
from cluster.stages.folder import RunFolder
from cluster.stages.lifted_data import ObservationConditions, lift_clips
from cluster.stages.search import SearchOutcome, run_search
from encoding.datasets import Clip, save_clips
from encoding.datasets.synthetic import synthetic
from lifting.noise import DetectorNoise
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.sources import ClipSource
from lifting.trained_lifter import TwoStreamLifter

__all__ = ["DemoOutcome", "demo_config", "demo_lift_config", "film_recognition", "run_demo"]

# What is shown: a person of the test part, whom neither search nor training has seen, doing this.
_SHOWN_SUBJECT = 2
_SHOWN_ACTIONS = ("two hand wave", "bend", "jogging", "forward kick", "squat", "high arm wave")
# Clips last two to four seconds at 15 frames/s.
_WINDOWS = WindowConfig(window=40, stride=3, least=24, enter=0.6, leave=0.4)


@dataclass(frozen=True, kw_only=True)
class DemoOutcome:
    """What the demo did.

    Attributes:
        search, training, evaluation: outcomes of the three stages.
        model: the folder of the recognition model.
        film: the annotated video.
        picture: its surest moment.
        spans: what was recognized in it.
        tracking: the MLflow store.
        seconds: of it all.
    """

    search: SearchOutcome
    training: TrainingOutcome
    evaluation: EvaluationOutcome
    model: Path
    film: Path
    picture: Path
    spans: tuple[ActionSpan, ...]
    tracking: str
    seconds: float

    def lines(self) -> list[str]:
        """For a person: what came out, and where to look."""
        folder, test = self.search.folder, self.evaluation
        seen = ", ".join(f"{span.label} ({span.begin:.0f} to {span.end:.0f} s)" for span in self.spans)
        return [
            f"accuracy  {test.accuracy:.3f} ({test.correct} of {test.total} test sequences of unseen people, "
            "lifted from 2D)",
            f"genotype  {self.search.genotype}",
            f"network   {self.training.num_parameters:,} parameters",
            f"pictures  {folder / 'pictures'}",
            f"report    {folder / 'report.html'}",
            f"model     {self.model}",
            f"shown     {', '.join(_SHOWN_ACTIONS)}",
            f"seen      {seen or 'nothing with enough confidence'}",
            f"film      {self.film} (a picture of it: {self.picture.name})",
            f"MLflow    posenas ui --tracking {self.tracking}",
            f"time      {duration(self.seconds)}",
        ]


def demo_lift_config(threads: int | None = None) -> LiftConfig:
    """A small lifter, trained for about a minute on synthetic people seen by cameras like the demo's."""
    return LiftConfig.preset(
        "best",
        {
            "data.num_subjects": 9,
            "data.clips_per_action": 1,
            "data.cameras.distance_mm": (2200, 3500),
            "data.cameras.elevation_degrees": (-6, 10),
            "data.cameras.focal": DEMO_CAMERA.focal[0],
            "data.cameras.image_size": DEMO_CAMERA.image_size,
            "data.cameras.roll_degrees": 1,
            "data.cameras.aside": 0.05,
            "model.width": 256,
            "training.epochs": 6,
            "training.steps_per_epoch": 200,
            "training.learning_rate": 2e-3,
            "training.halve_every": 2,
            "training.wild_keypoints": 0.03,
            "resources.threads": threads,
            "tracking": None,
        },
    )


def demo_config(clips: Path, workers: int = 2, tracking: str | None = None) -> ExperimentConfig:
    """Small enough for a few minutes on two cores; the clips are those of the file."""
    return ExperimentConfig.preset(
        "small",
        {
            "data.name": "npz",
            "data.root": str(clips),
            "search.epochs": 5,
            "search.weight_steps_per_epoch": 16,
            "search.controller_steps_per_epoch": 4,
            "derivation.num_samples": 20,
            "derivation.num_retrained": 2,
            "derivation.parameters": 60_000,
            "derivation.epochs": 12,
            "training.epochs": 40,
            "final_augmentation": None,
            "parameters": 150_000,
            "resources.workers": workers,
            **({"tracking.uri": tracking} if tracking else {}),
        },
    )


def run_demo(
    folder: Path, *, workers: int = 2, tracking: str | None = None, progress: Progress | None = None
) -> DemoOutcome:
    """Train a lifter, search, train and test on lifted synthetic clips, and film the recognition of one.

        lifter/           the training of the lifter
        clips.npz         synthetic people, filmed, detected with errors, and lifted
        search/           the run: search, training, test, pictures, report
        recognition/      all of it in one folder, as `posenas recognize --model` takes it
        recognition.mp4   the film
        recognition.png   its surest moment

    A demo that was stopped continues where it was; one that is finished shows its results again.

    Args:
        folder: new, or that of an earlier demo.
        workers: Ray evaluators; 0 searches in this process, with the same result.
        tracking: MLflow store; by default sqlite:///mlflow.db.
        progress: receives every step.

    Raises:
        FileExistsError: a folder inside holds something else.
        ValueError: it holds another run.
    """
    progress, begin = progress or SilentProgress(), time.perf_counter()
    lifter = _lifter(LiftRun(folder / "lifter"), progress)
    clips = folder / "clips.npz"
    if not clips.exists():
        people = synthetic(noise_mm=0)  # the errors are the detector's and the lifter's
        save_clips(clips, lift_clips(people, _filmed, lifter, 0, ObservationConditions(mend=True)))
    config, run = demo_config(clips, workers, tracking), folder / "search"
    search = run_search(config, run, resume=RunFolder(run).experiment_file.exists(), progress=progress)
    training = run_training(run, progress=progress)
    evaluation = run_evaluation(run, progress=progress)
    classifier = TrainedClassifier.load(run / "model")
    RecognitionModel(classifier=classifier, lifter=lifter, windows=_WINDOWS).save(folder / "recognition")
    film, picture = folder / "recognition.mp4", folder / "recognition.png"
    spans = film_recognition(Recognizer.load(folder / "recognition"), film, picture, progress)
    return DemoOutcome(
        search=search,
        training=training,
        evaluation=evaluation,
        model=folder / "recognition",
        film=film,
        picture=picture,
        spans=spans,
        tracking=config.tracking.uri if config.tracking else "none",
        seconds=time.perf_counter() - begin,
    )


def film_recognition(
    recognizer: Recognizer, path: Path, picture: Path, progress: Progress | None = None
) -> tuple[ActionSpan, ...]:
    """Recognize what a synthetic person does from what a detector sees of it, and film that.

    Args:
        recognizer: with a lifter that takes the Human3.6M layout.
        path: of the .mp4.
        picture: of the .png of its surest moment, of the second half, where there is most to see.
        progress: receives every frame.

    Returns:
        What was recognized when.
    """
    progress = progress or SilentProgress()
    keypoints = film_poses(_shown(), DEMO_CAMERA, DetectorNoise(), np.random.default_rng(1))
    lifter = recognizer.model.lifter
    assert lifter is not None
    progress.begin("recognition", keypoints.num_frames)
    spans: list[ActionSpan] = []
    surest, best = -1.0, None
    with RecognitionFilm(
        path,
        skeletons=(keypoints.skeleton, lifter.skeleton),
        class_names=recognizer.class_names,
        image_size=keypoints.image_size,
        fps=keypoints.fps,
    ) as film:
        for event in recognizer.events(ClipSource(keypoints)):
            if isinstance(event, ActionSpan):
                spans.append(event)
            elif isinstance(event, RecognizedFrame):
                drawn = film.append(event)
                progress.advance(event.number + 1)
                if 2 * event.number >= keypoints.num_frames and (sureness := _sureness(event)) > surest:
                    surest, best = sureness, drawn
    assert best is not None
    _, png = cv2.imencode(".png", best)
    write_atomically(picture, png.tobytes())
    return in_order(spans)


def _sureness(frame: RecognizedFrame) -> float:
    """The probability of what is decided; 0 where nothing is."""
    return max(
        (
            float(person.probabilities[person.label])
            for person in frame.people
            if person.label is not None and person.probabilities is not None
        ),
        default=0.0,
    )


def _lifter(run: LiftRun, progress: Progress) -> TwoStreamLifter:
    if not run.lifter.exists():
        run_lift_training(demo_lift_config(), run.path, resume=run.config_file.exists(), progress=progress)
    return TwoStreamLifter.load(run.lifter)


def _filmed(clip: Clip) -> Keypoints2D:
    """A clip as the demo's detector sees it; its errors are the clip's own."""
    return film_poses(
        clip.poses, DEMO_CAMERA, DetectorNoise(), np.random.default_rng([0, *clip.name.encode()])
    )


def _shown() -> PoseSequence3D:
    people = synthetic(noise_mm=0, viewpoint_degrees=20)
    first = {
        people.class_names[clip.label]: clip
        for clip in reversed(people.test)
        if clip.subject == _SHOWN_SUBJECT
    }
    return one_after_the_other([first[action] for action in _SHOWN_ACTIONS])
