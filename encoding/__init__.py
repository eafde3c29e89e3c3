"""3D poses to Enhanced-SPMF images, and the labelled data sets they come from."""

from encoding.augment import AugmentationConfig, augment, encode_augmented
from encoding.contact_sheet import contact_sheet
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
    "augment",
    "contact_sheet",
    "encode",
    "encode_all",
    "encode_augmented",
    "feature_image",
    "fit_statistics",
]
