"""Text in pictures."""

import numpy as np

from cluster.recognition.text import shortened, text_width, write


def written(text: str) -> np.ndarray:
    canvas = np.full((40, 200, 3), 255, np.uint8)
    write(canvas, text, (10, 20), 20, (0, 0, 0))
    return canvas


def test_letters_of_other_alphabets_are_letters_and_not_boxes() -> None:
    pictures = [written(letter) for letter in ("?", "ü", "Ж", "λ", "ש")]
    for index, one in enumerate(pictures):
        assert (one < 128).any()
        assert all((one != other).any() for other in pictures[:index])


def test_what_lies_outside_is_left_out() -> None:
    canvas = np.full((20, 30, 3), 255, np.uint8)
    for place in ((-500, 10), (500, 10), (10, -50), (10, 90)):
        write(canvas, "outside", place, 12, (0, 0, 0))
    assert (canvas == 255).all()
    write(canvas, "half outside", (-20, 10), 12, (0, 0, 0))
    assert (canvas < 128).any()


def test_a_long_name_ends_in_an_ellipsis_that_fits() -> None:
    name = "side boxing with both hands"
    assert shortened(name, 14, 1000) == name
    short = shortened(name, 14, 80)
    assert short.endswith("…")
    assert name.startswith(short[:-1])
    assert text_width(short, 14) <= 82
    assert shortened(name, 14, 0) == "…"
