"""Labelled clips with their published splits: `load(DataConfig(...))` gives a `Split` whatever the source."""

import os
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from encoding.datasets.msr import HOW_TO_GET as MSR_HOW_TO_GET
from encoding.datasets.msr import FileList, Protocol, Subset, load_msr_action3d
from encoding.datasets.records import Clip, Split
from encoding.datasets.splits import HoldOutBy
from encoding.datasets.synthetic import synthetic

__all__ = ["Clip", "DataConfig", "Split", "load"]


class DataConfig(BaseModel):
    """Which data set, from where, cut how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["msr", "sbu", "npz", "synthetic"] = Field("synthetic", description="The data set.")
    root: Path | None = Field(
        None, description="Folder or file of the data; by default the data set's folder under $POSENAS_DATA."
    )
    subset: Subset = Field("AS1", description="msr: eight actions (AS1, AS2, AS3) or all 20.")
    file_list: FileList = Field("557", description="msr: the 557 sequences of Wang et al. 2012, or all 567.")
    protocol: Protocol = Field("cross-subject", description="msr: by subject, or a random test.")
    people: Literal[1, 2] = Field(1, description="synthetic: actions of one person or interactions of two.")
    num_subjects: int = Field(10, ge=2, description="synthetic: number of people.")
    clips_per_action: int = Field(2, ge=1, description="synthetic: clips of each action by each person.")
    validation_fraction: float = Field(
        0.2, ge=0, lt=1, description="Share of the training subjects (or sequences) held out for validation."
    )
    validation_by: HoldOutBy = Field(
        "auto", description="Hold out whole subjects, single sequences, or (auto) subjects if enough."
    )
    seed: int = Field(0, ge=0, description="Of every random draw of the split, and of the synthetic clips.")


def load(config: DataConfig) -> Split:
    """Load the data set that the configuration names.

    Raises:
        FileNotFoundError: the data is not there; says where to get it and what the folder must hold.
        ValueError: the data cannot be read or split as asked.
    """
    if config.name == "synthetic":
        return synthetic(
            people=config.people,
            num_subjects=config.num_subjects,
            clips_per_action=config.clips_per_action,
            validation_fraction=config.validation_fraction,
            validation_by=config.validation_by,
            seed=config.seed,
        )
    root = config.root or _default_root("msr_action3d", MSR_HOW_TO_GET)
    return load_msr_action3d(
        root,
        subset=config.subset,
        file_list=config.file_list,
        protocol=config.protocol,
        validation_fraction=config.validation_fraction,
        validation_by=config.validation_by,
        seed=config.seed,
    )


def _default_root(folder: str, how_to_get: str) -> Path:
    """$POSENAS_DATA/folder."""
    data = os.environ.get("POSENAS_DATA")
    if not data:
        raise FileNotFoundError(
            f"no root is given and POSENAS_DATA is not set: {how_to_get}, then name it as root"
        )
    return Path(data) / folder
