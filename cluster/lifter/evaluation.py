"""The errors of a trained lifter on test parts that it has never seen, in each mode of inference."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cluster.files import write_json
from cluster.lifter.config import LiftConfig
from cluster.lifter.folder import LiftRun
from cluster.lifter.pictures import save_pictures
from cluster.lifter.recording import record_lift_scores, start_lifter
from cluster.progress import Progress, SilentProgress
from cluster.tracking.facts import environment
from cluster.tracking.opening import open_store, watched
from cluster.tracking.tracker import Tracker
from lifting.datasets import PosePairs, load_pairs
from lifting.gaps import Frame2D, GapConfig, GapFiller
from lifting.inference import INFERENCE_MODES
from lifting.metrics import Evaluation, evaluate
from lifting.normalize import FloatArray
from lifting.one_euro import OneEuroConfig, OneEuroFilter
from lifting.trained_lifter import Runtime, TwoStreamLifter

__all__ = ["DEPLOYED", "LiftEvaluation", "predict_in_modes", "run_lift_evaluation"]

DEPLOYED = "detected + detected"
MEAN_POSE = "mean pose"
SMOOTHED = f"{DEPLOYED}, smoothed"


@dataclass(frozen=True, eq=False, kw_only=True)
class LiftEvaluation:
    """Errors on every test part.

    Attributes:
        folder: the run.
        parts: by test part and mode of inference; "mean pose" is what knowing nothing of the image gives, and
            "detected + detected, smoothed" what the One Euro filter makes of the deployed mode.
        unlifted: frames of each part that show too little of the person, after gaps were filled; the mean
            pose stands for them.
    """

    folder: Path
    parts: dict[str, dict[str, Evaluation]]
    unlifted: dict[str, int]


def run_lift_evaluation(
    folder: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    runtime: Runtime = "onnx",
    progress: Progress | None = None,
    tracker: Tracker | None = None,
) -> LiftEvaluation:
    """Score the lifter of a run, write evaluation.json and the pictures.

    Args:
        folder: a run with a trained lifter.
        changes: settings by dotted name, as {"data.name": "msr"}, to score it on other data than its own.
        runtime: what computes it; 8-bit weights are a little less exact. Only the usual scores are recorded.
        progress: receives every test part.
        tracker: records the errors; by default the one that the settings name.

    Raises:
        FileNotFoundError: no run, no lifter, or no data there.
        ValueError: the lifter was changed, or cannot read the keypoints of the data.
        BlockingIOError: another process works on the run.
    """
    progress = progress or SilentProgress()
    run = LiftRun.open(folder)
    with run.locked():
        config = run.config().changed(changes or {})
        lifter = TwoStreamLifter.load(run.lifter, runtime=runtime, threads=config.resources.torch_threads)
        split = load_pairs(config.data)
        run.note_environment("evaluation", environment(config.resources.torch_threads))
        tracker = tracker or open_store(config.tracking, run.path, progress)
        own = not changes and runtime == "onnx"
        if own:
            start_lifter(tracker, run, config, split)
        outcome = _score(run, lifter, dict(split.test), progress)
        write_json(run.evaluation_file, {"runtime": runtime, **_as_json(outcome, config, split.name)})
        if own:
            with watched(tracker):
                record_lift_scores(tracker, run, _scalars(outcome))
    return outcome


def predict_in_modes(lifter: TwoStreamLifter, pairs: PosePairs) -> tuple[dict[str, FloatArray], int]:
    """What the lifter answers to every frame of the pairs, in each mode of inference.

    Gaps in the detected keypoints are filled clip by clip without looking ahead, as when it runs live.

    Args:
        lifter: trained.
        pairs: N frames.

    Returns:
        (N, K, 3) millimeters by name of the mode, smoothed and mean pose included; and the number of frames
        that show too little, for which the mean pose stands.

    Raises:
        ValueError: the keypoints' layout cannot be mapped to the lifter's, or the poses have another layout.
    """
    if pairs.pose_skeleton != lifter.skeleton:
        raise ValueError(
            f"the pairs hold poses of skeleton {pairs.pose_skeleton.name!r}; the lifter writes "
            f"{lifter.skeleton.name!r}"
        )
    joints = lifter.streams["detected"].joints
    mean_pose = joints.poses(np.zeros((1, joints.num_targets), np.float32))[0]
    xy, confidence = _filled(pairs)
    predicted = {
        name: lifter.two_stream.lift_in_mode(
            mode, pairs.true_keypoints, xy, confidence, pairs.keypoint_skeleton
        )
        for name, mode in INFERENCE_MODES.items()
    }
    unlifted = int(np.isnan(predicted[DEPLOYED]).any(axis=(1, 2)).sum())
    predicted = {name: np.where(np.isnan(poses), mean_pose, poses) for name, poses in predicted.items()}
    predicted[SMOOTHED] = _smoothed(predicted[DEPLOYED], pairs)
    predicted[MEAN_POSE] = np.broadcast_to(mean_pose, pairs.poses.shape)
    return predicted, unlifted


def _score(
    run: LiftRun, lifter: TwoStreamLifter, parts: Mapping[str, PosePairs], progress: Progress
) -> LiftEvaluation:
    scored: dict[str, dict[str, Evaluation]] = {}
    unlifted: dict[str, int] = {}
    progress.begin("evaluation", len(parts))
    for number, (part, pairs) in enumerate(parts.items(), start=1):
        predicted, unlifted[part] = predict_in_modes(lifter, pairs)
        scored[part] = {name: evaluate(poses, pairs) for name, poses in predicted.items()}
        save_pictures(run.pictures, part, pairs, predicted[DEPLOYED], scored[part])
        progress.advance(number, part)
    return LiftEvaluation(folder=run.path, parts=scored, unlifted=unlifted)


def _filled(pairs: PosePairs) -> tuple[FloatArray, FloatArray]:
    """Detected keypoints and confidence with their gaps filled."""
    frames: list[Frame2D] = []
    for index in range(len(pairs.clips)):
        filler = GapFiller(pairs.keypoint_skeleton.num_joints, GapConfig())
        part = pairs.frames_of(index)
        for xy, confidence in zip(pairs.keypoints[part], pairs.confidence[part], strict=True):
            frames += filler.push(xy, confidence)
    return np.stack([frame.xy for frame in frames]), np.stack([frame.confidence for frame in frames])


def _smoothed(poses: FloatArray, pairs: PosePairs) -> FloatArray:
    smoothed = np.empty_like(poses)
    for index, clip in enumerate(pairs.clips):
        smooth, part = OneEuroFilter(OneEuroConfig(), clip.fps), pairs.frames_of(index)
        smoothed[part] = [smooth(pose) for pose in poses[part]]
    return smoothed


def _scalars(outcome: LiftEvaluation) -> dict[str, float]:
    """For MLflow: the deployed and the true-keypoint mode on every part."""
    chosen = {"detected": DEPLOYED, "gt": "gt + gt", "smoothed": SMOOTHED}
    return {
        f"{part}.{short}.{measure}": getattr(methods[mode].frame_wise, measure)
        for part, methods in outcome.parts.items()
        for short, mode in chosen.items()
        for measure in ("p1", "p2", "mpjve")
    }


def _as_json(outcome: LiftEvaluation, config: LiftConfig, data: str) -> dict[str, Any]:
    parts = {
        part: {
            "unlifted_frames": outcome.unlifted[part],
            "methods": {name: _evaluation_json(found) for name, found in methods.items()},
        }
        for part, methods in outcome.parts.items()
    }
    return {"data": data, "settings": config.result_settings()["data"], "parts": parts}


def _evaluation_json(found: Evaluation) -> Any:
    content = {
        "frame_wise": asdict(found.frame_wise),
        "action_wise": asdict(found.action_wise),
        "actions": {name: asdict(scores) for name, scores in found.actions.items()},
        "joints": found.joints.tolist(),
        "bones": asdict(found.bones),
        "true_bones": asdict(found.true_bones),
    }
    return _without_nan(content)


def _without_nan(content: Any) -> Any:
    """JSON has no NaN: a measure that a part does not give (the movement in clips of one frame) is null."""
    if isinstance(content, dict):
        return {name: _without_nan(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_without_nan(value) for value in content]
    return None if isinstance(content, float) and np.isnan(content) else content
