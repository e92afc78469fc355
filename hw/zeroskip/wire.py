"""The wire format: constants, sections of the program stream, and the decoder that undoes them.

See ``docs/wire-format.md``. Beats are rows of a uint8 array of shape (beats, 16).
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zeroskip.spec.axi import BEAT_BYTES, MAGIC, VERSION

WORD_CHANNELS = 16
"""Channels of one position that travel and are stored together."""
COLUMN_GROUPS = 16
"""Where a window has two columns, groups at this bit and above in its mask of groups are those of the second."""


class Section(enum.IntEnum):
    """Kinds of sections of a program."""

    CONFIG = 0
    WINDOWS = 1
    REQUANT = 2
    LISTS = 3
    WEIGHTS = 4
    PASS = 5
    FEED = 6
    END = 7


class Config(enum.IntEnum):
    """Configuration registers; the group registers repeat from their number on, one per group."""

    MODE = 0
    """bit 0: skip (zero-skip array) or gate (dense array) zero activations; bit 1: the map is signed;
    bit 2: results are requantised; bit 3: blocks run on over row ends (zero-skip array);
    bit 4: there are several tiles of filters (zero-skip array)."""
    IMAGES = 1
    MAP_ROWS = 2
    MAP_PLANES = 3
    MAP_COLS = 4
    MAP_PITCH = 5
    MAP_PLANE_SIZE = 6
    MAP_IMAGE_SIZE = 7
    MAP_SLOTS = 8
    OUT_ROWS = 9
    OUT_COLS = 10
    BLOCK_ROWS = 11
    BLOCK_COLS = 12
    WINDOWS = 13
    FILTERS = 14
    """Zero-skip: filters per lane; dense: filters (a pass takes M of them)."""
    CLAMP_LOW = 15
    CLAMP_HIGH = 16
    RESULT_BEATS = 17
    BLOCK_PITCH = 18
    """Zero-skip: positions from one row of blocks (raster: one block) to the next, without the end of a row."""
    BLOCKS = 19
    """Zero-skip: blocks of an image."""
    MAP_SPAN = 20
    """Zero-skip: positions of a plane's ring from one image to the next, a multiple of the banks."""
    FLIP_COLS = 21
    """Zero-skip: in every other block the groups change places: group g does what group ``g ^ FLIP_COLS`` does
    elsewhere."""
    FLIP_ROWS = 22
    RING = 23
    """Zero-skip: slots for the blocks' sums in a lane's result memory, as many rows apart as a lane has places for
    filters, or half as many."""
    DRAIN_BLOCKS = 24
    """Zero-skip: blocks of results that leave, over all images and tiles of filters."""
    WORD_STEP = 25
    """Zero-skip, two columns to a window: a group's word of the second column less that of the first."""
    PLANE_RING = 26
    """Zero-skip: positions of the ring that each plane has in the value memories, a power of two."""
    PLANE_ROWS = 27
    """Zero-skip: rows of the map for which such a ring has room."""
    ROWS_ABOVE = 28
    """Zero-skip: rows above a block's first row of the result that its windows may read."""
    ROW_OFFSET = 32
    """Group g at 32 + g: its output row less the block's."""
    COL_OFFSET = 64
    WORD_OFFSET = 96
    """What group g takes off a window's number to have its own; the next three: where columns, rows, both flip."""
    WORD_OFFSET_COLS = 128
    WORD_OFFSET_ROWS = 160
    WORD_OFFSET_BOTH = 192


class Mode(enum.IntFlag):
    """Bits of ``Config.MODE``."""

    SKIP_ACTIVATIONS = 1
    SIGNED_MAP = 2
    REQUANTISE = 4
    RASTER = 8
    TILED = 16


class WireError(ValueError):
    """A program stream that is not as the format says."""


@dataclass(frozen=True, eq=False)
class SectionData:
    """One section: `rows` is uint8 (count, 16)."""

    kind: Section
    mask: int
    address: int
    rows: np.ndarray


def header(section: SectionData) -> np.ndarray:
    """The header beat of a section, uint8 (16,)."""
    first = int(section.kind) | VERSION << 8 | MAGIC << 16
    return np.array([first, section.mask, section.address, len(section.rows)], "<u4").view(np.uint8)


def encode(sections: Sequence[SectionData]) -> np.ndarray:
    """The program as beats, uint8 (beats, 16); an END section is appended."""
    end = SectionData(Section.END, 0, 0, np.zeros((0, BEAT_BYTES), np.uint8))
    parts = [part for s in [*sections, end] for part in (header(s)[None], s.rows)]
    return np.concatenate(parts)


def decode(beats: np.ndarray) -> list[SectionData]:
    """Undo `encode`: the sections without END.

    Raises
    ------
    WireError
        Wrong magic, version or kind, a section cut short, no END, or beats after it.
    """
    sections: list[SectionData] = []
    at = 0
    while at < len(beats):
        first, mask, address, count = (int(v) for v in beats[at].view("<u4"))
        kind, version, magic = first & 0xFF, first >> 8 & 0xFF, first >> 16
        if magic != MAGIC or version != VERSION or kind not in Section.__members__.values():
            raise WireError(f"beat {at}: found magic {magic:#x}, version {version}, kind {kind}; "
                            f"expected {MAGIC:#x}, {VERSION}, one of {sorted(int(known) for known in Section)}")
        at += 1
        if at + count > len(beats):
            raise WireError(f"beat {at - 1}: found {len(beats) - at} payload beats, expected {count}")
        if kind == Section.END:
            if at != len(beats):
                raise WireError(f"found {len(beats) - at} beats after END, expected none")
            return sections
        sections.append(SectionData(Section(kind), mask, address, beats[at : at + count]))
        at += count
    raise WireError("found no END section, expected one as the last")
