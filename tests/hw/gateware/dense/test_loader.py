# amaranth: UnusedElaboratable=no
"""The program loader against a decoder in Python: table writes, registers, and who may speak when."""

from __future__ import annotations

import random

import numpy as np
import pytest
from tests.hw.gateware.dense.run import beats_of
from tests.hw.streams import put, simulate

from zeroskip.gateware.dense.loader import ProgramLoader
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense_program import LAYER, Section, SectionData, encode


def random_sections(rng):
    """Sections of every kind in any order, empty ones too; registers inside and outside of those that exist."""
    made = []
    for _ in range(rng.randint(3, 9)):
        kind = rng.choice([kind for kind in Section if kind != Section.END])
        count = rng.choice([0, 1, 2, 5])
        address = rng.choice([0, 3, len(LAYER.widths) - 2, 60]) if kind == Section.CONFIG else rng.randrange(2**16 - 8)
        rows = np.frombuffer(rng.randbytes(count * BEAT_BYTES), np.uint8).reshape(count, BEAT_BYTES)
        made.append(SectionData(kind, address, rows))
    return made


def writes(sections):
    """What appears on `write`."""
    return [(int(section.kind), section.address + at, int.from_bytes(row.tobytes(), "little"))
            for section in sections if section.kind != Section.CONFIG for at, row in enumerate(section.rows)]


def configure(registers, sections):
    """The registers after `sections`, cut to their widths."""
    names = list(LAYER.widths)
    for section in sections:
        for number, row in enumerate(section.rows if section.kind == Section.CONFIG else (), section.address):
            if number < len(names):
                name, width = names[number], LAYER.widths[names[number]]
                value = int.from_bytes(row[:4].tobytes(), "little") & (1 << width) - 1
                registers[name] = value - (1 << width) if name in LAYER.signed and value >> width - 1 else value


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_programs(seed, stall):
    """Three programs; `write` one cycle after the beat, `start` two after END, nothing taken until `done`."""
    rng = random.Random(f"{seed} {stall}")
    dut = ProgramLoader()
    programs = [random_sections(rng) for _ in range(3)]
    beats = [beats_of(encode(sections)) for sections in programs]
    running, seen, starts = [], [], []

    async def source(ctx):
        await put(ctx, dut.program, [beat for program in beats for beat in program], stall=stall, rng=rng)

    async def watch(ctx):
        while True:
            _, _, valid, row, start = await ctx.tick().sample(dut.write.valid, dut.write, dut.start)
            if valid:
                seen.append((row.kind, row.address, row.data))
            starts.append(start)

    async def bench(ctx):
        registers = dict.fromkeys(LAYER.widths, 0)
        for sections, program in zip(programs, beats, strict=True):
            for _ in program:
                await ctx.tick().until(dut.program.valid & dut.program.ready)
            assert not ctx.get(dut.start)
            await ctx.tick()
            assert ctx.get(dut.start)
            configure(registers, sections)
            for name, value in registers.items():
                assert ctx.get(dut.layer[name]) == value, name
            for _ in range(rng.randrange(20)):  # the layer runs
                _, _, ready, busy = await ctx.tick().sample(dut.program.ready, dut.busy)
                assert not ready and busy
            running.extend(writes(sections))
            ctx.set(dut.done, 1)
            await ctx.tick()
            ctx.set(dut.done, 0)
            assert ctx.get(dut.program.ready) and not ctx.get(dut.busy)
        for _ in range(100):
            _, _, busy, valid = await ctx.tick().sample(dut.busy, dut.write.valid)
            assert not busy and not valid

    simulate(dut, source, bench, background=[watch], cycles=5000)
    assert seen == running and sum(starts) == 3


def test_done_counts_only_while_running():
    """A stray `done` in the middle of a program changes nothing."""
    dut = ProgramLoader()
    beats = beats_of(encode([SectionData(Section.WEIGHTS, 4, np.full((2, BEAT_BYTES), 9, np.uint8))]))

    async def bench(ctx):
        ctx.set(dut.done, 1)
        await put(ctx, dut.program, beats[:-1])
        ctx.set(dut.done, 0)
        assert ctx.get(dut.busy) and ctx.get(dut.program.ready)
        await put(ctx, dut.program, beats[-1:])
        await ctx.tick()
        assert ctx.get(dut.start) and not ctx.get(dut.program.ready)

    simulate(dut, bench, cycles=100)
