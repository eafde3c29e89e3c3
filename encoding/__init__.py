"""3D poses to images, Enhanced-SPMF or of motion, and the labeled data sets they come from."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from encoding.augmentation import AugmentationConfig, augment, encode_augmented
    from encoding.contact_sheets import as_pictures, contact_sheet, image_bands
    from encoding.datasets import Clip, DataConfig, Split, check, load, save_clips
    from encoding.motion import facing_note, motion_image, motion_rows
    from encoding.spmf import (
        EncodingConfig,
        EncodingStatistics,
        encode,
        encode_all,
        feature_image,
        fit_statistics,
    )

__all__ = [
    "AugmentationConfig",
    "Clip",
    "DataConfig",
    "EncodingConfig",
    "EncodingStatistics",
    "Split",
    "as_pictures",
    "augment",
    "check",
    "contact_sheet",
    "encode",
    "encode_all",
    "encode_augmented",
    "facing_note",
    "feature_image",
    "fit_statistics",
    "image_bands",
    "load",
    "motion_image",
    "motion_rows",
    "save_clips",
]

# Loaded when they are asked for.
_PLACES = {
    "encoding.augmentation": "AugmentationConfig augment encode_augmented",
    "encoding.contact_sheets": "as_pictures contact_sheet image_bands",
    "encoding.datasets": "Clip DataConfig Split check load save_clips",
    "encoding.motion": "facing_note motion_image motion_rows",
    "encoding.spmf": "EncodingConfig EncodingStatistics encode encode_all feature_image fit_statistics",
}
_MODULES = {name: module for module, names in _PLACES.items() for name in names.split()}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value  # asked for once only
    return value
