"""From a folder of OpenPose JSON, or a video, to files of 3D poses, in memory that does not grow."""

import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lifting.gaps import GapConfig
from lifting.inference import LiftedFrame, StreamSelection
from lifting.one_euro import OneEuroConfig
from lifting.people import PersonChoice, follow_person
from lifting.progress import Progress, silent
from lifting.sources.frames import Image
from lifting.sources.keypoint_folder import KeypointSource
from lifting.sources.opening import open_source
from lifting.tracking import DetectedPerson
from lifting.trained_lifter import TwoStreamLifter
from lifting.writers.animation import AnimationWriter
from lifting.writers.bvh_file import write_bvh_file
from lifting.writers.pose_file import PoseFile

__all__ = ["LiftRequest", "LiftedVideo", "run_lift"]


@dataclass(frozen=True, kw_only=True)
class LiftRequest:
    """What to lift, and how.

    Attributes:
        source: a folder of OpenPose JSON, or a video.
        person: which of several people: "largest", "longest" (in view), or an identity.
        layout: of the JSON, where "auto" should guess wrong.
        fps: frames per second, where neither the folder nor the video says.
        image_size: (width, height), pixels, of shares of a picture, where neither folder nor video says.
        detector: an ONNX pose model for a video; None: MediaPipe.
        video: picture behind the keypoints of a JSON folder.
        use: which streams answer.
        gaps: how gaps are filled; its look-ahead is the delay.
        smoothing: of the poses; None: none.
        mend: whether wild poses are mended.
        bvh, animation: whether to write them beside the .npz.
    """

    source: Path
    person: PersonChoice = "largest"
    layout: str = "auto"
    fps: float | None = None
    image_size: tuple[int, int] | None = None
    detector: Path | None = None
    video: Path | None = None
    use: StreamSelection = "both"
    gaps: GapConfig = field(default_factory=GapConfig)
    smoothing: OneEuroConfig | None = None
    mend: bool = True
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
        num_mended: frames whose pose was wild and was mended (`lifting.mending`).
        frames_per_second: by which everything went, detection aside.
        lifting_milliseconds: of the lifting alone, mean a frame.
        notes: sentences for the user on what was made of unusual input.
    """

    poses: Path
    bvh: Path | None
    animation: Path | None
    num_frames: int
    num_lifted: int
    num_filled: int
    num_mended: int
    frames_per_second: float
    lifting_milliseconds: float
    notes: tuple[str, ...] = ()


def run_lift(
    lifter: TwoStreamLifter, request: LiftRequest, out: Path, *, progress: Progress | None = None
) -> LiftedVideo:
    """Lift one person of a source; writes `poses.npz`, `poses.bvh` and `animation.mp4` into `out`.

    Args:
        lifter: trained.
        request: what and how.
        out: folder; made where it is missing.
        progress: called for every frame.

    Raises:
        FileNotFoundError: no such folder, video or detector.
        ValueError: no person in it, or one for too few frames only, JSON that cannot be read, a layout that
            the lifter cannot take, or a video that does not open.
    """
    source = open_source(
        request.source,
        detector=request.detector,
        layout=request.layout,
        fps=request.fps,
        video=request.video,
        keypoints=out / "keypoints",
        progress=progress,
        image_size=request.image_size,
    )
    assert isinstance(source, KeypointSource), "a folder, or a video whose keypoints are kept in one"
    return _Work(lifter, request, out, source).run(progress or silent)


class _Work:
    """One pass over the frames: lift, write, draw."""

    def __init__(
        self, lifter: TwoStreamLifter, request: LiftRequest, out: Path, source: KeypointSource
    ) -> None:
        self.request, self.out, self.source = request, out, source
        self.skeletons = (source.skeleton, lifter.skeleton)
        self.live = lifter.stream(
            source.skeleton,
            source.fps,
            use=request.use,
            gaps=request.gaps,
            smoothing=request.smoothing,
            mend=request.mend,
        )
        self.waiting: deque[Image | None] = deque()  # pictures of the frames that the lifter still holds
        self.lifted = self.filled = self.mended = 0
        self.seconds = 0.0

    def run(self, progress: Progress) -> LiftedVideo:
        total = self.source.num_frames
        progress("lifting", 0, total)
        begin = time.perf_counter()
        with ExitStack() as stack:
            poses = stack.enter_context(PoseFile(self.out / "poses.npz", self._facts()))
            drawn = stack.enter_context(self._animation()) if self.request.animation else None
            for number, frame in enumerate(self._frames(), start=1):
                poses.append(frame)
                picture = self.waiting.popleft()
                if drawn:
                    drawn.append(frame, picture)
                rate = number / (time.perf_counter() - begin)
                progress("lifting", number, total, f"{rate:.0f} frames/s")
            if not self.lifted:
                raise ValueError(f"none of the {total} frames shows enough of the person to be lifted")
            bvh = self._write_bvh(poses)
            poses.finish()
        return LiftedVideo(
            poses=poses.path,
            bvh=bvh,
            animation=drawn.path if drawn else None,
            num_frames=poses.num_frames,
            num_lifted=self.lifted,
            num_filled=self.filled,
            num_mended=self.mended,
            frames_per_second=poses.num_frames / (time.perf_counter() - begin),
            lifting_milliseconds=1000 * self.seconds / poses.num_frames,
            notes=self.source.notes,
        )

    def _facts(self) -> dict[str, object]:
        return {
            "fps": self.source.fps,
            "image_size": self.source.image_size,
            "keypoint_skeleton": self.skeletons[0].name,
            "skeleton": self.skeletons[1].name,
            "first_frame": self.source.first,
        }

    def _animation(self) -> AnimationWriter:
        source = self.source
        return AnimationWriter(self.out / "animation.mp4", self.skeletons, source.image_size, source.fps)

    def _frames(self) -> Iterator[LiftedFrame]:
        pictures = self.source.pictures() if self.request.animation else iter(())
        for _, person in follow_person(self.source.keypoints.frames, self.request.person):
            self.waiting.append(next(pictures, None))
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
            self.mended += frame.mended
            yield frame

    def _write_bvh(self, poses: PoseFile) -> Path | None:
        if not self.request.bvh:
            return None
        path = self.out / "poses.bvh"
        write_bvh_file(path, np.array(poses.poses()), self.source.fps, self.skeletons[1])
        return path
