"""The flat buffer of shared weights."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.layout import ParameterLayout, ParameterSpec, aligned, union

CONV = ParameterSpec("conv", (2, 3, 3, 3), "he", 27)  # 54 values, 64 with the gap
SCALE = ParameterSpec("scale", (5,), "one")  # 5, 16
MATRIX = ParameterSpec("matrix", (4, 4), "he", 4)  # 16, 16
LAYOUT = ParameterLayout([CONV, SCALE, MATRIX])


def test_parameters_follow_each_other_at_64_bytes() -> None:
    assert LAYOUT.offsets == {"conv": 0, "scale": 64, "matrix": 80}
    assert LAYOUT.size == 64 + 16 + 16


def test_a_view_shares_memory_and_a_kernel_lies_channels_last() -> None:
    buffer = torch.zeros(LAYOUT.size)
    view = LAYOUT.view(buffer, "conv")
    assert view.shape == (2, 3, 3, 3)
    assert view.is_contiguous(memory_format=torch.channels_last)
    view.fill_(2.0)
    assert buffer.sum() == 2.0 * 54


def test_ranges_merge_neighbors() -> None:
    assert LAYOUT.ranges(("conv", "scale")).tolist() == [[0, 80]]
    assert LAYOUT.ranges(("conv", "matrix")).tolist() == [[0, 64], [80, 96]]
    assert LAYOUT.ranges(()).shape == (0, 2)


def test_packed_values_lie_as_in_the_buffer() -> None:
    buffer = torch.arange(LAYOUT.size, dtype=torch.float32)
    for gap in (slice(54, 64), slice(69, 80)):
        buffer[gap] = 0
    names = ("conv", "scale", "matrix")
    packed = LAYOUT.pack(names, [LAYOUT.view(buffer, name).contiguous() for name in names])
    assert torch.equal(packed, buffer)


def test_initial_weights_have_the_true_fan_in_and_empty_gaps() -> None:
    wide = ParameterSpec("wide", (64, 32, 3, 3), "he", 32 * 9)
    layout = ParameterLayout([wide, SCALE])
    weights = layout.initial(np.random.default_rng(0))
    # standard deviation sqrt(2 / 288) = 0.0833
    assert layout.view(weights, "wide").std().item() == pytest.approx((2 / 288) ** 0.5, rel=0.02)
    assert layout.view(weights, "scale").tolist() == [1.0] * 5
    assert not weights[layout.offsets["scale"] + 5 :].any()


def test_names_must_differ() -> None:
    with pytest.raises(ValueError, match="two parameters are named 'scale'"):
        ParameterLayout([SCALE, SCALE])


def test_an_unaligned_buffer_is_copied_and_an_aligned_one_is_not() -> None:
    buffer = torch.zeros(64)
    assert aligned(buffer) is buffer
    shifted = buffer[1:]
    assert aligned(shifted).data_ptr() % 64 == 0
    assert torch.equal(aligned(shifted), shifted)


range_lists = st.lists(
    st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)), min_size=1, max_size=6), min_size=1, max_size=4
)


@given(range_lists)
def test_a_union_covers_exactly_what_its_parts_cover(lists: list[list[tuple[int, int]]]) -> None:
    arrays = [np.array([[start, start + length] for start, length in ranges]) for ranges in lists]
    expected = {i for array in arrays for start, stop in array.tolist() for i in range(start, stop)}
    joined = union(arrays)
    covered = [i for start, stop in joined.tolist() for i in range(start, stop)]
    assert covered == sorted(expected)
    assert (joined[1:, 0] > joined[:-1, 1]).all()


def test_a_union_of_nothing_is_nothing() -> None:
    nothing = np.zeros((0, 2), np.int64)
    assert union([nothing, nothing]).shape == (0, 2)
