"""The one exit of recognition: an iterator of windows, frames and actions, as they come."""

from collections import deque
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace

import numpy as np

from cluster.recognition.live import Event, LiveOptions, LiveRecognizer
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.person_window import PersonWindow
from cluster.recognition.pose_views import PoseViews
from cluster.recognition.records import WindowPrediction
from cluster.recognition.timeline import ActionSpan, Timeline
from cluster.recognition.windows import WindowConfig
from lifting.poses import PoseSequence3D
from lifting.sources import Source
from lifting.stage_times import StageTimes
from nas.threads import torch_threads

__all__ = ["pose_events", "source_events", "within_latency"]

# The delay is the median of this many predictions: one slow one changes no stride.
_DELAYS = 9


def source_events(
    live: LiveRecognizer,
    source: Source,
    *,
    max_latency: float | None = None,
    stop: Callable[[], bool] | None = None,
) -> Generator[Event]:
    """Everything that is recognized in a source, in memory that does not grow with its length.

    Args:
        live: at its beginning, for the source's layout.
        source: frames with people.
        max_latency: milliseconds that a frame may wait for the prediction that shows it; what the stages take
            is measured, and the stride shortened for it.
        stop: asked after every frame; True ends as if the source had ended there.

    Raises:
        ValueError, RuntimeError, OSError: as `source.frames`.
    """
    delays: deque[float] = deque(maxlen=_DELAYS)
    with closing(source.frames()) as frames:
        for frame in frames:
            with torch_threads(1):
                events = live.advance(
                    frame.people, picture=frame.picture, seconds=frame.seconds, arrived=frame.arrived
                )
            delays.extend(_delays(events))
            if max_latency is not None:
                live.predict_within(max_latency, float(np.median(delays)) if delays else 0.0)
            yield from events
            if stop is not None and stop():
                break
    with torch_threads(1):
        events = live.end()
    yield from events


def pose_events(
    model: RecognitionModel,
    poses: PoseSequence3D,
    options: LiveOptions,
    times: StageTimes,
    *,
    frames: bool = False,
) -> Generator[Event]:
    """The windows and actions of one long clip of poses, in the classifier's layout.

    With `frames` each pose is a frame too, seen from the front.
    """
    timeline, who = Timeline(model.classifier.class_names), (0,)
    window = PersonWindow(
        model, who, options.windows or model.windows, options.whole, poses.fps, poses.skeleton, times
    )
    learned = model.classifier.learned
    views = PoseViews(poses, learned.up if learned else None) if frames else None
    for number, pose in enumerate([*poses.xyz, None]):
        with torch_threads(1):
            made = window.finish() if pose is None else window.push(pose, number / poses.fps)
        if made is not None:
            yield made
            if (made.final or not options.whole) and (ended := timeline.take(made)) is not None:
                yield ended
        if views is not None and pose is not None:
            yield views.frame(number, window)
    last: ActionSpan | None = timeline.leave(who)
    if last is not None:
        yield last


def within_latency(
    options: LiveOptions, windows: WindowConfig, fps: float, milliseconds: float
) -> LiveOptions:
    """Options by which no frame waits longer than that for the prediction that shows it.

    A frame waits for the look-ahead of the gap filling and for the next prediction: first the stride is
    shortened, then the look-ahead is given up.

    Raises:
        ValueError: it is shorter than a frame.
    """
    frames = int(milliseconds / 1000 * fps)
    if frames < 1:
        raise ValueError(
            f"`max_latency` is {milliseconds:g} ms; at {fps:g} frames/s one frame takes {1000 / fps:.0f} ms, "
            "and no prediction can come sooner than the next one"
        )
    lookahead = min(options.gaps.lookahead, frames - 1)
    stride = min(windows.stride, frames - lookahead)
    return replace(
        options,
        windows=windows.model_copy(update={"stride": stride}),
        gaps=options.gaps.model_copy(update={"lookahead": lookahead}),
    )


def _delays(events: list[Event]) -> list[float]:
    predictions = [event for event in events if isinstance(event, WindowPrediction)]
    return [prediction.delay for prediction in predictions if prediction.delay is not None]
