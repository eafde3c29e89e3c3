"""What MLflow runs when it serves a recognition model: one clip in, the action out.

MLflow executes this file from the saved model (its "models from code"), so nothing is pickled; posenas itself
does not import it. See `cluster.tracking.mlflow_model.save_recognition_model`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from cluster.recognition.recognizer import Recognizer
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.trained_lifter import TwoStreamLifter

__all__ = ["ServedRecognizer"]


class ServedRecognizer(PythonModel):
    """A `Recognizer` behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Read the model's folder; called by MLflow."""
        self.recognizer = Recognizer.load(Path(context.artifacts["recognition"]))

    # MLflow lets `context` be left out, and warns about any annotation of the input but the bare np.ndarray.
    def predict(  # type: ignore[override]
        self,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, object]]:
        """Name the action of one clip.

        Args:
            model_input: float32 (T, J, 3), or (T, 2, J, 3) for two people: millimeters in the skeleton that
                the classifier was trained on; for a model with a lifter float32 (T, K, 2): pixels in the
                lifter's keypoint layout. NaN for a joint that was not seen.
            params: "fps", frames per second; for keypoints "width" and "height" of the image too.

        Returns:
            One row: label, probability, and the probability of every class under "p: " and its name.

        Raises:
            ValueError: the clip does not fit the model.
        """
        values, given = np.asarray(model_input, np.float32), params or {}
        lifter, fps = self.recognizer.model.lifter, float(given.get("fps", 30.0))
        clip: Keypoints2D | PoseSequence3D
        if lifter is None:
            skeleton = self.recognizer.model.classifier.skeleton
            clip = PoseSequence3D(xyz=values, fps=fps, skeleton=skeleton)
        else:
            clip = _keypoints(values, fps, given, lifter)
        seen = self.recognizer.predict(clip)
        named = zip(self.recognizer.class_names, seen.probabilities, strict=True)
        row: dict[str, object] = {"label": seen.label, "probability": seen.probability}
        return [row | {f"p: {name}": float(value) for name, value in named}]


def _keypoints(xy: np.ndarray, fps: float, params: Mapping[str, Any], lifter: TwoStreamLifter) -> Keypoints2D:
    return Keypoints2D(
        xy=xy,
        confidence=np.asarray(np.isfinite(xy).all(axis=-1), np.float32),
        image_size=(int(params["width"]), int(params["height"])),
        fps=fps,
        skeleton=lifter.keypoint_skeleton,
    )


set_model(ServedRecognizer())
