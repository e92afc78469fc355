"""Compressed weights: expanding undoes compressing, and a reader that follows the format finds the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.hw.layers import random_layer, small_config

from zeroskip.lists import END_OF_WORD, compress, expand, halves, lanes_of, list_sections, words_of
from zeroskip.wire import WORD_CHANNELS, decode, encode


@st.composite
def lane_weights(draw, words=None):
    """int8 (filters, words, 16), from none to all non-zero."""
    filters, words = draw(st.integers(1, 16)), words or draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(-128, 128, (filters, words, WORD_CHANNELS))
    return np.where(rng.random(values.shape) < draw(st.sampled_from([0, 0.02, 0.3, 1])), values, 0).astype(np.int8)


@given(lane_weights())
def test_expand_undoes_compress(weights):
    entries = compress(weights)
    assert np.array_equal(expand(entries, len(weights)), weights)
    assert entries.dtype == np.uint16 and len(entries) == np.count_nonzero(weights) + weights.shape[1]


@given(lane_weights())
def test_as_the_format_says(weights):
    """Entry by entry: each weight once, by word, channel, filter; no entry is zero but the ends of words."""
    seen, word, last = np.zeros_like(weights), 0, -1
    for entry in compress(weights).tolist():
        if entry == END_OF_WORD:
            word, last = word + 1, -1
            continue
        value, number, channel = (entry & 0xFF) - ((entry & 0x80) << 1), entry >> 8 & 15, entry >> 12
        assert value and channel * 16 + number > last
        seen[number, word, channel], last = value, channel * 16 + number
    assert np.array_equal(seen, weights) and word == weights.shape[1]


CONFIGS = [small_config(8, 1, 1), small_config(8, 2, 1), small_config(4, 4, 1), small_config(2, 8, 1)]


@pytest.mark.parametrize("config", CONFIGS)
@given(data=st.data())
@settings(max_examples=30)
def test_sections(config, data):
    """Every group gets the lists of its split and no others; shorter lanes are filled up."""
    groups = config.groups
    splits = data.draw(st.sampled_from([count for count in range(1, groups + 1) if groups % count == 0]))
    weights = [[data.draw(lane_weights(words=3)) for _ in range(config.lanes)] for _ in range(splits)]
    split_of = [group * splits // groups for group in range(groups)]
    masks = [sum(1 << group for group in range(groups) if split_of[group] == split) for split in range(splits)]
    made = list_sections([[compress(lane) for lane in split] for split in weights], masks, config, word=5, entry=9)
    assert len(made) == -(-splits // halves(config))
    assert all(section.address == 5 | 9 << 16 for section in decode(encode(made)))
    for group in range(groups):
        for lane, entries in zip(weights[split_of[group]], lanes_of(decode(encode(made)), group, config), strict=True):
            assert np.array_equal(expand(entries, len(lane)), lane)


@pytest.mark.parametrize("layer", [
    random_layer(1, channels=1), random_layer(2, channels=16, kernel=(2, 3)), random_layer(3, channels=37),
    random_layer(4, filters=6, channels=40, groups=2), random_layer(5, filters=6, channels=18, groups=6),
    random_layer(6, linear=True, channels=33),
])
def test_words_of(layer):
    """Each weight at the channel it reads, the rest zero."""
    found = words_of(layer)
    channel_words = -(-layer.channels // WORD_CHANNELS)
    kh, kw = layer.kernel
    assert found.shape == (layer.filters, kh * kw * channel_words, WORD_CHANNELS) and found.dtype == np.int8
    wanted = np.zeros_like(found)
    for o, i, ky, kx in np.ndindex(layer.weight4.shape):
        channel = o // (layer.filters // layer.groups) * (layer.channels // layer.groups) + i
        word = (ky * kw + kx) * channel_words + channel // WORD_CHANNELS
        wanted[o, word, channel % WORD_CHANNELS] = layer.weight4[o, i, ky, kx]
    assert np.array_equal(found, wanted)
