# amaranth: UnusedElaboratable=no
"""The AXI4-Lite registers: addresses, responses, and any order and pause of the channels."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.axi.lite import OKAY, SLVERR, AxiLiteRegisters


def value_of(number):
    return 0x1000_0001 * (number + 1)


async def read(ctx, dut, address, rng, pause):
    while rng.random() < pause:
        await ctx.tick()
    ctx.set(dut.araddr, address)
    ctx.set(dut.arvalid, 1)
    await ctx.tick().until(dut.arready)
    ctx.set(dut.arvalid, 0)
    ctx.set(dut.araddr, 0)
    while rng.random() < pause:
        await ctx.tick()
    ctx.set(dut.rready, 1)
    data, response = await ctx.tick().sample(dut.rdata, dut.rresp).until(dut.rvalid)
    ctx.set(dut.rready, 0)
    return data, response


async def offer(ctx, valid, ready, wait):
    for _ in range(wait):
        await ctx.tick()
    ctx.set(valid, 1)
    await ctx.tick().until(ready)
    ctx.set(valid, 0)


async def registers(ctx, dut, rng, pause):
    """Gives the value of the register that is asked for, after a while; anything as long as it is not."""
    while True:
        given = rng.random() >= pause
        ctx.set(dut.given, given)
        ctx.set(dut.value, value_of(ctx.get(dut.index)) if given else rng.getrandbits(32))
        await ctx.tick()


@pytest.mark.parametrize("count", [1, 3, 13])
@pytest.mark.parametrize("pause", [0.0, 0.5])
def test_reads_every_register_and_refuses_the_next(count, pause):
    dut, rng = AxiLiteRegisters(count=count), random.Random(count)

    async def bench(ctx):
        for number in [*range(count), *reversed(range(count))]:
            assert await read(ctx, dut, 4 * number, rng, pause) == (value_of(number), OKAY)
        assert await read(ctx, dut, 4 * count, rng, pause) == (0, SLVERR)

    async def give(ctx):
        await registers(ctx, dut, random.Random(pause), pause)

    simulate(dut, bench, background=[give])


@pytest.mark.parametrize("wait", [0, 1, 5])
def test_a_read_answers_a_cycle_after_its_value_is_given(wait):
    dut = AxiLiteRegisters(count=2)

    async def bench(ctx):
        ctx.set(dut.araddr, 4)
        ctx.set(dut.arvalid, 1)
        assert ctx.get(dut.arready) and not ctx.get(dut.asked)
        await ctx.tick()
        ctx.set(dut.arvalid, 0)
        for _ in range(wait):
            assert ctx.get(dut.asked) and ctx.get(dut.index) == 1 and not ctx.get(dut.rvalid)
            await ctx.tick()
        ctx.set(dut.value, 77)
        ctx.set(dut.given, 1)
        await ctx.tick()
        ctx.set(dut.value, 78)
        assert not ctx.get(dut.asked) and ctx.get(dut.rvalid) and ctx.get(dut.rdata) == 77
        await ctx.tick()
        assert ctx.get(dut.rvalid) and ctx.get(dut.rdata) == 77

    simulate(dut, bench)


def test_beyond_the_last_register_nothing_is_waited_for():
    dut = AxiLiteRegisters(count=2)

    async def bench(ctx):
        ctx.set(dut.value, 77)
        ctx.set(dut.araddr, 8)
        ctx.set(dut.arvalid, 1)
        await ctx.tick().repeat(2)
        assert ctx.get(dut.rvalid) and ctx.get(dut.rdata) == 0 and ctx.get(dut.rresp) == SLVERR

    simulate(dut, bench)


def test_no_second_read_before_the_first_is_answered():
    dut = AxiLiteRegisters(count=2)

    async def bench(ctx):
        ctx.set(dut.value, 9)
        ctx.set(dut.given, 1)
        ctx.set(dut.araddr, 4)
        ctx.set(dut.arvalid, 1)
        await ctx.tick()
        ctx.set(dut.araddr, 0)
        for _ in range(6):
            assert not ctx.get(dut.arready)
            await ctx.tick()
        assert ctx.get(dut.rvalid) and ctx.get(dut.rdata) == 9
        ctx.set(dut.rready, 1)
        await ctx.tick()
        assert ctx.get(dut.arready) and not ctx.get(dut.rvalid)

    simulate(dut, bench)


@pytest.mark.parametrize(("late_address", "late_data"), [(0, 0), (3, 0), (0, 3)])
def test_a_write_gives_one_strobe_whichever_channel_is_first(late_address, late_data):
    dut, seen = AxiLiteRegisters(count=5), []

    async def watch(ctx):
        for _ in range(20):
            *_, written, target, data, strobe = await ctx.tick().sample(
                dut.written, dut.target, dut.data, dut.strobe)
            if written:
                seen.append((target, data, strobe))

    async def address(ctx):
        ctx.set(dut.awaddr, 12)
        await offer(ctx, dut.awvalid, dut.awready, late_address)

    async def data(ctx):
        ctx.set(dut.wdata, 0xDEADBEEF)
        ctx.set(dut.wstrb, 0b0101)
        await offer(ctx, dut.wvalid, dut.wready, late_data)

    async def respond(ctx):
        await ctx.tick().repeat(9)
        assert ctx.get(dut.bvalid) and ctx.get(dut.bresp) == OKAY
        ctx.set(dut.bready, 1)
        await ctx.tick()
        assert not ctx.get(dut.bvalid)

    simulate(dut, address, data, respond, watch)
    assert seen == [(3, 0xDEADBEEF, 0b0101)]


def test_no_second_write_before_the_first_is_answered():
    dut = AxiLiteRegisters(count=2)

    async def bench(ctx):
        ctx.set(dut.awvalid, 1)
        ctx.set(dut.wvalid, 1)
        await ctx.tick()
        for _ in range(5):
            assert ctx.get(dut.bvalid) and not ctx.get(dut.awready) and not ctx.get(dut.wready)
            await ctx.tick()
        ctx.set(dut.bready, 1)
        await ctx.tick()
        assert ctx.get(dut.awready) and ctx.get(dut.wready)

    simulate(dut, bench)


def test_a_write_beyond_the_last_register_is_refused():
    dut = AxiLiteRegisters(count=2)

    async def bench(ctx):
        ctx.set(dut.awaddr, 8)
        ctx.set(dut.awvalid, 1)
        ctx.set(dut.wvalid, 1)
        await ctx.tick()
        assert ctx.get(dut.bresp) == SLVERR and ctx.get(dut.written) == 0

    simulate(dut, bench)


@pytest.mark.parametrize(("count", "error", "text"), [
    (0, TypeError, "count must be a positive integer, not 0"),
    ("3", TypeError, "count must be a positive integer, not '3'"),
    (1025, ValueError, "count must be in 1..1024, not 1025"),
])
def test_refuses_a_wrong_count(count, error, text):
    with pytest.raises(error, match=text):
        AxiLiteRegisters(count=count)
