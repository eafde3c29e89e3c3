"""The search strategies that there are: a new one is a file with its class, and its name in this table."""

from collections.abc import Mapping
from types import MappingProxyType

from nas.outside import unknown_name

__all__ = ["STRATEGIES", "check_strategy"]

STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "enas": "nas.strategy:EnasStrategy",
        "random": "nas.strategy:RandomStrategy",
        "evolution": "nas.evolution:RegularizedEvolution",
        "local": "nas.local_search:LocalSearch",
    }
)
"""The class of each strategy as `module:Class`, loaded when a search needs it: settings load no torch."""


def check_strategy(name: str) -> str:
    """A name of the table, or the `module:Class` of a file outside the project.

    Raises:
        ValueError: it is neither; the nearest name is said.
    """
    if name not in STRATEGIES and ":" not in name:
        raise unknown_name("strategy", name, (*STRATEGIES, "module:Class"))
    return name
