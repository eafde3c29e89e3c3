import pytest
import torch

from cluster.stages.latency import median_latency
from nas.genotype import Cell, Genotype
from nas.network import Network
from nas.plan import NetworkConfig

CHAIN = Cell.from_numbers((0, 4, 1, 4))
NETWORK = Network(
    Genotype(CHAIN, CHAIN), NetworkConfig(num_classes=2, channels=4, normal_cells=1, image_size=8)
)


def test_the_median_ignores_an_answer_that_something_else_made_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.002, 1.0, 1.004, 2.0, 5.0])  # answers of 2, 4 and 3000 ms
    monkeypatch.setattr("cluster.stages.latency.time.thread_time", lambda: next(times))
    assert median_latency(NETWORK, repeats=3) == pytest.approx(4)


def test_the_callers_threads_are_restored() -> None:
    before = torch.get_num_threads()
    assert median_latency(NETWORK, repeats=1) > 0
    assert torch.get_num_threads() == before


def test_at_least_one_answer_is_timed() -> None:
    with pytest.raises(ValueError, match="`repeats` is 0; at least 1 answer must be timed"):
        median_latency(NETWORK, repeats=0)
