"""Model folders in MLflow: recorded once, registered once, and an alias for the best version."""

import hashlib
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["award", "classes_of", "record", "register", "registered_versions"]

DIGEST, SCORE, MODEL_ID = "posenas.digest", "posenas.score", "posenas.model_id"
CLASSES = "posenas.classes"


def record(client: "MlflowClient", experiment: str, run: str, folder: Path, name: str) -> str:
    """Record a model folder as the logged model `name` of the run, once, and return its MLflow id."""
    from mlflow.entities import LoggedModelOutput

    digest = _digest(folder)
    known = client.search_logged_models([experiment], f"name = '{name}' AND source_run_id = '{run}'")
    model = next((one for one in known if one.tags.get(DIGEST) == digest), None)
    if model is not None and str(model.status) == "READY":
        return str(model.model_id)
    if model is None:  # else one whose recording was broken off: its files are sent again
        tags = {DIGEST: digest}
        model = client.create_logged_model(experiment, name, run, tags=tags, model_type="classifier")
    with TemporaryDirectory() as scratch:
        client.log_model_artifacts(model.model_id, str(_named(folder, Path(scratch), model.model_id, run)))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(model.model_id, step=0)])
    return str(model.model_id)


def _named(folder: Path, scratch: Path, model_id: str, run: str) -> Path:
    """A copy of the model folder whose MLmodel names the logged model and the run that it came from."""
    from mlflow.models import Model

    copy = scratch / "model"
    shutil.copytree(folder, copy)
    description = Model.load(str(copy))
    description.model_id, description.run_id = model_id, run
    description.save(str(copy / "MLmodel"))
    return copy


def register(
    client: "MlflowClient", name: str, model_id: str, run: str, score: float | None, classes: str = ""
) -> str:
    """Make one version of the registered model `name` from a logged model, and return its number.

    Args:
        client: of the store.
        name: of the registered model.
        model_id: of the logged model.
        run: that logged it.
        score: by which versions are compared.
        classes: `classes_of` the model's folder; kept with the version.
    """
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, description="Trained by posenas")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    for version in client.search_model_versions(f"name = '{name}' and run_id = '{run}'"):
        if version.tags.get(MODEL_ID) == model_id:
            return str(version.version)
    # A server resolves models:/ID in its own store. Without one, MLflow resolves it in the store of its
    # global setting, which need not be the client's: there the place of the files is named.
    served = client.tracking_uri.startswith("http")
    source = f"models:/{model_id}" if served else client.get_logged_model(model_id).artifact_location
    tags = {MODEL_ID: model_id} | ({} if score is None else {SCORE: repr(float(score))})
    tags |= {CLASSES: classes} if classes else {}
    # not awaited: a database has made the version when it answers
    version = client.create_model_version(
        name, source, run, tags=tags, model_id=model_id, await_creation_for=0
    )
    return str(version.version)


def classes_of(folder: Path) -> str:
    """A digest of the class names of a model folder, whatever their order; nothing where it has none."""
    from mlflow.models import Model

    names = (Model.load(str(folder)).metadata or {}).get("class_names")
    return hashlib.sha256("\0".join(sorted(names)).encode()).hexdigest()[:16] if names else ""


def award(client: "MlflowClient", name: str, alias: str, version: str, score: float | None) -> None:
    """Give `alias` to the version unless the one that holds it has a higher score or other classes."""
    holder = client.get_registered_model(name).aliases.get(alias)
    if holder is not None:
        held, own = (client.get_model_version(name, str(one)).tags for one in (holder, version))
        if CLASSES in held and CLASSES in own and held[CLASSES] != own[CLASSES]:
            return
        if score is not None and SCORE in held and float(held[SCORE]) > score:
            return
    client.set_registered_model_alias(name, alias, version)


def registered_versions(client: "MlflowClient", run: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """The registered models that came from a run: (name, version, aliases), the newest last."""
    found = sorted(client.search_model_versions(f"run_id = '{run}'"), key=lambda one: int(one.version))
    result = []
    for one in found:
        aliases = client.get_registered_model(one.name).aliases  # a search leaves them out
        mine = tuple(sorted(alias for alias, version in aliases.items() if str(version) == str(one.version)))
        result.append((str(one.name), str(one.version), mine))
    return result


def _digest(folder: Path) -> str:
    """sha256 over the names and the contents of all files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in Path(folder).rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
