# amaranth: UnusedElaboratable=no
"""A lane's copy of the map against a dict: any fills, any reads, rings that wrap inside a plane, values that stand."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.value_memory import QUAD, QUADS, ValueMemory
from zeroskip.wire import WORD_CHANNELS


def random_quad(rng):
    """Four channels: code, and whether it is one (which the memory does not work out for itself)."""
    return [(rng.getrandbits(8), rng.getrandbits(1)) for _ in range(QUAD)]


class Model:
    """What was filled in, by (position, channel); a ring of a power of two of positions wraps within itself."""

    def __init__(self, banks, pixels):
        self.banks, self.pixels, self.held = banks, pixels, {}

    def fill(self, bank, address, values):
        position = address // QUADS * self.banks + bank
        for at, value in enumerate(values):
            self.held[position, address % QUADS * QUAD + at] = value

    def places(self, position, channel, ring):
        """What a read gives, with `ring` positions in a ring."""
        first = position & ~(ring - 1)
        return [(first | (position + p) & (ring - 1), channel) for p in range(self.pixels)]


@pytest.mark.parametrize("reads", [1.0, 0.4])
@pytest.mark.parametrize("pixels", [1, 2, 4, 8])
def test_fills_and_reads(pixels, reads):
    """Rings of any size in turn, from one line on; the values hold while nothing is read, whatever is filled then.

    Nothing is asked of a place that is filled in the cycle in which it is read.
    """
    banks = max(4, pixels)
    positions = 8 * banks
    rng = random.Random(f"{pixels} {reads}")
    dut = ValueMemory(banks=banks, positions=positions, pixels=pixels)
    model, seen = Model(banks, pixels), {"wrapped": 0, "held": 0}

    async def fill(ctx, some):
        """The places that are filled in this cycle, to be noted after it."""
        filled = []
        for bank in range(banks):
            address, values = rng.randrange(positions // banks * QUADS), random_quad(rng)
            here = rng.random() < some
            ctx.set(dut.fill[bank], {"en": here, "address": address,
                                     "values": [{"code": code, "nonzero": nonzero} for code, nonzero in values]})
            if here:
                filled.append((bank, address, values))
        return filled

    async def bench(ctx):
        for address in range(positions // banks * QUADS):
            for bank in range(banks):
                values = random_quad(rng)
                ctx.set(dut.fill[bank], {"en": 1, "address": address, "values": [
                    {"code": code, "nonzero": nonzero} for code, nonzero in values]})
                model.fill(bank, address, values)
            await ctx.tick()
        wanted = None
        for cycle in range(1000):
            ring = banks << cycle // 8 % (positions // banks).bit_length()
            read, position, channel = rng.random() < reads, rng.randrange(positions), rng.randrange(WORD_CHANNELS)
            ctx.set(dut.ring, ring // banks - 1)
            for port, value in ((dut.en, read), (dut.position, position), (dut.channel, channel)):
                ctx.set(port, value)
            filled = await fill(ctx, rng.choice([0.0, 0.2, 1.0]))
            before = Model(banks, pixels)
            for item in filled:
                before.fill(*item)
            if read:
                places = model.places(position, channel, ring)
                wanted = [None if place in before.held else model.held[place] for place in places]
                seen["wrapped"] += places[-1][0] < position
            seen["held"] += not read
            for item in filled:
                model.fill(*item)
            await ctx.tick()
            for p, want in enumerate(wanted or []):
                if want is not None:
                    found = ctx.get(dut.values[p])
                    assert (found.code, found.nonzero) == want, f"cycle {cycle}, pixel {p}"

    simulate(dut, bench)
    assert bool(seen["wrapped"]) == (pixels > 1) and bool(seen["held"]) == (reads < 1)


@pytest.mark.parametrize("pixels", [2, 4, 8])
def test_ring_within_a_plane(pixels):
    """Two planes with a ring each: behind the last position of either comes its own first, in every channel."""
    banks, lines = max(4, pixels), 8
    dut = ValueMemory(banks=banks, positions=lines * banks, pixels=pixels)
    ring = lines * banks // 2

    async def bench(ctx):
        for address in range(lines * QUADS):
            for bank in range(banks):
                position = address // QUADS * banks + bank
                ctx.set(dut.fill[bank], {"en": 1, "address": address, "values": [
                    {"code": position ^ (address % QUADS * QUAD + at) << 4, "nonzero": 1} for at in range(QUAD)]})
            await ctx.tick()
        for bank in range(banks):
            ctx.set(dut.fill[bank].en, 0)
        ctx.set(dut.ring, ring // banks - 1)
        ctx.set(dut.en, 1)
        for plane in range(2):
            for first in range(ring - 2 * pixels, ring):
                for channel in (0, 5, 15):
                    ctx.set(dut.position, plane * ring + first)
                    ctx.set(dut.channel, channel)
                    await ctx.tick()
                    found = [ctx.get(dut.values[p].code) for p in range(pixels)]
                    assert found == [(plane * ring + (first + p) % ring) ^ channel << 4 for p in range(pixels)]

    simulate(dut, bench)
