# amaranth: UnusedElaboratable=no
"""Masks of windows against a dict of masks: any writes, any windows, rings that wrap, one column or two."""

from __future__ import annotations

import random
from collections import deque

import pytest
from tests.hw.layers import small_config
from tests.hw.streams import simulate

from zeroskip.mask_memory import MaskMemory
from zeroskip.wire import WORD_CHANNELS

EVERY = (1 << WORD_CHANNELS) - 1


class Model:
    """Masks by position."""

    def __init__(self, config, held):
        self.config, self.held = config, held

    def places(self, position, ring):
        """Where a window's positions lie, with `ring` positions in a ring."""
        first = position & ~(ring - 1)
        return [first | (position + p) & (ring - 1) for p in range(self.config.fetched)]

    def window(self, places, inside, everything):
        """The mask of a window: of each column the channels of those of its pixels that are inside."""
        found = 0
        for p, place in enumerate(places):
            own = EVERY if everything else self.held[place]
            if inside >> p & 1:
                found |= own << p // self.config.pixels * WORD_CHANNELS
        return found


def some_mask(rng):
    return rng.choice([0, 0, EVERY, 1 << rng.randrange(WORD_CHANNELS), rng.getrandbits(WORD_CHANNELS)])


@pytest.mark.parametrize("reads", [1.0, 0.4])
@pytest.mark.parametrize(("pixels", "columns"), [(1, 1), (1, 2), (2, 1), (4, 1), (8, 1)])
def test_windows(pixels, columns, reads):
    """A window's mask `latency` cycles after `en`, of what was written before it; rings of any size from a line on.

    Pixels that are not inside count for nothing, and with `all` every channel of those that are counts, one window
    with it after one without. Nothing is asked of a place that is written in the cycle in which it is read.
    """
    rng = random.Random(f"{pixels} {columns} {reads}")
    banks = max(4, pixels)
    config = small_config(1, 1, pixels, columns=columns, value_positions=8 * banks)
    lines, dut = config.value_lines, MaskMemory(config=config)
    model, seen = Model(config, {}), {"wrapped": 0, "all": 0, "none inside": 0}

    def write(ctx, some, line=None):
        """What is written in this cycle, by position."""
        written = {}
        for bank in range(banks):
            mask, at = some_mask(rng), rng.randrange(lines) if line is None else line
            here = rng.random() < some
            ctx.set(dut.masks[bank], {"en": here, "line": at, "mask": mask})
            if here:
                written[at * banks + bank] = mask
        return written

    def read(ctx, cycle, written):
        """A window or none; its mask, if it is known what it is."""
        ring = banks << cycle // 16 % lines.bit_length()
        position, here = rng.randrange(config.value_positions), rng.random() < reads
        inside, everything = rng.getrandbits(config.fetched) * (rng.random() < 0.9), rng.random() < 0.2
        for port, value in ((dut.en, here), (dut.position, position), (dut.ring, ring - 1), (dut.inside, inside),
                            (dut.all, everything)):
            ctx.set(port, value)
        places = model.places(position, ring)
        if not here or any(place in written for place in places):
            return None
        seen["wrapped"] += places[-1] < position
        seen["all"] += everything
        seen["none inside"] += not inside
        return model.window(places, inside, everything)

    async def bench(ctx):
        for line in range(lines):
            model.held |= write(ctx, 1.0, line)
            await ctx.tick()
        coming = deque([None] * dut.latency)
        for cycle in range(400):
            written = write(ctx, rng.choice([0.0, 0.1, 0.4]))
            coming.append(read(ctx, cycle, written))
            model.held |= written
            wanted = coming.popleft()
            assert wanted is None or ctx.get(dut.mask) == wanted, f"cycle {cycle}"
            await ctx.tick()

    simulate(dut, bench)
    assert bool(seen["wrapped"]) == (config.fetched > 1) and seen["all"] and seen["none inside"]


def test_latency():
    """A mask that was written is seen by a window of the next cycle, and stands two cycles after that."""
    config = small_config(1, 1, 1)
    dut = MaskMemory(config=config)

    async def bench(ctx):
        ctx.set(dut.inside, 1)
        ctx.set(dut.masks[2], {"en": 1, "line": 3, "mask": 0xA5A5})
        await ctx.tick()
        ctx.set(dut.masks[2].en, 0)
        ctx.set(dut.en, 1)
        ctx.set(dut.position, 3 * config.banks + 2)
        await ctx.tick()
        ctx.set(dut.en, 0)
        assert ctx.get(dut.mask) != 0xA5A5
        await ctx.tick()
        assert ctx.get(dut.mask) == 0xA5A5

    simulate(dut, bench)
