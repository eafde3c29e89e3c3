"""Recognition frame by frame: who is who, their poses, and what they do, in memory that does not grow.

A frame goes through the tracker, every known person through a lifter of their own, and every pose into that
person's window. A look at a window is an image and its probabilities; what is decided follows by hysteresis.
"""

import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.records import PersonView, RecognizedFrame
from cluster.recognition.windows import Decision, Timeline, Who, WindowConfig
from lifting.gaps import GapConfig
from lifting.inference import FrameLifter, LiftedFrame, StreamSelection
from lifting.mapping import map_joints
from lifting.one_euro import OneEuroConfig
from lifting.placing import root_path
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import Skeleton
from lifting.stage_times import StageTimes
from lifting.tracking import DetectedPerson, PeopleFrame, PersonTracker, TrackingConfig

__all__ = ["LiveOptions", "LiveRecognizer", "Look", "PoseWatcher"]

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

# A whole clip is looked at again when it has grown by this share, so that looks do not become ever dearer.
_GROWTH = 0.1


@dataclass(frozen=True, kw_only=True)
class LiveOptions:
    """How a stream is recognised.

    Attributes:
        windows: None takes the model's own.
        whole: the whole source is one window; `windows` then says only how often to look meanwhile.
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


@dataclass(frozen=True, eq=False, kw_only=True)
class Look:
    """One window, classified.

    Attributes:
        who: the person's identity, or the two of a pair.
        begin, end: of the window, seconds.
        num_frames: in the window.
        image: uint8 (S, S, 3) RGB, what was classified.
        probabilities: float32 (C,).
        label: the class decided for, after hysteresis; None where none is.
        final: nothing follows for them.
    """

    who: Who
    begin: float
    end: float
    num_frames: int
    image: Image
    probabilities: Floats
    label: int | None
    final: bool

    @property
    def probability(self) -> float:
        """Of the class decided for; where none is, of the likeliest."""
        return float(self.probabilities.max() if self.label is None else self.probabilities[self.label])


class PoseWatcher:
    """The window of one person, or of a pair: poses in, looks out.

    Args:
        model: whose classifier looks.
        who: identity, or the two of a pair.
        windows: when to look.
        whole: the window is all there was.
        fps: frames per second of the poses.
        source: layout of the poses that come.
        times: hears what encoding and classifying cost.
    """

    def __init__(
        self,
        model: RecognitionModel,
        who: Who,
        windows: WindowConfig,
        whole: bool,
        fps: float,
        source: Skeleton,
        times: StageTimes,
    ) -> None:
        self._model, self._source, self._times = model, source, times
        self.windows, self._whole, self._fps = windows, whole, fps
        self.who = who
        self._poses: deque[Floats] = deque(maxlen=None if whole else windows.window)
        self._seconds: deque[float] = deque(maxlen=None if whole else windows.window)
        self._seen: deque[NDArray[np.bool_]] = deque(maxlen=None if whole else windows.window)
        self._since, self._pause = 0, windows.least
        self._decision = Decision(windows)
        self.image: Image | None = None
        self.probabilities: Floats | None = None

    @property
    def label(self) -> int | None:
        """What is decided so far."""
        return self._decision.label

    @property
    def filled(self) -> float:
        """Share of the window that holds poses; of a whole clip that of the usual window."""
        return min(1.0, len(self._poses) / self.windows.window)

    def push(self, pose: Floats, seconds: float) -> Look | None:
        """The next pose, (K, 3) or (2, K, 3), NaN where unknown; a look when it is time for one."""
        target = self._model.classifier.skeleton
        mapped = pose if target == self._source else map_joints(pose, self._source, target)
        self._poses.append(mapped)
        self._seconds.append(seconds)
        self._seen.append(np.asarray(np.isfinite(mapped).all(axis=-1)))
        self._since += 1
        if self._since < self._pause or not self._shows(self.windows.least):
            return None
        return self._look(final=False)

    def _shows(self, least: int) -> bool:
        """Whether so many frames show most of the joints, and every joint is seen in one of them at least.

        Single joints that are missing are filled in time by the encoding; one that is never seen cannot be.
        """
        seen = np.stack(self._seen).reshape(len(self._seen), -1)
        return bool((seen.mean(axis=1) > 0.5).sum() >= least and seen.any(axis=0).all())

    def finish(self) -> Look | None:
        """A last look, where there is something that was not looked at; at a whole clip in any case."""
        if (self._since == 0 and not self._whole) or not self._seen or not self._shows(2):
            return None
        return self._look(final=True)

    def _look(self, *, final: bool) -> Look:
        poses = PoseSequence3D(
            xyz=np.stack(self._poses), fps=self._fps, skeleton=self._model.classifier.skeleton
        )
        with self._times.measured("encode"):
            self.image = self._model.classifier.images([poses])[0]
        with self._times.measured("classify"):
            self.probabilities = self._model.classify(self.image)
        label = self._decision.update(self.probabilities, final=final)
        if self._whole and final:
            label = int(self.probabilities.argmax())
        self._since = 0
        self._pause = self.windows.stride
        if self._whole:
            self._pause = max(self._pause, math.ceil(_GROWTH * len(self._poses)))
        return Look(
            who=self.who,
            begin=self._seconds[0],
            end=self._seconds[-1],
            num_frames=len(self._poses),
            image=self.image,
            probabilities=self.probabilities,
            label=label,
            final=final,
        )


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


class LiveRecognizer:
    """People in, frame by frame; recognised frames out, later by the look-ahead of the gap filling.

    live = recognizer.stream(BODY_25, fps=30, image_size=(1280, 720))
    for people in detections:
        for frame in live.push(people): ...
    live.finish()
    live.timeline.spans

    Args:
        model: with a lifter.
        skeleton: layout of the keypoints that come.
        fps: frames per second.
        image_size: (width, height) in which keypoints are pixels.
        options: how.
        heard: told of every look.

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
        heard: Callable[[Look], None] | None = None,
    ) -> None:
        if model.lifter is None:
            raise ValueError(
                "this model takes 3D poses alone, and 2D keypoints came; pack it with a lifter: "
                "`posenas pack RUN --lifter FOLDER --out FOLDER`"
            )
        self.model, self.skeleton, self.options = model, skeleton, options or LiveOptions()
        self.windows = self.options.windows or model.windows
        self._asked_stride = self.windows.stride
        self.times = StageTimes()
        self.timeline = Timeline(model.classifier.class_names)
        self._lifter, self._fps, self._image_size = model.lifter, fps, image_size
        self._heard = heard
        self._tracker = PersonTracker(self.options.tracking)
        self._tracks: dict[int, _Track] = {}
        self._watchers: dict[Who, PoseWatcher] = {}
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
        """The next frame with everyone in it; gives back the frames that need not wait any longer.

        Args:
            people: in any order, of the layout given.
            picture: BGR, for the film.
            seconds: since the beginning; by default by the frame rate.

        Raises:
            ValueError: keypoints of another layout.
        """
        number = self._next
        self._next += 1
        with self.times.measured("track"):
            tracked = self._tracker.update(PeopleFrame(index=number, people=tuple(people))).people
        at = number / self._fps if seconds is None else seconds
        self._waiting.append(_Waiting(number, at, picture, tracked))
        with self.times.measured("lift"):
            self._lift(number, tracked)
        ready = []
        while self._waiting and self._waiting[0].number <= number - self.options.gaps.lookahead:
            ready.append(self._recognise(self._waiting.popleft()))
        self._forget(number)
        return ready

    def look_within(self, milliseconds: float, working: float) -> None:
        """Let looks come so close together that no frame waits longer, given what working on one takes.

        Args:
            milliseconds: the longest wait.
            working: milliseconds from a frame's arrival to its look.
        """
        frames = int((milliseconds - working) / 1000 * self._fps) - self.options.gaps.lookahead
        stride = max(1, min(self._asked_stride, frames))
        if stride != self.windows.stride:
            self.windows = self.windows.model_copy(update={"stride": stride})
            for watcher in self._watchers.values():
                watcher.windows = self.windows

    def finish(self) -> list[RecognizedFrame]:
        """The frames that still wait, and the last looks, at the end of the source."""
        for track in self._tracks.values():
            track.lifted |= {track.first + frame.number: frame for frame in track.lifter.finish()}
        ready = [self._recognise(frame) for frame in self._waiting]
        self._waiting.clear()
        for key in list(self._watchers):
            self._end(key)
        return ready

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

    def _recognise(self, frame: _Waiting) -> RecognizedFrame:
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
            number=frame.number, seconds=frame.seconds, picture=frame.picture, people=shown
        )

    def _single(self, frame: _Waiting, identity: int, lifted: LiftedFrame) -> PersonView | None:
        watcher = self._watch((identity,), lifted.pose, frame.seconds)
        if not (lifted.keypoints.confidence > 0).any():
            return None
        return PersonView(
            track=identity,
            keypoints=lifted.keypoints.xy,
            confidence=lifted.keypoints.confidence,
            pose=lifted.pose,
            image=watcher.image,
            filled=watcher.filled,
            probabilities=watcher.probabilities,
            label=watcher.label,
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
        watcher = self._watch(key, placed, frame.seconds)
        return [
            PersonView(
                track=key[0],
                keypoints=np.stack([lifted[one].keypoints.xy for one in key]),
                confidence=np.stack([lifted[one].keypoints.confidence for one in key]),
                pose=placed,
                image=watcher.image,
                filled=watcher.filled,
                probabilities=watcher.probabilities,
                label=watcher.label,
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

    def _watch(self, key: Who, pose: Floats, seconds: float) -> PoseWatcher:
        if key not in self._watchers:
            self._watchers[key] = PoseWatcher(
                self.model,
                key,
                self.windows,
                self.options.whole,
                self._fps,
                self._lifter.skeleton,
                self.times,
            )
        watcher = self._watchers[key]
        self._tell(watcher.push(pose, seconds))
        return watcher

    def _tell(self, look: Look | None) -> None:
        if look is None:
            return
        if look.final or not self.options.whole:
            self.timeline.add(look.who, look.label, look.probability, look.begin, look.end)
        if self._heard is not None:
            self._heard(look)

    def _forget(self, number: int) -> None:
        """People who have been out of sight for too long have gone; should they return, they are new."""
        limit = number - self.options.tracking.max_gap - self.options.gaps.lookahead
        gone = {identity for identity, track in self._tracks.items() if track.last_seen < limit}
        for identity in gone:
            del self._tracks[identity]
        for key in [key for key in self._watchers if gone & set(key)]:
            self._end(key)

    def _end(self, key: Who) -> None:
        watcher = self._watchers.pop(key)
        self._tell(watcher.finish())
        self.timeline.leave(key)
