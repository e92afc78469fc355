# amaranth: UnusedElaboratable=no
"""The UART against its frame: start bit, eight bits from the lowest, stop bit."""

import random

import pytest
from tests.hw.streams import expect, put, simulate

from zeroskip.link.uart import UartReceiver, UartTransmitter


async def send(ctx, line, byte, divisor, stop=1):
    for bit in (0, *(byte >> place & 1 for place in range(8)), stop):
        ctx.set(line, bit)
        await ctx.tick().repeat(divisor)
    ctx.set(line, 1)


@pytest.mark.parametrize("divisor", [4, 7, 16])
def test_receiver_gives_the_bytes_of_the_line(divisor):
    receiver = UartReceiver(divisor=divisor)
    wanted = [0, 255, 0x55, 0xA3, *random.Random(divisor).randbytes(20)]

    async def line(ctx):
        for byte in wanted:
            await send(ctx, receiver.line, byte, divisor)

    async def host(ctx):
        await expect(ctx, receiver.bytes, wanted)
        assert not ctx.get(receiver.overrun)

    simulate(receiver, line, host)


def test_receiver_drops_a_byte_without_stop_bit_and_goes_on():
    receiver = UartReceiver(divisor=8)

    async def line(ctx):
        await send(ctx, receiver.line, 0x12, 8, stop=0)
        await ctx.tick().repeat(200)
        await send(ctx, receiver.line, 0x34, 8)

    async def host(ctx):
        await expect(ctx, receiver.bytes, [0x34])

    simulate(receiver, line, host)


def test_receiver_tells_of_a_lost_byte():
    receiver = UartReceiver(divisor=4)

    async def line(ctx):
        for byte in (1, 2):
            await send(ctx, receiver.line, byte, 4)
        await ctx.tick().repeat(10)
        assert ctx.get(receiver.overrun)

    simulate(receiver, line)


@pytest.mark.parametrize("divisor", [2, 3, 16])
def test_transmitter_makes_frames(divisor):
    transmitter = UartTransmitter(divisor=divisor)
    wanted = list(random.Random(divisor).randbytes(12))

    async def host(ctx):
        await put(ctx, transmitter.bytes, wanted)

    async def line(ctx):
        for byte in wanted:
            while ctx.get(transmitter.line):
                await ctx.tick()
            bits = []
            await ctx.tick().repeat(divisor // 2)
            for place in range(10):
                if place:
                    await ctx.tick().repeat(divisor)
                bits.append(ctx.get(transmitter.line))
            assert bits[0] == 0 and bits[9] == 1
            assert sum(bit << place for place, bit in enumerate(bits[1:9])) == byte

    simulate(transmitter, host, line)


def test_divisor_is_checked():
    with pytest.raises(ValueError, match="divisor must be at least 4, not 3"):
        UartReceiver(divisor=3)
    with pytest.raises(TypeError, match="divisor must be a positive integer, not 0"):
        UartTransmitter(divisor=0)
