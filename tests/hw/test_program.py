# amaranth: UnusedElaboratable=no
"""The program loader against a decoder in Python: table writes, registers, and who may speak when."""

from __future__ import annotations

import random

import numpy as np
import pytest
from amaranth.hdl import Shape
from tests.hw.streams import put, simulate

from zeroskip.program import GROUP_BASES, ConfigRegisters, FeedLayout, GroupRegisters, PassLayout, ProgramLoader
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.wire import Config, Section, SectionData, encode

NAMES = [config.name.lower() for config in Config if config < Config.ROW_OFFSET]


def random_sections(rng, groups):
    """Sections of every kind in any order, empty ones too; registers inside and outside of those that exist."""
    made = []
    for _ in range(rng.randint(3, 9)):
        kind = rng.choice([kind for kind in Section if kind not in (Section.PASS, Section.FEED, Section.END)])
        count = rng.choice([0, 1, 2, 5])
        address = rng.randrange(2**16 - 8) | rng.randrange(2**16) << 16
        if kind == Section.CONFIG:
            address = rng.choice([0, 3, 16, 31, 32 + groups - 1, 62, 95])
        rows = np.frombuffer(rng.randbytes(count * BEAT_BYTES), np.uint8).reshape(count, BEAT_BYTES)
        made.append(SectionData(kind, rng.getrandbits(32), address, rows))
    return made


def writes(sections):
    """What appears on `write`."""
    return [(int(section.kind), at == 0, section.mask, (section.address + at) & 0xFFFF, section.address >> 16,
             int.from_bytes(row.tobytes(), "little"))
            for section in sections if section.kind != Section.CONFIG for at, row in enumerate(section.rows)]


def configure(registers, sections, groups):
    """The registers after `sections`, cut to their widths."""
    places = {int(Config[name.upper()]): name for name in NAMES}
    places |= {int(base) + g: (name, g) for name, base in GROUP_BASES.items() for g in range(groups)}
    for section in sections:
        for at, row in enumerate(section.rows if section.kind == Section.CONFIG else ()):
            if (name := places.get(section.address + at)) is not None:
                field = GroupRegisters[name[0]] if isinstance(name, tuple) else ConfigRegisters[name]
                shape = Shape.cast(field.shape)
                value = int.from_bytes(row[:4].tobytes(), "little") & (1 << shape.width) - 1
                registers[name] = value - (1 << shape.width) if shape.signed and value >> shape.width - 1 else value


def test_registers_have_names():
    assert sorted(NAMES) == sorted(name for name, _ in ConfigRegisters)
    assert sorted(GROUP_BASES) == sorted(name for name, _ in GroupRegisters)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("seed", range(3))
def test_programs(seed, groups, stall):
    """Three programs; `write` one cycle after the beat, `start` two after END, nothing taken until `done`."""
    rng = random.Random(f"{seed} {groups} {stall}")
    dut = ProgramLoader(groups=groups)
    programs = [random_sections(rng, groups) for _ in range(3)]
    beats = [[{"data": int.from_bytes(beat.tobytes(), "little"), "last": 0} for beat in encode(sections)]
             for sections in programs]
    running, seen, starts = [], [], []

    async def source(ctx):
        await put(ctx, dut.weights, [beat for program in beats for beat in program], stall=stall, rng=rng)

    async def watch(ctx):
        while True:
            _, _, valid, row, start = await ctx.tick().sample(dut.write.valid, dut.write, dut.start)
            if valid:
                seen.append((row.kind, row.first, row.mask, row.address, row.entry, row.data))
            starts.append(start)

    async def bench(ctx):
        registers = dict.fromkeys(NAMES, 0) | {(name, g): 0 for name in GROUP_BASES for g in range(groups)}
        for sections, program in zip(programs, beats, strict=True):
            for _ in program:
                await ctx.tick().until(dut.weights.valid & dut.weights.ready)
            assert not ctx.get(dut.start)
            await ctx.tick()
            assert ctx.get(dut.start)
            configure(registers, sections, groups)
            for name, value in registers.items():
                port = dut.group[name[1]][name[0]] if isinstance(name, tuple) else dut.config[name]
                assert ctx.get(port) == value, name
            for _ in range(rng.randrange(20)):  # the layer runs
                _, _, ready, busy = await ctx.tick().sample(dut.weights.ready, dut.busy)
                assert not ready and busy
            running.extend(writes(sections))
            ctx.set(dut.done, 1)
            await ctx.tick()
            ctx.set(dut.done, 0)
            assert ctx.get(dut.weights.ready) and not ctx.get(dut.busy)
        for _ in range(100):
            _, _, busy, valid = await ctx.tick().sample(dut.busy, dut.write.valid)
            assert not busy and not valid

    simulate(dut, source, bench, background=[watch], cycles=5000)
    assert seen == running and sum(starts) == 3


