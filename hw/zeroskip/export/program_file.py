"""A program as a file: the beats of its stream one after the other, those of its parts behind them, nothing else."""

from __future__ import annotations

import os

import numpy as np

from zeroskip.compiler.program import Program
from zeroskip.cycles.decode import Decoded, DecodeError, decode
from zeroskip.files.names import shown
from zeroskip.files.reading import ReadError, read_bytes
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import HEAD, MAGIC, PIECE, beat_bits


class ProgramFileError(ReadError):
    """A file that is no program for a configuration: one sentence that names it."""


def content(program: Program) -> bytes:
    """The bytes of a program's file.

    Raises
    ------
    AssertionError
        A decoder does not read from them what the program says.
    """
    beats, parts = program.beats(), program.part_beats()
    found = decode(program.config, beats, parts)
    memories = [list(words) for words in program.instructions]
    for own in memories:
        for address, words in program.tables.items():
            own += [0] * (address + len(words) - len(own))
            own[address:address + len(words)] = words
    same = found.lists == [list(words) for words in program.lists] and found.instructions == memories
    if not same or found.setup != dict(program.setup):
        raise AssertionError("a program reads back as something else")
    raw = b"".join(packet.tobytes() for packet in (beats, *parts))
    if [len(own) for own in packets(raw, program.config)] != [len(beats), *map(len, parts)]:
        raise AssertionError("a program's packets read back as others")
    return raw


def packets(raw: bytes, config: EngineConfig) -> list[np.ndarray]:
    """The program's packet and those of its parts, uint8 (beats, bytes of a beat) each, by what their heads say.

    What has no head belongs to the packet before it; what is cut off is one, too.
    """
    beats = np.frombuffer(raw, np.uint8).reshape(-1, config.banks)
    size, starts, at = max(1, PIECE // beat_bits(config)), [0], 0
    while at < len(beats):
        head = HEAD.unpack(int.from_bytes(beats[at:at + size].tobytes(), "little") & (1 << HEAD.bits) - 1)
        if head["magic"] != MAGIC:
            break
        starts.append(at)
        at += 2 * size + head["beats"]  # with the head and the checksum
    return np.split(beats, starts[2:])


def read(path: str | os.PathLike[str], config: EngineConfig) -> Decoded:
    """The program in a file: lists, instructions and setup, as the engine takes them.

    Raises
    ------
    ReadError
        The file cannot be read.
    ProgramFileError
        It is no program for the configuration, or is damaged.
    """
    return parse(read_bytes(path), config, shown(os.fspath(path)))


def parse(raw: bytes, config: EngineConfig, file: str) -> Decoded:
    """The program in the bytes of a file; `file` is what messages call it.

    Raises
    ------
    ProgramFileError
        It is no program for the configuration, or is damaged.
    """
    if len(raw) % config.banks or not raw:
        raise ProgramFileError(f"{file}: found {len(raw)} bytes, expected beats of {config.banks} bytes each")
    try:
        first, *parts = packets(raw, config)
        return decode(config, first, parts)
    except (DecodeError, IndexError) as error:
        why = "a block for a lane that is not there" if isinstance(error, IndexError) else str(error)
        raise ProgramFileError(f"{file}: no program that can be taken: {why}") from None
