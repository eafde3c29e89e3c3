import math

import pytest

from cluster.registry.architectures import architectures, record_architectures
from cluster.registry.registry import Registry


def sample(reward: float, epoch: int = 1) -> dict[str, object]:
    return {"epoch": epoch, "genotype": f"cell {reward}", "reward": reward, "accuracy": 0.5, "loss": 1.0}


def test_samples_come_back_in_order_or_best_first(registry: Registry) -> None:
    assert record_architectures(registry, "run", "msr-as1", [sample(0.2), sample(0.9), sample(0.4)]) == 3
    assert [one.reward for one in architectures(registry, run_id="run")] == [0.2, 0.9, 0.4]
    assert [one.reward for one in architectures(registry, data="msr-as1", best=2)] == [0.9, 0.4]
    assert architectures(registry, data="sbu-fold1") == ()


def test_telling_a_run_again_doubles_nothing(registry: Registry) -> None:
    record_architectures(registry, "run", "synthetic", [sample(0.1)])
    record_architectures(registry, "other", "synthetic", [sample(0.3)])
    record_architectures(registry, "run", "synthetic", [sample(0.1), sample(0.2)])
    assert [one.reward for one in architectures(registry)] == [0.3, 0.1, 0.2]


@pytest.mark.parametrize("name", ["reward", "accuracy", "loss"])
def test_a_number_that_is_not_finite_is_refused_and_nothing_is_lost(registry: Registry, name: str) -> None:
    """SQLAlchemy hands NaN to SQLite, which keeps NULL, and to PostgreSQL, which keeps NaN."""
    record_architectures(registry, "run", "synthetic", [sample(0.1)])
    broken = {**sample(0.2), name: math.nan}
    with pytest.raises(
        ValueError, match=rf"sample 1 of run run has the {name} nan; finite numbers are needed"
    ):
        record_architectures(registry, "run", "synthetic", [sample(0.3), broken])
    assert [one.reward for one in architectures(registry)] == [0.1]
