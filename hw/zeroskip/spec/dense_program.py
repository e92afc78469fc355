"""The dense array's program: sections of beats, as the compiler writes them, the loader reads them, and a decoder.

Beats are rows of a uint8 array of shape (beats, 16). A section is a header (kind, version, magic; the first address of
its rows; their count) and its rows, one beat each; a program ends with an ``END``.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zeroskip.spec.axi import BEAT_BYTES, MAGIC, VERSION
from zeroskip.spec.fields import Fields

WORD_BITS = 32
"""Bits of each of the four words of a header, and of a register's value."""


class Section(enum.IntEnum):
    """Kinds of sections."""

    CONFIG = 0
    """Registers of ``LAYER``, by number, one value to a row."""
    TAPS = 1
    """Rows of the tap table, ``TAP``."""
    PARAMETERS = 2
    """Requantisation by filter, ``PARAMETER``."""
    WEIGHTS = 4
    """In the order pass, tap, channel, filter."""
    END = 7


class Mode(enum.IntFlag):
    """Bits of the register ``mode``."""

    GATE = 1
    """Products with a zero operand are gated, where the array can."""
    SIGNED_MAP = 2
    REQUANTISE = 4
    ROUND_EVEN = 8
    """Half to even instead of half up."""


LAYER = Fields("configuration", {
    "mode": 4, "images": 16, "map_rows": 10, "map_planes": 12, "map_cols": 10, "map_pitch": 12, "map_plane_size": 14,
    "map_image_size": 14, "map_slots": 2, "out_rows": 10, "out_cols": 10, "taps": 13, "filters": 13, "clamp_low": 10,
    "clamp_high": 10, "result_beats": 24,
}, signed=frozenset({"clamp_low", "clamp_high"}))
"""The configuration registers, by number in this order.

`map_*`: rows and columns of a plane; planes; positions from one row to the next, from one plane to the next, from one
image to the next; images for which there is room (1 or 2). `out_*`: of the result. `taps`: rows of the tap table.
"""
TAP = Fields("tap", {"offset": 32, "dy": 16, "dx": 16, "channels": 32}, signed=frozenset({"offset", "dy", "dx"}))
"""Up to 16 channels of one tap: where they lie, relative to the position of an output pixel; its row and column."""
PARAMETER = Fields("parameters", {"bias": 32, "multiplier": 16, "shift": 6}, signed=frozenset({"bias"}))
"""What a filter is requantised with: the low bits of a row."""


class ProgramError(ValueError):
    """A program that is not as the format says."""


@dataclass(frozen=True, eq=False)
class SectionData:
    """One section: `rows` is uint8 (count, 16), for the addresses from `address` on."""

    kind: Section
    address: int
    rows: np.ndarray


def encode(sections: Sequence[SectionData]) -> np.ndarray:
    """The program as beats, uint8 (beats, 16); an END section is appended."""
    end = SectionData(Section.END, 0, np.zeros((0, BEAT_BYTES), np.uint8))
    return np.concatenate([part for section in [*sections, end] for part in (_header(section)[None], section.rows)])


def _header(section: SectionData) -> np.ndarray:
    first = int(section.kind) | VERSION << 8 | MAGIC << 16
    return np.array([first, 0, section.address, len(section.rows)], "<u4").view(np.uint8)


def decode(beats: np.ndarray) -> list[SectionData]:
    """Undo `encode`: the sections without END.

    Raises
    ------
    ProgramError
        Wrong magic, version or kind, a section cut short, no END, or beats after it.
    """
    sections: list[SectionData] = []
    at = 0
    while at < len(beats):
        first, _, address, count = (int(value) for value in beats[at].view("<u4"))
        kind, version, magic = first & 0xFF, first >> 8 & 0xFF, first >> 16
        if magic != MAGIC or version != VERSION or kind not in Section.__members__.values():
            raise ProgramError(f"beat {at}: found magic {magic:#x}, version {version}, kind {kind}; "
                               f"expected {MAGIC:#x}, {VERSION}, one of {sorted(int(known) for known in Section)}")
        at += 1
        if at + count > len(beats):
            raise ProgramError(f"beat {at - 1}: found {len(beats) - at} rows, expected {count}")
        if kind == Section.END:
            if at != len(beats):
                raise ProgramError(f"found {len(beats) - at} beats after END, expected none")
            return sections
        sections.append(SectionData(Section(kind), address, beats[at : at + count]))
        at += count
    raise ProgramError("found no END section, expected one as the last")


def rows_of(fields: Fields, values: Sequence[dict[str, int]]) -> np.ndarray:
    """Rows of a section whose low bits are `fields`, uint8 (len(values), 16)."""
    words = b"".join(fields.pack(**value).to_bytes(BEAT_BYTES, "little") for value in values)
    return np.frombuffer(words, np.uint8).reshape(-1, BEAT_BYTES)


def registers_of(sections: Sequence[SectionData]) -> dict[str, int]:
    """The configuration registers that a decoded program sets, by name."""
    names = list(LAYER.widths)
    return {names[section.address + at]: int(value) for section in sections if section.kind == Section.CONFIG
            for at, value in enumerate(np.ascontiguousarray(section.rows[:, :4]).view("<i4").ravel())}
