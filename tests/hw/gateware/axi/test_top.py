# amaranth: UnusedElaboratable=no
"""The boundary around an engine that echoes: streams, registers, counters, reset."""

from __future__ import annotations

import random

import pytest
from tests.hw.echo_engine import MULTIPLIERS, REFUSED, EchoEngine
from tests.hw.gateware.axi.test_lite import read
from tests.hw.streams import simulate

from zeroskip.gateware.axi.ports import RESET_CYCLES
from zeroskip.gateware.axi.top import AxiTop
from zeroskip.spec.axi import COUNTERS, ERROR_AT, IDENTITY, REGISTERS
from zeroskip.spec.stall_reasons import STALL_REASONS

MASK = (1 << 128) - 1


class Port:
    """An AXI4-Stream of the boundary."""

    def __init__(self, dut, prefix):
        self.data, self.last = getattr(dut, f"{prefix}_tdata"), getattr(dut, f"{prefix}_tlast")
        self.valid, self.ready = getattr(dut, f"{prefix}_tvalid"), getattr(dut, f"{prefix}_tready")

    async def send(self, ctx, beats, rng, stall):
        for number, beat in enumerate(beats):
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(self.data, beat)
            ctx.set(self.last, number == len(beats) - 1)
            ctx.set(self.valid, 1)
            await ctx.tick().until(self.ready)
            ctx.set(self.valid, 0)

    async def take(self, ctx, rng, stall):
        """A packet. Once offered, a beat must stay as it is until it is taken."""
        beats = []
        while True:
            ready, offered = rng.random() >= stall, (ctx.get(self.valid), ctx.get(self.data), ctx.get(self.last))
            ctx.set(self.ready, ready)
            valid, data, last = (await ctx.tick().sample(self.valid, self.data, self.last))[2:]
            if offered[0]:
                assert (valid, data, last) == offered
            if valid and ready:
                beats.append(data)
                if last:
                    ctx.set(self.ready, 0)
                    return beats


def boundary(*, beat_bytes=16, number_bits=0, **engine):
    echo = EchoEngine(beat_bytes=beat_bytes, number_bits=number_bits, **engine)
    return AxiTop(echo, multipliers=MULTIPLIERS, beat_bytes=beat_bytes, number_bits=number_bits)


async def register(ctx, axil, name):
    data, response = await read(ctx, axil, REGISTERS[name].address, random.Random(0), 0)
    assert response == 0
    return data


class Lite:
    """The control port under the names of the channels."""

    def __init__(self, dut):
        self.dut = dut

    def __getattr__(self, name):
        return getattr(self.dut, f"s_axil_{name}")


async def write(ctx, lite, name, value, strobe=0b1111):
    ctx.set(lite.awaddr, REGISTERS[name].address)
    ctx.set(lite.wdata, value)
    ctx.set(lite.wstrb, strobe)
    for wire in (lite.awvalid, lite.wvalid, lite.bready):
        ctx.set(wire, 1)
    await ctx.tick().until(lite.awready)
    ctx.set(lite.awvalid, 0)
    ctx.set(lite.wvalid, 0)
    await ctx.tick().until(lite.bvalid)


@pytest.mark.parametrize("stall", [0.0, 0.4])
@pytest.mark.parametrize("delay", [1, 3])
def test_programs_back_to_back_with_their_counters(stall, delay):
    dut = boundary(delay=delay)
    rng = random.Random(delay)
    programs = [([rng.getrandbits(128) for _ in range(w)], [rng.getrandbits(128) for _ in range(m)])
                for w, m in ((5, 12), (1, 1), (3, 7))]
    weights, feature, result = (Port(dut, name) for name in ("s_axis_program", "s_axis_map", "m_axis_result"))
    window, done = {"cycle": 0, "first": None, "last": None}, []

    def sender(port, index):
        async def send(ctx):
            for number, program in enumerate(programs):
                while len(done) < number:
                    await ctx.tick()
                await port.send(ctx, program[index], random.Random(index), stall)

        return send

    async def take(ctx):
        for number, (program, map_beats) in enumerate(programs):
            window["first"] = None
            assert await result.take(ctx, random.Random(7), stall) == [beat ^ MASK for beat in map_beats]
            assert ctx.get(dut._engine.busy) == 0
            counts = {name: await register(ctx, Lite(dut), name) for name in COUNTERS}
            parts = sum(counts[name] for name in ("wait", "compute", "drain", "stalled"))
            assert counts["total"] == parts == window["last"] - window["first"] + 1, number
            assert (counts["stalled"] > 0) == (stall > 0) or len(map_beats) == 1
            taken = len(map_beats)
            assert (counts["load"], counts["map_beats"], counts["result_beats"]) == (len(program), taken, taken)
            assert (counts["multiplications"], counts["gated"]) == (3 * taken, taken)
            assert 3 * taken + sum(counts[f"slots_{name}"] for name in STALL_REASONS) == MULTIPLIERS * counts["total"]
            assert counts["slots_stalled"] >= (MULTIPLIERS - 3) * counts["stalled"]
            done.append(number)

    async def watch(ctx):
        moved, last = feature.valid & feature.ready, result.valid & result.ready & result.last
        while len(done) < len(programs):
            *_, taken, ended = await ctx.tick().sample(moved, last)
            window["cycle"] += 1
            if taken and window["first"] is None:
                window["first"] = window["cycle"]
            if ended:
                window["last"] = window["cycle"]

    simulate(dut, take, watch, sender(weights, 0), sender(feature, 1))


