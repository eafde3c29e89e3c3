"""From an experiment's settings to what its stages work on: the split, the images, the networks' sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cluster.config import ExperimentConfig
from cluster.images import PoseImages
from cluster.stages.lifted_data import ObservationConditions, lift_split, open_lifter
from encoding.augmentation import AugmentationConfig
from encoding.contact_sheets import contact_sheet, image_bands
from encoding.datasets import Clip, Split, load
from encoding.datasets.fingerprint import Fingerprint, fingerprint, with_class_order
from encoding.motion import facing_note
from encoding.spmf import EncodingStatistics, fit_statistics
from nas.genotype import Genotype
from nas.network import channels_for_budget
from nas.plan import NetworkConfig
from nas.supernet_config import SupernetConfig

__all__ = [
    "PreparedExperiment",
]


@dataclass(frozen=True, eq=False)
class PreparedExperiment:
    """The settings together with the clips that they name.

    Args:
        config: the settings.
        split: the clips of `config.data`.
        fingerprint: of the data as it was read, before anything was lifted.
    """

    config: ExperimentConfig
    split: Split
    fingerprint: Fingerprint

    @classmethod
    def load(cls, config: ExperimentConfig, class_names: Sequence[str] | None = None) -> "PreparedExperiment":
        """Read the data set; where lifted poses are asked for, lift its keypoints.

        Args:
            config: the settings.
            class_names: the order that the classes must have, whatever their order in the data.

        Raises:
            FileNotFoundError: it is not there; the text says where to get it.
            ValueError: it does not give a usable split, has other classes, or cannot be lifted.
        """
        split = load(config.data)
        if class_names is not None:
            split = with_class_order(split, class_names)
        known = fingerprint(split)
        if config.poses.source == "lifted":
            split = lift_split(
                split,
                config.located().data,
                open_lifter(config.poses),
                config.poses.lookahead,
                ObservationConditions(mend=config.poses.mend),
            )
        return cls(config, split, known)

    def check_searchable(self) -> None:
        """Whether there is something to search with.

        Raises:
            ValueError: there is no validation part.
        """
        if not self.split.validation:
            raise ValueError(
                f"{self.split.name} has no validation clips, and the search needs some: "
                "set data.validation_fraction above 0"
            )

    def describe(self) -> str:
        """The split and what is to be said of its images, for a person."""
        lines = [self.split.describe()]
        if "motion" in self.config.encoding.image_kinds:
            lines += filter(None, [facing_note(self.split.skeleton, self.split.num_people)])
        return "\n".join(lines)

    def contact_sheet(self, clips: Sequence[Clip], images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A page of clips' images by class, with a key of their rows."""
        split = self.split
        bands = image_bands(self.config.encoding, split.skeleton, split.num_people)
        labels = np.array([clip.label for clip in clips], np.int64)
        return contact_sheet(images, labels, split.class_names, bands=bands)

    def statistics(self, clips: Sequence[Clip]) -> EncodingStatistics:
        """Encoding statistics of these clips."""
        return fit_statistics((clip.poses for clip in clips), self.config.encoding)

    def images(
        self,
        clips: Sequence[Clip],
        statistics: EncodingStatistics,
        augmentation: AugmentationConfig | None = None,
    ) -> PoseImages:
        """An image source over clips; augmented as the experiment says unless the caller says otherwise."""
        varied = augmentation or self.config.augmentation
        return PoseImages(clips, self.split.num_classes, self.config.encoding, varied, statistics)

    def search_images(self) -> tuple[PoseImages, PoseImages]:
        """Training and validation part, both encoded with the statistics of the training part.

        Of several images a search reads the first: the cells found serve the networks of all of them.
        """
        first = self.config.encoding.image_kinds[:1]
        encoding = self.config.encoding
        if encoding.images is not None:
            encoding = encoding.model_copy(update={"images": first})
        statistics = fit_statistics((clip.poses for clip in self.split.train), encoding)
        training, validation = (
            PoseImages(clips, self.split.num_classes, encoding, self.config.augmentation, statistics)
            for clips in (self.split.train, self.split.validation)
        )
        return training, validation

    @property
    def supernet(self) -> SupernetConfig:
        """The search network's size, for this data."""
        return SupernetConfig(**{**self.config.supernet.model_dump(), **self._from_data})

    def network(self, genotype: Genotype, parameters: int | None) -> NetworkConfig:
        """The final network's size, for this data and a parameter budget (None: the channels as set)."""
        num_images = len(self.config.encoding.image_kinds)
        config = NetworkConfig(
            **{**self.config.network.model_dump(), **self._from_data, "num_images": num_images}
        )
        if parameters is None:
            return config
        return config.model_copy(update={"channels": channels_for_budget(genotype, config, parameters)})

    def candidate_network(self, genotype: Genotype) -> NetworkConfig:
        """The size of a network that is retrained while cells are chosen; it reads what the search reads."""
        network = NetworkConfig(**{**self.config.network.model_dump(), **self._from_data})
        channels = channels_for_budget(genotype, network, self.config.derivation.parameters)
        return network.model_copy(update={"channels": channels})

    @property
    def _from_data(self) -> dict[str, Any]:
        return {"num_classes": self.split.num_classes, "image_size": self.config.encoding.image_size}
