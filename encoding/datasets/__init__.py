"""Labeled clips with their published splits: `load(DataConfig(...))` gives a `Split` whatever the source."""

from encoding.datasets.checking import check_split
from encoding.datasets.config import DataConfig, load
from encoding.datasets.npz import check, save_clips
from encoding.datasets.records import Clip, Split
from encoding.datasets.table import DATA_SETS
from encoding.datasets.validation import Finding, Report

__all__ = [
    "DATA_SETS", "Clip", "DataConfig", "Finding", "Report", "Split", "check", "check_split", "load",
    "save_clips",
]  # fmt: skip
