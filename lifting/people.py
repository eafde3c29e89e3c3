"""People in the frames of a video, before anyone knows who is who; and one of them, once that is known."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lifting.poses import Keypoints2D
from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson, PeopleFrame, TrackedFrame, TrackingConfig, track

PersonChoice = Literal["largest", "longest"] | int
# Fewer frames than this show no movement: a passer-by's arm, or a chair taken for a person.
MIN_FRAMES = 5


@dataclass(frozen=True, kw_only=True)
class TrackSummary:
    """What is known of one person after a whole video.

    Attributes:
        identity: the tracker's number, in order of first appearance from 0.
        first, last: the frames of first and last sight.
        num_frames: frames in which the person was seen.
        mean_size: of the longer side of the person's box, pixels.
    """

    identity: int
    first: int
    last: int
    num_frames: int
    mean_size: float


def summarize(frames: Iterable[TrackedFrame]) -> tuple[TrackSummary, ...]:
    """Everyone who appears, in order of appearance; keeps a few numbers a person, whatever the video's
    length.
    """
    seen: dict[int, TrackSummary] = {}
    for frame in frames:
        for identity, person in frame.people.items():
            old = seen.get(identity)
            n = 0 if old is None else old.num_frames
            seen[identity] = TrackSummary(
                identity=identity,
                first=frame.index if old is None else old.first,
                last=frame.index,
                num_frames=n + 1,
                mean_size=((0.0 if old is None else old.mean_size) * n + person.size) / (n + 1),
            )
    return tuple(seen[identity] for identity in sorted(seen))


def choose_person(
    people: tuple[TrackSummary, ...], choice: PersonChoice = "largest", min_frames: int = MIN_FRAMES
) -> int:
    """The identity of the person that is meant.

    Args:
        people: as from `summarize`.
        choice: "largest" sums the size over all frames (near and long in view), "longest" counts frames, a
            number is the person's identity.
        min_frames: in which the person must be seen.

    Raises:
        ValueError: no person is there, not the one that is asked for, or only for fewer frames.
    """
    if not people:
        raise ValueError("no frame shows a person; at least one person is needed")
    if isinstance(choice, int):
        matching = [person for person in people if person.identity == choice]
        if not matching:
            raise ValueError(f"there is no person {choice}; there are {_list(people)}")
        best = matching[0]
    elif choice == "longest":
        best = max(people, key=lambda person: person.num_frames)
    else:
        best = max(people, key=lambda person: person.num_frames * person.mean_size)
    if best.num_frames < min_frames:
        raise ValueError(
            f"person {best.identity} is seen in {best.num_frames} frames only; at least {min_frames} are "
            f"needed: "
            f"there are {_list(people)}"
        )
    return best.identity


def follow(frames: Iterable[TrackedFrame], identity: int) -> Iterator[tuple[int, DetectedPerson | None]]:
    """(frame number, person) for every frame number from the first to the last; None where the person is
    not seen.
    """
    expected = None
    for frame in frames:
        for missing in range(frame.index if expected is None else expected, frame.index):
            yield missing, None
        yield frame.index, frame.people.get(identity)
        expected = frame.index + 1


def follow_person(
    open_frames: Callable[[], Iterable[PeopleFrame]],
    choice: PersonChoice = "largest",
    *,
    tracking: TrackingConfig | None = None,
    min_frames: int = MIN_FRAMES,
) -> Iterator[tuple[int, DetectedPerson | None]]:
    """One person through a video, frame by frame, with memory for the people in sight only.

    The frames are read twice: once to see who appears, once to follow the one that is meant.

    Args:
        open_frames: begins reading anew at each call.
        choice, min_frames: as in `choose_person`.
        tracking: how identities are kept.

    Raises:
        ValueError: as `choose_person`, at the first step.
    """
    config = TrackingConfig() if tracking is None else tracking
    identity = choose_person(summarize(track(open_frames(), config)), choice, min_frames)
    yield from follow(track(open_frames(), config), identity)


def person_keypoints(
    people: Iterable[DetectedPerson | None], *, image_size: tuple[int, int], fps: float, skeleton: Skeleton
) -> Keypoints2D:
    """One person's frames as a record; a frame without the person has every joint missing.

    Raises:
        ValueError: no frame, or the keypoints are not the skeleton's.
    """
    J = skeleton.num_joints
    absent = np.full((J, 2), np.nan, np.float32), np.zeros(J, np.float32)
    frames: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = [
        absent if person is None else (person.xy, person.confidence) for person in people
    ]
    if not frames:
        raise ValueError("there is no frame; at least 1 is needed")
    xy, confidence = zip(*frames, strict=True)
    return Keypoints2D(
        xy=np.stack(xy), confidence=np.stack(confidence), image_size=image_size, fps=fps, skeleton=skeleton
    )


def _list(people: tuple[TrackSummary, ...]) -> str:
    return ", ".join(f"person {one.identity} ({one.num_frames} frames from {one.first})" for one in people)
