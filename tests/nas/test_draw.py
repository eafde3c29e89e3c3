"""Drawings: every line once, nothing overlaps, fewest crossings, text that is text, files that are whole."""

import re
from itertools import combinations, pairwise, permutations, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from nas.draw import OPERATION_COLORS, draw_cell, draw_genotype, draw_network, save_figure
from nas.drawing.layout import Box, CellLayout, Line, lay_out
from nas.drawing.ordering import OUTPUT, depths, order_columns, segments
from nas.genotype import OPERATIONS, Cell, Genotype
from nas.plan import NetworkConfig

RELEASED = Genotype.parse("0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1")
TANGLED = Cell.from_numbers([1, 1, 0, 4, 0, 3, 2, 0, 1, 1, 3, 1, 0, 4, 1, 4, 0, 4, 1, 0])

# All five nodes read both inputs, which stand in one column: the most tangled of 6,000 random cells.
CROSSED = Cell.from_numbers([0, 2, 1, 0, 0, 2, 1, 4, 1, 1, 0, 3, 1, 4, 0, 4, 0, 2, 1, 0])


@st.composite
def cells(draw: st.DrawFn, most_nodes: int = 5) -> Cell:
    num_nodes = draw(st.integers(1, most_nodes))
    numbers = [
        draw(st.integers(0, limit)) for index in range(num_nodes) for _ in "xy" for limit in (index + 1, 4)
    ]
    return Cell.from_numbers(numbers)


def samples(line: Line, count: int = 40) -> np.ndarray:
    """(P, 2) points along a line: curves in the gaps, straight pieces between."""
    t = np.linspace(0, 1, count)[:, None]
    pieces = []
    for number, (start, end) in enumerate(zip(line.points, line.points[1:], strict=False)):
        a, d = np.array(start), np.array(end)
        middle = (a[0] + d[0]) / 2
        b, c = np.array([middle, a[1]]), np.array([middle, d[1]])
        curve = a * (1 - t) ** 3 + 3 * b * t * (1 - t) ** 2 + 3 * c * t**2 * (1 - t) + d * t**3
        pieces.append(a + (d - a) * t if number % 2 else curve)
    return np.concatenate(pieces)


def inside(points: np.ndarray, box: Box, margin: float = 0.0) -> bool:
    x, y = points.T
    return bool(
        (
            (x > box.left - margin)
            & (x < box.right + margin)
            & (y > box.bottom - margin)
            & (y < box.top + margin)
        ).any()
    )


@settings(max_examples=150, deadline=None)
@given(cell=cells())
def test_every_line_is_drawn_once(cell: Cell) -> None:
    expected = {
        (f"node {index} {side}", state, index + 2, cell.operations[number])
        for index, node in enumerate(cell.nodes)
        for side, state, number in node.sides
    } | {(f"loose {state}", state, OUTPUT, None) for state in cell.loose_ends}
    lines = lay_out(cell).lines
    assert len(lines) == len(expected)
    assert {(line.name, line.source, line.target, line.operation) for line in lines} == expected


@settings(max_examples=150, deadline=None)
@given(cell=cells())
def test_lines_lead_from_their_state_to_their_reader(cell: Cell) -> None:
    layout = lay_out(cell)
    for line in layout.lines:
        source, target = layout.boxes[line.source], layout.boxes[line.target]
        assert line.points[0] == (source.right, source.line)
        assert line.points[-1][0] == target.left
        assert target.bottom < line.points[-1][1] < target.top
        xs = [x for x, _ in line.points]
        assert xs == sorted(xs)


@settings(max_examples=150, deadline=None)
@given(cell=cells())
def test_boxes_do_not_overlap(cell: Cell) -> None:
    boxes = lay_out(cell).boxes
    assert set(boxes) == {OUTPUT, *range(cell.num_states)}
    for a, b in combinations(boxes.values(), 2):
        apart = a.right < b.left or b.right < a.left or a.top < b.bottom or b.top < a.bottom
        assert apart, (a, b)


@settings(max_examples=150, deadline=None)
@given(cell=cells(most_nodes=7))
def test_no_line_passes_through_a_foreign_box(cell: Cell) -> None:
    layout = lay_out(cell)
    for line in layout.lines:
        points = samples(line)
        for state, box in layout.boxes.items():
            if state not in (line.source, line.target):
                assert not inside(points, box, margin=0.05), (line.name, state)


@settings(max_examples=100, deadline=None)
@given(cell=cells())
def test_lines_of_different_states_never_share_a_lane(cell: Cell) -> None:
    lines = lay_out(cell).lines
    lanes = {
        (line.source, start, end)
        for line in lines
        for start, end in zip(line.points[1::2], line.points[2::2], strict=False)
    }
    for (source, start, _), (other, other_start, _) in combinations(lanes, 2):
        if source != other and start[0] == other_start[0]:
            assert abs(start[1] - other_start[1]) > 0.1


