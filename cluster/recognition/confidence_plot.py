"""The plot below the film: how sure the recognition was of what, over the last seconds."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from cluster.recognition.text import shortened, text_width, write
from cluster.recognition.theme import FAINT, INK, RULE, TRACK, class_color

__all__ = ["ConfidencePlot", "Moment"]

Image = NDArray[np.uint8]

_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 18, 34, 36  # pixels around the curves
_BAND = 8  # height of the band of decisions
_MOST_CURVES = 6
_TICK_SECONDS = 5


class Moment(NamedTuple):
    """What was thought of the person on the panels.

    Attributes:
        seconds: since the beginning.
        label: decided for; None while nothing is.
        probabilities: (C,), or None before anything was classified.
    """

    seconds: float
    label: int | None
    probabilities: NDArray[np.float32] | None


class ConfidencePlot:
    """A curve for each action that was decided for, a band of the decisions, and a mark that says "now".

    The mark moves to the right until the plot is full; then the plot moves to the left below it.

    Args:
        class_names: C names.
        size: (width, height), pixels.
        seconds: that it shows. At most one moment a pixel is kept of them, whatever the frame rate.
    """

    def __init__(self, class_names: Sequence[str], size: tuple[int, int], seconds: float = 20.0) -> None:
        self._names, self._size, self._seconds = tuple(class_names), size, seconds
        self._moments: deque[Moment] = deque()

    def __len__(self) -> int:
        return len(self._moments)

    def append(self, moment: Moment) -> None:
        """The next moment, later than the one before."""
        apart = self._seconds / (self._size[0] - _LEFT - _RIGHT)
        # the last one is always now: it gives way to the next unless it is a pixel from the one before it
        if len(self._moments) > 1 and self._moments[-1].seconds - self._moments[-2].seconds < apart:
            self._moments.pop()
        self._moments.append(moment)
        while self._moments[0].seconds < moment.seconds - self._seconds:
            self._moments.popleft()

    def amend(self, label: int | None, probabilities: NDArray[np.float32]) -> None:
        """The latest moment was thought of otherwise in the end."""
        last = self._moments[-1]
        self._moments[-1] = last._replace(label=label, probabilities=probabilities)

    def draw(self, view: Image) -> None:
        """Into a picture of its size, (height, width, 3) BGR."""
        right, bottom = view.shape[1] - _RIGHT, view.shape[0] - _BOTTOM
        now = self._moments[-1].seconds if self._moments else 0.0
        begin = max(0.0, now - self._seconds)
        write(view, "confidence", (14, 18), 12, FAINT)
        for share, text in ((0.0, "0"), (0.5, "50 %"), (1.0, "100 %")):
            y = round(bottom - share * (bottom - _TOP))
            cv2.line(view, (_LEFT, y), (right, y), TRACK if share else RULE, 1)
            write(view, text, (_LEFT - 6, y), 10, FAINT, anchor="right")
        for tick in range(0, int(begin + self._seconds) + 1, _TICK_SECONDS):
            if tick >= begin:
                x = self._column(tick, begin, right)
                write(view, f"{tick} s", (x, view.shape[0] - 12), 10, FAINT, anchor="middle")
        if not self._moments:
            return
        columns = np.array([self._column(moment.seconds, begin, right) for moment in self._moments])
        self._draw_band(view, columns, bottom + 6)
        curves = self._curves()
        for label in reversed(curves):
            self._draw_curve(view, label, columns, bottom)
        self._draw_legend(view, curves, right)
        x = int(columns[-1])
        cv2.line(view, (x, _TOP - 4), (x, bottom + 6 + _BAND), INK, 1)
        if curves and self._moments[-1].probabilities is not None:
            for label in reversed(curves):
                y = self._row(float(self._moments[-1].probabilities[label]), bottom)
                cv2.circle(view, (x, y), 4, class_color(label), -1, cv2.LINE_AA)

    def _column(self, seconds: float, begin: float, right: int) -> int:
        return round(_LEFT + (seconds - begin) / self._seconds * (right - _LEFT))

    def _row(self, share: float, bottom: int) -> int:
        return round(bottom - min(max(share, 0.0), 1.0) * (bottom - _TOP))

    def _curves(self) -> list[int]:
        """Decided for within the plot, the latest first."""
        latest = dict.fromkeys(m.label for m in reversed(self._moments) if m.label is not None)
        return list(latest)[:_MOST_CURVES]

    def _draw_curve(self, view: Image, label: int, columns: NDArray[np.int64], bottom: int) -> None:
        pieces: list[list[tuple[int, int]]] = [[]]
        for x, moment in zip(columns.tolist(), self._moments, strict=True):
            if moment.probabilities is not None:
                pieces[-1].append((x, self._row(float(moment.probabilities[label]), bottom)))
            elif pieces[-1]:
                pieces.append([])
        curves = [np.array(piece, np.int32) for piece in pieces if piece]
        cv2.polylines(view, curves, False, class_color(label), 2, cv2.LINE_AA)

    def _draw_band(self, view: Image, columns: NDArray[np.int64], top: int) -> None:
        """In the color of what was decided, up to the next moment."""
        labels = [moment.label for moment in self._moments]
        start = 0
        for end in range(1, len(labels) + 1):
            if end == len(labels) or labels[end] != labels[start]:
                stop = int(columns[min(end, len(labels) - 1)])
                label = labels[start]
                color = TRACK if label is None else class_color(label)
                cv2.rectangle(view, (int(columns[start]), top), (stop, top + _BAND - 1), color, -1)
                start = end

    def _draw_legend(self, view: Image, curves: list[int], right: int) -> None:
        x = right
        for label in curves:
            name = shortened(self._names[label], 12, 150)
            x -= text_width(name, 12)
            if x < 140:
                return
            write(view, name, (x, 18), 12, INK)
            cv2.circle(view, (x - 11, 18), 5, class_color(label), -1, cv2.LINE_AA)
            x -= 36
