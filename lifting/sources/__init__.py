"""Where frames with people come from: OpenPose JSON, a video, a camera."""

from lifting.sources.camera import CameraSource
from lifting.sources.clip import ClipSource
from lifting.sources.frames import DEFAULT_FPS, Source, SourceFrame
from lifting.sources.keypoint_folder import KeypointSource
from lifting.sources.opening import open_source
from lifting.sources.video import VideoSource

__all__ = [
    "DEFAULT_FPS",
    "CameraSource",
    "ClipSource",
    "KeypointSource",
    "Source",
    "SourceFrame",
    "VideoSource",
    "open_source",
]
