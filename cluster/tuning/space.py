"""The search space: which hyperparameters are tried, and from which range each is drawn.

A file names them by dotted name, or section by section, with one distribution each:

    model.activation: {choice: [relu, selu]}
    training: {learning_rate: {log_uniform: [0.0003, 0.003]}}
"""

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from cluster.settings import check_settings, read_settings_file
from nas.random import generator

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

__all__ = ["DISTRIBUTIONS", "Distribution", "Scalar", "SearchSpace", "in_words"]

Scalar = bool | int | float | str | None

DISTRIBUTIONS = ("choice", "uniform", "log_uniform", "integer")


class Distribution(BaseModel):
    """Where one hyperparameter is drawn from: exactly one of these is given.

    Attributes:
        choice: one of two or more values, null among them where a setting may be off.
        uniform: a real number from low to high.
        log_uniform: a real number whose logarithm is uniform; low is above 0.
        integer: a whole number from low to high, both included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    choice: list[Scalar] | None = None
    uniform: tuple[float, float] | None = None
    log_uniform: tuple[float, float] | None = None
    integer: tuple[int, int] | None = None

    @model_validator(mode="before")
    @classmethod
    def _numbers(cls, content: Any) -> Any:
        """YAML reads 1e-4 as text; who writes it means the number."""
        if not isinstance(content, Mapping):
            return content
        return {
            name: [_number(value) for value in values] if isinstance(values, list) else values
            for name, values in content.items()
        }

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name in DISTRIBUTIONS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"has {' and '.join(given) or 'no distribution'}; "
                f"exactly one of {', '.join(DISTRIBUTIONS)} is needed"
            )
        if self.choice is not None:
            if len(self.choice) < 2 or len({repr(value) for value in self.choice}) < len(self.choice):
                raise ValueError(f"chooses from {self.choice}; two or more different values are needed")
            return self
        low, high = self.range
        if not (np.isfinite(low) and np.isfinite(high) and low < high):
            raise ValueError(f"goes from {low:g} to {high:g}; two numbers, the smaller one first, are needed")
        if self.log_uniform is not None and low <= 0:
            raise ValueError(f"goes from {low:g} on a logarithmic scale; a number above 0 is needed")
        return self

    @property
    def kind(self) -> str:
        """Which of `DISTRIBUTIONS` it is."""
        return next(name for name in DISTRIBUTIONS if getattr(self, name) is not None)

    @property
    def range(self) -> tuple[float, float]:
        """Low and high; not of a choice."""
        found = self.uniform or self.log_uniform or self.integer
        assert found is not None
        return found

    @property
    def edges(self) -> Sequence[Scalar]:
        """The values that must be allowed for all to be: each choice, or both ends."""
        return self.choice if self.choice is not None else self.range

    def sample(self, rng: np.random.Generator) -> Scalar:
        """One value."""
        if self.choice is not None:
            return self.choice[int(rng.integers(len(self.choice)))]
        low, high = self.range
        if self.integer is not None:
            return int(rng.integers(int(low), int(high), endpoint=True))
        if self.log_uniform is not None:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return float(rng.uniform(low, high))

    def clipped(self, value: Scalar) -> Scalar:
        """The nearest value that the distribution can give; choices pass unchanged."""
        if self.choice is not None or not isinstance(value, (int, float)):
            return value
        low, high = self.range
        return type(low)(min(max(value, low), high))

    def for_optuna(self) -> "BaseDistribution":
        """The same in Optuna's terms."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choice is not None:
            return CategoricalDistribution(self.choice)
        low, high = self.range
        if self.integer is not None:
            return IntDistribution(int(low), int(high))
        return FloatDistribution(low, high, log=self.log_uniform is not None)


class SearchSpace:
    """Hyperparameters by dotted name, each with its distribution.

    Args:
        distributions: at least one.
        source: where they come from, for messages.

    Raises:
        ValueError: there is none, or a distribution is wrong; the sentence says which, and what is allowed.
    """

    def __init__(
        self, distributions: Mapping[str, Distribution | Mapping[str, Any]], source: str = "the search space"
    ) -> None:
        if not distributions:
            raise ValueError(
                f"{source} is empty; at least one hyperparameter is needed, "
                "as model.dropout: {uniform: [0, 0.5]}"
            )
        self.source = source
        self.distributions: dict[str, Distribution] = {
            name: given if isinstance(given, Distribution) else _checked(name, given, source)
            for name, given in distributions.items()
        }

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a YAML or JSON file.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it is not readable, or a distribution is wrong.
        """
        return cls(_flat(read_settings_file(path)), str(path))

    def check(self, known: Sequence[str], allowed: Callable[[dict[str, Scalar]], object]) -> None:
        """Whether each hyperparameter exists and may take each of its values.

        Args:
            known: the dotted names that can be tuned.
            allowed: raises ValueError for settings that cannot be.

        Raises:
            ValueError: the file, the name, the nearest right one, and what is allowed.
        """
        for name, distribution in self.distributions.items():
            if name not in known:
                close = get_close_matches(name, known, n=1, cutoff=0.5)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise ValueError(
                    f"{self.source}: there is no hyperparameter {name!r}{hint}; "
                    f"those that can be tuned are {', '.join(known)}"
                )
            for value in distribution.edges:
                try:
                    allowed({name: value})
                except ValueError as error:
                    raise ValueError(f"{self.source}: {error}") from error

    def sample(self, seed: int, number: int) -> dict[str, Scalar]:
        """The settings of trial `number`: they depend on (space, seed, number) alone."""
        rng = generator(seed, "trial", number)
        return {name: distribution.sample(rng) for name, distribution in self.distributions.items()}

    def for_optuna(self) -> "dict[str, BaseDistribution]":
        """The same in Optuna's terms."""
        return {name: distribution.for_optuna() for name, distribution in self.distributions.items()}

    def to_dict(self) -> dict[str, Any]:
        """As a file holds it."""
        return {
            name: {distribution.kind: list(distribution.edges)}
            for name, distribution in self.distributions.items()
        }


def _checked(name: str, given: Any, source: str) -> Distribution:
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{source}: {name} is {given!r}; a distribution is needed, as {{uniform: [0, 0.5]}}"
            f" ({', '.join(DISTRIBUTIONS)})"
        )
    for word in given:
        if word not in DISTRIBUTIONS:
            close = get_close_matches(str(word), DISTRIBUTIONS, n=1, cutoff=0.5)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(
                f"{source}: {name}: there is no distribution {word!r}{hint}; "
                f"one of {', '.join(DISTRIBUTIONS)} is needed"
            )
    return check_settings(Distribution, given, f"{source}: {name}")


def in_words(value: Scalar) -> str:
    """A value for people, three digits of a real number; "off" for null."""
    if value is None:
        return "off"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _number(value: Any) -> Any:
    """The number that a text spells, else the value itself."""
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value


def _flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Sections as dotted names; a mapping that speaks of a distribution is not a section."""
    result: dict[str, Any] = {}
    for key, value in content.items():
        is_section = isinstance(value, Mapping) and all(
            isinstance(inner, Mapping) for inner in value.values()
        )
        if is_section and value:
            result |= _flat(value, f"{prefix}{key}.")
        else:
            result[f"{prefix}{key}"] = value
    return result
