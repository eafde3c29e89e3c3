"""Many clips on a Ray cluster: each worker reads the model once, and the answers are those of one process."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cluster.recognition.recognizer import Prediction, Recognizer
from lifting.poses import Keypoints2D, PoseSequence3D

if TYPE_CHECKING:
    from cluster.distributed.runtime import RuntimeConfig

__all__ = ["predict_on_cluster"]

_CLIPS_A_TASK = 32


class _Worker:
    """Recognises clips in a process of its own."""

    def __init__(self, folder: str) -> None:
        self._recognizer = Recognizer.load(Path(folder))

    def predict(self, clips: Sequence[Keypoints2D | PoseSequence3D]) -> list[Prediction]:
        """As `Recognizer.predict_many`."""
        return self._recognizer.predict_many(clips)


def predict_on_cluster(
    folder: Path, clips: Sequence[Keypoints2D | PoseSequence3D], config: "RuntimeConfig"
) -> list[Prediction]:
    """The actions of many clips, in their order, the same to the last bit as `Recognizer.predict_many` gives.

    Every clip is classified by itself on one thread, so that neither the number of workers nor the order of
    work is in the answers. A worker that dies is started again, and its clips are done again.

    Args:
        folder: of the model, in a place that every machine of the cluster sees.
        clips: of keypoints or of poses.
        config: which cluster, how many workers; `workers` must be 1 or more, or "auto".

    Raises:
        FileNotFoundError: there is no model.
        ValueError: a clip does not fit the model, or the cluster has no room.
    """
    import ray
    from ray.exceptions import RayTaskError

    from cluster.distributed.runtime import Runtime

    Recognizer.load(folder)  # says here, in one sentence, what is wrong with it
    with Runtime(config) as runtime:
        actor = ray.remote(max_restarts=-1, max_task_retries=-1)(_Worker)
        workers = [
            actor.options(**options).remote(str(Path(folder).absolute()))
            for options in runtime.place()
        ]
        parts = [clips[start : start + _CLIPS_A_TASK] for start in range(0, len(clips), _CLIPS_A_TASK)]
        pool: Any = ray.util.ActorPool(workers)
        try:
            answers = list(pool.map(lambda worker, part: worker.predict.remote(part), parts))
        except RayTaskError as error:
            raise error.cause from None
        finally:
            for worker in workers:
                ray.kill(worker)
    return [prediction for part in answers for prediction in part]
