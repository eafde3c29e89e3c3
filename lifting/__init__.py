"""Video to 3D poses: joint layouts, pose records and the networks between them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lifting.detection.detect import DetectionSummary, detect_video
    from lifting.detectors import Detector, load_onnx_detector
    from lifting.gaps import GapConfig
    from lifting.inference import FrameLifter, LiftedFrame
    from lifting.metrics import mpjpe
    from lifting.one_euro import OneEuroConfig
    from lifting.openpose import KeypointFolder, open_folder
    from lifting.people import follow_person, person_keypoints
    from lifting.placing import place_people
    from lifting.poses import Keypoints2D, PoseSequence3D
    from lifting.run import LiftedVideo, LiftRequest, run_lift
    from lifting.skeleton import BODY_25, COCO_17, COCO_18, H36M_17, Skeleton, get_skeleton
    from lifting.sources import CameraSource, KeypointSource, Source, SourceFrame, VideoSource, open_source
    from lifting.tracking import DetectedPerson, PeopleFrame
    from lifting.trained_lifter import TrainedStream, TwoStreamLifter

__all__ = [
    "BODY_25",
    "COCO_17",
    "COCO_18",
    "H36M_17",
    "CameraSource",
    "DetectedPerson",
    "DetectionSummary",
    "Detector",
    "FrameLifter",
    "GapConfig",
    "KeypointFolder",
    "KeypointSource",
    "Keypoints2D",
    "LiftRequest",
    "LiftedFrame",
    "LiftedVideo",
    "OneEuroConfig",
    "PeopleFrame",
    "PoseSequence3D",
    "Skeleton",
    "Source",
    "SourceFrame",
    "TrainedStream",
    "TwoStreamLifter",
    "VideoSource",
    "detect_video",
    "follow_person",
    "get_skeleton",
    "load_onnx_detector",
    "mpjpe",
    "open_folder",
    "open_source",
    "person_keypoints",
    "place_people",
    "run_lift",
]

# Loaded when asked for: encoding takes the records alone, and waits for no torch.
_PLACES = {
    "lifting.detection.detect": "DetectionSummary detect_video",
    "lifting.detectors": "Detector load_onnx_detector",
    "lifting.gaps": "GapConfig",
    "lifting.inference": "FrameLifter LiftedFrame",
    "lifting.metrics": "mpjpe",
    "lifting.one_euro": "OneEuroConfig",
    "lifting.openpose": "KeypointFolder open_folder",
    "lifting.people": "follow_person person_keypoints",
    "lifting.placing": "place_people",
    "lifting.poses": "Keypoints2D PoseSequence3D",
    "lifting.run": "LiftRequest LiftedVideo run_lift",
    "lifting.skeleton": "BODY_25 COCO_17 COCO_18 H36M_17 Skeleton get_skeleton",
    "lifting.sources": "CameraSource KeypointSource Source SourceFrame VideoSource open_source",
    "lifting.tracking": "DetectedPerson PeopleFrame",
    "lifting.trained_lifter": "TrainedStream TwoStreamLifter",
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value  # asked for once only
    return value
