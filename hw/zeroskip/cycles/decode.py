"""A program read back from its beats, as the hardware reads it: lists, instructions, tables, and the time it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from zeroskip.spec import program as form
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.fields import Fields
from zeroskip.spec.program import BLOCK, CHECK, HEAD, PIECE, Target
from zeroskip.spec.timing import CLEAR, COMPARED, FLUSH
from zeroskip.spec.words import Op, configure, entry, fill, header, instruction_bits, job, step_parts, sync

ROW = 20
"""Numbers of a decoded instruction: what it is, then its fields."""
COLUMNS = 2
"""Memories side by side that hold an instruction; tables are in the first one."""


class DecodeError(ValueError):
    """Beats that are no program for this configuration."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Words for a memory of a lane, from `address` on."""

    target: Target
    lane: int
    address: int
    words: list[int]


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a program: its blocks, and the cycles from its head to its last beat."""

    blocks: list[Block]
    cycles: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """What a program puts into the memories of an engine.

    Parameters
    ----------
    config
        The engine.
    lists
        For each lane its list memory, from address 0 on, as integers.
    instructions
        For each lane its instruction memory, likewise.
    setup
        The fields of ``spec.program.setup``.
    beats
        Of the program.
    head_to_start
        Cycles from the begin of the engine's reset by the loader to its start, if the beats come without a pause.
    parts
        What comes later, for every map again.
    """

    config: EngineConfig
    lists: list[list[int]]
    instructions: list[list[int]]
    setup: dict[str, int]
    beats: int
    head_to_start: int
    parts: list[Part] = field(default_factory=list)


def decode(config: EngineConfig, beats: npt.NDArray[np.uint8], parts: Sequence[npt.NDArray[np.uint8]] = ()) -> Decoded:
    """A program from its beats, uint8 (beats, banks), and those of its parts.

    Raises
    ------
    DecodeError
        It is cut off, has a wrong checksum, or is for another configuration; a part is no part of it.
    """
    reader = _Reader(config, beats)
    head = reader.head()
    if not head["begin"]:
        raise DecodeError("the beats are a part of a program, not a program")
    lists: list[list[int]] = [[] for _ in range(config.lanes)]
    instructions: list[list[int]] = [[] for _ in range(config.lanes)]
    setup, blocks = reader.blocks()
    for block in blocks:
        load((lists if block.target == Target.LIST else instructions)[block.lane], block)
    return Decoded(config=config, lists=lists, instructions=instructions, setup=setup, beats=len(beats),
                   head_to_start=max(reader.cycles, FLUSH + CLEAR),
                   parts=[_part(config, own, number, len(parts), head["tag"]) for number, own in enumerate(parts)])


def load(memory: list[int], block: Block) -> None:
    """A block's words into a memory."""
    end = block.address + len(block.words)
    memory += [0] * (end - len(memory))
    memory[block.address:end] = block.words


def _part(config: EngineConfig, beats: npt.NDArray[np.uint8], number: int, count: int, tag: int) -> Part:
    reader = _Reader(config, beats)
    head, wanted = reader.head(), {"begin": 0, "final": int(number == count - 1), "part": number, "tag": tag}
    for name, value in wanted.items():
        if head[name] != value:
            raise DecodeError(f"part {number} has {name} = {head[name]}, not {value}")
    setup, blocks = reader.blocks()
    if setup:
        raise DecodeError(f"part {number} says where maps lie, which only a program does")
    return Part(blocks=blocks, cycles=reader.cycles)


