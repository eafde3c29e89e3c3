"""A source through the recognizer, to its end: JSON lines and a film on the way, and what each stage cost."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cluster.recognition.film import RecognitionFilm
from cluster.recognition.json_lines import JsonLines
from cluster.recognition.live import Event, LiveOptions
from cluster.recognition.pose_views import FRONT_SIZE
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.records import RecognizedFrame, Who, WindowPrediction
from cluster.recognition.timeline import ActionSpan, in_order
from lifting.poses import PoseSequence3D
from lifting.progress import Progress, silent
from lifting.sources import Source
from lifting.stage_times import StageTimes

__all__ = ["RecognitionOutcome", "RecognitionOutput", "recognize_source"]

_DELAYS_KEPT = 1000


@dataclass(frozen=True, kw_only=True)
class RecognitionOutput:
    """Where what is recognized goes, beside the outcome.

    Attributes:
        lines: JSON lines, one a window and one an action; None: none.
        film: the annotated .mp4; None: none.
    """

    lines: Path | None = None
    film: Path | None = None


@dataclass(frozen=True, kw_only=True)
class RecognitionOutcome:
    """What was recognized.

    Attributes:
        spans: the actions of everyone, in the order of their beginnings.
        predictions: the last window of everyone (or of every pair).
        num_frames: of the source.
        num_with_people: frames in which a person was detected.
        times: what each stage cost.
        frames_per_second: by which everything went.
        delays: milliseconds from a frame's arrival to the prediction that it caused.
        film: where asked for.
        interrupted: it was stopped before the source ended.
    """

    spans: tuple[ActionSpan, ...]
    predictions: tuple[WindowPrediction, ...]
    num_frames: int
    num_with_people: int
    times: StageTimes
    frames_per_second: float
    delays: tuple[float, ...]
    film: Path | None = None
    interrupted: bool = False


def recognize_source(
    recognizer: Recognizer,
    source: Source | PoseSequence3D,
    *,
    options: LiveOptions | None = None,
    output: RecognitionOutput | None = None,
    times: StageTimes | None = None,
    max_latency: float | None = None,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> RecognitionOutcome:
    """Recognize everyone in a source, or the person of a long clip of poses, to its end.

    Args:
        recognizer: with a lifter, unless poses come.
        source: frames with people, or poses.
        options, max_latency, stop: as `Recognizer.events`.
        output: what is written meanwhile.
        times: the source's own, so that its stages stand beside the others.
        progress: called for every frame.

    Raises:
        ValueError: the model cannot take the source's layout, or keypoints cannot be read.
        RuntimeError: the detector ends by itself.
        OSError: what is to be written cannot be, or a camera gives no more.
    """
    output, times, begin = output or RecognitionOutput(), times or StageTimes(), time.perf_counter()
    events = recognizer.events(
        source,
        options=options,
        times=times,
        max_latency=max_latency,
        stop=stop,
        frames=output.film is not None,
    )
    with ExitStack() as stack:
        stack.enter_context(closing(events))
        lines = stack.enter_context(JsonLines(output.lines, recognizer.class_names)) if output.lines else None
        film = stack.enter_context(_film(output.film, recognizer, source)) if output.film else None
        account = _Account(recognizer.class_names, times, lines, film, progress or silent, begin)
        account.begin(source)
        for event in events:
            account.take(event)
        if film is not None:
            film.finish()
        if lines is not None:
            lines.finish()
    return RecognitionOutcome(
        spans=in_order(account.spans),
        predictions=tuple(account.last.values()),
        num_frames=account.num_frames,
        num_with_people=account.num_with_people,
        times=times,
        frames_per_second=account.num_frames / max(time.perf_counter() - begin, 1e-9),
        delays=tuple(account.delays),
        film=output.film,
        interrupted=stop is not None and stop(),
    )


@dataclass
class _Account:
    """What a run gathers on its way."""

    class_names: tuple[str, ...]
    times: StageTimes
    lines: JsonLines | None
    film: RecognitionFilm | None
    progress: Progress
    begun: float
    total: int = 0
    counted: bool = False
    num_frames: int = 0
    num_with_people: int = 0
    spans: list[ActionSpan] = field(default_factory=list)
    last: dict[Who, WindowPrediction] = field(default_factory=dict)
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=_DELAYS_KEPT))

    def begin(self, source: Source | PoseSequence3D) -> None:
        if isinstance(source, PoseSequence3D):  # which is there at once
            self.num_frames, self.counted = source.num_frames, True
            seen = np.isfinite(source.xyz).reshape(source.num_frames, -1).any(axis=1)
            self.num_with_people = int(seen.sum())
            return
        self.total = source.num_frames
        self.progress("recognition", 0, self.total)

    def take(self, event: Event) -> None:
        if self.lines is not None:
            self.lines.take(event)
        if isinstance(event, ActionSpan):
            self.spans.append(event)
        elif isinstance(event, WindowPrediction):
            self.last[event.who] = event
            if self.film is not None and event.final:
                self.film.conclude(event)
            self.delays.extend([] if event.delay is None else [event.delay])
        else:
            self._take_frame(event)

    def _take_frame(self, frame: RecognizedFrame) -> None:
        if self.film is not None:
            with self.times.measured("draw"):
                self.film.append(frame)
        if self.counted:
            return
        self.num_frames += 1
        self.num_with_people += frame.num_detected > 0
        rate = self.num_frames / max(time.perf_counter() - self.begun, 1e-9)
        labels = [one.label for one in self.last.values() if one.label is not None]
        names = ", ".join(self.class_names[label] for label in labels[-2:])
        self.progress("recognition", self.num_frames, self.total, f"{rate:.0f} frames/s  {names}".rstrip())


def _film(path: Path, recognizer: Recognizer, source: Source | PoseSequence3D) -> RecognitionFilm:
    if isinstance(source, PoseSequence3D):
        poses = recognizer.as_learned(source)
        return RecognitionFilm(
            path,
            skeletons=(poses.skeleton, poses.skeleton),
            class_names=recognizer.class_names,
            image_size=FRONT_SIZE,
            fps=poses.fps,
            captions=("from the front", "from all sides"),
        )
    lifter = recognizer.model.lifter
    assert lifter is not None, "frames of keypoints are refused where there is no lifter"
    return RecognitionFilm(
        path,
        skeletons=(source.skeleton, lifter.skeleton),
        class_names=recognizer.class_names,
        image_size=source.image_size,
        fps=source.fps,
    )
