"""Labelled clips with their published splits: `load(DataConfig(...))` gives a `Split` whatever the source."""

import os
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from encoding.datasets import msr, plain, sbu
from encoding.datasets.findings import Finding, Report, check_split
from encoding.datasets.plain import check, save_clips
from encoding.datasets.records import Clip, Split
from encoding.datasets.splits import HoldOutBy
from encoding.datasets.synthetic import synthetic
from lifting.msr_files import FileList, Subset

__all__ = ["Clip", "DataConfig", "Finding", "Report", "Split", "check", "check_split", "load", "save_clips"]

DataName = Literal["msr", "sbu", "npz", "synthetic"]

# Fields that mean something for one data set only; set for another they would be ignored without a word.
_FIELDS_OF: dict[str, DataName] = {
    "subset": "msr",
    "file_list": "msr",
    "protocol": "msr",
    "fold": "sbu",
    "people": "synthetic",
    "num_subjects": "synthetic",
    "clips_per_action": "synthetic",
}


class DataConfig(BaseModel):
    """Which data set, from where, cut how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: DataName = Field(default="synthetic", description="The data set.")
    root: Path | None = Field(
        default=None,
        description="Folder or file of the data; by default the data set's folder under $POSENAS_DATA.",
    )
    subset: Subset = Field(default="AS1", description="msr: eight actions (AS1, AS2, AS3) or all 20.")
    file_list: FileList = Field(
        default="557", description="msr: the 557 sequences of Wang et al. 2012, or all 567."
    )
    protocol: msr.Protocol = Field(default="cross-subject", description="msr: by subject, or a random test.")
    fold: int = Field(default=1, ge=1, le=5, description="sbu: the fold that is the test part.")
    people: Literal[1, 2] = Field(
        default=1, description="synthetic: actions of one person or interactions of two."
    )
    num_subjects: int = Field(default=10, ge=2, description="synthetic: number of people.")
    clips_per_action: int = Field(
        default=2, ge=1, description="synthetic: clips of each action by each person."
    )
    validation_fraction: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="Share of the training subjects (or sequences) held out for validation.",
    )
    validation_by: HoldOutBy = Field(
        default="auto", description="Hold out whole subjects, single sequences, or (auto) subjects if enough."
    )
    seed: int = Field(
        default=0, ge=0, description="Of every random draw of the split, and of the synthetic clips."
    )

    @model_validator(mode="after")
    def _only_own_fields(self) -> Self:
        for field, owner in _FIELDS_OF.items():
            value = getattr(self, field)
            if owner != self.name and value != type(self).model_fields[field].default:
                raise ValueError(
                    f"{field}={value!r} is for the data set {owner!r}; the data set is {self.name!r}"
                )
        if self.name == "synthetic" and self.root is not None:
            raise ValueError(f"root={str(self.root)!r} is given; the data set 'synthetic' is drawn, not read")
        return self


def load(config: DataConfig) -> Split:
    """Load the data set that the configuration names.

    Raises:
        FileNotFoundError: the data is not there; says where to get it and what the folder must hold.
        ValueError: the data cannot be read or split as asked.
    """
    match config.name:
        case "msr":
            return msr.load_msr_action3d(
                config.root or _default_root("msr_action3d", msr.HOW_TO_GET),
                subset=config.subset,
                file_list=config.file_list,
                protocol=config.protocol,
                validation_fraction=config.validation_fraction,
                validation_by=config.validation_by,
                seed=config.seed,
            )
        case "sbu":
            return sbu.load_sbu(
                config.root or _default_root("sbu", sbu.HOW_TO_GET),
                fold=config.fold,
                validation_fraction=config.validation_fraction,
                validation_by=config.validation_by,
                seed=config.seed,
            )
        case "npz":
            if config.root is None:
                raise FileNotFoundError(f"the data set 'npz' needs a root, the file: {plain.HOW_TO_GET}")
            return plain.load_clips(
                config.root,
                validation_fraction=config.validation_fraction,
                validation_by=config.validation_by,
                seed=config.seed,
            )
        case "synthetic":
            return synthetic(
                people=config.people,
                num_subjects=config.num_subjects,
                clips_per_action=config.clips_per_action,
                validation_fraction=config.validation_fraction,
                validation_by=config.validation_by,
                seed=config.seed,
            )


def _default_root(folder: str, how_to_get: str) -> Path:
    """$POSENAS_DATA/folder."""
    data = os.environ.get("POSENAS_DATA")
    if not data:
        raise FileNotFoundError(
            f"no root is given and POSENAS_DATA is not set: {how_to_get}; name it as root"
        )
    return Path(data) / folder
