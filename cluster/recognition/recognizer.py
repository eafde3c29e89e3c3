"""The recognition model as Python uses it: whole clips at once, and streams frame by frame.

recognizer = Recognizer.load(Path("models/as1"))
recognizer.predict(keypoints).label                        # one clip of keypoints, or of poses
live = recognizer.stream(BODY_25, fps=30, image_size=(1280, 720))
for frame in live.push(people): ...                        # frame by frame
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cluster.recognition.events import pose_events, source_events, within_latency
from cluster.recognition.live import Event, LiveOptions, LiveRecognizer, no_lifter
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.records import WindowPrediction
from cluster.recognition.timeline import ActionSpan, in_order
from lifting.gaps import GapConfig
from lifting.mapping import can_map, map_joints
from lifting.one_euro import OneEuroConfig
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import Skeleton, skeleton_difference
from lifting.sources import Source
from lifting.stage_times import StageTimes
from lifting.trained_lifter import Runtime
from nas.threads import torch_threads

__all__ = ["Prediction", "Recognizer"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Prediction:
    """What a clip shows.

    Attributes:
        label: name of the likeliest action.
        probability: of it.
        probabilities: float32 (C,), in the order of the model's class names.
        image: uint8 (S, S, 3) RGB, the SPMF image that was classified.
    """

    label: str
    probability: float
    probabilities: NDArray[np.float32]
    image: NDArray[np.uint8]


class Recognizer:
    """Keypoints or poses in, actions out.

    Every clip is classified by itself on one thread: its answer depends on nothing that comes with it.

    Args:
        model: what recognizes.
    """

    def __init__(self, model: RecognitionModel) -> None:
        self.model = model

    @classmethod
    def load(cls, folder: Path, runtime: Runtime = "onnx") -> Self:
        """From a model folder; see `RecognitionModel.load`.

        Raises:
            FileNotFoundError: the folder or a part of it is missing.
            ValueError: a part was changed, or the format is not known.
        """
        return cls(RecognitionModel.load(folder, runtime))

    @property
    def class_names(self) -> tuple[str, ...]:
        """C names, in the order of all probabilities."""
        return self.model.classifier.class_names

    def predict(
        self,
        clip: Keypoints2D | PoseSequence3D | Source,
        *,
        gaps: GapConfig | None = None,
        smoothing: OneEuroConfig | None = None,
    ) -> Prediction:
        """The action of one clip.

        Args:
            clip: keypoints of one person, which are lifted; poses; or frames with people, of whom the one (or
                the pair) that is longest in sight counts.
            gaps: how lost keypoints are filled.
            smoothing: of the lifted poses.

        Raises:
            ValueError: the clip has another joint layout or number of people than the model needs, keypoints
                came and the model has no lifter, or no person is seen for two frames.
        """
        if isinstance(clip, Keypoints2D):
            return self.predict_poses(self.lift(clip, gaps=gaps, smoothing=smoothing))
        if isinstance(clip, PoseSequence3D):
            return self.predict_poses(clip)
        return self._predict_source(clip, gaps or GapConfig(), smoothing)

    def predict_many(self, clips: Sequence[Keypoints2D | PoseSequence3D]) -> list[Prediction]:
        """The actions of many clips, one by one; the same answers as from `predict`."""
        return [self.predict(clip) for clip in clips]

    def lift(
        self, keypoints: Keypoints2D, *, gaps: GapConfig | None = None, smoothing: OneEuroConfig | None = None
    ) -> PoseSequence3D:
        """Keypoints of one person as the poses that the classifier takes.

        Raises:
            ValueError: the model has no lifter or is of pairs, or the layouts do not fit.
        """
        if self.model.lifter is None:
            raise ValueError(no_lifter(self.model))
        if self.model.classifier.num_people != 1:
            raise ValueError(
                "keypoints of one person came, and this model names what two people do; stream both of them"
            )
        return self.as_learned(self.model.lifter.lift(keypoints, gaps=gaps, smoothing=smoothing))

    def predict_poses(self, poses: PoseSequence3D) -> Prediction:
        """The action of one clip of poses; as `predict`."""
        classifier = self.model.classifier
        with torch_threads(1):
            image = classifier.images([self.as_learned(poses)])[0]
            probabilities = self.model.classify(image)
        return self._prediction(image, probabilities)

    def stream(
        self,
        skeleton: Skeleton,
        *,
        fps: float,
        image_size: tuple[int, int],
        options: LiveOptions | None = None,
    ) -> LiveRecognizer:
        """Frame by frame: `.push(people)`, `.finish()`, `.timeline`; see `cluster.recognition.live`."""
        return LiveRecognizer(self.model, skeleton, fps=fps, image_size=image_size, options=options)

    def events(
        self,
        source: Source | PoseSequence3D,
        *,
        options: LiveOptions | None = None,
        times: StageTimes | None = None,
        max_latency: float | None = None,
        stop: Callable[[], bool] | None = None,
        frames: bool = False,
    ) -> Generator[Event]:
        """All that is recognized in frames with people, or in one long clip of poses, as it comes.

            for event in recognizer.events(open_source("walk.mp4")):
                match event:
                    case WindowPrediction(): ...  # a window was classified
                    case RecognizedFrame(): ...  # a frame is done
                    case ActionSpan(): ...  # an action has ended

        Args:
            source: as `lifting.open_source` gives it, or poses.
            options: how.
            times: takes the cost of each stage.
            max_latency, stop: as `cluster.recognition.events.source_events`.
            frames: whether a clip of poses has frames too, in which it is seen from the front.

        Raises:
            ValueError: another layout or number of people than the model needs, or `max_latency` is shorter
                than a frame.
        """
        options, times = options or LiveOptions(), times or StageTimes()
        if isinstance(source, PoseSequence3D):
            return pose_events(self.model, self.as_learned(source), options, times, frames=frames)
        if max_latency is not None:
            windows = options.windows or self.model.windows
            options = within_latency(options, windows, source.fps, max_latency)
        live = self.stream(source.skeleton, fps=source.fps, image_size=source.image_size, options=options)
        live.times = times
        return source_events(live, source, max_latency=max_latency, stop=stop)

    def watch(
        self,
        source: Source | PoseSequence3D,
        *,
        options: LiveOptions | None = None,
        times: StageTimes | None = None,
    ) -> tuple[ActionSpan, ...]:
        """The timeline of frames with people, or of a long clip of poses: its actions, by their beginnings.

        Raises:
            ValueError: as `events`.
        """
        events = self.events(source, options=options, times=times)
        return in_order(event for event in events if isinstance(event, ActionSpan))

    def as_learned(self, poses: PoseSequence3D) -> PoseSequence3D:
        """The poses in the classifier's layout, its axes and at its rate."""
        learned = self.model.classifier.learned
        mapped = self._in_layout(poses)
        if learned is None:
            return mapped
        learned.check(mapped)
        return learned.standing(learned.at_rate(mapped))

    def _in_layout(self, poses: PoseSequence3D) -> PoseSequence3D:
        """The poses in the classifier's layout."""
        needed = self.model.classifier.skeleton
        if poses.skeleton == needed:
            return poses
        if not can_map(poses.skeleton, needed):
            who = {"subject": "the poses have", "needs": "this model needs"}
            raise ValueError(skeleton_difference(poses.skeleton, needed, **who))
        return PoseSequence3D(
            xyz=map_joints(poses.xyz, poses.skeleton, needed), fps=poses.fps, skeleton=needed
        )

    def _predict_source(self, source: Source, gaps: GapConfig, smoothing: OneEuroConfig | None) -> Prediction:
        options = LiveOptions(whole=True, gaps=gaps, smoothing=smoothing)
        windows = [
            event
            for event in self.events(source, options=options)
            if isinstance(event, WindowPrediction) and event.final
        ]
        if not windows:
            raise ValueError("no person is seen for two frames; one who acts is needed")
        longest = max(windows, key=lambda one: one.num_frames)
        return self._prediction(longest.image, longest.probabilities)

    def _prediction(self, image: NDArray[np.uint8], probabilities: NDArray[np.float32]) -> Prediction:
        best = int(probabilities.argmax())
        return Prediction(
            label=self.class_names[best],
            probability=float(probabilities[best]),
            probabilities=probabilities,
            image=image,
        )
