"""What `posenas recognize` does with a source, and what it shows of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.commands.options import opened_progress
from cluster.interruption import Interruption
from cluster.progress import by_phase
from cluster.recognition.live import LiveOptions
from cluster.recognition.pose_files import NamedClip, read_pose_file
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.running import RecognitionOutcome, RecognitionOutput, recognize_source
from lifting.sources import open_source
from lifting.stage_times import StageTimes

__all__ = ["recognize_frames", "recognize_poses"]


def recognize_frames(
    recognizer: Recognizer,
    name: str,
    opening: Mapping[str, Any],
    options: LiveOptions,
    max_latency: float | None,
    lines: Path | None,
    film: Path | None,
) -> None:
    """A source of frames to its end, or to Ctrl-C: a table of actions, and what each stage cost.

    Args:
        recognizer: with a lifter.
        name, opening: as `open_source` takes them.
        options, max_latency, lines, film: as `recognize_source`.
    """
    times = StageTimes()
    source = open_source(name, times=times, **opening)
    _show(*(f"note: {note}" for note in source.notes))
    with opened_progress() as progress, Interruption() as interruption:
        outcome = recognize_source(
            recognizer,
            source,
            options=options,
            output=RecognitionOutput(lines=lines, film=film),
            times=times,
            max_latency=max_latency,
            progress=by_phase(progress),
            stop=lambda: interruption.requested,
        )
    if outcome.interrupted:
        _show(f"stopped after {outcome.num_frames} frames")
    _show_outcome(recognizer, outcome, options.whole)
    _show_why_nothing(recognizer, outcome)
    _show_costs(outcome)
    _show(*[f"film       {film}"] * bool(film), *[f"lines      {lines}"] * bool(lines))


def recognize_poses(recognizer: Recognizer, path: Path, options: LiveOptions, lines: Path | None) -> None:
    """The timeline of a file with one clip of poses; of many clips the action of each.

    Raises:
        ValueError: lines are asked for, and the file holds many clips.
    """
    clips = read_pose_file(path, (recognizer.model.classifier.skeleton,))
    if len(clips) == 1:
        output = RecognitionOutput(lines=lines)
        outcome = recognize_source(recognizer, clips[0].poses, options=options, output=output)
        _show_outcome(recognizer, outcome, options.whole)
        _show_why_nothing(recognizer, outcome)
        _show_costs(outcome)
        return
    if lines is not None:
        raise ValueError(f"`lines` is for one clip; {path} holds {len(clips)}, which are named one by one")
    _show_clips(recognizer, clips)


def _show_clips(recognizer: Recognizer, clips: list[NamedClip]) -> None:
    table = Table("clip", "action", "probability", "file says", box=None, header_style="bold")
    right = known = 0
    for clip in clips:
        found = recognizer.predict(clip.poses)
        known += clip.action is not None
        right += clip.action == found.label
        cells = clip.name, found.label, f"{found.probability:.2f}", clip.action or ""
        table.add_row(*map(Text, cells))  # names are the user's, and no markup
    Console(highlight=False).print(table)
    if known:
        _show(f"{right} of {known} as the file says")


def _show_outcome(recognizer: Recognizer, outcome: RecognitionOutcome, whole: bool) -> None:
    if whole:
        for window in outcome.predictions:
            order = window.probabilities.argsort()[::-1][:3]
            parts = [f"{recognizer.class_names[k]} {window.probabilities[k]:.2f}" for k in order]
            _show(f"{_who(window.who)}   {', '.join(parts)}")
        return
    table = Table("from", "to", "who", "action", "probability", box=None, header_style="bold")
    for span in outcome.spans:
        who = _who((span.track,) if span.partner is None else (span.track, span.partner))
        cells = _clock(span.begin), _clock(span.end), who, span.label, f"{span.probability:.2f}"
        table.add_row(*map(Text, cells))
    if outcome.spans:
        Console(highlight=False).print(table)
    elif outcome.predictions:
        _show("no action is likely enough to be decided for; --enter lowers the threshold")


def _show_why_nothing(recognizer: Recognizer, outcome: RecognitionOutcome) -> None:
    """Where there was no prediction: what is missing."""
    if outcome.num_frames and not outcome.num_with_people:
        _show(f"no person is seen in any of the {outcome.num_frames} frames")
    elif not outcome.predictions:
        least = recognizer.model.windows.least
        _show(
            f"a person is seen in {outcome.num_with_people} of {outcome.num_frames} frames; "
            f"a prediction needs {least} frames of one person"
        )


def _show_costs(outcome: RecognitionOutcome) -> None:
    """What each stage took, and what it could do by itself."""
    times = outcome.times
    stages = [
        f"{stage} {times.milliseconds(stage):.2f} ms ({1000 / max(times.milliseconds(stage), 1e-6):.0f}/s)"
        for stage in times.seconds
    ]
    _show(f"{outcome.num_frames} frames, {outcome.frames_per_second:.0f} frames/s; {', '.join(stages)}")
    if outcome.delays:
        ordered = sorted(outcome.delays)
        worst = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        _show(
            f"from a frame to the prediction that it causes: median {ordered[len(ordered) // 2]:.0f} ms, "
            f"95 % within {worst:.0f} ms"
        )


def _who(identities: tuple[int, ...]) -> str:
    if len(identities) == 1:
        return f"person {identities[0]}"
    return f"persons {identities[0]} and {identities[1]}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"


def _show(*lines: str) -> None:
    console = Console(highlight=False)
    for line in lines:
        console.print(Text(line), soft_wrap=True)
