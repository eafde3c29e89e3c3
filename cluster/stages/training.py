"""The training of one network as a run that can be killed and taken up again, epoch by epoch."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cluster.interruption import Interruption
from cluster.progress import Progress
from cluster.stages.checkpoints import Checkpoints, configuration_hash
from cluster.stages.schedule import Timer
from nas.images import ImageSource
from nas.network import Network
from nas.train import Training, TrainingConfig

__all__ = ["train_network"]


def train_network(
    network: Network,
    source: ImageSource,
    config: TrainingConfig,
    folder: Path,
    *,
    progress: Progress,
    interruption: Interruption,
    checkpoint_seconds: float,
    context: dict[str, Any],
    taken_up: Callable[[Sequence[Mapping[str, float]]], None] = lambda _: None,
    epoch_done: Callable[[Mapping[str, float]], None] = lambda _: None,
) -> list[dict[str, float]]:
    """Train to the last epoch, from the newest checkpoint in `folder` if there is one.

    Args:
        network: trained in place; at the end it holds the weights to predict with.
        source: training images.
        config: how to train.
        folder: for the checkpoints of this training alone.
        progress: hears of every epoch.
        interruption: looked at after every epoch.
        checkpoint_seconds: time between checkpoints; the end is always saved.
        context: what else the result depends on (data, encoding), JSON values; a checkpoint of another
            context is refused.
        taken_up: called once with the rows of the epochs done before.
        epoch_done: called with the row of every epoch of this call.

    Returns:
        A row for every epoch from the first on: its metrics, and when it ended (seconds since 1970).

    Raises:
        ValueError: the checkpoints are of another network or context; the training diverges.
        Interrupted: asked to stop; the state is saved.
    """
    key = {
        "training": config.model_dump(mode="json"),
        "network": network.config.model_dump(mode="json"),
        "genotype": str(network.genotype),
        **context,
    }
    checkpoints = Checkpoints(folder, keep=2, configuration=configuration_hash(key))
    training = Training(network, source, config)
    history: list[dict[str, float]] = []
    found = checkpoints.load_latest()
    if found is not None:
        training.load_state_dict(found.state["training"])
        history = found.state["history"]
        for note in found.notes:
            progress.say(note)
    taken_up(history)
    timer = Timer(checkpoint_seconds)
    while training.epoch < config.epochs:
        history.append({**asdict(training.run_epoch()), "timestamp": time.time()})
        epoch_done(history[-1])
        done = training.epoch == config.epochs
        if done or interruption.requested or timer.due():
            checkpoints.save({"training": training.state_dict(), "history": history}, training.epoch)
        if not done:
            interruption.stop_if_requested()
    training.use_average()
    return history
