"""How long one answer of a network takes: what a live recognizer waits for."""

import statistics
import time
from collections.abc import Callable

import torch

from nas.image_classifier import ImageClassifier
from nas.threads import torch_threads

__all__ = ["median_latency", "median_milliseconds"]

_WARM_UP = 5


def median_latency(network: ImageClassifier, repeats: int = 50) -> float:
    """Median milliseconds from one image to its logits, on one thread of the CPU.

    Processor time of that thread: where nothing else runs it is the time that a person waits, and where much
    else runs it stays the same.

    Args:
        network: in evaluation mode afterwards.
        repeats: timed answers, after five that are not.

    Raises:
        ValueError: `repeats` is below 1.
    """
    network.eval()
    image = torch.zeros(1, *network.input_shape)
    with torch.inference_mode():
        return median_milliseconds(lambda: network(image), repeats)


def median_milliseconds(answer: Callable[[], object], repeats: int = 50) -> float:
    """Median milliseconds of one call on one thread of the CPU, after five that are not timed.

    Raises:
        ValueError: `repeats` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"`repeats` is {repeats}; at least 1 answer must be timed")
    with torch_threads(1):
        for _ in range(_WARM_UP):
            answer()
        return statistics.median(_milliseconds(answer) for _ in range(repeats))


def _milliseconds(answer: Callable[[], object]) -> float:
    begin = time.thread_time()
    answer()
    return (time.thread_time() - begin) * 1000
