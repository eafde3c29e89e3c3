"""A source through the recogniser: actions told as they come, JSON lines, and what each stage cost."""

import json
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TextIO

import numpy as np

from cluster.interruption import Interruption
from cluster.progress import Progress, SilentProgress
from cluster.recognition.film import RecognitionFilm
from cluster.recognition.live import LiveOptions, LiveRecognizer, Look
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.records import RecognizedFrame
from cluster.recognition.windows import ActionSpan, Who, WindowConfig
from lifting.poses import PoseSequence3D
from lifting.sources import Source
from lifting.stage_times import StageTimes
from nas.threads import torch_threads

__all__ = ["RecognitionOutcome", "RecognitionOutput", "recognize_poses", "recognize_source", "within_latency"]

_DELAYS_KEPT = 1000


@dataclass(frozen=True, kw_only=True)
class RecognitionOutput:
    """Where what is recognised goes, beside the outcome.

    Attributes:
        lines: JSON lines, one a look and one an action; None: none.
        film: the annotated .mp4; None: none.
        heard: told of every look as it comes.
    """

    lines: Path | None = None
    film: Path | None = None
    heard: Callable[[Look], None] | None = None


@dataclass(frozen=True, kw_only=True)
class RecognitionOutcome:
    """What was recognised.

    Attributes:
        spans: the actions of everyone, in the order of their beginnings.
        looks: the last look at everyone (or every pair).
        num_frames: of the source.
        num_with_people: frames in which somebody was detected.
        times: what each stage cost.
        frames_per_second: by which everything went.
        delays: milliseconds from a frame's arrival to the answer of the look that it caused.
        film: where asked for.
    interrupted: it was stopped before the source ended.
    """

    spans: tuple[ActionSpan, ...]
    looks: tuple[Look, ...]
    num_frames: int
    num_with_people: int
    times: StageTimes
    frames_per_second: float
    delays: tuple[float, ...]
    film: Path | None = None
    interrupted: bool = False


@dataclass
class _Account:
    """What a run gathers on its way."""

    recognizer: Recognizer
    output: RecognitionOutput
    lines: TextIO | None = None
    last: dict[Who, Look] = field(default_factory=dict)
    delays: deque[float] = field(default_factory=lambda: deque(maxlen=_DELAYS_KEPT))
    arrived: float = 0.0

    @property
    def delay(self) -> float:
        """Milliseconds from a frame to its look, the median of the last ones."""
        return float(np.median(list(self.delays)[-9:])) if self.delays else 0.0

    def hear(self, look: Look) -> None:
        self.last[look.who] = look
        if not look.final:
            self.delays.append(1000 * (time.perf_counter() - self.arrived))
        if self.lines is not None:
            self._write(_look_line(look, self.recognizer.class_names))
        if self.output.heard is not None:
            self.output.heard(look)

    def write_spans(self, spans: tuple[ActionSpan, ...]) -> None:
        for span in spans if self.lines is not None else ():
            self._write({"kind": "action", **_rounded(span)})

    def _write(self, content: dict[str, object]) -> None:
        assert self.lines is not None
        self.lines.write(json.dumps(content, ensure_ascii=False) + "\n")
        self.lines.flush()  # whoever follows the file sees each line when it comes


def recognize_source(
    recognizer: Recognizer,
    source: Source,
    *,
    options: LiveOptions | None = None,
    output: RecognitionOutput | None = None,
    times: StageTimes | None = None,
    max_latency: float | None = None,
    progress: Progress | None = None,
) -> RecognitionOutcome:
    """Recognise everyone in a source, frame by frame, in memory that does not grow with its length.

    SIGINT or SIGTERM ends it after the frame in hand, as if the source had ended there.

    Args:
        recognizer: with a lifter.
        source: frames with people.
        options: how.
        output: what is written meanwhile.
        times: the source's own, so that its stages stand beside the others.
        max_latency: milliseconds that a frame may wait for the look that shows it; see `within_latency`. What
            the stages take is measured, and looks come the closer together for it.
        progress: hears of every frame.

    Raises:
        ValueError: the model cannot take the source's layout, or keypoints cannot be read.
        RuntimeError: the detector ends by itself.
        OSError: what is to be written cannot be, or a camera gives no more.
    """
    output, progress = output or RecognitionOutput(), progress or SilentProgress()
    account, begin = _Account(recognizer, output), time.perf_counter()
    num_with_people = number = 0
    with ExitStack() as stack:
        stack.enter_context(torch_threads(1))
        interruption = stack.enter_context(Interruption())
        if output.lines is not None:
            account.lines = stack.enter_context(_opened(output.lines))
        if max_latency is not None:
            options = options or LiveOptions()
            windows = options.windows or recognizer.model.windows
            options = within_latency(options, windows, source.fps, max_latency)
        live = recognizer.stream(
            source.skeleton,
            fps=source.fps,
            image_size=source.image_size,
            options=options,
            heard=account.hear,
        )
        live.times = times or live.times
        film = stack.enter_context(_film(output.film, live, source)) if output.film else None

        def show(frames: list[RecognizedFrame]) -> None:
            for frame in frames:
                if film is not None:
                    with live.times.measured("draw"):
                        film.append(frame)

        progress.begin("recognition", source.num_frames)
        frames = stack.enter_context(closing(source.frames()))
        for number, frame in enumerate(frames, start=1):
            account.arrived = frame.arrived
            num_with_people += bool(frame.people)
            picture = frame.picture if film else None
            show(live.push(frame.people, picture=picture, seconds=frame.seconds))
            if max_latency is not None:
                live.look_within(max_latency, account.delay)
            progress.advance(number, _note(account, number / (time.perf_counter() - begin)))
            if interruption.requested:
                break
        show(live.finish())
        account.write_spans(live.timeline.spans)
    return RecognitionOutcome(
        spans=live.timeline.spans,
        looks=tuple(account.last.values()),
        num_frames=number,
        num_with_people=num_with_people,
        times=live.times,
        frames_per_second=number / max(time.perf_counter() - begin, 1e-9),
        delays=tuple(account.delays),
        film=output.film,
        interrupted=interruption.requested,
    )


