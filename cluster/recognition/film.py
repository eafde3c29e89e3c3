"""The film of a recognition: what the camera saw, what was made of it, and what was understood when.

+----------------------+---------------------------+
| video, 2D skeletons, |  3D skeleton, turning     |
| everyone's label     +-----------+---------------+
+----------------------+ SPMF,     | likeliest     |
| decision             | filling   | classes       |
+----------------------+-----------+---------------+
| confidence over time                             |
+--------------------------------------------------+
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from cluster.recognition.confidence_plot import ConfidencePlot, Moment
from cluster.recognition.records import PersonView, RecognizedFrame, WindowPrediction
from cluster.recognition.text import shortened, text_width, write
from cluster.recognition.theme import CARD, FAINT, GROUND, INK, RULE, TRACK, Color, class_color
from lifting.draw import Turntable
from lifting.preview import picture_with_people
from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson
from lifting.writers.video_file import Codec, VideoFile

__all__ = ["RecognitionFilm"]

Image = NDArray[np.uint8]

_MARGIN = 16
# The video is fitted into this; a column narrower than the second number would not hold a label.
_VIDEO, _NARROWEST = (800, 560), 400
_DECISION_HEIGHT, _PANEL_WIDTH, _UNDERSTANDING_HEIGHT, _PLOT_HEIGHT = 76, 432, 204, 130
_LOWEST_TURNTABLE = 240
_IMAGE_SIDE, _NUM_BARS = 144, 4
_ABSENCE_SECONDS = 1.0  # so long the panel waits for its person before it turns to another one


class _Box(NamedTuple):
    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height

    def of(self, canvas: Image) -> Image:
        return canvas[self.top : self.bottom, self.left : self.right]


class _Layout:
    """Where everything is, for a video of some shape; pixels."""

    def __init__(self, image_size: tuple[int, int]) -> None:
        width, height = image_size
        self.scale = min(_VIDEO[0] / width, _VIDEO[1] / height)
        video = max(1, round(width * self.scale)), max(1, round(height * self.scale))
        column = max(_NARROWEST, video[0])
        rest = _MARGIN + _DECISION_HEIGHT
        # a video that is very wide leaves room above and below it
        held = max(video[1], _LOWEST_TURNTABLE + _MARGIN + _UNDERSTANDING_HEIGHT - rest)
        self.frame = _Box(_MARGIN, _MARGIN, column, held)
        self.video = _Box(
            _MARGIN + (column - video[0]) // 2, _MARGIN + (held - video[1]) // 2, video[0], video[1]
        )
        self.decision = _Box(_MARGIN, self.frame.bottom + _MARGIN, column, _DECISION_HEIGHT)
        left = self.frame.right + _MARGIN
        panel = self.decision.bottom - _MARGIN
        self.turntable = _Box(left, _MARGIN, _PANEL_WIDTH, panel - _MARGIN - _UNDERSTANDING_HEIGHT)
        self.understanding = _Box(left, self.turntable.bottom + _MARGIN, _PANEL_WIDTH, _UNDERSTANDING_HEIGHT)
        self.image = _Box(left + 14, self.understanding.top + 34, _IMAGE_SIDE, _IMAGE_SIDE)
        bars = self.image.right + 22
        self.bars = _Box(bars, self.understanding.top + 30, self.understanding.right - 16 - bars, 160)
        width = self.understanding.right - _MARGIN
        self.plot = _Box(_MARGIN, self.decision.bottom + _MARGIN, width, _PLOT_HEIGHT)
        # H.264 needs even numbers
        self.size = (
            (self.plot.right + _MARGIN + 1) // 2 * 2,
            (self.plot.bottom + _MARGIN + 1) // 2 * 2,
        )


class RecognitionFilm:
    """An annotated .mp4, written while the recognition runs, in memory that does not grow.

        with RecognitionFilm(path, skeletons=(BODY_25, H36M_17), class_names=names, image_size=(1280, 720),
                             fps=25) as film:
            film.append(frame)

    The file is there only when it is whole. Of several people all are drawn and named in the video; the
    panels show one of them: the one shown before while in view, otherwise the largest.

    Args:
        path: of the .mp4.
        skeletons: of the keypoints and of the poses.
        class_names: C names.
        image_size: (width, height) in which the keypoints are pixels.
        fps: frames per second.
        captions: where there is no video, and of the turning pose.

    Raises:
        ValueError: no class, or a size or a rate that is not positive.
        OSError: the place cannot be written to.
    """

    def __init__(
        self,
        path: Path,
        *,
        skeletons: tuple[Skeleton, Skeleton],
        class_names: Sequence[str],
        image_size: tuple[int, int],
        fps: float,
        captions: tuple[str, str] = ("no video", "lifted to 3D"),
    ) -> None:
        if not class_names or min(image_size) < 1:
            raise ValueError(
                f"a film of {len(class_names)} classes and pictures of {image_size[0]} x {image_size[1]} was "
                "asked for; at least 1 class and 1 x 1 are needed"
            )
        self._skeletons, self._names, self._image_size = skeletons, tuple(class_names), tuple(image_size)
        self._layout = layout = _Layout(image_size)
        self._video = VideoFile(path, layout.size, fps)
        self._turntable = Turntable(skeletons[1], (layout.turntable.width - 2, layout.turntable.height - 2))
        self._plot = ConfidencePlot(self._names, (layout.plot.width, layout.plot.height))
        self._background = self._draw_background()
        self._shown: int | None = None
        self._last_seen = 0.0
        self._fps, self._captions = fps, captions
        self._last: tuple[RecognizedFrame, PersonView] | None = None
        self._unshown: WindowPrediction | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of its pictures, pixels."""
        return self._layout.size

    @property
    def codec(self) -> Codec:
        """ "h264", or "mpeg4" where there is no ffmpeg: that plays in no browser."""
        return self._video.codec

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.__exit__(kind, error, trace)

    def append(self, frame: RecognizedFrame) -> Image:
        """The next frame, and the picture that was made of it; frames come in the order of time.

        Raises:
            ValueError: arrays of another skeleton or other classes than the film is of.
            OSError: the encoder gave up, as on a full disk.
        """
        picture = self.picture(frame)
        self._video.append(picture)
        return picture

    def conclude(self, prediction: WindowPrediction) -> None:
        """The last prediction of a person comes after their last frame: it belongs to the curve too."""
        if self._last is not None and self._last[1].track == prediction.who[0]:
            self._plot.amend(prediction.label, prediction.probabilities)
            self._unshown = prediction

    def finish(self) -> None:
        """Nothing follows. What was decided after the last frame is shown for a second, on that frame.

        Raises:
            OSError: as `append`.
        """
        if self._last is None or self._unshown is None:
            return
        frame, shown = self._last
        if self._unshown.label == shown.label:
            return
        decided = replace(
            shown,
            label=self._unshown.label,
            probabilities=self._unshown.probabilities,
            image=self._unshown.image,
        )
        others = [person for person in frame.people if person is not shown]
        picture = self.picture(replace(frame, people=(*others, decided)))
        for _ in range(max(1, round(self._fps))):
            self._video.append(picture)

    def picture(self, frame: RecognizedFrame) -> Image:
        """The picture of the next frame, (height, width, 3) BGR.

        Raises:
            ValueError: as `append`.
        """
        for person in frame.people:
            self._check(person)
        shown = self._choose(frame)
        canvas = self._background.copy()
        self._draw_video(canvas, frame, shown)
        self._draw_decision(canvas, frame, shown)
        self._draw_turntable(canvas, frame, shown)
        self._draw_image(canvas, shown)
        self._draw_bars(canvas, shown)
        label, probabilities = (None, None) if shown is None else (shown.label, shown.probabilities)
        self._plot.append(Moment(frame.seconds, label, probabilities))
        if shown is not None:
            self._last, self._unshown = (frame, shown), None
        self._plot.draw(self._layout.plot.of(canvas))
        return canvas

    def _check(self, person: PersonView) -> None:
        J, K, C = self._skeletons[0].num_joints, self._skeletons[1].num_joints, len(self._names)
        if person.keypoints.shape[-2:] != (J, 2) or person.pose.shape[-2:] != (K, 3):
            raise ValueError(
                f"person {person.track} has keypoints {person.keypoints.shape} and a pose "
                f"{person.pose.shape}; the film's skeletons need ({J}, 2) and ({K}, 3)"
            )
        if person.probabilities is not None and person.probabilities.shape != (C,):
            raise ValueError(
                f"person {person.track} has probabilities {person.probabilities.shape}; the film has {C} "
                "classes"
            )

    def _choose(self, frame: RecognizedFrame) -> PersonView | None:
        """The one whom the panels show."""
        present = {person.track: person for person in frame.people}
        if self._shown not in present and (
            self._shown is None or frame.seconds - self._last_seen > _ABSENCE_SECONDS
        ):
            largest = max(frame.people, key=_extent, default=None)
            self._shown = None if largest is None else largest.track
        shown = None if self._shown is None else present.get(self._shown)
        if shown is not None:
            self._last_seen = frame.seconds
        return shown

    def _draw_background(self) -> Image:
        """What is the same in every picture."""
        layout = self._layout
        canvas = np.full((layout.size[1], layout.size[0], 3), GROUND, np.uint8)
        for box in (layout.frame, layout.decision, layout.turntable, layout.understanding, layout.plot):
            _card(canvas, box)
        title = layout.understanding.top + 18
        write(canvas, "motion so far", (layout.image.left, title), 12, FAINT)
        write(canvas, "likeliest actions", (layout.bars.left, title), 12, FAINT)
        return canvas

    def _draw_video(self, canvas: Image, frame: RecognizedFrame, shown: PersonView | None) -> None:
        box, scale = self._layout.video, self._layout.scale
        bodies = [body for person in frame.people for body in _bodies(person)]
        box.of(canvas)[...] = picture_with_people(
            frame.picture, (box.width, box.height), bodies, self._skeletons[0], scale
        )
        if frame.picture is None:
            write(canvas, self._captions[0], (box.right - 12, box.bottom - 14), 12, FAINT, anchor="right")
        view = box.of(canvas)
        # the one on the panels last, so that no other label lies on this one
        for person in sorted(frame.people, key=lambda one: one is shown):
            self._draw_tag(view, person, numbered=len(frame.people) > 1)

    def _draw_tag(self, view: Image, person: PersonView, *, numbered: bool) -> None:
        points = person.keypoints[np.isfinite(person.keypoints).all(axis=-1)] * self._layout.scale
        if not len(points):
            return
        text, color = self._state(person)
        text = f"{person.track}: {text}" if numbered else text
        text = shortened(text, 15, max(60, view.shape[1] - 40), bold=True)
        width, height = text_width(text, 15, bold=True) + 20, 24
        x = int(np.clip(points[:, 0].mean() - width / 2, 2, max(2, view.shape[1] - width - 2)))
        y = int(np.clip(points[:, 1].min() - height - 14, 2, max(2, view.shape[0] - height - 2)))
        _pill(view, _Box(x, y, width, height), color)
        write(view, text, (x + 10, y + height // 2), 15, (255, 255, 255), bold=True)

    def _state(self, person: PersonView) -> tuple[str, Color]:
        """The label with its probability, or what is going on before there is one."""
        if person.label is not None:
            name = self._names[person.label]
            sure = "" if person.probabilities is None else f" {_percent(person.probabilities[person.label])}"
            return name + sure, class_color(person.label)
        if person.probabilities is None:
            return f"watching {_percent(person.filled)}", FAINT
        return "unsure", FAINT

    def _draw_decision(self, canvas: Image, frame: RecognizedFrame, shown: PersonView | None) -> None:
        box = self._layout.decision
        clock = _clock(frame.seconds)
        write(canvas, clock, (box.right - 18, box.top + 57), 14, FAINT, anchor="right")
        left, first, second = box.left + 22, box.top + 29, box.top + 57
        if shown is None:
            write(canvas, "no one in view", (left, first), 28, FAINT, bold=True)
            return
        text, color = self._state(shown)
        if shown.label is not None:
            text = self._names[shown.label]
            if shown.probabilities is not None:
                sure = _percent(shown.probabilities[shown.label])
                write(canvas, sure, (box.right - 18, first), 28, color, bold=True, anchor="right")
        cv2.rectangle(canvas, (box.left, box.top), (box.left + 5, box.bottom - 1), color, -1)
        room = box.right - 18 - left - 100
        write(canvas, shortened(text, 28, room, bold=True), (left, first), 28, _inked(color), bold=True)
        who = f"people {shown.track} and partner" if shown.keypoints.ndim == 3 else f"person {shown.track}"
        write(canvas, shortened(who, 14, room), (left, second), 14, FAINT)

    def _draw_turntable(self, canvas: Image, frame: RecognizedFrame, shown: PersonView | None) -> None:
        box = self._layout.turntable
        unknown = np.full((self._skeletons[1].num_joints, 3), np.nan, np.float32)
        pose = unknown if shown is None else shown.pose
        inner = _Box(box.left + 1, box.top + 1, box.width - 2, box.height - 2)
        inner.of(canvas)[...] = self._turntable.picture(pose, frame.seconds)
        write(canvas, self._captions[1], (box.left + 14, box.top + 18), 12, FAINT)

    def _draw_image(self, canvas: Image, shown: PersonView | None) -> None:
        box = self._layout.image
        filled = 0.0 if shown is None else float(np.clip(shown.filled, 0, 1))
        cv2.rectangle(canvas, (box.left, box.top), (box.right - 1, box.bottom - 1), TRACK, -1)
        if shown is not None and shown.image is not None:
            # one column is one moment, so a window that is filled by a third fills a third of the frame
            width = max(1, round(box.width * filled))
            image = cv2.resize(shown.image, (width, box.height), interpolation=cv2.INTER_NEAREST)
            canvas[box.top : box.bottom, box.left : box.left + width] = image[:, :, ::-1]
        outline = (box.left - 1, box.top - 1), (box.right, box.bottom)
        cv2.rectangle(canvas, *outline, RULE, 1)
        middle = (box.left + box.width // 2, box.bottom + 13)
        write(canvas, f"window {_percent(filled)}", middle, 12, FAINT, anchor="middle")

    def _draw_bars(self, canvas: Image, shown: PersonView | None) -> None:
        box, step = self._layout.bars, self._layout.bars.height // _NUM_BARS
        probabilities = None if shown is None else shown.probabilities
        if probabilities is None:
            write(canvas, "not yet", (box.left, box.top + 18), 14, FAINT)
            return
        for row, label in enumerate(np.argsort(-probabilities, kind="stable")[:_NUM_BARS]):
            top, share = box.top + row * step, float(np.clip(probabilities[label], 0, 1))
            decided = shown is not None and shown.label == label
            write(canvas, _percent(share), (box.right, top + 12), 13, INK, bold=decided, anchor="right")
            name = shortened(self._names[label], 13, box.width - 48, bold=decided)
            write(canvas, name, (box.left, top + 12), 13, INK, bold=decided)
            bar = _Box(box.left, top + 23, box.width, 7)
            _pill(canvas, bar, TRACK)
            length = round(bar.width * share)
            if length:
                _pill(canvas, bar._replace(width=max(bar.height, length)), class_color(label))


def _bodies(person: PersonView) -> list[DetectedPerson]:
    """The one or two people, as they are drawn."""
    J = person.keypoints.shape[-2]
    return [
        DetectedPerson(xy=xy, confidence=np.clip(np.nan_to_num(sure), 0, 1))
        for xy, sure in zip(person.keypoints.reshape(-1, J, 2), person.confidence.reshape(-1, J), strict=True)
    ]


def _extent(person: PersonView) -> float:
    return max(body.size for body in _bodies(person))


def _card(canvas: Image, box: _Box) -> None:
    cv2.rectangle(canvas, (box.left, box.top), (box.right - 1, box.bottom - 1), CARD, -1)
    cv2.rectangle(canvas, (box.left, box.top), (box.right - 1, box.bottom - 1), RULE, 1)


def _pill(canvas: Image, box: _Box, color: Color) -> None:
    """A bar with round ends."""
    radius = (box.height - 1) / 2
    turns = np.linspace(-np.pi / 2, np.pi / 2, 13)
    end = np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius
    right = np.array([box.right - 1 - radius, box.top + radius]) + end
    left = np.array([box.left + radius, box.top + radius]) - end
    outline = np.rint(16 * np.concatenate([right, left])).astype(np.int32)  # 4 bits of a pixel
    cv2.fillPoly(canvas, [outline], color, cv2.LINE_AA, 4)


def _inked(color: Color) -> Color:
    """Gray stays gray; the color of a class is on the edge and the number, its name is in ink."""
    return FAINT if color == FAINT else INK


def _percent(share: float | np.floating) -> str:
    return f"{round(100 * float(share))} %"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(seconds, 0.0), 60)
    return f"{int(minutes)}:{rest:04.1f}"
