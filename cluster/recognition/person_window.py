"""The window of one person, or of a pair: poses go in, window predictions come out."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.records import Who, WindowPrediction
from cluster.recognition.windows import Decision, WindowConfig
from lifting.mapping import map_joints
from lifting.poses import PoseSequence3D
from lifting.skeleton import Skeleton
from lifting.stage_times import StageTimes

__all__ = ["PersonWindow"]

Floats = NDArray[np.float32]
Image = NDArray[np.uint8]

# A whole clip is classified again when it has grown by this share: predictions must not become ever dearer.
_GROWTH = 0.1


class PersonWindow:
    """The window of one person, or of a pair: poses in, predictions out.

    Args:
        model: whose classifier predicts.
        who: identity, or the two of a pair.
        windows: when to predict.
        whole: the window is all there was.
        fps: frames per second of the poses.
        source: layout of the poses that come.
        times: takes the cost of encoding and classifying.
    """

    def __init__(
        self,
        model: RecognitionModel,
        who: Who,
        windows: WindowConfig,
        whole: bool,
        fps: float,
        source: Skeleton,
        times: StageTimes,
    ) -> None:
        self._model, self._source, self._times = model, source, times
        self.windows, self._whole, self._fps = windows, whole, fps
        self.who = who
        self._poses: deque[Floats] = deque(maxlen=None if whole else windows.window)
        self._seconds: deque[float] = deque(maxlen=None if whole else windows.window)
        self._seen: deque[NDArray[np.bool_]] = deque(maxlen=None if whole else windows.window)
        self._since, self._pause = 0, windows.least
        self._decision = Decision(windows)
        self.image: Image | None = None
        self.probabilities: Floats | None = None

    @property
    def label(self) -> int | None:
        """What is decided so far."""
        return self._decision.label

    @property
    def filled(self) -> float:
        """Share of the window that holds poses; of a whole clip that of the usual window."""
        return min(1.0, len(self._poses) / self.windows.window)

    def push(self, pose: Floats, seconds: float) -> WindowPrediction | None:
        """The next pose, (K, 3) or (2, K, 3), NaN where unknown; a prediction when it is time for one."""
        target = self._model.classifier.skeleton
        mapped = pose if target == self._source else map_joints(pose, self._source, target)
        self._poses.append(mapped)
        self._seconds.append(seconds)
        self._seen.append(np.asarray(np.isfinite(mapped).all(axis=-1)))
        self._since += 1
        if self._since < self._pause or not self._shows(self.windows.least):
            return None
        return self._predict(final=False)

    def _shows(self, least: int) -> bool:
        """Whether `least` frames show half of the joints or more; the encoding fills what is missing."""
        seen = np.stack(self._seen).reshape(len(self._seen), -1)
        return bool((seen.mean(axis=1) >= 0.5).sum() >= least)

    def finish(self) -> WindowPrediction | None:
        """A last prediction, where a pose came after the one before; of a whole clip in any case."""
        if (self._since == 0 and not self._whole) or not self._seen or not self._shows(2):
            return None
        return self._predict(final=True)

    def _predict(self, *, final: bool) -> WindowPrediction:
        poses = PoseSequence3D(
            xyz=np.stack(self._poses), fps=self._fps, skeleton=self._model.classifier.skeleton
        )
        if (learned := self._model.classifier.learned) is not None:
            poses = learned.at_rate(poses)
        with self._times.measured("encode"):
            self.image = self._model.classifier.images([poses])[0]
        with self._times.measured("classify"):
            self.probabilities = self._model.classify(self.image)
        label = self._decision.update(self.probabilities, final=final)
        if self._whole and final:
            label = int(self.probabilities.argmax())
        self._since = 0
        self._pause = self.windows.stride
        if self._whole:
            self._pause = max(self._pause, math.ceil(_GROWTH * len(self._poses)))
        return WindowPrediction(
            who=self.who,
            begin=self._seconds[0],
            end=self._seconds[-1],
            num_frames=len(self._poses),
            image=self.image,
            probabilities=self.probabilities,
            label=label,
            final=final,
        )