def _film(path: Path, live: LiveRecognizer, source: Source) -> RecognitionFilm:
    assert live.model.lifter is not None, "a live recogniser has one"
    return RecognitionFilm(
        path,
        skeletons=(source.skeleton, live.model.lifter.skeleton),
        class_names=live.model.classifier.class_names,
        image_size=source.image_size,
        fps=source.fps,
    )


def recognize_poses(
    recognizer: Recognizer,
    poses: PoseSequence3D,
    *,
    options: LiveOptions | None = None,
    output: RecognitionOutput | None = None,
) -> RecognitionOutcome:
    """The timeline of one long clip of poses.

    Raises:
        ValueError: another joint layout or number of people than the model needs.
        OSError: the lines cannot be written.
    """
    output = output or RecognitionOutput()
    account, begin = _Account(recognizer, output), time.perf_counter()
    with ExitStack() as stack:
        stack.enter_context(torch_threads(1))
        if output.lines is not None:
            account.lines = stack.enter_context(_opened(output.lines))
        account.arrived, times = begin, StageTimes()
        spans = recognizer.watch(poses, options=options, heard=account.hear, times=times)
        account.write_spans(spans)
    return RecognitionOutcome(
        spans=spans,
        looks=tuple(account.last.values()),
        num_frames=poses.num_frames,
        num_with_people=poses.num_frames,
        times=times,
        frames_per_second=poses.num_frames / max(time.perf_counter() - begin, 1e-9),
        delays=(),
    )


def within_latency(
    options: LiveOptions, windows: WindowConfig, fps: float, milliseconds: float
) -> LiveOptions:
    """Options by which no frame waits longer than so long for the look that shows it.

    A frame waits for the look-ahead of the gap filling and for the next look: first looks come closer
    together, then the look-ahead is given up.

    Raises:
        ValueError: it is shorter than a frame.
    """
    frames = int(milliseconds / 1000 * fps)
    if frames < 1:
        raise ValueError(
            f"--max-latency is {milliseconds:g} ms; at {fps:g} frames/s one frame takes {1000 / fps:.0f} ms, "
            "and no look can come sooner than the next one"
        )
    lookahead = min(options.gaps.lookahead, frames - 1)
    stride = min(windows.stride, frames - lookahead)
    return replace(
        options,
        windows=windows.model_copy(update={"stride": stride}),
        gaps=options.gaps.model_copy(update={"lookahead": lookahead}),
    )


def _note(account: _Account, rate: float) -> str:
    names = [
        account.recognizer.class_names[look.label] for look in account.last.values() if look.label is not None
    ]
    return f"{rate:.0f} frames/s  {', '.join(names[-2:])}".rstrip()


def _opened(path: Path) -> TextIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("w", encoding="utf-8")


def _look_line(look: Look, names: tuple[str, ...]) -> dict[str, object]:
    best = int(np.argmax(look.probabilities))
    return {
        "kind": "window",
        **_who_line(look.who),
        "begin": round(look.begin, 3),
        "end": round(look.end, 3),
        "frames": look.num_frames,
        "label": None if look.label is None else names[look.label],
        "likeliest": names[best],
        "probabilities": {
            name: round(float(value), 4) for name, value in zip(names, look.probabilities, strict=True)
        },
    }


def _who_line(who: Who) -> dict[str, int]:
    return dict(zip(("track", "partner"), who, strict=False))


def _rounded(span: ActionSpan) -> dict[str, object]:
    return {
        **_who_line((span.track,) if span.partner is None else (span.track, span.partner)),
        "begin": round(span.begin, 3),
        "end": round(span.end, 3),
        "label": span.label,
        "probability": round(span.probability, 4),
    }
