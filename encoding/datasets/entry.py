"""What the table of data sets holds of each: its loader, where it lies, and which settings are its own."""

from collections.abc import Callable
from dataclasses import dataclass

from encoding.datasets.records import Split

__all__ = ["DataSet"]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """One data set that `DataConfig.name` can name.

    Attributes:
        name: as in `data: {name: ...}`.
        load: called with the root (unless the set is drawn), the settings below, `validation_fraction`,
            `validation_by` and `seed`, each by name.
        settings: fields of `DataConfig` that are this set's own.
        options: names of its further settings, which stand in `data.options` and reach `load` by name.
        how_to_get: where the data comes from and what its folder must hold; None for a set that is drawn.
        folder: of the data under $POSENAS_DATA; None where the root must be given.
        inside: a folder that must lie in it.
        label: what tells two runs on this set apart, with settings in braces, such as "fold{fold}".
    """

    name: str
    load: Callable[..., Split]
    settings: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    how_to_get: str | None = None
    folder: str | None = None
    inside: str = ""
    label: str = ""
