"""A program as the compiler holds it, its stream of beats, and the decoder that reads it back."""

from __future__ import annotations

import hashlib
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


@dataclass(frozen=True, kw_only=True)
class Block:
    """Words for the memory `target` of a lane, from `address` on; `second`: as many for the next lane."""

    target: Target
    lane: int
    words: Sequence[int]
    address: int = 0
    second: Sequence[int] | None = None


@dataclass(frozen=True, kw_only=True)
class Part:
    """What comes into the memories while a program runs."""

    blocks: Sequence[Block]


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
    parts
        What comes later, in this order, for every map again; most programs have none.
    """

    config: EngineConfig
    lists: Sequence[Sequence[int]]
    instructions: Sequence[Sequence[int]]
    tables: Mapping[int, Sequence[int]]
    setup: Mapping[str, int]
    incoming: Incoming
    leaving: Leaving
    parts: Sequence[Part] = ()

    def beats(self) -> np.ndarray:
        """The stream, uint8 (beats, banks), without the parts."""
        return encode(self)

    def part_beats(self) -> list[np.ndarray]:
        """The streams of the parts: after the program, they come for every map again."""
        return [encode_part(self, number) for number in range(len(self.parts))]

    @property
    def tag(self) -> int:
        """What its parts have in common with it, so that no other program's are taken."""
        if not self.parts:
            return 0
        text = repr((self.instructions, [own.blocks for own in self.parts]))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little") & (1 << HEAD.widths["tag"]) - 1


def _pieces(word: int, bits: int, beat: int) -> Iterator[int]:
    """Beats that hold a word of `bits` bits, the low ones first."""
    for low in range(0, max(bits, beat), beat):
        yield word >> low & (1 << beat) - 1


def _block(block: Block, bits: int, beat: int) -> Iterator[int]:
    """A block's head, and its words."""
    words, pair = block.words, int(block.second is not None)
    yield from _pieces(BLOCK.pack(target=block.target, lane=block.lane, address=block.address, count=len(words),
                                  pair=pair), PIECE, beat)
    if block.second is not None:
        words = [word for both in zip(words, block.second, strict=True) for word in both]
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
    blocks = [Block(target=Target.SETUP, lane=0, words=[form.setup(config).pack(**program.setup)])]
    for lane in range(config.lanes):
        if program.lists[lane]:
            blocks.append(Block(target=Target.LIST, lane=lane, words=program.lists[lane]))
        blocks.append(Block(target=Target.INSTRUCTION, lane=lane, words=program.instructions[lane]))
        blocks += [Block(target=Target.INSTRUCTION, lane=lane, words=words, address=address)
                   for address, words in program.tables.items()]
    return _stream(config, blocks, begin=1, tag=program.tag)


def encode_part(program: Program, number: int) -> np.ndarray:
    """The stream of a part of a program, uint8 (beats, banks)."""
    return _stream(program.config, program.parts[number].blocks, part=number, tag=program.tag,
                   final=int(number == len(program.parts) - 1))


def _stream(config: EngineConfig, blocks: Sequence[Block], **head_fields: int) -> np.ndarray:
    """A head, blocks, and the checksum."""
    beat = form.beat_bits(config)
    bits = {Target.SETUP: PIECE, Target.LIST: config.list_word_bits, Target.INSTRUCTION: instruction_bits(config)}
    body = [word for block in blocks for word in _block(block, bits[block.target], beat)]
    body += _pieces(BLOCK.pack(target=Target.END), PIECE, beat)
    head = HEAD.pack(magic=form.MAGIC, version=form.VERSION, digest=form.digest(config), beats=len(body),
                     **head_fields)
    whole = [*_pieces(head, PIECE, beat), *body]
    first = second = 0
    for word in whole:
        first, second = form.checksum(first, second, word)
    whole += _pieces(CHECK.pack(first=first, second=second), PIECE, beat)
    raw = b"".join(word.to_bytes(beat // 8, "little") for word in whole)
    return np.frombuffer(raw, np.uint8).reshape(-1, beat // 8)
