"""Compressed weights: expanding undoes compressing, and the hardware's reading of the format gives the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hw.layers import random_layer

from zeroskip.lists import compress, expand, lanes_of, sections, words_of
from zeroskip.wire import WORD_CHANNELS, Section, decode, encode


@st.composite
def lane_weights(draw):
    """int8 (filters, words, 16), from none to all non-zero."""
    filters, words = draw(st.integers(1, 16)), draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    values = rng.integers(-128, 128, (filters, words, WORD_CHANNELS))
    return np.where(rng.random(values.shape) < draw(st.sampled_from([0, 0.02, 0.3, 1])), values, 0).astype(np.int8)


@given(lane_weights())
def test_expand_undoes_compress(weights):
    lists = compress(weights)
    assert np.array_equal(expand(lists, len(weights)), weights)
    assert len(lists.entries) == np.count_nonzero(weights)
    assert {lists.occupancy.dtype, lists.pointers.dtype, lists.entries.dtype} == {np.dtype(np.uint16)}
    assert len(lists.pointers) == WORD_CHANNELS * len(lists.occupancy) == weights[0].size


@given(lane_weights())
def test_as_the_hardware_reads_it(weights):
    """Field by field: mask, pointer, entries; no entry is zero, each is read once."""
    lists = compress(weights)
    seen = np.zeros_like(weights)
    read = []
    for word, mask in enumerate(lists.occupancy.tolist()):
        for channel in range(WORD_CHANNELS):
            pointer = int(lists.pointers[word * WORD_CHANNELS + channel])
            if not mask >> channel & 1:
                assert pointer == 0
                continue
            for at in range(pointer & 0xFFF, (pointer & 0xFFF) + (pointer >> 12) + 1):
                entry = int(lists.entries[at])
                value = (entry & 0xFF) - ((entry & 0x80) << 1)
                assert value and not seen[entry >> 8, word, channel]
                seen[entry >> 8, word, channel] = value
                read.append(at)
    assert np.array_equal(seen, weights) and read == list(range(len(lists.entries)))


def test_all_4096_entries():
    """The longest list memory: 16 filters, 16 words, all non-zero."""
    weights = np.full((16, 16, WORD_CHANNELS), -128, np.int8)
    lists = compress(weights)
    assert len(lists.entries) == 4096 and int(lists.pointers[-1]) == 4080 | 15 << 12
    assert np.array_equal(expand(lists, 16), weights)


@given(st.lists(lane_weights(), min_size=1, max_size=8), st.integers(1, 15))
def test_sections(weights, mask):
    """Rows of all lanes side by side; every group of the mask gets them, no other does."""
    words = max(lane.shape[1] for lane in weights)
    weights = [np.pad(lane, ((0, 0), (0, words - lane.shape[1]), (0, 0))) for lane in weights]
    made = decode(encode(sections([compress(lane) for lane in weights], mask)))
    assert all(section.address == 0 and section.mask == mask for section in made)
    for group in range(4):
        held = lanes_of(made, group, len(weights))
        for lane, lists in zip(weights, held, strict=True):
            wanted = lane if mask >> group & 1 else np.zeros((len(lane), 0, WORD_CHANNELS), np.int8)
            assert np.array_equal(expand(lists, len(lane)), wanted)


def test_no_list_section_without_entries():
    made = sections([compress(np.zeros((2, 3, WORD_CHANNELS), np.int8))], 1)
    assert [(section.kind, len(section.rows)) for section in made] == [(Section.OCCUPANCY, 3), (Section.POINTERS, 48)]
    assert not any(section.rows.any() for section in made)


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
