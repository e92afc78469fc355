"""A program as the compiler holds it, its stream of beats, and the decoder that reads it back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroskip.compiler.layout import Layout
from zeroskip.spec import program as form
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import BLOCK, CHECK, HEAD, PIECE, Target
from zeroskip.spec.words import instruction_bits


@dataclass(frozen=True, kw_only=True, eq=False)
class Incoming:
    """A map that comes in: how it lies in its words."""

    layout: Layout
    signed: bool

    def words(self, values: np.ndarray) -> np.ndarray:
        """The words (words, banks), uint8, of a map (channels, rows, columns) of codes."""
        return self.layout.image(values)


@dataclass(frozen=True, kw_only=True, eq=False)
class Leaving:
    """A map that goes out, plane after plane, a plane beginning with a word.

    Parameters
    ----------
    channels, rows, columns
        Of the map.
    pitch
        Values from a row to the next.
    plane
        Words of a plane.
    signed
        Whether codes are int8.
    raw
        Whether values are sums, int32, the low byte first.
    """

    channels: int
    rows: int
    columns: int
    pitch: int
    plane: int
    signed: bool
    raw: bool = False

    def values(self, words: np.ndarray) -> np.ndarray:
        """The map (channels, rows, columns), uint8, int8 or int32, of its words (words, banks)."""
        kind = np.int32 if self.raw else np.int8 if self.signed else np.uint8
        flat = np.ascontiguousarray(words).reshape(self.channels, -1).view(kind)
        row, column = np.indices((self.rows, self.columns))
        return flat[:, row * self.pitch + column]


@dataclass(frozen=True, kw_only=True, eq=False)
class Program:
    """All that the array is told.

    Parameters
    ----------
    config
        The engine that it is for.
    lists
        For each lane, the words of its list memory, from address 0 on.
    instructions
        For each lane, its instructions.
    tables
        Words of every lane's instruction memory, by the address of the first one.
    setup
        The fields of ``spec.program.setup``.
    incoming, leaving
        The maps that come in and go out.
    """

    config: EngineConfig
    lists: Sequence[Sequence[int]]
    instructions: Sequence[Sequence[int]]
    tables: Mapping[int, Sequence[int]]
    setup: Mapping[str, int]
    incoming: Incoming
    leaving: Leaving

    def beats(self) -> np.ndarray:
        """The stream, uint8 (beats, banks)."""
        return encode(self)


def _pieces(word: int, bits: int, beat: int) -> Iterator[int]:
    """Beats that hold a word of `bits` bits, the low ones first."""
    for low in range(0, max(bits, beat), beat):
        yield word >> low & (1 << beat) - 1


def _block(target: Target, lane: int, words: Sequence[int], bits: int, beat: int, address: int = 0) -> Iterator[int]:
    """A block's head, and its words."""
    yield from _pieces(BLOCK.pack(target=target, lane=lane, address=address, count=len(words)), PIECE, beat)
    slot = form.word_bits(bits, beat)
    per_beat = max(1, beat // slot)
    for at in range(0, len(words), per_beat):
        if slot >= beat:
            yield from _pieces(words[at], slot, beat)
        else:
            yield sum(word << slot * number for number, word in enumerate(words[at:at + per_beat]))


def encode(program: Program) -> np.ndarray:
    """The stream of a program, uint8 (beats, banks)."""
    config = program.config
    beat, instruction = form.beat_bits(config), instruction_bits(config)
    body: list[int] = []
    body += _block(Target.SETUP, 0, [form.setup(config).pack(**program.setup)], PIECE, beat)
    for lane in range(config.lanes):
        if program.lists[lane]:
            body += _block(Target.LIST, lane, program.lists[lane], config.list_word_bits, beat)
        body += _block(Target.INSTRUCTION, lane, program.instructions[lane], instruction, beat)
        for address, words in program.tables.items():
            body += _block(Target.INSTRUCTION, lane, words, instruction, beat, address)
    body += _pieces(BLOCK.pack(target=Target.END), PIECE, beat)
    head = HEAD.pack(magic=form.MAGIC, version=form.VERSION, begin=1, digest=form.digest(config), beats=len(body))
    whole = [*_pieces(head, PIECE, beat), *body]
    first = second = 0
    for word in whole:
        first, second = form.checksum(first, second, word)
    whole += _pieces(CHECK.pack(first=first, second=second), PIECE, beat)
    raw = b"".join(word.to_bytes(beat // 8, "little") for word in whole)
    return np.frombuffer(raw, np.uint8).reshape(-1, beat // 8)
