"""Recognition frame by frame: who is who, their poses, and what they do, in memory that does not grow.

A frame goes through the tracker, every known person through a lifter of their own, and every pose into that
person's window. A window becomes an image and its probabilities; what is decided follows by hysteresis.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from cluster.recognition.learned import scaled_windows
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.person_window import PersonWindow
from cluster.recognition.records import PersonView, RecognizedFrame, Who, WindowPrediction
from cluster.recognition.timeline import ActionSpan, Timeline
from cluster.recognition.windows import WindowConfig
from lifting.gaps import GapConfig
from lifting.inference import FrameLifter, LiftedFrame, StreamSelection
from lifting.one_euro import OneEuroConfig
from lifting.placing import root_path
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import Skeleton
from lifting.stage_times import StageTimes
from lifting.tracking import DetectedPerson, PeopleFrame, PersonTracker, TrackingConfig

__all__ = ["Event", "LiveOptions", "LiveRecognizer", "no_lifter"]

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

Event = WindowPrediction | RecognizedFrame | ActionSpan
"""What recognition says as it runs: a window was classified, a frame is done, an action has ended."""


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """How a stream is recognized.

    Attributes:
        windows: None takes the model's own.
        whole: the whole source is one window; `windows` then says only how often it is classified meanwhile.
        gaps: how keypoints that the detector lost are filled; its look-ahead delays everything.
        smoothing: of the poses; None: none.
        use: which of the lifter's streams answer.
        tracking: how identities are kept.
        focal: of the camera, pixels, for pairs; None guesses it (`lifting.placing`).
    """

    windows: WindowConfig | None = None
    whole: bool = False
    gaps: GapConfig = field(default_factory=GapConfig)
    smoothing: OneEuroConfig | None = None
    use: StreamSelection = "both"
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    focal: float | None = None


@dataclass
class _Track:
    """One person who is known: their lifter and when they were seen last."""

    lifter: FrameLifter
    first: int
    last_seen: int
    lifted: dict[int, LiftedFrame] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A frame that still waits for its successors."""

    number: int
    seconds: float
    picture: Image | None
    people: Mapping[int, DetectedPerson]
    num_detected: int


def no_lifter(model: RecognitionModel) -> str:
    """Why a model without a lifter cannot take keypoints as they come."""
    learned = model.classifier.learned
    if learned is not None and learned.flat:
        return (
            "keypoints came frame by frame, and this model learned from 2D clips as a whole; make clips of "
            "them (`posenas data import SOURCE --unlabeled --out new.npz`) and recognize that file"
        )
    return "2D keypoints came, and this model takes 3D poses alone; pack it with a lifter (`posenas pack`)"


