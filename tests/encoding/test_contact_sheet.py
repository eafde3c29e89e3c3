"""The contact sheet."""

from typing import Any

import numpy as np
import pytest

from encoding import contact_sheet
from encoding.contact_sheets import Band, _fits, _name_lines

LEFT = 2 * 12 + 200  # margin, label column, margin
TOP = 12


def plain(*levels: int, size: int = 32) -> Any:
    """One image of a single gray level for each number."""
    return np.stack([np.full((size, size, 3), level, dtype=np.uint8) for level in levels])


def test_images_stand_in_the_row_of_their_class() -> None:
    sheet = contact_sheet(plain(10, 20, 30), np.array([0, 1, 0]), ["wave", "clap"], per_class=2)
    first, second = TOP + 48, TOP + 100 + 48  # rows of 96 pixels with a gap of 4
    assert [sheet[first, LEFT + 48, 0], sheet[first, LEFT + 148, 0]] == [10, 30]
    assert [sheet[second, LEFT + 48, 0], sheet[second, LEFT + 148, 0]] == [20, 255]


def test_images_are_enlarged_without_interpolation() -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3), dtype=np.uint8)
    sheet = contact_sheet(image, np.array([0]), ["wave"], per_class=1)
    shown = sheet[TOP : TOP + 96, LEFT : LEFT + 96]
    assert np.array_equal(shown, image[0].repeat(3, axis=0).repeat(3, axis=1))


@pytest.mark.parametrize(("size", "side"), [(32, 96), (40, 120), (96, 96), (128, 128)])
def test_images_are_enlarged_by_a_whole_factor_to_96_pixels_at_least(size: int, side: int) -> None:
    sheet = contact_sheet(plain(7, size=size), np.array([0]), ["wave"], per_class=1)
    assert sheet.shape == (TOP + side + 12, LEFT + side + 12, 3)


def test_a_row_shows_clips_from_all_over_the_class() -> None:
    sheet = contact_sheet(plain(*range(0, 101)), np.zeros(101, dtype=int), ["wave"], per_class=3)
    assert [sheet[TOP + 48, LEFT + 48 + 100 * n, 0] for n in range(3)] == [0, 50, 100]


def test_every_class_has_its_name_and_a_count_even_without_clips() -> None:
    sheet = contact_sheet(plain(0), np.array([1]), ["wave", "clap"], per_class=1)
    for row in range(2):
        label = sheet[TOP + 100 * row : TOP + 100 * row + 96, :LEFT]
        assert label.min() < 100  # ink
    assert (sheet[TOP : TOP + 96, LEFT:] == 255).all()  # no clip of the first class


@pytest.mark.parametrize(
    "name",
    [
        "pickup & throw",
        "a_name_with_underscores_and_far_more_words_than_fit_into_one_line_of_the_column",
        "Donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbauunterbeamtengesellschaft",
        "W" * 100,
        "",
    ],
)
def test_a_name_of_any_length_fits(name: str) -> None:
    lines = _name_lines(name)
    assert all(_fits(line) for line in lines)
    assert "".join(lines).replace(" ", "") == name.replace("_", " ").replace(" ", "")
    sheet = contact_sheet(plain(0, 0), np.array([0, 1]), [name, "next"], per_class=1)
    assert (sheet[:, LEFT - 10 : LEFT] == 255).all()  # nothing runs into the images
    assert (sheet[:, :8] == 255).all()
    height = max(96, 20 * (len(lines) + 1)) + 4
    assert sheet.shape[0] == TOP + height + 100 + 8


@pytest.mark.parametrize(
    ("images", "labels", "names", "per_class", "message"),
    [
        (plain(1)[0], [0], ["a"], 1, r"images are uint8 \(32, 32, 3\); uint8 \(N, S, S, 3\) is needed"),
        (plain(1).astype(float), [0], ["a"], 1, "images are float64"),
        (plain(1, 2), [0], ["a"], 1, r"labels have shape \(1,\); 2 images need \(2,\)"),
        (plain(1), [1], ["a"], 1, "labels run from 1 to 1; 1 class names need 0 to 0"),
        (plain(1), [-1], ["a"], 1, "labels run from -1 to -1"),
        (plain(1), [0], [], 1, "there is no class name; a contact sheet needs at least 1 class"),
        (plain(1), [0], ["a"], 0, "per_class is 0; at least 1 is needed"),
    ],
)
def test_what_does_not_fit_is_refused(
    images: Any, labels: list[int], names: list[str], per_class: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        contact_sheet(images, np.array(labels), names, per_class)


def test_a_sheet_without_any_image_still_lists_the_classes() -> None:
    nothing = np.empty((0, 32, 32, 3), dtype=np.uint8)
    assert contact_sheet(nothing, np.empty(0, dtype=int), ["wave"], per_class=2).min() < 150


def test_a_key_names_the_rows_and_several_images_stand_above_one_another() -> None:
    images = np.concatenate([plain(10, 20), plain(60, 70)], axis=-1)
    bands = [Band("upper", 0, 0.5), Band("lower_part", 0.5, 1)]
    sheet = contact_sheet(images, np.array([0, 0]), ["wave"], per_class=2, bands=bands)
    assert [sheet[TOP + y, LEFT + x, 0] for y in (48, 144) for x in (48, 148)] == [10, 20, 60, 70]
    key = sheet[TOP + 2 * 96 + 4 :]
    assert [key[12 + y, LEFT + 16, 0] for y in (16, 48)] == [10, 60]
    for start in (0, 32):
        assert key[12 + start : 44 + start, : LEFT - 12].min() < 100  # ink
    assert contact_sheet(images, np.array([0, 0]), ["wave"], per_class=2).shape[0] == TOP + 2 * 96 + 12