@pytest.mark.parametrize("name", ["result_beats", "total"])
def test_a_counter_read_at_once_after_the_last_beat_has_it(name):
    """Whichever counter's turn it is then; and the answer comes within the time that is said."""
    dut = boundary()
    weights, feature, result = (Port(dut, port) for port in ("s_axis_program", "s_axis_map", "m_axis_result"))

    async def bench(ctx):
        lite, rng, waits = Lite(dut), random.Random(0), set()
        for pause in range(1, 3 * len(COUNTERS)):
            await weights.send(ctx, [1], rng, 0)
            await feature.send(ctx, [2], rng, 0)
            await ctx.tick().repeat(pause)
            await result.take(ctx, rng, 0)
            ctx.set(lite.araddr, REGISTERS[name].address)
            ctx.set(lite.arvalid, 1)
            cycles = 0
            while not ctx.get(lite.rvalid):
                await ctx.tick()
                ctx.set(lite.arvalid, 0)
                cycles += 1
            assert ctx.get(lite.rdata) == (1 if name == "result_beats" else pause + 2)
            waits.add(cycles)
            ctx.set(lite.rready, 1)
            await ctx.tick()
            ctx.set(lite.rready, 0)
        assert max(waits) <= dut.latencies["counter_read"] and len(waits) == len(COUNTERS)

    simulate(dut, bench)


def test_registers_read_as_described():
    dut = boundary()

    async def bench(ctx):
        assert await register(ctx, Lite(dut), "id") == IDENTITY == 0x5A4B0004
        assert await register(ctx, Lite(dut), "control") == 0
        assert await register(ctx, Lite(dut), "status") == 0
        await Port(dut, "s_axis_program").send(ctx, [1, 2], random.Random(0), 0)
        assert await register(ctx, Lite(dut), "status") == 1
        assert await register(ctx, Lite(dut), "load") == 2

    simulate(dut, bench)


@pytest.mark.parametrize("error", [1, 4, 15])
def test_status_says_why_a_program_was_refused(error):
    dut = boundary()

    async def bench(ctx):
        lite, rng, program = Lite(dut), random.Random(0), Port(dut, "s_axis_program")
        await program.send(ctx, [1, REFUSED | error], rng, 0)
        assert await register(ctx, lite, "status") == error << ERROR_AT
        await program.send(ctx, [1, 2], rng, 0)
        assert await register(ctx, lite, "status") == 1
        await write(ctx, lite, "control", 1)
        await ctx.tick().repeat(3)
        await program.send(ctx, [REFUSED | error], rng, 0)
        await write(ctx, lite, "control", 1)
        await ctx.tick().repeat(3)
        assert await register(ctx, lite, "status") == 0

    simulate(dut, bench)


