"""What MLflow runs when it serves a trained classifier: one clip of 3D poses in, the action out.

MLflow executes this file from the saved model (its "models from code"), so nothing is pickled; posenas itself
does not import it. See `cluster.tracking.mlflow_model.save_pose_model`.
"""

from pathlib import Path
from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel

from cluster.classifier import TrainedClassifier
from lifting.poses import PoseSequence3D

__all__ = ["PoseModel"]


class PoseModel(PythonModel):
    """A `TrainedClassifier` behind MLflow's interface."""

    def load_context(self, context: Any) -> None:
        """Read the classifier's folder; called by MLflow."""
        self.classifier = TrainedClassifier.load(Path(context.artifacts["classifier"]))

    # MLflow lets `context` be left out, and warns about any annotation of the input but the bare np.ndarray.
    def predict(  # type: ignore[override]
        self,
        model_input: np.ndarray,
        params: dict[str, Any] | None = None,
    ) -> list[dict[str, object]]:
        """Name the action of one clip.

        Args:
            model_input: float32 (T, J, 3), or (T, 2, J, 3) for two people: millimetres in the skeleton that
                the classifier was trained on, NaN for a joint that was not seen.
            params: "fps", frames per second.

        Returns:
            One row: label, probability, and the probability of every class under "p: " and its name.

        Raises:
            ValueError: the poses do not fit the classifier.
        """
        fps = float((params or {}).get("fps", 30.0))
        skeleton, names = self.classifier.skeleton, self.classifier.class_names
        poses = PoseSequence3D(xyz=np.asarray(model_input, np.float32), fps=fps, skeleton=skeleton)
        (probabilities,) = self.classifier.predict([poses])
        best = int(probabilities.argmax())
        row: dict[str, object] = {"label": names[best], "probability": float(probabilities[best])}
        return [row | {f"p: {name}": float(value) for name, value in zip(names, probabilities, strict=True)}]


set_model(PoseModel())
