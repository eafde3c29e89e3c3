"""Image steps of the encoding: adaptive histogram equalization, then the resize.

docs/spmf.md, steps 10 and 11.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Enhancement = Literal["lab", "hsv", "off"]

# Color space there and back, and the channel of its lightness.
_SPACES = {"lab": (cv2.COLOR_RGB2Lab, cv2.COLOR_Lab2RGB, 0), "hsv": (cv2.COLOR_RGB2HSV, cv2.COLOR_HSV2RGB, 2)}


def enhance(
    image: NDArray[np.uint8], method: Enhancement = "lab", *, tiles: int = 8, clip_limit: float | None = None
) -> NDArray[np.uint8]:
    """Adaptive histogram equalization of the lightness.

    The image is cut into tiles x tiles regions; a level is mapped by the cumulated histograms of the four
    nearest, blended bilinearly. An image that the tiles do not divide is mirrored at its right and lower
    edge until they do.

    Args:
        image: uint8 (H, W, 3), RGB, any size from 1 x 1.
        method: "lab" equalizes L of Lab, "hsv" V of HSV, "off" returns `image`.
        tiles: regions along each side.
        clip_limit: how far a histogram bin may rise above the mean bin before it is cut and its excess spread
            over all bins (CLAHE); None for no limit.

    Returns:
        uint8 (H, W, 3), RGB.

    Source: Pizer et al. 1987; OpenCV's CLAHE, where clip limit 0 means none.
    """
    if method == "off":
        return image
    to_space, to_rgb, channel = _SPACES[method]
    converted = cv2.cvtColor(image, to_space)
    equalizer = cv2.createCLAHE(clipLimit=clip_limit or 0.0, tileGridSize=(tiles, tiles))
    cv2.insertChannel(equalizer.apply(cv2.extractChannel(converted, channel)), converted, channel)
    return np.asarray(cv2.cvtColor(converted, to_rgb), dtype=np.uint8)


def resize(image: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize to size x size: the mean over the area where an axis shrinks, linear where it grows.

    One axis at a time, rows first: OpenCV's INTER_AREA turns bilinear on both axes when either grows. The
    rows are joint pairs and nearly always shrink, so the second pass has little left to do.

    Args:
        image: uint8 (H, W, 3).
        size: pixels.

    Returns:
        uint8 (size, size, 3).
    """
    return _resize_axis(_resize_axis(image, 0, size), 1, size)


def _resize_axis(image: NDArray[np.uint8], axis: int, size: int) -> NDArray[np.uint8]:
    if image.shape[axis] == size:
        return image
    how = cv2.INTER_AREA if size < image.shape[axis] else cv2.INTER_LINEAR
    height, width = (size, image.shape[1]) if axis == 0 else (image.shape[0], size)
    return np.asarray(cv2.resize(image, (width, height), interpolation=how), dtype=np.uint8)
