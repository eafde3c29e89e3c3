"""Genotypes: notation, loose ends, exact storage, and what bad ones are told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.genotype import OPERATIONS, Cell, Genotype, Node

# The best cells of the released program, printed by its authors as one line of numbers.
RELEASED = "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1 1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1"


@st.composite
def cells(draw: st.DrawFn, num_nodes: int) -> list[int]:
    numbers = []
    for node in range(num_nodes):
        for _ in "xy":
            numbers += [draw(st.integers(0, node + 1)), draw(st.integers(0, len(OPERATIONS) - 1))]
    return numbers


genotypes = st.integers(1, 7).flatmap(
    lambda nodes: st.builds(Genotype.from_numbers, cells(num_nodes=nodes), cells(num_nodes=nodes))
)


@given(genotypes)
def test_a_genotype_survives_json_text_and_numbers(genotype: Genotype) -> None:
    assert Genotype.from_json(genotype.to_json()) == genotype
    assert Genotype.parse(str(genotype)) == genotype
    assert Genotype.from_numbers(*genotype.to_numbers()) == genotype
    assert hash(Genotype.parse(str(genotype))) == hash(genotype)


@given(genotypes)
def test_each_state_is_read_or_a_loose_end(genotype: Genotype) -> None:
    for cell in (genotype.normal, genotype.reduction):
        assert set(cell.loose_ends) | cell.used_states == set(range(cell.num_states))
        assert not set(cell.loose_ends) & cell.used_states
        assert cell.num_states - 1 in cell.loose_ends  # nothing can read the last node


def test_released_cells_are_read_and_printed_in_their_own_notation() -> None:
    genotype = Genotype.parse(RELEASED)
    assert str(genotype) == RELEASED
    assert genotype.num_nodes == 5
    # Normal: every node reads states 0 and 1 alone, so all five nodes are loose ends.
    assert genotype.normal.loose_ends == (2, 3, 4, 5, 6)
    # Reduction: node 2 (state 4) reads state 3; state 3 is the only node that is read.
    assert genotype.reduction.loose_ends == (2, 4, 5, 6)
    assert genotype.normal.nodes[1] == Node(x_input=0, x_operation=4, y_input=0, y_operation=1)


def test_json_writes_operations_by_name() -> None:
    node = json.loads(Genotype.parse(RELEASED).to_json())["normal"][0]
    assert node == {
        "x_input": 0,
        "x_operation": "avg_pool_3x3",
        "y_input": 0,
        "y_operation": "sep_conv_3x3",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "0 0 2 0 0 0 1 0",
            "normal cell, node 0, side y refers forward to state 2; it may read states 0 to 1",
        ),
        ("0 0 1 0 5 0 1 0", "reduction cell, node 0, side x refers forward to state 5"),
        ("0 0 1 5 0 0 1 0", "`y_operation` of a node is 5; operations are numbered 0 to 4: sep_conv_3x3"),
        ("0 0 -1 0 0 0 1 0", "`y_input` of a node is -1; it must be an integer of 0 or more"),
        ("0 0 1 0 0 0", "normal cell has 3 numbers; it needs four for each node"),
        ("", "normal cell has 0 numbers"),
        ("0 0 one 0", "must be integers separated by blanks"),
    ],
)
def test_bad_numbers_are_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Genotype.parse(text)


def test_a_second_node_may_read_the_first_but_not_itself() -> None:
    Cell.from_numbers([0, 0, 1, 0, 2, 0, 1, 0])
    with pytest.raises(
        ValueError, match="node 1, side x refers forward to state 3; it may read states 0 to 2"
    ):
        Cell.from_numbers([0, 0, 1, 0, 3, 0, 1, 0])
    with pytest.raises(ValueError, match="node 0, side x refers forward to state 2"):
        Cell((Node(x_input=2, x_operation=0, y_input=0, y_operation=0),))


def _with(change: dict[str, object]) -> str:
    data = json.loads(Genotype.parse("0 0 1 0 0 0 1 0").to_json())
    data["reduction"][0].update(change)
    return json.dumps(data)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "genotype is not JSON"),
        ("[]", "must be an object with the keys `normal` and `reduction`"),
        ('{"normal": []}', "must be an object with the keys"),
        ('{"normal": 3, "reduction": []}', "normal cell in genotype JSON must be a list of nodes; got int"),
        ('{"normal": [], "reduction": []}', "normal cell has no nodes; it needs at least one"),
        (
            '{"normal": [{}], "reduction": []}',
            "normal cell, node 0 in genotype JSON must have the keys x_input",
        ),
        (
            _with({"y_operation": "conv_7x7"}),
            "reduction cell, node 0 has `y_operation` 'conv_7x7' .did you mean 'sep_conv_5x5'..; known are",
        ),
        (_with({"x_input": 4}), "reduction cell, node 0, side x refers forward to state 4"),
        (_with({"x_input": True}), "reduction cell, node 0: `x_input` of a node is True"),
        (_with({"x_input": 0.0}), "reduction cell, node 0: `x_input` of a node is 0.0"),
    ],
)
def test_bad_json_is_named(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Genotype.from_json(text)


def test_cells_need_the_same_number_of_nodes() -> None:
    one = Cell.from_numbers([0, 0, 1, 0])
    two = Cell.from_numbers([0, 0, 1, 0, 0, 0, 1, 0])
    with pytest.raises(ValueError, match="the normal cell has 1 nodes and the reduction cell 2"):
        Genotype(one, two)