def test_done_counts_only_while_running():
    """A stray `done` in the middle of a program changes nothing."""
    dut = ProgramLoader(groups=1)
    row = np.full((2, BEAT_BYTES), 9, np.uint8)
    beats = encode([SectionData(Section.LISTS, 1, 4, row)])

    async def bench(ctx):
        ctx.set(dut.done, 1)
        await put(ctx, dut.weights, [{"data": int.from_bytes(b.tobytes(), "little"), "last": 0} for b in beats[:-1]])
        ctx.set(dut.done, 0)
        assert ctx.get(dut.busy) and ctx.get(dut.weights.ready)
        await put(ctx, dut.weights, [{"data": int.from_bytes(beats[-1].tobytes(), "little"), "last": 1}])
        await ctx.tick()
        assert ctx.get(dut.start) and not ctx.get(dut.weights.ready)

    simulate(dut, bench, cycles=100)


@pytest.mark.parametrize("stall", [0.0, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_passes(seed, stall):
    """`start` with the first pass; never more than two under way; tables of a pass only while at most one is.

    A feed before each pass: taken in their order, whenever somebody likes, none before the start.
    """
    rng = random.Random(f"{seed} {stall}")
    dut = ProgramLoader(groups=1)
    count = rng.randint(1, 6)
    rows = [np.frombuffer(rng.randbytes(BEAT_BYTES), np.uint8).reshape(1, BEAT_BYTES) for _ in range(count)]
    sections = []
    feeds = [np.frombuffer(rng.randbytes(BEAT_BYTES), np.uint8).reshape(1, BEAT_BYTES) for _ in range(count)]
    for row, feed in zip(rows, feeds, strict=True):
        sections.append(SectionData(Section.FEED, 0, 0, feed))
        if rng.random() < 0.6:
            sections.append(SectionData(Section.LISTS, 1, 0, np.full((rng.randint(1, 9), BEAT_BYTES), 7, np.uint8)))
        sections.append(SectionData(Section.PASS, 0, 0, row))
    found, fed, state = [], [], {"under way": 0, "done": 0, "starts": 0}

    async def source(ctx):
        beats = [{"data": int.from_bytes(beat.tobytes(), "little"), "last": 0} for beat in encode(sections)]
        await put(ctx, dut.weights, beats, stall=stall, rng=rng)

    async def feeder(ctx):
        while len(fed) < count:
            ctx.set(dut.feeds.ready, rng.random() < 0.3)
            _, _, taken, payload = await ctx.tick().sample(dut.feeds.valid & dut.feeds.ready, dut.feeds.payload)
            if taken:
                assert state["starts"], "a feed before the start"
                fed.append({name: payload[name] for name, _ in FeedLayout})
        ctx.set(dut.feeds.ready, 0)

    async def sequencer(ctx):
        while state["done"] < count:
            ctx.set(dut.passes.ready, rng.random() < 0.5)
            over = state["under way"] > 0 and rng.random() < 0.1
            ctx.set(dut.pass_done, over)
            _, _, taken, payload, start, write = await ctx.tick().sample(
                dut.passes.valid & dut.passes.ready, dut.passes.payload, dut.start, dut.write.valid)
            state["starts"] += start
            assert not taken or state["starts"] == 1, "a pass before the start"
            if taken:
                found.append({name: payload[name] for name, _ in PassLayout})
            state["under way"] += taken - over
            state["done"] += over
            assert state["under way"] <= 2
            assert not write or state["under way"] <= 1 or over or taken
        ctx.set(dut.pass_done, 0)
        await ctx.tick().repeat(20)
        assert ctx.get(dut.ended) and ctx.get(dut.busy)
        ctx.set(dut.done, 1)
        await ctx.tick()
        assert not ctx.get(dut.ended)

    simulate(dut, source, sequencer, feeder, cycles=5000)
    assert state["starts"] == 1
    assert found == fields(PassLayout, rows) and fed == fields(FeedLayout, feeds)


def fields(layout, rows):
    """What rows of a section say."""
    views = [layout.from_bits(int.from_bytes(row.tobytes(), "little") & (1 << layout.size) - 1) for row in rows]
    return [{name: view[name] for name, _ in layout} for view in views]
