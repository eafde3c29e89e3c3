"""What a search found: two searches that must be the same agree in all of it."""

from pathlib import Path
from typing import Any

from cluster.files import read_json

__all__ = ["search_facts"]


def search_facts(folder: Path) -> dict[str, Any]:
    """Everything that the search in `folder` found, without what it cost."""
    content = read_json(folder / "search.json")
    content.pop("seconds")
    costs = ("timestamp", "weight_seconds", "controller_seconds", "weight_bytes", "idle_share")
    for row in content["epochs"]:
        for name in [name for name in row if name.startswith(costs)]:
            row.pop(name)
    return content
