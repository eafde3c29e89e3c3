"""From a folder of OpenPose JSON, or a video, to 3D poses: frame by frame, in memory that does not grow."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cluster.detection.detect import detect_video
from cluster.files import write_atomically
from cluster.lifter.sinks import AnimationWriter, PoseFile
from cluster.lifter.trained import TwoStreamLifter
from cluster.progress import Progress, SilentProgress
from lifting.bvh import write_bvh
from lifting.gaps import GapConfig
from lifting.inference import LiftedFrame, Use
from lifting.one_euro import OneEuroConfig
from lifting.openpose import KeypointFolder, open_folder
from lifting.people import PersonChoice, follow_person
from lifting.poses import PoseSequence3D
from lifting.rigging import to_bvh
from lifting.skeleton import Skeleton
from lifting.tracking import DetectedPerson
from lifting.video import open_video

__all__ = ["DEFAULT_FPS", "LiftRequest", "LiftedVideo", "run_lift", "size_of_keypoints"]

Image = NDArray[np.uint8]
DEFAULT_FPS = 30.0


@dataclass(frozen=True, kw_only=True)
class LiftRequest:
    """What to lift, and how.

    Attributes:
        source: a folder of OpenPose JSON, or a video.
        person: which of several people: "largest", "longest" (in view), or an identity.
        layout: of the JSON, where "auto" should guess wrong.
        fps: frames per second, where neither the folder nor the video says.
        detector: an ONNX pose model for a video; None: MediaPipe.
        video: picture behind the keypoints of a JSON folder.
        use: which streams answer.
        gaps: how gaps are filled; its look-ahead is the delay.
        smoothing: of the poses; None: none.
        bvh, animation: whether to write them beside the .npz.
    """

    source: Path
    person: PersonChoice = "largest"
    layout: str = "auto"
    fps: float | None = None
    detector: Path | None = None
    video: Path | None = None
    use: Use = "both"
    gaps: GapConfig = field(default_factory=GapConfig)
    smoothing: OneEuroConfig | None = None
    bvh: bool = True
    animation: bool = True


@dataclass(frozen=True, kw_only=True)
class LiftedVideo:
    """What was made.

    Attributes:
        poses: the .npz; see docs/lifting.md for what is in it.
        bvh, animation: where asked for.
        num_frames: of the source.
        num_lifted: frames that have a pose.
        num_filled: frames of which at least one keypoint was filled in.
        frames_per_second: by which everything went, detection aside.
        lifting_milliseconds: of the lifting alone, mean a frame.
    """

    poses: Path
    bvh: Path | None
    animation: Path | None
    num_frames: int
    num_lifted: int
    num_filled: int
    frames_per_second: float
    lifting_milliseconds: float


def run_lift(
    lifter: TwoStreamLifter, request: LiftRequest, out: Path, *, progress: Progress | None = None
) -> LiftedVideo:
    """Lift one person of a source; writes `poses.npz`, `poses.bvh` and `animation.mp4` into `out`.

    Args:
        lifter: trained.
        request: what and how.
        out: folder; made where it is missing.
        progress: hears of every frame.

    Raises:
        FileNotFoundError: no such folder, video or detector.
        ValueError: nobody in it, somebody for too few frames only, JSON that cannot be read, a layout that
            the lifter cannot take, or a video that does not open.
    """
    progress = progress or SilentProgress()
    keypoints, video = _keypoints(request, out, progress)
    fps = request.fps or keypoints.fps or (open_video(video).fps if video else DEFAULT_FPS)
    size = keypoints.image_size or (open_video(video).image_size if video else size_of_keypoints(keypoints))
    work = _Work(lifter, request, out, keypoints.skeleton, fps, size)
    return work.run(keypoints, video, progress)


class _Work:
    """One pass over the frames: lift, write, draw."""

    def __init__(
        self,
        lifter: TwoStreamLifter,
        request: LiftRequest,
        out: Path,
        skeleton: Skeleton,
        fps: float,
        image_size: tuple[int, int],
    ) -> None:
        self.request, self.out, self.fps = request, out, fps
        self.skeletons = (skeleton, lifter.skeleton)
        self.image_size = image_size
        self.live = lifter.stream(
            skeleton, fps, use=request.use, gaps=request.gaps, smoothing=request.smoothing
        )
        self.waiting: deque[Image | None] = deque()  # pictures of the frames that the lifter still holds
        self.lifted = self.filled = 0
        self.seconds = 0.0

    def run(self, keypoints: KeypointFolder, video: Path | None, progress: Progress) -> LiftedVideo:
        total = keypoints.files[-1][0] - keypoints.files[0][0] + 1
        progress.begin("lifting", total)
        begin = time.perf_counter()
        facts = {
            "fps": self.fps,
            "image_size": self.image_size,
            "keypoint_skeleton": self.skeletons[0].name,
            "skeleton": self.skeletons[1].name,
            "first_frame": keypoints.files[0][0],
        }
        animation = self.out / "animation.mp4" if self.request.animation else None
        with ExitStack() as stack:
            poses = stack.enter_context(PoseFile(self.out / "poses.npz", facts))
            drawn = (
                stack.enter_context(AnimationWriter(animation, self.skeletons, self.image_size, self.fps))
                if animation
                else None
            )
            for number, frame in enumerate(self._frames(keypoints, video), start=1):
                poses.append(frame)
                picture = self.waiting.popleft()
                if drawn:
                    drawn.append(frame, picture)
                progress.advance(number, f"{number / (time.perf_counter() - begin):.0f} frames/s")
            if not self.lifted:
                raise ValueError(f"none of the {total} frames shows enough of the person to be lifted")
            bvh = self._write_bvh(poses)
            poses.finish()
        return LiftedVideo(
            poses=poses.path,
            bvh=bvh,
            animation=animation,
            num_frames=poses.num_frames,
            num_lifted=self.lifted,
            num_filled=self.filled,
            frames_per_second=poses.num_frames / (time.perf_counter() - begin),
            lifting_milliseconds=1000 * self.seconds / poses.num_frames,
        )

    def _frames(self, keypoints: KeypointFolder, video: Path | None) -> Iterator[LiftedFrame]:
        people = follow_person(keypoints.frames, self.request.person)
        first = keypoints.files[0][0]
        pictures = _pictures(video, first) if self.request.animation else None
        for _, person in people:
            self.waiting.append(next(pictures, None) if pictures else None)
            yield from self._push(person)
        yield from self._counted(self.live.finish())

    def _push(self, person: DetectedPerson | None) -> Iterator[LiftedFrame]:
        begin = time.perf_counter()
        xy, confidence = (None, None) if person is None else (person.xy, person.confidence)
        frames = self.live.push(xy, confidence)
        self.seconds += time.perf_counter() - begin
        return self._counted(frames)

    def _counted(self, frames: list[LiftedFrame]) -> Iterator[LiftedFrame]:
        for frame in frames:
            self.lifted += bool(np.isfinite(frame.pose).all())
            self.filled += bool(frame.keypoints.filled.any())
            yield frame

    def _write_bvh(self, poses: PoseFile) -> Path | None:
        """Bone lengths are medians over the clip, so this one needs all poses: 200 bytes a frame."""
        if not self.request.bvh:
            return None
        whole = PoseSequence3D(xyz=_held(np.array(poses.poses())), fps=self.fps, skeleton=self.skeletons[1])
        path = self.out / "poses.bvh"
        write_atomically(path, write_bvh(to_bvh(whole)))
        return path


def _keypoints(request: LiftRequest, out: Path, progress: Progress) -> tuple[KeypointFolder, Path | None]:
    """The keypoints, detected first if the source is a video; and the video behind them, if there is one."""
    if request.source.is_dir():
        return open_folder(request.source, request.layout), request.video
    found = detect_video(
        request.source, out / "keypoints", model=request.detector, fps=request.fps, progress=progress
    )
    return open_folder(found.folder), request.source


def _pictures(video: Path | None, first: int) -> Iterator[Image] | None:
    """Frames of the video from number `first` on, one at a time."""
    if video is None:
        return None
    frames = open_video(video).frames()
    for _ in range(first):
        next(frames, None)
    return frames


def size_of_keypoints(keypoints: KeypointFolder) -> tuple[int, int]:
    """A picture that holds every keypoint, where nobody says how large the video was."""
    edge = np.ones(2)
    for frame in keypoints.frames():
        for person in frame.people:
            if person.seen.any():
                edge = np.maximum(edge, person.xy[person.seen].max(axis=0))
    width, height = np.ceil(edge * 1.05).astype(int)
    return int(width), int(height)


def _held(xyz: NDArray[np.float32]) -> NDArray[np.float32]:
    """Frames without a pose show the one before, those at the beginning the first one: BVH knows no gaps."""
    known = np.flatnonzero(np.isfinite(xyz).all(axis=(1, 2)))
    before = np.searchsorted(known, np.arange(len(xyz)), side="right") - 1
    return xyz[known[np.maximum(before, 0)]]
