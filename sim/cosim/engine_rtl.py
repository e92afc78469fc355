"""A vector engine's generated Verilog under a plain C++ driver: quick, for fuzzing; cocotb has the AXI top."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from amaranth.back import verilog as back_end

from zeroskip.compiler.program import Program
from zeroskip.files.cache import entry, key_of
from zeroskip.files.process import ToolError, find, run
from zeroskip.files.workplace import workplace
from zeroskip.gateware.array.engine import Engine
from zeroskip.gateware.array.results import beat_layout
from zeroskip.gateware.lane.output import result_layout
from zeroskip.spec.config import EngineConfig
from zeroskip.verilog import shorten, verilator, verilator_environment

DRIVER = Path(__file__).with_name("engine_rtl.cpp")
TOP = "engine"
PROGRAM = "simulator"
_VERILATE = ("-Wno-fatal", "-Wno-lint", "-Wno-style", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-timing",
             "--output-split", "15000", "--output-split-cfuncs", "3000")
_MAKE = ("VM_PARALLEL_BUILDS=0", "OPT_FAST=-Og", "OPT_SLOW=-O0", "CFG_CXXFLAGS_PCH_I=-include")
_VERSION = 2


class EngineError(Exception):
    """The hardware did something that it must not; the text says what."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """What came back.

    ``maps``: the result of each map; ``lasts``: the cycle of each one's last beat, counted from the first map beat.
    """

    maps: list[np.ndarray]
    lasts: list[int]


def build(config: EngineConfig, cache: Path) -> Path:
    """The simulator of an engine, compiled or from the cache.

    Raises
    ------
    ToolError
        It could not be built.
    """
    text = shorten(back_end.convert(Engine(config=config), name=TOP, emit_src=False, strip_internal_attrs=True))

    def make(folder: Path) -> None:
        with workplace() as place:
            (place / "design.v").write_text(text, encoding="utf-8")
            shutil.copyfile(DRIVER, place / "driver.cpp")
            sizes = (f"-DBANKS={config.banks} -DPAYLOAD={_bytes(beat_layout(config).size)} "
                     f"-DWATCHED={_bytes(result_layout(config).size)}")
            done = verilator(["-cc", "--exe", "-Mdir", str(place), "--top-module", TOP, "--prefix", "Vengine", "-o",
                              PROGRAM, "-CFLAGS", sizes, *_VERILATE, "driver.cpp", "design.v"], place)
            if done.status:
                raise ToolError(f"verilator could not build the engine: it {done.why()}")
            environment = verilator_environment(place)
            done = run([find("make", environment) or "make", "-f", "Vengine.mk", *_MAKE], folder=place,
                       environment=environment, name="make")
            if done.status:
                raise ToolError(f"the engine's simulator could not be built: make {done.why()}")
            shutil.copyfile(place / PROGRAM, folder / PROGRAM)
            (folder / PROGRAM).chmod(0o755)

    return entry(cache, TOP, key_of(text, DRIVER.read_text(), _VERSION), make).folder / PROGRAM


def _bytes(bits: int) -> int:
    return -(-bits // 8)


def packets_of(program: Program, images: int) -> list[np.ndarray]:
    """What goes over the program's stream: the program, and for each image all its parts."""
    return [program.beats(), *(images * program.part_beats())]


def run_program(simulator: Path, program: Program, maps: Sequence[np.ndarray], *, stall: float = 0.0, seed: int = 0,
                packets: Sequence[np.ndarray] | None = None, ahead: int = 1) -> Answers:
    """The results of maps (channels, rows, columns) that come one after the other.

    `packets` go over the program's stream instead of the program and its parts; maps come behind the first `ahead`.

    Raises
    ------
    EngineError
        Too few results, or too many, or the engine complained.
    """
    wanted = program.setup["result_words"] * len(maps)
    with workplace() as place:
        packets = packets_of(program, len(maps)) if packets is None else packets
        np.concatenate(packets).tofile(place / "program")
        np.array([len(own) for own in packets], np.uint64).tofile(place / "packets")
        np.concatenate([program.incoming.words(own) for own in maps]).tofile(place / "maps")
        done = run([str(simulator), "program", "maps", "results", "watch", str(wanted), str(stall), str(seed),
                    "packets", str(ahead)], folder=place, name=PROGRAM)
        if done.status:
            raise ToolError(f"the engine's simulator {done.why()}")
        first, cycles, sent, given, error, overrun = map(int, done.output.split())
        size = _bytes(beat_layout(program.config).size)
        beats = np.fromfile(place / "results", np.uint8).reshape(-1, size + 8)
    if overrun or error or len(beats) != wanted or sent != sum(map(len, packets)):
        raise EngineError(f"{len(beats)} of {wanted} result words came in {cycles} cycles, {sent} program beats and "
                          f"{given} map beats were taken; error {error}, overrun {overrun}")
    when = beats[:, size:].copy().view(np.uint64)[:, 0].astype(int) - first + 1
    found = [_assembled(program, part) for part in np.split(beats[:, :size], len(maps))]
    return Answers(maps=found, lasts=when[len(when) // len(maps) - 1 :: len(when) // len(maps)].tolist())


def _assembled(program: Program, beats: np.ndarray) -> np.ndarray:
    """The map of an image's words, which come in any order and may have only some of their bytes."""
    banks, bits = program.config.banks, program.config.word_bits
    flags = np.unpackbits(beats[:, banks:], axis=1, bitorder="little")
    kept = flags[:, :banks].astype(bool)
    numbers = flags[:, banks:banks + bits] @ (1 << np.arange(bits))
    last = flags[:, banks + bits]
    if last.sum() != 1 or not last[-1]:
        raise EngineError(f"the last beat is marked {last.sum()} times, at {np.flatnonzero(last).tolist()}")
    words = np.zeros((program.setup["result_words"], banks), np.uint8)
    for number, keep, beat in zip(numbers, kept, beats, strict=True):
        words[number][keep] = beat[:banks][keep]
    return program.leaving.values(words)
