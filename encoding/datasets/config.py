"""Which data set, from where, cut how: the settings under `data:`, and the call that follows them."""

import os
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from encoding.datasets import msr
from encoding.datasets.cross_validation import CROSS_PROTOCOLS, CrossProtocol, cross_validated
from encoding.datasets.entry import DataSet
from encoding.datasets.records import Split
from encoding.datasets.splits import HoldOutBy
from encoding.datasets.table import DATA_SETS
from lifting.msr_files import FileList, Subset

__all__ = ["DataConfig", "load"]


class DataConfig(BaseModel):
    """Which data set, from where, cut how."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(default="synthetic", description="The data set.")
    root: Path | None = Field(
        default=None,
        description="Folder or file of the data; by default the data set's folder under $POSENAS_DATA.",
    )
    subset: Subset = Field(default="AS1", description="msr: eight actions (AS1, AS2, AS3) or all 20.")
    file_list: FileList = Field(
        default="557", description="msr: the 557 sequences of Wang et al. 2012, or all 567."
    )
    protocol: msr.Protocol | CrossProtocol = Field(
        default="cross-subject",
        description="msr: by subject, or a random test; any set: leave-one-subject-out, leave-one-group-out, "
        "folds-by-subject or folds-by-group.",
    )
    test_part: int = Field(
        default=1, ge=1, description="Cross-validation: which subject, group or fold is the test part."
    )
    folds: int = Field(default=5, ge=2, description="Cross-validation: number of folds.")
    repeat: int = Field(
        default=0, ge=0, description="Cross-validation: another number divides people into other folds."
    )
    fold: int = Field(default=1, ge=1, le=5, description="sbu: the fold that is the test part.")
    people: Literal[1, 2] = Field(
        default=1, description="synthetic: actions of one person or interactions of two."
    )
    num_subjects: int = Field(default=10, ge=2, description="synthetic: number of people.")
    clips_per_action: int = Field(
        default=2, ge=1, description="synthetic: clips of each action by each person."
    )
    options: dict[str, Any] = Field(
        default_factory=dict, description="Further settings of the data set, by name."
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
        default=0, ge=0, description="Seed of every random draw of the split, and of the synthetic clips."
    )

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in DATA_SETS:
            *first, last = (repr(known) for known in DATA_SETS)
            raise ValueError(f"there is no data set {name!r}; {', '.join(first)} or {last} is needed")
        return name

    @model_validator(mode="after")
    def _only_own_fields(self) -> Self:
        """A setting of another data set would be ignored without a word."""
        for owner in DATA_SETS.values():
            for field in owner.settings:
                value = getattr(self, field)
                if field == "protocol" and value in CROSS_PROTOCOLS:
                    continue
                foreign = field not in self.data_set.settings
                if foreign and value != type(self).model_fields[field].default:
                    raise ValueError(
                        f"{field}={value!r} is for the data set {owner.name!r}; the data set is {self.name!r}"
                    )
        if self.test_part > 1 and self.protocol not in CROSS_PROTOCOLS:
            raise ValueError(
                f"test_part is {self.test_part}, and protocol {self.protocol!r} has one test part; the "
                f"protocols with several are {', '.join(CROSS_PROTOCOLS)}"
            )
        unknown = [name for name in self.options if name not in self.data_set.options]
        if unknown:
            known = ", ".join(self.data_set.options) or "none"
            raise ValueError(
                f"the data set {self.name!r} has no option {unknown[0]!r}; its options are: {known}"
            )
        if self.data_set.how_to_get is None and self.root is not None:
            raise ValueError(
                f"root={str(self.root)!r} is given; the data set {self.name!r} is drawn, not read"
            )
        return self

    @property
    def data_set(self) -> DataSet:
        """The entry of the table."""
        return DATA_SETS[self.name]

    @property
    def own_settings(self) -> dict[str, Any]:
        """What this data set's loader takes beside root and validation, by name."""
        own = {**{name: getattr(self, name) for name in self.data_set.settings}, **self.options}
        if own.get("protocol") in CROSS_PROTOCOLS and "protocol" in self.data_set.settings:
            own["protocol"] = type(self).model_fields["protocol"].default
        return own

    @property
    def label(self) -> str:
        """The data set's name with the part that tells runs apart, as "msr-as1"; a file's own name."""
        tested = f"-part{self.test_part}" if self.protocol in CROSS_PROTOCOLS else ""
        if self.data_set.folder is None and self.root is not None:
            return (_slug(self.root.stem) or self.name) + tested
        part = self.data_set.label.format(**self.own_settings).lower()
        return (f"{self.name}-{part}" if part else self.name) + tested


def _slug(text: str) -> str:
    """A name for folders and registries: letters, digits, "_" and "-" stay, others become "-"."""
    letters = [letter if letter.isalnum() or letter in "_-" else "-" for letter in text.lower()]
    return "".join(letters).strip("-")[:60]


def load(config: DataConfig) -> Split:
    """Load the data set that the configuration names.

    Raises:
        FileNotFoundError: the data is not there; says where to get it and what the folder must hold.
        ValueError: the data cannot be read or split as asked.
    """
    where = () if config.data_set.how_to_get is None else (_root(config),)
    split = config.data_set.load(
        *where,
        **config.own_settings,
        validation_fraction=config.validation_fraction,
        validation_by=config.validation_by,
        seed=config.seed,
    )
    protocol = next((one for one in CROSS_PROTOCOLS if one == config.protocol), None)
    if protocol is None:
        return split
    return cross_validated(
        split,
        protocol,
        test_part=config.test_part,
        folds=config.folds,
        repeat=config.repeat,
        validation_fraction=config.validation_fraction,
        validation_by=config.validation_by,
        seed=config.seed,
    )


def _root(config: DataConfig) -> Path:
    """The root given, else the set's folder under $POSENAS_DATA."""
    folder, how_to_get = config.data_set.folder, config.data_set.how_to_get
    if config.root is not None:
        return config.root
    if folder is None:
        raise FileNotFoundError(f"the data set {config.name!r} needs a root, the file: {how_to_get}")
    data = os.environ.get("POSENAS_DATA")
    if not data:
        raise FileNotFoundError(
            f"no root is given and POSENAS_DATA is not set: {how_to_get}; name it as root"
        )
    return Path(data) / folder
