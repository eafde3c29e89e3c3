"""A source of frames by its name: what `posenas lift run` and `posenas recognize` are given."""

from pathlib import Path

from lifting.detection.detect import detect_video
from lifting.progress import Progress
from lifting.sources.camera import CameraSource
from lifting.sources.frames import Source
from lifting.sources.keypoint_folder import KeypointSource
from lifting.sources.video import VideoSource
from lifting.stage_times import StageTimes

__all__ = ["open_source"]


def open_source(
    name: str | Path,
    *,
    detector: Path | None = None,
    layout: str = "auto",
    fps: float | None = None,
    video: Path | None = None,
    times: StageTimes | None = None,
    detect_every: int = 1,
    keypoints: Path | None = None,
    progress: Progress | None = None,
    image_size: tuple[int, int] | None = None,
) -> Source:
    """A number is a camera, a folder holds OpenPose JSON, a file is a video.

    Args:
        name: of the source.
        detector: an ONNX pose model for videos and cameras; None: MediaPipe.
        layout: of the JSON, where "auto" should guess wrong.
        fps: frames per second, in place of what the source says.
        video: pictures behind the keypoints of a folder.
        times: takes the cost of decoding and detecting.
        detect_every: as in `VideoSource`.
        keypoints: detect all of a video into this folder first, where a run that was stopped continues, and
            read the folder. The source can then be read again without a detector. No camera is meant then.
        progress: of that detection.
        image_size: (width, height), pixels, of a folder whose keypoints are shares of the picture.

    Raises:
        FileNotFoundError, ValueError, OSError: as the sources and `detect_video` say.
    """
    path = Path(name)
    if keypoints is None and str(name).isdigit() and not path.exists():
        return CameraSource(int(str(name)), detector, fps, times=times, detect_every=detect_every)
    if path.is_dir():
        if detect_every != 1:
            raise ValueError(
                f"`detect_every` is for videos and cameras; {name} holds keypoints: leave it out"
            )
        return KeypointSource(path, video, layout, fps, image_size)
    if keypoints is not None:
        found = detect_video(path, keypoints, detector=detector, fps=fps, progress=progress)
        return KeypointSource(found.folder, path, fps=fps)
    return VideoSource(path, detector, fps, times=times, detect_every=detect_every)
