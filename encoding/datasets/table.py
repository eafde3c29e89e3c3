"""The data sets that there are: a new one is a file with its `DATA_SET`, and its name in this list."""

from collections.abc import Mapping
from types import MappingProxyType

from encoding.datasets import files, msr, npz, sbu, synthetic
from encoding.datasets.entry import DataSet

__all__ = ["DATA_SETS"]

DATA_SETS: Mapping[str, DataSet] = MappingProxyType(
    {module.DATA_SET.name: module.DATA_SET for module in (msr, sbu, npz, files, synthetic)}
)
