"""What is recognized as JSON lines, written as it comes."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from cluster.recognition.live import Event
from cluster.recognition.records import Who, WindowPrediction
from cluster.recognition.timeline import ActionSpan, in_order

__all__ = ["JsonLines"]


class JsonLines:
    """A file with one line a window, as it comes, and at the end one line an action, by their beginnings.

    Args:
        path: of the file; missing folders are made.
        class_names: C names, in the order of the probabilities.

    Raises:
        OSError: the place cannot be written to.
    """

    def __init__(self, path: Path, class_names: tuple[str, ...]) -> None:
        self._names, self._spans = class_names, list[ActionSpan]()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def take(self, event: Event) -> None:
        """The next event."""
        if isinstance(event, ActionSpan):
            self._spans.append(event)
        elif isinstance(event, WindowPrediction):
            self._write(_window_line(event, self._names))

    def finish(self) -> None:
        """Write the actions."""
        for span in in_order(self._spans):
            self._write(_action_line(span))

    def _write(self, content: dict[str, object]) -> None:
        self._file.write(json.dumps(content, ensure_ascii=False) + "\n")
        self._file.flush()  # a reader who follows the file sees each line when it comes


def _window_line(window: WindowPrediction, names: tuple[str, ...]) -> dict[str, object]:
    shares = zip(names, window.probabilities, strict=True)
    return {
        "kind": "window",
        **_who_line(window.who),
        "begin": round(window.begin, 3),
        "end": round(window.end, 3),
        "frames": window.num_frames,
        "label": None if window.label is None else names[window.label],
        "likeliest": names[int(window.probabilities.argmax())],
        "probabilities": {name: round(float(value), 4) for name, value in shares},
    }


def _action_line(span: ActionSpan) -> dict[str, object]:
    return {
        "kind": "action",
        **_who_line((span.track,) if span.partner is None else (span.track, span.partner)),
        "begin": round(span.begin, 3),
        "end": round(span.end, 3),
        "label": span.label,
        "probability": round(span.probability, 4),
    }


def _who_line(who: Who) -> dict[str, int]:
    return dict(zip(("track", "partner"), who, strict=False))
