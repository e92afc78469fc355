"""Flattened maps: where values lie, and that all around them is what a convolution wants: zeros."""

import numpy as np
import pytest

from zeroskip.compiler.layout import Layout, Margin, margin_of
from zeroskip.compiler.steps import Map


def layout_of(channels, rows, columns, phases, pitch, margin, banks):
    return Layout(channels=channels, rows=rows, columns=columns, phases=phases, pitch=pitch, margin=margin, banks=banks)


CASES = [
    layout_of(3, 5, 4, (1, 1), 5, Margin(top=1, bottom=1, left=1, right=1), 4),
    layout_of(2, 7, 9, (2, 2), 7, Margin(top=2, bottom=1, left=1, right=2), 16),
    layout_of(1, 6, 6, (3, 2), 3, Margin(), 8),
    layout_of(4, 1, 1, (1, 1), 1, Margin(), 16),
    layout_of(2, 8, 3, (4, 4), 2, Margin(top=1, left=1), 4),
]


@pytest.mark.parametrize("layout", CASES)
def test_values_come_back_from_their_words(layout):
    rng = np.random.default_rng(1)
    values = rng.integers(-128, 128, (layout.channels, layout.rows, layout.columns)).astype(np.int8)
    words = layout.image(values)
    assert words.shape == (layout.words, layout.banks)
    assert np.array_equal(layout.values(words, signed=True), values)
    assert np.array_equal(layout.values(words, signed=False), values.view(np.uint8))


@pytest.mark.parametrize("layout", CASES)
def test_no_two_values_share_a_position_and_planes_begin_with_a_word(layout):
    channel, row, column = np.indices((layout.channels, layout.rows, layout.columns))
    positions = layout.position(channel, row, column)
    assert len(np.unique(positions)) == positions.size
    assert positions.min() == 0 and positions.max() < layout.size - layout.lead
    assert layout.plane % layout.banks == 0 and layout.lead % layout.banks == 0


@pytest.mark.parametrize("layout", CASES)
def test_what_lies_around_a_map_is_zero(layout):
    """Each place that the margin promises: rows above and below, columns left and right, in each phase."""
    words = layout.image(np.full((layout.channels, layout.rows, layout.columns), 7)).reshape(-1)
    (py, px), margin = layout.phases, layout.margin
    rows = range(-margin.top * py, (layout.plane_rows + margin.bottom) * py)
    columns = range(-margin.left * px, (layout.plane_columns + margin.right) * px)
    for channel in range(layout.channels):
        for row in rows:
            for column in columns:
                position = layout.lead + int(layout.position(channel, row, column))
                inside = 0 <= row < layout.rows and 0 <= column < layout.columns
                if position < len(words):
                    assert words[position] == (7 if inside else 0), (channel, row, column)


def test_margin_of_a_3x3_kernel_with_padding():
    taps = np.array([-1, 0, 1])
    own = Map(channels=1, rows=6, columns=5)
    assert margin_of(own, (1, 1), taps, taps, 6, 5) == Margin(top=1, bottom=1, left=1, right=1)


def test_margin_in_phases_counts_rows_of_a_plane():
    taps = np.arange(-3, 4)  # a 7x7 kernel with padding 3, by 2
    own = Map(channels=3, rows=224, columns=224)
    assert margin_of(own, (2, 2), taps, taps, 112, 112) == Margin(top=2, bottom=1, left=2, right=1)
