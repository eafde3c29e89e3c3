"""`posenas deliver`: bring to MLflow what a run could not, because the store was away when it ended."""

from pathlib import Path

from cluster.stages.folder import RunFolder
from cluster.tracking.config import TrackingConfig
from cluster.tracking.courier import Delivered, deliver
from cluster.tracking.facts import without_passwords
from cluster.tracking.mlflow_store import resolve
from cluster.tracking.outbox import Outbox, store_name

__all__ = ["Delivered", "deliver_run"]


def deliver_run(folder: Path, tracking: str | None = None) -> list[Delivered]:
    """Deliver what waits in the outbox of a run; nothing is recorded twice, however often this is called.

    A store that no longer has the run, because it lost its data, gets all of it again.

    Args:
        folder: of the run.
        tracking: another MLflow store to tell everything to, where a server has moved or was lost.

    Returns:
        An entry for every store that something waited for; none where MLflow knows all.

    Raises:
        FileNotFoundError: there is no run.
        BlockingIOError: the run's own courier is delivering.
        OSError, ValueError: a store does not answer or cannot be used; what waited for it still waits.
    """
    run = RunFolder.open(folder)
    if not run.outbox.is_dir():
        return []
    config = run.config().tracking or TrackingConfig()
    outbox = Outbox(run.outbox)
    try:
        if tracking is not None:
            config = config.model_copy(update={"uri": tracking})
            _readdress(outbox, config)
        stores = outbox.stores(waiting_only=False)
    finally:
        outbox.close()
    done = [deliver(run.outbox, _target(store, config)) for store in stores]
    return [one for one in done if one.count or one.gone or one.left.total or one.left.refused]


def _readdress(outbox: Outbox, config: TrackingConfig) -> None:
    """Let all that was recorded in any store be recorded in this one."""
    for store in outbox.stores(waiting_only=False):
        new = store_name(config.uri, store.split("\n")[1])
        if store != new:
            outbox.readdress(store, new)


def _target(store: str, config: TrackingConfig) -> TrackingConfig:
    """The settings to reach a store with; its password stands in the experiment alone."""
    uri, experiment = store.split("\n")
    if store_name(config.uri, experiment) == store:
        uri = resolve(config.uri)
    elif uri != without_passwords(uri) or "***" in uri:
        raise ValueError(
            f"events wait for the MLflow store {uri}, whose password the run does not keep; give its address"
            " with --tracking"
        )
    return config.model_copy(update={"uri": uri, "experiment": experiment})
