"""Compressed weights: occupancy masks, list pointers and lists of a lane; packing and its undoing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.layer import Layer
from zeroskip.wire import WORD_CHANNELS, Section, SectionData


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


@dataclass(frozen=True, eq=False)
class LaneLists:
    """What one lane holds: uint16 arrays as they go over the stream."""

    occupancy: np.ndarray
    pointers: np.ndarray
    entries: np.ndarray


def compress(weights: np.ndarray) -> LaneLists:
    """Compress the weights of a lane, int8 (F, words, 16), F at most 16.

    An empty list has no pointer (0) and no bit in the occupancy mask; the iterator never asks for it.
    """
    by_list = weights.transpose(1, 2, 0)
    present = by_list != 0
    lengths = present.sum(axis=2)
    starts = np.cumsum(lengths.ravel()) - lengths.ravel()
    word, channel, filters = np.nonzero(present)
    values = by_list[word, channel, filters].view(np.uint8).astype(np.uint16)
    occupancy = ((lengths > 0) << np.arange(WORD_CHANNELS)).sum(axis=1).astype(np.uint16)
    flat = lengths.ravel()
    pointers = np.where(flat > 0, (starts & 0xFFF) | (np.maximum(flat, 1) - 1) << 12, 0).astype(np.uint16)
    return LaneLists(occupancy, pointers, values | (filters.astype(np.uint16) << 8))


def expand(lists: LaneLists, filters: int) -> np.ndarray:
    """Undo `compress`: int8 (filters, words, 16)."""
    words = len(lists.occupancy)
    weights = np.zeros((filters, words, WORD_CHANNELS), np.int8)
    for word in range(words):
        for channel in range(WORD_CHANNELS):
            if lists.occupancy[word] >> channel & 1:
                pointer = int(lists.pointers[word * WORD_CHANNELS + channel])
                start, more = pointer & 0xFFF, pointer >> 12
                own = lists.entries[start : start + more + 1]
                weights[own >> 8, word, channel] = (own & 0xFF).astype(np.uint8).view(np.int8)
    return weights


def sections(lanes: list[LaneLists], mask: int) -> list[SectionData]:
    """The sections that load `lanes` into the groups of `mask`: row r of lane e in bits 16e+15..16e of beat r."""
    made = []
    for kind, name in ((Section.OCCUPANCY, "occupancy"), (Section.POINTERS, "pointers"), (Section.LISTS, "entries")):
        columns = [getattr(lane, name) for lane in lanes]
        rows = np.zeros((max(len(c) for c in columns), 8), "<u2")
        for e, column in enumerate(columns):
            rows[: len(column), e] = column
        if len(rows):
            made.append(SectionData(kind, mask, 0, rows.view(np.uint8)))
    return made


def lanes_of(program: list[SectionData], group: int, lanes: int) -> list[LaneLists]:
    """What the sections of a decoded program leave in the lanes of a group; undoes `sections`."""
    held = {kind: np.zeros((0, 8), "<u2") for kind in (Section.OCCUPANCY, Section.POINTERS, Section.LISTS)}
    for section in program:
        if section.kind in held and section.mask >> group & 1:
            held[section.kind] = np.ascontiguousarray(section.rows).view("<u2")
    return [LaneLists(*(table[:, e] for table in held.values())) for e in range(lanes)]
