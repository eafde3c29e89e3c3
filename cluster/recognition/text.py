"""Text in pictures: smooth, in any alphabet that a font at hand has, and fast enough for a video.

OpenCV's own letters are ASCII. These are set by Pillow in DejaVu Sans, which comes with matplotlib and holds
the Latin, Greek, Cyrillic, Hebrew, Arabic, Armenian and Georgian alphabets; for others a font of the system
is looked for. Each word is set once and kept.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL import ImageDraw, ImageFont

__all__ = ["Anchor", "Color", "shortened", "text_width", "write"]

Image = NDArray[np.uint8]
Color = tuple[int, int, int]
Anchor = Literal["left", "middle", "right"]

# Up to here (Latin Extended-B) no font needs to be asked what it has.
_LATIN_END = 0x250


def write(
    canvas: Image,
    text: str,
    place: tuple[int, int],
    size: int,
    color: Color,
    *,
    bold: bool = False,
    anchor: Anchor = "left",
) -> None:
    """Write a line into a picture; what lies outside of the picture is left out.

    Args:
        canvas: (height, width, 3) BGR, written into.
        text: one line.
        place: (x, y) of the middle of the line's height, and of its left, middle or right, pixels.
        size: of the letters, pixels.
        color: blue, green, red.
        bold: heavier letters.
        anchor: which end of the line is at `place`.
    """
    if not text:
        return
    mask = _mask(text, size, bold)
    height, width = mask.shape
    x = place[0] - {"left": 0, "middle": width // 2, "right": width}[anchor]
    y = place[1] - height // 2
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + width, canvas.shape[1]), min(y + height, canvas.shape[0])
    if left >= right or top >= bottom:
        return
    share = mask[top - y : bottom - y, left - x : right - x, None].astype(np.uint16)
    under = canvas[top:bottom, left:right]
    under[...] = (under * (255 - share) + np.array(color, np.uint16) * share) // 255


def text_width(text: str, size: int, *, bold: bool = False) -> int:
    """Pixels from the left to the right end of a line."""
    return _mask(text, size, bold).shape[1] if text else 0


@lru_cache(maxsize=512)
def shortened(text: str, size: int, width: int, *, bold: bool = False) -> str:
    """The text, or as much of its beginning as fits into `width` pixels together with an ellipsis."""
    font = _font(text, size, bold)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


@lru_cache(maxsize=1024)
def _mask(text: str, size: int, bold: bool) -> Image:
    """How much of each pixel is letter, (height, width); the height is the font's, whatever the letters."""
    font = _font(text, size, bold)
    ascent, descent = font.getmetrics()
    picture = PilImage.new("L", (max(1, round(font.getlength(text)) + 1), ascent + descent))
    ImageDraw.Draw(picture).text((0, 0), text, fill=255, font=font)
    return np.asarray(picture)


def _font(text: str, size: int, bold: bool) -> ImageFont.FreeTypeFont:
    foreign = "".join(sorted({letter for letter in text if ord(letter) >= _LATIN_END and letter != "…"}))
    return _open_font(_font_with(foreign, bold), size)


@lru_cache(maxsize=64)
def _open_font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


@lru_cache(maxsize=256)
def _font_with(letters: str, bold: bool) -> Path:
    """A font that has all the letters; where none has, DejaVu Sans, which draws a box for each it lacks."""
    spec = find_spec("matplotlib")  # found, not imported: that takes half a second
    assert spec is not None
    assert spec.submodule_search_locations is not None
    fonts = Path(spec.submodule_search_locations[0]) / "mpl-data" / "fonts" / "ttf"
    own = fonts / ("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
    if not letters or _has(own, letters):
        return own
    from matplotlib.font_manager import findSystemFonts

    return next((Path(path) for path in sorted(findSystemFonts()) if _has(Path(path), letters)), own)


def _has(path: Path, letters: str) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        return {ord(letter) for letter in letters} <= set(FT2Font(str(path)).get_charmap())
    except RuntimeError:  # a font that FreeType cannot open
        return False
