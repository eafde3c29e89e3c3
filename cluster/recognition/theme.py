"""Colors of the film, blue-green-red: those of report.html."""

__all__ = ["CARD", "FAINT", "GROUND", "INK", "RULE", "TRACK", "Color", "class_color"]

Color = tuple[int, int, int]

GROUND: Color = (249, 247, 246)
CARD: Color = (255, 255, 255)
RULE: Color = (232, 227, 223)
TRACK: Color = (242, 239, 236)
INK: Color = (40, 35, 31)
FAINT: Color = (128, 118, 110)

# Okabe and Ito 2008, distinct with all kinds of color-blindness; without black, and with a darker yellow,
# which on white would be lost.
_CLASSES: tuple[Color, ...] = (
    (178, 114, 0),
    (0, 94, 213),
    (115, 158, 0),
    (167, 121, 204),
    (0, 159, 230),
    (233, 180, 86),
    (30, 160, 175),
)


_DARKENED = 0.55


def class_color(label: int) -> Color:
    """The color of a class, always the same; the eighth to fourteenth are dark, then they begin anew."""
    turn, number = divmod(int(label), len(_CLASSES))
    if turn % 2 == 0:
        return _CLASSES[number]
    blue, green, red = (round(_DARKENED * part) for part in _CLASSES[number])
    return blue, green, red