@pytest.mark.parametrize(("beat_bytes", "number_bits"), [(4, 13), (8, 3), (32, 20)])
def test_numbered_results_of_several_maps_for_one_program(beat_bytes, number_bits):
    """Two batches of maps; each beat leaves with its number, whole; the counters run to the last of the results."""
    dut = boundary(beat_bytes=beat_bytes, number_bits=number_bits, image_beats=4)
    rng, most = random.Random(beat_bytes), 1 << 8 * beat_bytes
    program, feature = Port(dut, "s_axis_program"), Port(dut, "s_axis_map")
    batches = [[rng.randrange(most) for _ in range(4 * count)] for count in (3, 2)]
    seen, batch_taken = [], []

    async def send(ctx):
        lite = Lite(dut)
        assert len(dut.m_axis_result_tdata) == len(feature.data) == 8 * beat_bytes
        assert (len(dut.m_axis_result_tuser), len(dut.m_axis_result_tkeep)) == (number_bits, beat_bytes)
        await write(ctx, lite, "results", 3)
        await program.send(ctx, [5, 6], rng, 0)
        for number, beats in enumerate(batches):
            await write(ctx, lite, "results", len(beats) // 4)
            await feature.send(ctx, beats, rng, 0.2)
            while len(seen) < sum(map(len, batches[: number + 1])):
                await ctx.tick()
            counts = {name: await register(ctx, lite, name) for name in ("load", "map_beats", "result_beats", "total")}
            assert counts.pop("total") >= len(beats)
            assert counts == {"load": 0 if number else 2, "map_beats": len(beats), "result_beats": len(beats)}
        batch_taken.append(True)

    async def take(ctx):
        ports = (dut.m_axis_result_tvalid, dut.m_axis_result_tdata, dut.m_axis_result_tuser, dut.m_axis_result_tkeep,
                 dut.m_axis_result_tlast)
        ctx.set(dut.m_axis_result_tready, 1)
        while not batch_taken:
            _, _, valid, *beat = await ctx.tick().sample(*ports)
            if valid:
                seen.append(tuple(beat))

    simulate(dut, send, take)
    wanted = [(beat ^ most - 1, at % 4 ^ 1, (1 << beat_bytes) - 1, int(at % 4 == 3))
              for beats in batches for at, beat in enumerate(beats)]
    assert seen == wanted


def test_the_register_results():
    """Only both of its bytes together change it; it reads as zero; a reset sets it to one."""
    dut = boundary(image_beats=1)

    async def bench(ctx):
        lite, rng, feature = Lite(dut), random.Random(0), Port(dut, "s_axis_map")
        ctx.set(dut.m_axis_result_tready, 1)

        async def counted(ones):
            """Of four results, after a program."""
            await Port(dut, "s_axis_program").send(ctx, [1], rng, 0)
            await feature.send(ctx, [1, 2, 3, 4], rng, 0)
            await ctx.tick().repeat(3)
            assert await register(ctx, lite, "results") == 0
            assert await register(ctx, lite, "result_beats") == ones

        await counted(1)
        await write(ctx, lite, "results", 4)
        await counted(4)
        await write(ctx, lite, "results", 1, strobe=0b1101)
        await counted(4)
        await write(ctx, lite, "control", 1)
        await counted(1)

    simulate(dut, bench)


def test_control_resets_engine_and_counters_in_mid_layer():
    dut = boundary()
    weights, feature, result = (Port(dut, name) for name in ("s_axis_program", "s_axis_map", "m_axis_result"))

    async def bench(ctx):
        lite, rng = Lite(dut), random.Random(0)
        await weights.send(ctx, [1, 2, 3], rng, 0)
        ctx.set(feature.data, 5)
        ctx.set(feature.valid, 1)
        await ctx.tick().until(feature.ready)
        ctx.set(feature.valid, 0)
        assert ctx.get(result.valid)
        await write(ctx, lite, "control", 1, strobe=0b1110)
        await write(ctx, lite, "control", 2)
        await write(ctx, lite, "load", 1)
        await ctx.tick().repeat(3)
        assert ctx.get(result.valid), "only bit 0 of the control register resets"
        await write(ctx, lite, "control", 1)
        await ctx.tick().repeat(3)
        assert not ctx.get(result.valid)
        assert [await register(ctx, lite, name) for name in ("status", *COUNTERS)] == [0] * (1 + len(COUNTERS))
        ctx.set(result.ready, 1)
        await weights.send(ctx, [1], rng, 0)
        await feature.send(ctx, [9], rng, 0)
        assert ctx.get(result.data) == 9 ^ MASK

    simulate(dut, bench)


def test_no_stream_moves_while_it_is_reset():
    dut = boundary()

    async def bench(ctx):
        ports = [Port(dut, name) for name in ("s_axis_program", "s_axis_map")]
        for _ in range(RESET_CYCLES):  # it begins so, too
            assert [ctx.get(port.ready) for port in ports] == [0, 0]
            await ctx.tick()
        ctx.set(dut.s_axil_awaddr, REGISTERS["control"].address)
        ctx.set(dut.s_axil_wdata, 1)
        ctx.set(dut.s_axil_wstrb, 1)
        ctx.set(dut.s_axil_awvalid, 1)
        ctx.set(dut.s_axil_wvalid, 1)
        await ctx.tick()
        assert [ctx.get(port.ready) for port in ports] == [1, 0], "the register is written one cycle later"
        ctx.set(dut.s_axil_awvalid, 0)
        for _ in range(RESET_CYCLES):
            await ctx.tick()
            assert [ctx.get(port.ready) for port in ports] == [0, 0]
        await ctx.tick()
        assert [ctx.get(port.ready) for port in ports] == [1, 0]

    simulate(dut, bench)


def test_refuses_an_engine_of_another_size():
    with pytest.raises(TypeError, match="engine must have the members of an engine of 8 multipliers"):
        AxiTop(EchoEngine(), multipliers=8)
    with pytest.raises(TypeError, match="engine must have the members"):
        AxiTop(object(), multipliers=4)
