"""The variants of an experiment file, each a combination of a baseline, a seed and grid values."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cluster.file_names import distinct, shortened
from cluster.scheduling.experiment_file import ExperimentFile
from cluster.scheduling.labels import NAME_LENGTH, grid_words
from cluster.setting_lines import SettingLines

__all__ = ["SettingOrigin", "Variant", "variants"]


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One combination of a seed and of grid values.

    Attributes:
        label: what tells it from the others, as "seed-1-batch_size-16"; empty where it is the only one.
        seed: None where the file names none.
        changes: the grid's values, by dotted name.
        baseline: which; None where the file names none.
    """

    label: str
    seed: int | None
    changes: Mapping[str, Any]
    baseline: str | None = None


class SettingOrigin:
    """Where in the file a setting came from, for errors.

    Args:
        path: the file.
        own_places: settings that the file has a place of its own for, as "search.seed" to "seeds".
    """

    def __init__(self, path: Path, own_places: Mapping[str, str]) -> None:
        self.path = path
        self._lines, self._own_places = SettingLines(path), own_places

    def line(self, place: tuple[str | int, ...]) -> int | None:
        """The line of a setting, as ("search", "epochs") or ("data", "root")."""
        own = self._own_places.get(".".join(map(str, place)))
        places = [("grid", *place), ("configuration", *place), place, tuple(own.split(".")) if own else ()]
        for exact in places:
            if exact and (found := self._lines.exact(exact)) is not None:
                return found
        return self._lines.line(*[one for one in places if one])

    def error(self, place: tuple[str | int, ...], sentence: str) -> ValueError:
        """What is wrong with a setting, with its line."""
        number = self.line(place)
        return ValueError(f"{self.path}{'' if number is None else f', line {number}'}: {sentence}")

    def refuse_twice(self) -> None:
        """One setting has one place.

        Raises:
            ValueError: a setting stands in its own place and among the others too.
        """
        for setting, own in self._own_places.items():
            for section in ("configuration", "grid"):
                place = (section, *setting.split("."))
                if self._lines.exact(place) and self._lines.exact(tuple(own.split("."))):
                    raise self.error(place, f"{setting} is {own} too; give one of them")


def variants(file: ExperimentFile) -> list[Variant]:
    """Every combination of a baseline, a seed and grid values, the first outermost; all labels differ."""
    baselines: list[str | None] = [*file.baselines] or [None]
    seeds: list[int | None] = [*file.seeds] or [None]
    columns = grid_words(file.grid)
    found = []
    for baseline, seed, values in itertools.product(baselines, seeds, itertools.product(*columns)):
        parts = [baseline] if baseline is not None and len(baselines) > 1 else []
        parts += [f"seed-{seed}"] if len(seeds) > 1 else []
        parts += [words for words, _ in values]
        changes = dict(zip(file.grid, (value for _, value in values), strict=True))
        found.append(Variant(label="-".join(parts), seed=seed, changes=changes, baseline=baseline))
    labels = distinct(shortened(variant.label, NAME_LENGTH) for variant in found)
    return [replace(variant, label=label) for variant, label in zip(found, labels, strict=True)]
