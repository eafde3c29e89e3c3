"""A recognition model by the name that a person gives: its folder, a run, or a model registered in MLflow."""

import re
from dataclasses import replace
from pathlib import Path

from cluster.recognition.classifier import DESCRIPTION as CLASSIFIER_DESCRIPTION
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.learned import window_config
from cluster.recognition.model_folder import DESCRIPTION, RecognitionModel
from cluster.recognition.windows import WindowConfig
from lifting.trained_lifter import Runtime, TwoStreamLifter

__all__ = ["load_lifter", "open_model", "pack_model"]

_REGISTERED = re.compile(r"[^/@\\]+(/\d+|@[^/@\\]+)?")


def open_model(
    name: str, *, lifter: Path | None = None, tracking: str | None = None, runtime: Runtime = "onnx"
) -> RecognitionModel:
    """The model of that name.

    Args:
        name: a model folder; a run or a classifier's folder; or a registered model, as "posenas-msr-as1",
            "posenas-msr-as1/3" or "posenas-msr-as1@champion" (without either, the alias champion).
        lifter: takes the place of the model's own; a run or classifier has none.
        tracking: MLflow's address; None: as everywhere.
        runtime: of the lifter; see `RecognitionModel.load`.

    Raises:
        FileNotFoundError: nothing of that name is there.
        ValueError: a part was changed, or the parts do not fit each other.
        ConnectionError: MLflow does not answer.
    """
    folder = Path(name)
    if not folder.exists():
        if _REGISTERED.fullmatch(name) is None:
            raise FileNotFoundError(f"there is no model folder {name}")
        folder = _download(name, tracking)
    model = _read(folder, name, runtime)
    if lifter is None:
        return model
    return replace(model, lifter=load_lifter(lifter, runtime))


def load_lifter(folder: Path, runtime: Runtime = "onnx") -> TwoStreamLifter:
    """A trained lifter from its folder, or from the run that holds one.

    Raises:
        FileNotFoundError, ValueError: as `TwoStreamLifter.load`.
    """
    return TwoStreamLifter.load(folder, runtime=runtime)


def pack_model(
    source: Path, out: Path, *, lifter: Path | None = None, windows: WindowConfig | None = None
) -> RecognitionModel:
    """Put the classifier of a run and a lifter into one model folder.

    Args:
        source: a run with a trained classifier, or the classifier's folder.
        out: the model folder; an old one is replaced only by a whole new one.
        lifter: a trained lifter's folder or run; None: the model takes poses alone.
        windows: kept as the model's own.

    Raises:
        FileNotFoundError: no classifier or lifter there.
        FileExistsError: `out` holds something else.
        ValueError: the lifter's poses cannot become those that the classifier has learned.
    """
    if out.exists() and not (out / DESCRIPTION).is_file():
        raise FileExistsError(f"{out} is there already and is no model folder; name another")
    read = _read(source, str(source))
    model = RecognitionModel(
        classifier=read.classifier,
        lifter=read.lifter if lifter is None else load_lifter(lifter),
        windows=windows or read.windows,
        notes={**read.notes, "from": source.name},
    )
    model.save(out)
    return model


def _read(folder: Path, name: str, runtime: Runtime = "onnx") -> RecognitionModel:
    """Whatever of its kind lies in the folder: a model, or a classifier by itself."""
    models = sorted(folder.rglob(DESCRIPTION), key=lambda path: len(path.parts))
    if models:
        return RecognitionModel.load(models[0].parent, runtime)
    for place in (folder, folder / "model"):
        if (place / CLASSIFIER_DESCRIPTION).is_file():
            classifier = TrainedClassifier.load(place)
            return RecognitionModel(
                classifier=classifier,
                lifter=None,
                windows=window_config(classifier.learned),
                notes=classifier.notes,
            )
    raise FileNotFoundError(
        f"{name} holds neither a recognition model nor a trained classifier; `posenas train RUN` makes a "
        "classifier, `posenas pack` a model of it"
    )


def _download(name: str, tracking: str | None) -> Path:
    """The files of a registered model, in MLflow's own cache or a temporary folder of it."""
    from cluster.tracking.config import TrackingConfig
    from cluster.tracking.mlflow_store import connect, resolve, said_clearly

    uri = resolve(tracking or TrackingConfig().uri)
    with said_clearly(uri):
        import mlflow.artifacts

        client = connect(uri)
        plain, separator, which = (*re.split("([/@])", name), "@", "champion")[:3]
        known = [one.name for one in client.search_registered_models()]
        if plain not in known:
            there = ", ".join(sorted(known)) or "none"
            raise FileNotFoundError(
                f"there is no folder {name}, nor a registered model of that name in MLflow at {uri}; "
                f"registered are: {there}"
            )
        found = (
            client.get_model_version(plain, which)
            if separator == "/"
            else client.get_model_version_by_alias(plain, which)
        )
        # not "models:/NAME@ALIAS", which MLflow looks up in its own default registry
        source = client.get_model_version_download_uri(plain, found.version)
        place = mlflow.artifacts.download_artifacts(source, tracking_uri=uri)
    return Path(place)