class _Reader:
    """Takes beats as pieces and words, and counts the loader's cycles."""

    def __init__(self, config: EngineConfig, beats: npt.NDArray[np.uint8]) -> None:
        self._config = config
        self._beat = form.beat_bits(config)
        self._bytes = np.ascontiguousarray(beats, np.uint8)
        if self._bytes.ndim != 2 or self._bytes.shape[1] != config.banks:
            raise DecodeError(f"beats have {config.banks} bytes each, not {self._bytes.shape[1:]}")
        self._at = 0
        self.cycles = 0

    def _take(self, beats: int) -> bytes:
        if self._at + beats > len(self._bytes):
            raise DecodeError("the program was cut off")
        taken = self._bytes[self._at:self._at + beats]
        self._at += beats
        return taken.tobytes()

    def piece(self, fields: Fields) -> dict[str, int]:
        """The fields of a piece of 128 bits; each costs its beats and a cycle."""
        beats = max(1, PIECE // self._beat)
        self.cycles += beats + 1
        return fields.unpack(int.from_bytes(self._take(beats), "little"))

    def head(self) -> dict[str, int]:
        """The head; cycles count from its use on."""
        head, wanted = self.piece(HEAD), {"magic": form.MAGIC, "version": form.VERSION,
                                          "digest": form.digest(self._config)}
        if any(head[name] != value for name, value in wanted.items()):
            raise DecodeError("the beats are no program for this configuration")
        self.cycles = 0
        return head

    def blocks(self) -> tuple[dict[str, int], list[Block]]:
        """All blocks up to the checksum, and of the block about maps its fields."""
        config, setup, found = self._config, dict[str, int](), list[Block]()
        while (block := self.piece(BLOCK))["target"] != Target.END:
            target, lane, at, count = block["target"], block["lane"], block["address"], block["count"]
            if target == Target.SETUP:
                setup = self.piece(form.setup(config))
            elif target in (Target.LIST, Target.INSTRUCTION) and count and (target == Target.LIST or not block["pair"]):
                bits = config.list_word_bits if target == Target.LIST else instruction_bits(config)
                lanes = 1 + block["pair"]
                words = self.words(bits, count, lanes)
                found += [Block(target=Target(target), lane=lane + k, address=at, words=words[k::lanes])
                          for k in range(lanes)]
            else:
                raise DecodeError(f"a block of {count} words for memory {target} of lane {lane}")
        self.check()
        return setup, found

    def words(self, bits: int, count: int, lanes: int) -> list[int]:
        """Words of memories: one a cycle for each lane, or as many cycles as a word has beats."""
        slot = form.word_bits(bits, self._beat)
        per_beat, beats = max(1, self._beat // slot), max(1, slot // self._beat)
        self.cycles += 1 + beats * count
        count *= lanes
        size = max(slot, 8) // 8
        raw = self._take(-(-count // per_beat) * beats)
        if slot < 8:
            raise DecodeError(f"words of {bits} bits")
        return [int.from_bytes(raw[k * size:(k + 1) * size], "little") & (1 << bits) - 1 for k in range(count)]

    def check(self) -> None:
        """The checksum over all beats before it."""
        first = second = 0
        for row in self._bytes[:self._at]:
            first, second = form.checksum(first, second, int.from_bytes(row.tobytes(), "little"))
        found = self.piece(CHECK)
        self.cycles += COMPARED
        if (found["first"], found["second"]) != (first, second):
            raise DecodeError("the program's checksum is wrong")
        if self._at != len(self._bytes):
            raise DecodeError("the program goes on after its end")


@dataclass(frozen=True, kw_only=True, eq=False)
class Lists:
    """Lists of all lanes as arrays: a value for each lane, word and entry, or lane and word."""

    offset: npt.NDArray[np.int64]
    weight: npt.NDArray[np.int64]
    kind: npt.NDArray[np.int64]
    signed: npt.NDArray[np.int64]
    wanted: npt.NDArray[np.int64]
    """Of a word: a bit for each entry whose weight is not zero."""
    always: npt.NDArray[np.int64]
    """Those of them that are issued whatever the activations are."""


def bits_of(words: list[int], bits: int, low: int, width: int, *, signed: bool) -> npt.NDArray[np.int64]:
    """A field of each word."""
    size = -(-bits // 8)
    raw = np.frombuffer(b"".join(word.to_bytes(size, "little") for word in words), np.uint8).reshape(-1, size)
    taken = np.unpackbits(raw, axis=1, bitorder="little")[:, low:low + width].astype(np.int64)
    values = taken @ (1 << np.arange(width, dtype=np.int64))
    return np.where(values >> width - 1, values - (1 << width), values) if signed else values


def arrays(decoded: Decoded) -> Lists:
    """All lists, entry by entry."""
    config, fields = decoded.config, entry(decoded.config)
    most = config.list_words if decoded.parts else max(1, *(len(words) for words in decoded.lists))
    found = {name: np.zeros((config.lanes, most, config.look), np.int64) for name in fields.widths}
    for lane, words in enumerate(decoded.lists):
        for k in range(config.look if words else 0):
            for name, start in fields.starts().items():
                found[name][lane, :len(words), k] = bits_of(
                    words, config.list_word_bits, k * fields.bits + start, fields.widths[name],
                    signed=name in fields.signed)
    bit = 1 << np.arange(config.look, dtype=np.int64)
    nonzero = found["weight"] != 0
    return Lists(**found, wanted=(nonzero * bit).sum(-1), always=((nonzero & (found["kind"] >= 2)) * bit).sum(-1))


def headers(decoded: Decoded, lane: int, address: int) -> dict[str, int]:
    """The header that lies in a lane's list memory."""
    config, words = decoded.config, decoded.lists[lane]
    taken = [*words[address:address + config.header_words], *[0] * config.header_words][:config.header_words]
    whole = sum(word << k * config.list_word_bits for k, word in enumerate(taken))
    return header(config).unpack(whole & (1 << header(config).bits) - 1)


def instruction(config: EngineConfig, word: int) -> list[int]:
    """What an instruction is, then its fields in their order; of a configuring one the fields of its part."""
    op = word & 3
    if op == Op.CONFIGURE:
        own = configure().unpack(word & (1 << configure().bits) - 1)
        parts = step_parts(config)
        part = own["part"]
        fields = list(parts[part].unpack(own["value"]).values()) if part < len(parts) else []
        return [op, part, *fields]
    form_of = {Op.JOB: job(config), Op.SYNC: sync(config), Op.FILL: fill(config)}[Op(op)]
    return list(form_of.unpack(word & (1 << form_of.bits) - 1).values())


def last_step(decoded: Decoded) -> int:
    """The largest number of a step in the instructions of parts, 0 if there is none."""
    config = decoded.config
    words = {word for part in decoded.parts for block in part.blocks if block.target == Target.INSTRUCTION
             for word in block.words if word & 3 == Op.SYNC}
    return max((sync(config).unpack(word & (1 << sync(config).bits) - 1)["step"] for word in words), default=0)


def rows(decoded: Decoded) -> npt.NDArray[np.int64]:
    """All instructions, (lanes, instructions, ROW); a job's header follows its fields."""
    config = decoded.config
    found = np.zeros((config.lanes, config.instructions, ROW), np.int64)
    for lane, words in enumerate(decoded.instructions):
        known: dict[int, list[int]] = {}
        for at, word in enumerate(words):
            row = known.get(word) or known.setdefault(word, instruction(config, word))
            found[lane, at, :len(row)] = row
            if row[0] == Op.JOB:
                found[lane, at, 8:13] = list(headers(decoded, lane, row[1]).values())
    return found


def codes(decoded: Decoded) -> npt.NDArray[np.uint8]:
    """What tables of codes see of the instruction memory: four bytes of each, (lanes, instructions * 4)."""
    config = decoded.config
    width = -(-instruction_bits(config) // COLUMNS)
    found = np.zeros((config.lanes, config.instructions * 4), np.uint8)
    for lane, words in enumerate(decoded.instructions):
        raw = b"".join((word & (1 << width) - 1 & 0xFFFFFFFF).to_bytes(4, "little") for word in words)
        found[lane, :len(raw)] = np.frombuffer(raw, np.uint8)
    return found