class LiveRecognizer:
    """People in, frame by frame; recognized frames out, later by the look-ahead of the gap filling.

    live = recognizer.stream(BODY_25, fps=30, image_size=(1280, 720))
    for people in detections:
        for event in live.advance(people): ...  # or live.push(people), which gives the frames alone
    for event in live.end(): ...
    live.timeline.spans

    Args:
        model: with a lifter.
        skeleton: layout of the keypoints that come.
        fps: frames per second.
        image_size: (width, height) in which keypoints are pixels.
        options: how.

    Raises:
        ValueError: the model has no lifter, or it cannot take this layout.
    """

    def __init__(
        self,
        model: RecognitionModel,
        skeleton: Skeleton,
        *,
        fps: float,
        image_size: tuple[int, int],
        options: LiveOptions | None = None,
    ) -> None:
        if model.lifter is None:
            raise ValueError(no_lifter(model))
        self.model, self.skeleton, self.options = model, skeleton, options or LiveOptions()
        windows = self.options.windows or model.windows
        self.windows = scaled_windows(windows, fps, model.classifier.learned)
        self._asked_stride = self.windows.stride
        self.times = StageTimes()
        self.timeline = Timeline(model.classifier.class_names)
        self._lifter, self._fps, self._image_size = model.lifter, fps, image_size
        self._events: list[Event] = []
        self._arrived: float | None = None
        self._tracker = PersonTracker(self.options.tracking)
        self._tracks: dict[int, _Track] = {}
        self._windows: dict[Who, PersonWindow] = {}
        self._waiting: deque[_Waiting] = deque()
        self._next = 0
        self._new_lifter()  # says now where the layouts do not fit

    def _new_lifter(self) -> FrameLifter:
        options = self.options
        return self._lifter.stream(
            self.skeleton, self._fps, use=options.use, gaps=options.gaps, smoothing=options.smoothing
        )

    def push(
        self,
        people: Sequence[DetectedPerson],
        *,
        picture: Image | None = None,
        seconds: float | None = None,
    ) -> list[RecognizedFrame]:
        """As `advance`; the frames alone."""
        events = self.advance(people, picture=picture, seconds=seconds)
        return [event for event in events if isinstance(event, RecognizedFrame)]

    def finish(self) -> list[RecognizedFrame]:
        """As `end`; the frames alone."""
        return [event for event in self.end() if isinstance(event, RecognizedFrame)]

    def advance(
        self,
        people: Sequence[DetectedPerson],
        *,
        picture: Image | None = None,
        seconds: float | None = None,
        arrived: float | None = None,
    ) -> list[Event]:
        """The next frame with everyone in it.

        Args:
            people: in any order, of the layout given.
            picture: BGR, for the film.
            seconds: since the beginning; by default by the frame rate.
            arrived: when the frame was there, `time.perf_counter`, for the delays of the predictions.

        Returns:
            The windows that it completed, the frames that need not wait any longer, and the actions that have
            ended with it.

        Raises:
            ValueError: keypoints of another layout.
        """
        number = self._next
        self._next += 1
        self._arrived = arrived
        with self.times.measured("track"):
            tracked = self._tracker.update(PeopleFrame(index=number, people=tuple(people))).people
        at = number / self._fps if seconds is None else seconds
        self._waiting.append(_Waiting(number, at, picture, tracked, len(people)))
        with self.times.measured("lift"):
            self._lift(number, tracked)
        while self._waiting and self._waiting[0].number <= number - self.options.gaps.lookahead:
            self._events.append(self._recognize(self._waiting.popleft()))
        self._forget(number)
        return self._taken()

    def end(self) -> list[Event]:
        """What is left at the end of the source: frames that still wait, last windows, and last actions."""
        self._arrived = None
        for track in self._tracks.values():
            track.lifted |= {track.first + frame.number: frame for frame in track.lifter.finish()}
        for frame in self._waiting:
            self._events.append(self._recognize(frame))
        self._waiting.clear()
        for key in list(self._windows):
            self._end(key)
        return self._taken()

    def _taken(self) -> list[Event]:
        taken, self._events = self._events, []
        return taken

    def predict_within(self, milliseconds: float, working: float) -> None:
        """Shorten the stride so far that no frame waits longer, given what working on one takes.

        Args:
            milliseconds: the longest wait.
            working: milliseconds from a frame's arrival to its prediction.
        """
        frames = int((milliseconds - working) / 1000 * self._fps) - self.options.gaps.lookahead
        stride = max(1, min(self._asked_stride, frames))
        if stride != self.windows.stride:
            self.windows = self.windows.model_copy(update={"stride": stride})
            for window in self._windows.values():
                window.windows = self.windows

    def _lift(self, number: int, tracked: Mapping[int, DetectedPerson]) -> None:
        for identity in tracked:
            if identity not in self._tracks:
                self._tracks[identity] = _Track(self._new_lifter(), number, number)
        for identity, track in self._tracks.items():
            person = tracked.get(identity)
            if person is None:
                lifted = track.lifter.push(None)
            else:
                track.last_seen = number
                lifted = track.lifter.push(person.xy, person.confidence)
            track.lifted |= {track.first + frame.number: frame for frame in lifted}

    def _recognize(self, frame: _Waiting) -> RecognizedFrame:
        lifted = {
            identity: track.lifted.pop(frame.number)
            for identity, track in self._tracks.items()
            if frame.number in track.lifted
        }
        if self.model.classifier.num_people == 2:
            views = self._pair(frame, lifted)
        else:
            views = [self._single(frame, identity, one) for identity, one in lifted.items()]
        shown = tuple(view for view in views if view is not None)
        return RecognizedFrame(
            number=frame.number,
            seconds=frame.seconds,
            picture=frame.picture,
            people=shown,
            num_detected=frame.num_detected,
        )

    def _single(self, frame: _Waiting, identity: int, lifted: LiftedFrame) -> PersonView | None:
        window = self._advance_window((identity,), lifted.pose, frame.seconds)
        if not (lifted.keypoints.confidence > 0).any():
            return None
        return PersonView(
            track=identity,
            keypoints=lifted.keypoints.xy,
            confidence=lifted.keypoints.confidence,
            pose=lifted.pose,
            image=window.image,
            filled=window.filled,
            probabilities=window.probabilities,
            label=window.label,
        )

    def _pair(self, frame: _Waiting, lifted: Mapping[int, LiftedFrame]) -> list[PersonView | None]:
        """The two people who are largest; their poses stand where the camera sees them."""
        seen = [one for one in lifted if one in frame.people]
        if len(seen) > 2:
            seen = sorted(seen, key=lambda one: -frame.people[one].size)[:2]
        if len(seen) < 2:
            return []
        key = tuple(sorted(seen))
        placed = np.stack([self._placed(lifted[one]) for one in key])
        window = self._advance_window(key, placed, frame.seconds)
        return [
            PersonView(
                track=key[0],
                keypoints=np.stack([lifted[one].keypoints.xy for one in key]),
                confidence=np.stack([lifted[one].keypoints.confidence for one in key]),
                pose=placed,
                image=window.image,
                filled=window.filled,
                probabilities=window.probabilities,
                label=window.label,
            )
        ]

    def _placed(self, lifted: LiftedFrame) -> Floats:
        """(K, 3) in the axes of the camera."""
        if not np.isfinite(lifted.pose).all():
            return np.full_like(lifted.pose, np.nan)
        poses = PoseSequence3D(xyz=lifted.pose[None], fps=self._fps, skeleton=self._lifter.skeleton)
        keypoints = Keypoints2D(
            xy=lifted.keypoints.xy[None],
            confidence=lifted.keypoints.confidence[None],
            image_size=self._image_size,
            fps=self._fps,
            skeleton=self.skeleton,
        )
        path: Floats = root_path(poses, keypoints, self.options.focal)
        return np.asarray(lifted.pose + path[0], np.float32)

    def _advance_window(self, key: Who, pose: Floats, seconds: float) -> PersonWindow:
        if key not in self._windows:
            self._windows[key] = PersonWindow(
                self.model,
                key,
                self.windows,
                self.options.whole,
                self._fps,
                self._lifter.skeleton,
                self.times,
            )
        window = self._windows[key]
        self._note(window.push(pose, seconds))
        return window

    def _note(self, prediction: WindowPrediction | None) -> None:
        if prediction is None:
            return
        if self._arrived is not None and not prediction.final:
            delay = 1000 * (time.perf_counter() - self._arrived)
            prediction = replace(prediction, delay=delay)
        self._events.append(prediction)
        if prediction.final or not self.options.whole:
            self._note_end(self.timeline.take(prediction))

    def _note_end(self, span: ActionSpan | None) -> None:
        if span is not None:
            self._events.append(span)

    def _forget(self, number: int) -> None:
        """People who have been out of sight for too long have gone; should they return, they are new."""
        limit = number - self.options.tracking.max_gap - self.options.gaps.lookahead
        gone = {identity for identity, track in self._tracks.items() if track.last_seen < limit}
        for identity in gone:
            del self._tracks[identity]
        for key in [key for key in self._windows if gone & set(key)]:
            self._end(key)

    def _end(self, key: Who) -> None:
        self._note(self._windows.pop(key).finish())
        self._note_end(self.timeline.leave(key))
