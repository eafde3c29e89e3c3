"""Who is who from frame to frame: identities are kept when people cross, and while a detection drops out.

Each known person is moved on by its own speed, compared with every detection by keypoint similarity (as OKS
of
COCO: a Gaussian of the distance, scaled by the person's size), and the best assignment of all at once is
taken. A person who is not detected is moved on for a while and given up later; what is unlike everyone
known is new.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.float32]

# Joints that two views of a person must have in common to be compared.
MIN_COMMON_JOINTS = 3
# Two halves of one person may have this many joints in common where the detector cut.
MAX_SHARED_JOINTS = 2
# Uncertainty grows by this share for each frame without detection, up to this many times.
_GROWTH, _MAX_GROWTH = 0.15, 3.0
# Of a newly measured speed, how much is believed at once.
_SPEED_GAIN = 0.4
# A person out of sight slows down by this factor a frame: no one walks straight on for ever.
_SLOWING = 0.97
# Two views whose sizes differ by this factor are as unlike as two that lie one sigma apart.
_SIZE_FACTOR = 1.4


class TrackingConfig(BaseModel):
    """How identities are kept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_gap: int = Field(
        default=30, ge=0, description="Frames for which a person who is not detected is remembered."
    )
    sigma: float = Field(
        default=0.1, gt=0, description="Distance at which similarity falls to 0.61, as a share of the size."
    )
    min_similarity: float = Field(
        default=0.1, gt=0, lt=1, description="Below this a detection is not taken for a known person."
    )
    min_joints: int = Field(
        default=5, ge=1, description="Detections with fewer joints do not begin a new person."
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class DetectedPerson:
    """One person in one frame.

    Attributes:
        xy: float32 (J, 2), pixels; NaN where a joint is missing.
        confidence: float32 (J,) in [0, 1]; 0 where missing.

    Raises:
        ValueError: the shapes do not belong together, or a confidence is out of its range.
    """

    xy: Floats
    confidence: Floats

    def __post_init__(self) -> None:
        if self.xy.ndim != 2 or self.xy.shape[1] != 2 or self.confidence.shape != self.xy.shape[:1]:
            raise ValueError(
                f"keypoints {self.xy.shape} and confidence {self.confidence.shape}; (J, 2) and (J,) are "
                f"needed"
            )
        if not ((self.confidence >= 0) & (self.confidence <= 1)).all() or np.isinf(self.xy).any():
            raise ValueError("a confidence is outside 0 to 1, or a keypoint is infinite")

    @property
    def seen(self) -> NDArray[np.bool_]:
        """(J,), which joints are there."""
        return np.asarray(np.isfinite(self.xy).all(axis=-1))

    @property
    def size(self) -> float:
        """The longer side of the box around the joints, pixels; 0 without any."""
        return _size(self.xy[self.seen])


@dataclass(frozen=True, eq=False, kw_only=True)
class PeopleFrame:
    """Everyone detected in the frame of that number, in no order."""

    index: int
    people: tuple[DetectedPerson, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrackedFrame:
    """Everyone in the frame of that number, by identity."""

    index: int
    people: Mapping[int, DetectedPerson]


class PersonTracker:
    """Gives identities frame by frame; remembers only people seen within the last `max_gap` frames."""

    def __init__(self, config: TrackingConfig | None = None) -> None:
        self.config = TrackingConfig() if config is None else config
        self._known: dict[int, _Known] = {}
        self._num_identities = 0
        self._last_index: int | None = None

    def update(self, frame: PeopleFrame) -> TrackedFrame:
        """The next frame with its identities.

        Raises:
            ValueError: the frame is not later than the one before.
        """
        if self._last_index is not None and frame.index <= self._last_index:
            raise ValueError(
                f"frame {frame.index} comes after frame {self._last_index}; rising numbers are needed"
            )
        self._last_index = frame.index
        limit = frame.index - self.config.max_gap - 1
        self._known = {identity: known for identity, known in self._known.items() if known.frame >= limit}
        similarity = self._similarity(frame)
        people: dict[int, DetectedPerson] = {}
        rest = []
        matched = self._match(similarity, frame.index)
        for number, person in enumerate(frame.people):
            if number in matched:
                people[matched[number]] = person
            else:
                rest.append(number)
        for number in rest:
            self._add_rest(people, frame.people[number], similarity[:, number])
        for identity, person in people.items():
            if identity in self._known:
                self._known[identity].see(person, frame.index)
            else:
                self._known[identity] = _Known(person, frame.index)
        return TrackedFrame(index=frame.index, people=people)

    def _similarity(self, frame: PeopleFrame) -> NDArray[np.float64]:
        """(known people, detections), 0 where they are too unlike."""
        similarity = np.zeros((len(self._known), len(frame.people)))
        for row, known in enumerate(self._known.values()):
            for column, person in enumerate(frame.people):
                similarity[row, column] = known.similarity(person, frame.index, self.config.sigma)
        similarity[similarity < self.config.min_similarity] = 0.0
        return similarity

    def _match(self, similarity: NDArray[np.float64], index: int) -> dict[int, int]:
        """Detection number -> identity, the assignment of the greatest total likelihood.

        A Gaussian that has grown wider is lower in the middle: of two people whose expected places fall
        together, the one seen a moment ago is the likelier.
        """
        from scipy.optimize import linear_sum_assignment  # a fifth of a second that a single pose file spares

        width = np.array([known.uncertainty(index) for known in self._known.values()])
        rows, columns = linear_sum_assignment(similarity / width.reshape(-1, 1), maximize=True)
        identities = list(self._known)
        return {
            int(column): identities[row]
            for row, column in zip(rows, columns, strict=True)
            if similarity[row, column] > 0
        }

    def _add_rest(
        self, people: dict[int, DetectedPerson], person: DetectedPerson, similarity: NDArray[np.float64]
    ) -> None:
        """A detection without a match: the other half of a person who was cut in two, or someone new."""
        identities = list(self._known)
        for row in np.argsort(-similarity):
            other = people.get(identities[row])
            if other is None or similarity[row] == 0:
                continue
            if (other.seen & person.seen).sum() <= MAX_SHARED_JOINTS:
                people[identities[row]] = _joined(other, person)
                return
        if person.seen.sum() >= self.config.min_joints:
            people[self._num_identities] = person
            self._num_identities += 1


def track(frames: Iterable[PeopleFrame], config: TrackingConfig | None = None) -> Iterator[TrackedFrame]:
    """Frames with identities, one at a time."""
    tracker = PersonTracker(config)
    for frame in frames:
        yield tracker.update(frame)


class _Known:
    """One person as last seen: joints, size and speed."""

    def __init__(self, person: DetectedPerson, frame: int) -> None:
        self.xy = person.xy.astype(np.float64)
        self.size = person.size
        self.speed = np.zeros(2)  # pixels a frame
        self.frame = frame

    def see(self, person: DetectedPerson, frame: int) -> None:
        """Take over a detection; joints that it lacks move along with the others."""
        gap = frame - self.frame
        common = person.seen & np.isfinite(self.xy).all(axis=-1)
        if common.any():
            measured = np.median(person.xy[common] - self.xy[common], axis=0) / gap
            self.speed = (1 - _SPEED_GAIN) * self.speed + _SPEED_GAIN * measured
        self.xy = np.where(person.seen[:, None], person.xy, self.xy + self.speed * gap)
        self.size = max(0.9 * self.size, person.size)  # a person who is half hidden is not half as large
        self.frame = frame

    def uncertainty(self, frame: int) -> float:
        """How many times as unsure the place is as one frame after the last sight."""
        return min(1 + _GROWTH * (frame - self.frame - 1), _MAX_GROWTH)

    def similarity(self, person: DetectedPerson, frame: int, sigma: float) -> float:
        """0 to 1 with a detection, after moving on to its frame."""
        gap = frame - self.frame
        common = person.seen & np.isfinite(self.xy).all(axis=-1)
        if common.sum() < MIN_COMMON_JOINTS or self.size == 0:
            return 0.0
        way = self.speed * (1 - _SLOWING**gap) / (1 - _SLOWING)
        distance = np.linalg.norm(person.xy[common] - self.xy[common] - way, axis=-1)
        width = self.uncertainty(frame) * sigma * self.size
        near = np.exp(-0.5 * (distance / width) ** 2).mean()
        ratio = (_size(person.xy[common]) + 1) / (_size(self.xy[common]) + 1)
        return float(near * np.exp(-0.5 * (np.log(ratio) / np.log(_SIZE_FACTOR)) ** 2))


def _joined(first: DetectedPerson, second: DetectedPerson) -> DetectedPerson:
    """The joints of both."""
    return DetectedPerson(
        xy=np.where(first.seen[:, None], first.xy, second.xy),
        confidence=np.where(first.seen, first.confidence, second.confidence),
    )


def _size(xy: NDArray[Any]) -> float:
    return float(np.ptp(xy, axis=0).max()) if len(xy) else 0.0
