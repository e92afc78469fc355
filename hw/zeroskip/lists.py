"""Compressed weights: the lists of a lane as they go over the stream; packing and its undoing."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np

from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.wire import WORD_CHANNELS, Section, SectionData

END_OF_WORD = 0x0000
NOTHING = 0x0100
"""An entry without a weight: fills up the lists of shorter lanes."""


def words_of(layer: Layer) -> np.ndarray:
    """The weights by words: int8 (O, words, 16), word = (ky * KW + kx) * CW + channel word."""
    filters, (kh, kw) = layer.filters, layer.kernel
    words = -(-layer.channels // WORD_CHANNELS)
    full = np.zeros((filters, words * WORD_CHANNELS, kh, kw), np.int8)
    per_out, per_in = filters // layer.groups, layer.channels // layer.groups
    for group in range(layer.groups):
        own = slice(group * per_out, (group + 1) * per_out)
        full[own, group * per_in : (group + 1) * per_in] = layer.weight4[own]
    cut = full.reshape(filters, words, WORD_CHANNELS, kh, kw).transpose(0, 3, 4, 1, 2)
    return np.ascontiguousarray(cut).reshape(filters, kh * kw * words, WORD_CHANNELS)


def compress(weights: np.ndarray) -> np.ndarray:
    """The entries of a lane with weights int8 (F, words, 16), F at most 16: uint16.

    By word, channel, filter: an entry for each weight that is not zero, and END_OF_WORD after each word.
    """
    by_list = weights.transpose(1, 2, 0)
    present = by_list != 0
    word, channel, filters = np.nonzero(present)
    values = by_list[word, channel, filters].view(np.uint8).astype(np.uint16)
    entries = values | filters.astype(np.uint16) << 8 | channel.astype(np.uint16) << 12
    return np.insert(entries, np.cumsum(present.sum(axis=(1, 2))), END_OF_WORD)


def expand(entries: np.ndarray, filters: int) -> np.ndarray:
    """Undo `compress`: int8 (filters, words, 16)."""
    entries = entries[entries != NOTHING]
    ends = entries == END_OF_WORD
    weights = np.zeros((filters, int(ends.sum()), WORD_CHANNELS), np.int8)
    held, word = entries[~ends], np.cumsum(ends)[~ends]
    weights[held >> 8 & 15, word, held >> 12] = (held & 0xFF).astype(np.uint8).view(np.int8)
    return weights


def halves(config: ArrayConfig) -> int:
    """How many splits share a beat: two where 4 lanes fill half of it and the mask has room for both."""
    return 2 if config.lanes <= 4 and 2 <= config.groups <= 16 else 1


def half_of(group: int, config: ArrayConfig) -> int:
    """Which half of a beat a group's lists lie in: of two, the second half of the groups has the second."""
    return 2 * group // config.groups if halves(config) == 2 else 0


def shared(masks: Sequence[int], config: ArrayConfig) -> list[tuple[int | None, ...]]:
    """Which split fills each half of the beats of a section, by sections; `masks`: the groups of each split.

    A split with groups of both halves fills both; of the others one of each half goes together.
    """
    kinds = [{half_of(group, config) for group in range(config.groups) if mask >> group & 1} for mask in masks]
    if halves(config) == 1:
        return [(split,) for split in range(len(masks))]
    both = [(split, split) for split, kind in enumerate(kinds) if len(kind) == 2]
    return both + list(zip_longest(*([split for split, kind in enumerate(kinds) if kind == {half}] for half in (0, 1))))


def list_sections(lists: Sequence[Sequence[np.ndarray]], masks: Sequence[int], config: ArrayConfig, *, word: int = 0,
                  entry: int = 0) -> list[SectionData]:
    """The sections that load `lists` (by split and lane) into the groups of `masks` (by split).

    Lane e lies in bits 16e+15..16e of a beat; where there are two halves (``half_of``), that of groups of the second
    one from bit 64 on, and the groups in the high half of the mask.

    Parameters
    ----------
    word, entry
        First word and first list entry to be written.
    """
    made = []
    for own in shared(masks, config):
        present = [(half, split) for half, split in enumerate(own) if split is not None]
        rows = np.full((max(len(lane) for _, split in present for lane in lists[split]), 8), NOTHING, "<u2")
        mask = 0
        for half, split in present:
            mask |= sum(1 << 16 * half + group for group in range(config.groups)
                        if masks[split] >> group & 1 and half_of(group, config) == half)
            for e, lane in enumerate(lists[split]):
                rows[: len(lane), 4 * half + e] = lane
        made.append(SectionData(Section.LISTS, mask, word | entry << 16, rows.view(np.uint8)))
    return made


def lanes_of(program: Sequence[SectionData], group: int, config: ArrayConfig) -> list[np.ndarray]:
    """The entries that a decoded program sends to each lane of a group; undoes `list_sections`."""
    held: list[list[np.ndarray]] = [[] for _ in range(config.lanes)]
    half = half_of(group, config)
    for section in program:
        if section.kind == Section.LISTS and section.mask >> 16 * half + group & 1:
            columns = np.ascontiguousarray(section.rows).view("<u2")
            for e, lane in enumerate(held):
                lane.append(columns[:, 4 * half + e])
    return [np.concatenate([np.zeros(0, np.uint16), *lane]) for lane in held]
