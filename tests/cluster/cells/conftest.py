from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from cluster.cells import FoundCells
from nas.genotype import Cell, Genotype

CHAIN = Cell.from_numbers((0, 0, 1, 4))


@pytest.fixture
def found() -> Callable[..., FoundCells]:
    """Makes what a search found, without a store."""

    def make(name: str, **changes: Any) -> FoundCells:
        values: dict[str, Any] = {
            "run_id": f"{name}-id",
            "mlflow_run_id": f"{name}-mlflow",
            "name": name,
            "data": "synthetic",
            "split": "synthetic, seed 0",
            "genotype": Genotype(CHAIN, CHAIN),
            "test_accuracy": 0.9,
            "validation_accuracy": 0.8,
            "parameters": 100_000,
            "latency": 4.0,
            "started": datetime(2026, 1, 1, tzinfo=UTC),
            "status": "finished",
            "artifacts": "",
        }
        return FoundCells(**(values | changes))

    return make
