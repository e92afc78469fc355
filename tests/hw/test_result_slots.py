# amaranth: UnusedElaboratable=no
"""The ring of result slots against a memory that knows what each slot holds."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.result_slots import ResultSlots


def passes(rng, ring):
    """Flags of the blocks (final, fresh of the next) of some tiles of one to three passes over `ring` blocks."""
    kinds = [(number == 0, number == count - 1) for count in (rng.randint(1, 3) for _ in range(4))
             for number in range(count)]
    firsts = [first for first, _ in kinds] + [True]
    return [(final, firsts[at + (block == ring - 1)]) for at, (_, final) in enumerate(kinds) for block in range(ring)]


@pytest.mark.parametrize("ring", [2, 3, 8])
@pytest.mark.parametrize("seed", range(4))
def test_rounds(ring, seed):
    """No slot with an unread result is written; each block starts from its own slot; nothing waits for ever."""
    rng = random.Random(f"{ring} {seed}")
    dut, filters = ResultSlots(rows=32), 3
    blocks = passes(rng, ring)
    unread, waited = [], [0]

    async def bench(ctx):
        ctx.set(dut.filters, filters)
        ctx.set(dut.ring, ring)
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        fresh, before = True, None
        for number, (final, next_fresh) in enumerate(blocks):
            slot = number % ring
            while rng.random() < 0.3 or ctx.get(dut.blocked):
                waited[0] += ctx.get(dut.blocked)
                reads = bool(unread) and rng.random() < 0.3
                ctx.set(dut.drained, reads)
                await ctx.tick()
                ctx.set(dut.drained, 0)
                if reads:
                    unread.pop(0)
            assert ctx.get(dut.source) == slot * filters and ctx.get(dut.partial_sums) == (not fresh)
            if before is not None:
                assert ctx.get(dut.evict) == before[0] * filters and ctx.get(dut.report) == before[1]
                assert before[0] not in unread, "an unread result was overwritten"
                if before[1]:
                    unread.append(before[0])
            ctx.set(dut.final, final)
            ctx.set(dut.fresh, next_fresh)
            ctx.set(dut.step, 1)
            await ctx.tick()
            ctx.set(dut.step, 0)
            before, fresh = (slot, final), next_fresh

    simulate(dut, bench, cycles=20_000)
    assert waited[0]