def crossings(layout: CellLayout) -> int:
    """Crossings of the ways that states take through the gaps between columns; shared ways count once."""
    gaps: dict[float, set[tuple[int, float, float]]] = {}
    for line in layout.lines:
        for (x, start), (_, end) in zip(line.points[::2], line.points[1::2], strict=True):
            gaps.setdefault(x, set()).add((line.source, start, end))
    return sum(
        (a - c) * (b - d) < 0 for ways in gaps.values() for (_, a, b), (_, c, d) in combinations(ways, 2)
    )


def fewest_crossings(cell: Cell) -> int:
    """By trying all orders of all columns."""
    depth = depths(cell)
    room = dict.fromkeys([*range(cell.num_states), OUTPUT], (0.5, 0.5))
    columns = [column.items for column in order_columns(cell, room, (0.1, 0.1))]
    lines = [segments(cell, number) for number in range(depth[OUTPUT])]

    def between(left: tuple[int, ...], right: tuple[int, ...], number: int) -> int:
        places = [(left.index(state), right.index(item)) for state, item in lines[number]]
        return sum((a - c) * (b - d) < 0 for (a, b), (c, d) in combinations(places, 2))

    return min(
        sum(between(left, right, number) for number, (left, right) in enumerate(pairwise(orders)))
        for orders in product(*(permutations(column) for column in columns))
    )


@settings(max_examples=25, deadline=None)
@given(cell=cells(most_nodes=3))
def test_no_crossing_could_be_avoided(cell: Cell) -> None:
    assert crossings(lay_out(cell)) == fewest_crossings(cell)


def test_crossings_of_a_tangled_cell_stay_few() -> None:
    # Four of its five nodes read both inputs.
    assert crossings(lay_out(TANGLED)) == 5
    # Every two of five: 4 + 3 + 2 + 1.
    assert crossings(lay_out(CROSSED)) == 10


def test_states_lie_one_column_after_what_they_read() -> None:
    cell = Cell.from_numbers([0, 0, 1, 0, 2, 0, 0, 0, 1, 0, 1, 0])
    # node 0 reads inputs: column 1; node 1 reads node 0: column 2; node 2 reads inputs: column 1
    assert depths(cell) == {0: 0, 1: 0, 2: 1, 3: 2, 4: 1, OUTPUT: 3}


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_drawing_names_every_node_operation_and_state() -> None:
    cell = RELEASED.normal
    found = texts(draw_cell(cell, "normal cell"))
    assert found[0] == "normal cell"
    assert found[1] == "0 2 0 0 | 0 4 0 1 | 0 4 1 1 | 1 0 0 1 | 0 2 1 1"
    for index in range(5):
        assert found.count(f"node {index}") == 1
    numbers = [number for node in cell.nodes for _, _, number in node.sides]
    labels = ("sep conv 3×3", "sep conv 5×5", "avg pool 3×3", "max pool 3×3", "identity")
    for number, label in enumerate(labels):
        assert found.count(label) == numbers.count(number)


def test_strides_are_marked_in_a_reduction_cell_only_where_they_are() -> None:
    cell = RELEASED.reduction
    reading_inputs = sum(state < 2 for node in cell.nodes for _, state, _ in node.sides)
    marked = [text for text in texts(draw_cell(cell, reduction=True)) if text.endswith("↓2")]
    assert len(marked) == reading_inputs == 9  # of 10 sides, one reads node 1
    assert not [text for text in texts(draw_cell(cell)) if "↓" in text]


def test_loose_input_of_a_reduction_cell_is_marked_as_halved() -> None:
    cell = Cell.from_numbers([1, 0, 1, 0])  # nothing reads state 0
    assert texts(draw_cell(cell, reduction=True)).count("↓2") == 1


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("cell", [TANGLED, CROSSED, RELEASED.normal, RELEASED.reduction])
def test_text_lies_inside_the_sheet_and_apart(cell: Cell, theme: str) -> None:
    figure = draw_cell(cell, theme=theme, reduction=True)  # type: ignore[arg-type]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    extents = [text.get_window_extent() for text in figure.axes[0].texts]
    sheet = figure.bbox
    assert all(
        sheet.x0 <= e.x0 and e.x1 <= sheet.x1 and sheet.y0 <= e.y0 and e.y1 <= sheet.y1 for e in extents
    )
    assert not [(a, b) for a, b in combinations(extents, 2) if a.overlaps(b)]


def test_operations_fit_their_boxes() -> None:
    figure = draw_cell(RELEASED.reduction, reduction=True)
    FigureCanvasAgg(figure).draw()
    axes = figure.axes[0]
    boxes = [patch.get_window_extent() for patch in axes.patches if isinstance(patch, FancyBboxPatch)]
    for text in axes.texts[2:]:  # after title and notation
        if text.get_text() != "output":
            e = text.get_window_extent()
            assert any(b.x0 <= e.x0 and e.x1 <= b.x1 and b.y0 <= e.y0 and e.y1 <= b.y1 for b in boxes), text


