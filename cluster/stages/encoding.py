"""The images of a data set as files that a person can look at."""

import time
from dataclasses import dataclass
from pathlib import Path

from cluster.config import ExperimentConfig
from cluster.file_names import file_names
from cluster.images import write_image
from cluster.stages.preparation import PreparedExperiment
from encoding.contact_sheets import as_pictures
from encoding.spmf import encode_all

__all__ = [
    "EncodingOutcome",
    "encode_clips",
]


@dataclass(frozen=True, kw_only=True)
class EncodingOutcome:
    """What was written.

    Attributes:
        description: of the split.
        num_images: one a clip.
        seconds: of the encoding alone, without reading and writing.
        contact_sheet: the page to look at.
    """

    description: str
    num_images: int
    seconds: float
    contact_sheet: Path

    def lines(self) -> list[str]:
        """For a person: the data, and the page to look at."""
        return [
            self.description,
            f"{self.num_images} images in {self.seconds:.2f} s",
            f"look at {self.contact_sheet}",
        ]


def encode_clips(config: ExperimentConfig, folder: Path) -> EncodingOutcome:
    """Encode every clip of a data set with the statistics of its training part.

    Writes folder/CLASS/PART-CLIP.png and folder/contact_sheet.png.

    Args:
        config: its sections `data` and `encoding` are used.
        folder: new or empty.

    Raises:
        FileExistsError: there are files in the folder.
        FileNotFoundError, ValueError: as `encoding.datasets.load`.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not empty; give a new folder with --out")
    experiment = PreparedExperiment.load(config)
    split, begin = experiment.split, time.perf_counter()
    statistics = experiment.statistics(split.train)
    images = encode_all([clip.poses for clip in split.clips], config.encoding, statistics)
    seconds = time.perf_counter() - begin
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    named = [(part, clip) for part, clips in parts.items() for clip in clips]
    classes = file_names(split.class_names)
    # over all clips: what two of them are called may differ in a character that no file name can hold
    clips = file_names(f"{part}-{clip.name}" for part, clip in named)
    for (_, clip), name, image in zip(named, clips, images, strict=True):
        write_image(folder / classes[clip.label] / f"{name}.png", as_pictures(image))
    sheet = folder / "contact_sheet.png"
    write_image(sheet, experiment.contact_sheet(split.clips, images))
    return EncodingOutcome(
        description=experiment.describe(), num_images=len(images), seconds=seconds, contact_sheet=sheet
    )
