"""The driver's transport in Amaranth's simulator: bytes to and from a component's streams, damaged on the way."""

from __future__ import annotations

import random
from collections import deque

import numpy as np
from amaranth.sim import Simulator
from tests.hw.echo_engine import MULTIPLIERS, EchoEngine
from tests.hw.streams import PERIOD

from zeroskip.gateware.axi.top import AxiTop
from zeroskip.link.host_link import HostLink
from zeroskip.spec.axi import BEAT_BYTES

CYCLES_A_BYTE = 3
SIZES = [(4, 13), (8, 3), (16, 0), (32, 20)]
"""Bytes of a beat, bits of its number."""


class Line:
    """A host link's two byte streams; reading lets the simulation go on.

    `damage` is called with each byte and gives those that arrive in its place; it is for both directions.
    """

    def __init__(self, link, damage=lambda byte: [byte]) -> None:
        self._out, self._in = deque(), deque()
        self._damage, self.cycles, self._link = damage, 0, link
        self._simulator = Simulator(link)
        self._simulator.add_clock(PERIOD)
        self._simulator.add_testbench(self._run)

    async def _run(self, ctx) -> None:
        link = self._link
        while True:
            if self._out:
                ctx.set(link.receive.payload, self._out.popleft())
                ctx.set(link.receive.valid, 1)
            else:
                ctx.set(link.receive.valid, 0)
            ctx.set(link.transmit.ready, 1)
            _, _, valid, byte = await ctx.tick().sample(link.transmit.valid, link.transmit.payload)
            ctx.set(link.receive.valid, 0)
            ctx.set(link.transmit.ready, 0)
            if valid:
                self._in.extend(self._damage(byte))
            await ctx.tick().repeat(CYCLES_A_BYTE - 1)
            self.cycles += CYCLES_A_BYTE

    def now(self) -> float:
        """Seconds simulated."""
        return self.cycles * PERIOD

    def write(self, raw: bytes) -> None:
        for byte in raw:
            self._out.extend(self._damage(byte))

    def read(self, seconds: float) -> bytes:
        until = self.now() + seconds
        while not self._in and self.now() < until:
            self._simulator.advance()
        found = bytes(self._in)
        self._in.clear()
        return found


def damaging(rate: float, seed: int):
    """Of every byte, with probability `rate`: drop it, flip a bit, or double it."""
    rng = random.Random(seed)
    count = {"dropped": 0, "flipped": 0, "doubled": 0}

    def damage(byte):
        if rng.random() >= rate:
            return [byte]
        kind = rng.choice(list(count))
        count[kind] += 1
        return {"dropped": [], "flipped": [byte ^ 1 << rng.randrange(8)], "doubled": [byte, byte]}[kind]

    damage.count = count
    return damage


def new_line(damage=lambda byte: [byte], beat_bytes=BEAT_BYTES, number_bits=0, **engine) -> Line:
    """A line to an echo with beats of that size."""
    echo = EchoEngine(beat_bytes=beat_bytes, number_bits=number_bits, **engine)
    return Line(HostLink(AxiTop(echo, multipliers=MULTIPLIERS, beat_bytes=beat_bytes, number_bits=number_bits)), damage)


def beats(count, seed=0, size=BEAT_BYTES) -> np.ndarray:
    """Random ones."""
    return np.random.default_rng(seed).integers(0, 256, (count, size)).astype(np.uint8)
