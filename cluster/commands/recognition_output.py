"""What `posenas recognize` does with a source, and what it shows of it."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cluster.commands.options import opened_progress, show
from cluster.interruption import Interruption
from cluster.progress import by_phase
from cluster.recognition.clip_answers import write_answers
from cluster.recognition.live import LiveOptions
from cluster.recognition.pose_files import (
    NamedClip,
    PoseClaims,
    claimed,
    in_learned_axes,
    read_pose_files,
)
from cluster.recognition.recognizer import Prediction, Recognizer
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
    show(*(f"note: {note}" for note in source.notes))
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
        show(f"stopped after {outcome.num_frames} frames")
    _show_outcome(recognizer, outcome, options.whole)
    _show_why_nothing(recognizer, outcome)
    _show_costs(outcome)
    show(*[f"film       {film}"] * bool(film), *[f"lines      {lines}"] * bool(lines))


def recognize_poses(
    recognizer: Recognizer, path: Path, options: LiveOptions, output: RecognitionOutput, claims: PoseClaims
) -> None:
    """The timeline of a file or folder with one clip of poses; of many clips the action of each.

    Args:
        recognizer: of poses.
        path: of the file or folder.
        options, output: as `recognize_source`.
        claims: what the user says of the poses.

    Raises:
        FileNotFoundError, ValueError: as `read_pose_files`; or a film of several clips is asked for.
    """
    classifier = recognizer.model.classifier
    clips = claimed(read_pose_files(path, (classifier.skeleton,)), claims, classifier.learned)
    clips, note = (clips, None) if claims.up else in_learned_axes(clips, classifier.learned)
    if claims.up and classifier.learned is not None:  # what the user says is not corrected by what is seen
        learned = classifier.learned.model_copy(update={"up": None})
        recognizer = Recognizer(replace(recognizer.model, classifier=replace(classifier, learned=learned)))
    show(*[f"note: {note}"] * (note is not None))
    if len(clips) > 1:
        if output.film is not None:
            raise ValueError(
                f"`film` shows one clip, and {path} holds {len(clips)}; save it as a file of its own"
            )
        _recognize_clips(recognizer, clips, output.lines)
        return
    outcome = recognize_source(recognizer, clips[0].poses, options=options, output=output)
    _show_outcome(recognizer, outcome, options.whole)
    _show_why_nothing(recognizer, outcome)
    _show_costs(outcome)
    show(
        *(
            f"{what}{place}"
            for what, place in (("film       ", output.film), ("lines      ", output.lines))
            if place
        )
    )


def _recognize_clips(recognizer: Recognizer, clips: list[NamedClip], lines: Path | None) -> None:
    """A table of the clips' actions, and where it is asked for a file of them."""
    table = Table("clip", "action", "probability", "file says", box=None, header_style="bold")
    labeled: list[tuple[NamedClip, Prediction]] = []

    def answers() -> Iterator[tuple[NamedClip, Prediction]]:
        for clip in clips:
            found = recognizer.predict(clip.poses)
            table.add_row(
                Text(clip.name), Text(found.label), f"{found.probability:.2f}", Text(clip.action or "")
            )
            labeled.extend([(clip, found)] if clip.action is not None else [])
            yield clip, found

    if lines is None:
        deque(answers(), maxlen=0)
    else:
        write_answers(lines, answers(), recognizer.class_names)
    Console(highlight=False).print(table)
    show(*_counts(labeled, recognizer.class_names))
    show(*[f"lines      {lines}"] * bool(lines))


def _counts(labeled: list[tuple[NamedClip, Prediction]], class_names: tuple[str, ...]) -> list[str]:
    """How many answers are as the file says, part by part, and actions that the model does not know."""
    lines = []
    for part in ("train", "validation", "test", None):
        of_part = [(clip, found) for clip, found in labeled if clip.part == part]
        if of_part:
            right = sum(clip.action == found.label for clip, found in of_part)
            words = {None: "", "train": " training", "test": " test"}.get(part, f" {part}")
            lines.append(f"{right} of {len(of_part)}{words} clips as the file says")
    strange = sorted({str(clip.action) for clip, _ in labeled} - set(class_names))
    if strange:
        count = sum(clip.action in strange for clip, _ in labeled)
        lines.append(
            f"{count} clips show actions that the model has not learned: {', '.join(strange)}; "
            f"it knows {', '.join(class_names)}"
        )
    return lines


def _show_outcome(recognizer: Recognizer, outcome: RecognitionOutcome, whole: bool) -> None:
    if whole:
        for window in outcome.predictions:
            order = window.probabilities.argsort()[::-1][:3]
            parts = [f"{recognizer.class_names[k]} {window.probabilities[k]:.2f}" for k in order]
            show(f"{_who(window.who)}   {', '.join(parts)}")
        return
    table = Table("from", "to", "who", "action", "probability", box=None, header_style="bold")
    for span in outcome.spans:
        who = _who((span.track,) if span.partner is None else (span.track, span.partner))
        cells = _clock(span.begin), _clock(span.end), who, span.label, f"{span.probability:.2f}"
        table.add_row(*map(Text, cells))
    if outcome.spans:
        Console(highlight=False).print(table)
    elif outcome.predictions:
        show("no action is likely enough to be decided for; --enter lowers the threshold")


def _show_why_nothing(recognizer: Recognizer, outcome: RecognitionOutcome) -> None:
    """Where there was no prediction: what is missing."""
    if outcome.num_frames and not outcome.num_with_people:
        show(f"no person is seen in any of the {outcome.num_frames} frames")
    elif not outcome.predictions:
        least = recognizer.model.windows.least
        show(
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
    show(f"{outcome.num_frames} frames, {outcome.frames_per_second:.0f} frames/s; {', '.join(stages)}")
    if outcome.delays:
        ordered = sorted(outcome.delays)
        worst = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        show(
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
