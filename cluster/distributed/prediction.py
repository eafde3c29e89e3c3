"""Many clips on a Ray cluster: each worker reads the model once, and the answers are those of one process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ray import ObjectRef

from cluster.distributed.config import RuntimeConfig
from cluster.distributed.dispatch import Dispatcher, Submit
from cluster.distributed.processes import NotPreparedError, WorkerInfo, introduce
from cluster.distributed.runtime import Runtime
from cluster.recognition.recognizer import Prediction, Recognizer
from lifting.poses import Keypoints2D, PoseSequence3D
from nas.compute_config import ComputeConfig

__all__ = ["predict_on_cluster"]

_CLIPS_A_SHARD = 16

Clips = Sequence[Keypoints2D | PoseSequence3D]


class _Predictor:
    """Recognizes clips on one worker. A new process knows nothing until `prepare`."""

    def __init__(self) -> None:
        self._recognizer: Recognizer | None = None

    def prepare(self, folder: str) -> WorkerInfo:
        """Read the model, and say who this is."""
        self._recognizer = Recognizer.load(Path(folder))
        return introduce(ComputeConfig())

    def predict(self, clips: Clips) -> list[Prediction]:
        """As `Recognizer.predict_many`."""
        if self._recognizer is None:
            raise NotPreparedError("the worker's process was started anew")
        return self._recognizer.predict_many(clips)


def predict_on_cluster(folder: Path, clips: Clips, config: RuntimeConfig) -> list[Prediction]:
    """The actions of many clips, in their order, the same to the last bit as `Recognizer.predict_many` gives.

    Every clip is classified by itself on one thread, so that neither the number of workers nor the order of
    work is in the answers. What a lost worker had begun is done again elsewhere.

    Args:
        folder: of the model, in a place that every machine of the cluster sees.
        clips: of keypoints or of poses.
        config: which cluster, how many workers (1 or more, or "auto").

    Raises:
        FileNotFoundError: there is no model.
        ValueError: a clip does not fit the model, or the cluster has no room.
        WorkersLostError: no worker was left.
    """
    place = str(Path(folder).absolute())
    Recognizer.load(folder)  # says here, in one sentence, what is wrong with it
    parts = [clips[start : start + _CLIPS_A_SHARD] for start in range(0, len(clips), _CLIPS_A_SHARD)]
    with Runtime(config) as runtime:
        dispatcher = Dispatcher(
            [runtime.in_place(_Predictor, worker) for worker in runtime.place()],
            lambda actor: actor.prepare.remote(place),
            shard_seconds=config.shard_timeout_seconds,
            give_up_seconds=config.worker_timeout_seconds,
        )
        try:
            answers = dispatcher.run([_submit(part) for part in parts])
        finally:
            dispatcher.kill()
    return [prediction for answer in answers for prediction in answer.report]


def _submit(part: Clips) -> Submit:
    def submit(actor: Any) -> list["ObjectRef[Any]"]:
        return [actor.predict.remote(part)]

    return submit