def luminance(color: str) -> float:
    """Relative luminance of WCAG 2."""
    channels = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_letters_on_operations_can_be_read() -> None:
    figure = draw_cell(Cell.from_numbers([0, 0, 1, 1, 0, 2, 1, 3, 0, 4, 1, 4]))
    names = {"sep conv 3×3": 0, "sep conv 5×5": 1, "avg pool 3×3": 2, "max pool 3×3": 3, "identity": 4}
    for text in figure.axes[0].texts:
        if text.get_text() in names:
            ground = luminance(OPERATION_COLORS[OPERATIONS[names[text.get_text()]]])
            letters = luminance(str(text.get_color()))
            assert (max(ground, letters) + 0.05) / (min(ground, letters) + 0.05) >= 4.5  # WCAG AA


def test_svg_holds_its_text_as_text_and_every_line(tmp_path: Path) -> None:
    save_figure(draw_genotype(RELEASED, "run 7"), tmp_path / "cells.svg")
    svg = (tmp_path / "cells.svg").read_text()
    assert "<image" not in svg
    for text in (
        "run 7: normal cell",
        "run 7: reduction cell",
        "sep conv 5×5 ↓2",
        "layer before last",
        "concat",
    ):
        assert re.search(rf"<text[^>]*>{re.escape(text)}</text>", svg), text
    # ids of both cells' lines; 10 sides and the loose ends (5 and 4)
    assert len(re.findall(r'<g id="node-\d-[xy]">', svg)) == 20
    assert len(re.findall(r'<g id="loose-\d">', svg)) == 5 + 4


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_equal_genotypes_give_equal_files(tmp_path: Path, ending: str) -> None:
    for name in ("a", "b"):
        save_figure(draw_genotype(RELEASED), tmp_path / f"{name}.{ending}")
    assert (tmp_path / f"a.{ending}").read_bytes() == (tmp_path / f"b.{ending}").read_bytes()


def test_svg_holds_no_date(tmp_path: Path) -> None:
    save_figure(draw_cell(TANGLED), tmp_path / "cell.svg")
    assert "dc:date" not in (tmp_path / "cell.svg").read_text()


def test_nothing_is_left_beside_a_file_and_an_old_one_survives_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cell.png"
    save_figure(draw_cell(TANGLED), path)
    before = path.read_bytes()
    figure = draw_cell(RELEASED.normal)

    def fail(*args: object, **kwargs: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(figure, "savefig", fail)
    with pytest.raises(OSError, match="no space left"):
        save_figure(figure, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_other_endings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a drawing is saved as \.svg or \.png; got 'cell\.gif'"):
        save_figure(draw_cell(TANGLED), tmp_path / "cell.gif")


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"the folder .*nowhere of the drawing 'cell.svg' does not exist"
    ):
        save_figure(draw_cell(TANGLED), tmp_path / "nowhere" / "cell.svg")


def test_unknown_theme_is_refused() -> None:
    with pytest.raises(ValueError, match="theme 'sepia' does not exist; there are light, dark"):
        draw_cell(TANGLED, theme="sepia")  # type: ignore[arg-type]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_network_drawing_names_layers_shapes_and_parameters(theme: str) -> None:
    config = NetworkConfig(num_classes=8, channels=41)
    found = texts(draw_network(RELEASED, config, theme=theme))  # type: ignore[arg-type]
    assert found[:2] == ["network", "2,322,117 parameters, C = 41, 6 + 2 cells"]
    # normal cell: five loose ends of C = 41; reduction: four of 82, half the size
    assert {"205 × 32 × 32", "328 × 16 × 16", "656 × 8 × 8", "820 × 8 × 8", "8 classes"} <= set(found)
    assert {"layer 2: reduction cell ↓2", "layer 7: normal cell", "auxiliary head"} <= set(found)


def test_network_drawing_of_the_search_form_shows_what_halves() -> None:
    config = NetworkConfig(num_classes=8, channels=16, normal_cells=3, search_form=True)
    found = texts(draw_network(RELEASED, config))
    assert found.count("factorized reduction ↓2") == 2
    assert "layer 1: reduction cell" in found


def test_marked_nodes_have_a_strong_border_and_a_sign() -> None:
    figure = draw_cell(RELEASED.normal, marked=frozenset({1, 3}))
    assert [text for text in texts(figure) if "≠" in text] == ["node 1 ≠", "node 3 ≠"]
    wide = [patch for patch in figure.axes[0].patches if isinstance(patch, FancyBboxPatch)]
    assert sum(patch.get_linewidth() > 2 for patch in wide) == 2
    assert not [text for text in texts(draw_cell(RELEASED.normal)) if "≠" in text]
