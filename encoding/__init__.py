"""3D poses to images, Enhanced-SPMF or of motion, and the labelled data sets they come from."""

from encoding.augment import AugmentationConfig, augment, encode_augmented
from encoding.contact_sheet import as_pictures, contact_sheet, image_bands
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
    "EncodingConfig",
    "EncodingStatistics",
    "as_pictures",
    "augment",
    "contact_sheet",
    "encode",
    "encode_all",
    "encode_augmented",
    "facing_note",
    "feature_image",
    "fit_statistics",
    "image_bands",
    "motion_image",
    "motion_rows",
]
