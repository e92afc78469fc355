# amaranth: UnusedElaboratable=no
"""The ring of result slots against a memory that knows what each slot holds; and the rows of a slot."""

from __future__ import annotations

import random

import pytest
from amaranth.hdl import Module, Signal
from tests.hw.layers import result_row, small_config
from tests.hw.streams import simulate

from zeroskip.result_slots import ResultSlots, slot_row

SLOTS = 16


def passes(rng, ring):
    """Flags of the blocks (final, fresh of the next) of some tiles of one to three passes over `ring` blocks.

    With a single slot a tile has but one pass.
    """
    kinds = [(number == 0, number == count - 1) for count in (rng.randint(1, 3 if ring > 1 else 1) for _ in range(4))
             for number in range(count)]
    firsts = [first for first, _ in kinds] + [True]
    return [(final, firsts[at + (block == ring - 1)]) for at, (_, final) in enumerate(kinds) for block in range(ring)]


@pytest.mark.parametrize("ring", [1, 2, 3, 8, SLOTS])
@pytest.mark.parametrize("seed", range(4))
def test_rounds(ring, seed):
    """A block waits where the slot of the one before holds an unread result; each starts from its own slot.

    Where sums stay it may wait a cycle more, else not.
    Nothing waits for ever; the next layer, with any ring, knows nothing of this one, though that may be cut off and not
    all of its results read.
    """
    rng = random.Random(f"{ring} {seed}")
    dut = ResultSlots(slots=SLOTS)
    unread, waited, changed = [], [0], [False]

    async def idle(ctx, before, used):
        """A cycle without a step, perhaps with a result read."""
        must, blocked = before is not None and before[0] in unread, ctx.get(dut.blocked)
        assert blocked >= must and (not blocked or must or (changed[0] and before and (not before[1] or used == 2)))
        waited[0] += blocked
        reads = bool(unread) and rng.random() < 0.3
        changed[0] = reads
        ctx.set(dut.drained, reads)
        ctx.set(dut.final, rng.randrange(2))
        ctx.set(dut.fresh, rng.randrange(2))
        await ctx.tick()
        ctx.set(dut.drained, 0)
        del unread[:reads]

    async def bench(ctx):
        for used in (ring, rng.randint(1, SLOTS), ring):
            unread.clear()
            ctx.set(dut.ring, used)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            fresh, before = True, None
            blocks = passes(rng, used)
            del blocks[rng.choice([len(blocks), rng.randint(1, len(blocks))]) :]
            for number, (final, next_fresh) in enumerate(blocks):
                slot = number % used
                while rng.random() < 0.3 or ctx.get(dut.blocked):
                    await idle(ctx, before, used)
                assert ctx.get(dut.source) == slot and ctx.get(dut.partial_sums) == (not fresh)
                assert (ctx.get(dut.evict), ctx.get(dut.report)) == (before or (0, False))
                assert before is None or before[0] not in unread, "an unread result was overwritten"
                reads = bool(unread) and rng.random() < 0.3  # in the cycle of a step
                if before is not None and before[1]:
                    unread.append(before[0])
                for port, value in ((dut.final, final), (dut.fresh, next_fresh), (dut.step, 1), (dut.drained, reads)):
                    ctx.set(port, value)
                await ctx.tick()
                changed[0] = True
                ctx.set(dut.step, 0)
                ctx.set(dut.drained, 0)
                del unread[:reads]
                before, fresh = (slot, final), next_fresh

    simulate(dut, bench, cycles=40_000)
    assert waited[0]


@pytest.mark.parametrize(("rows", "lane_filters"), [(32, 16), (32, 8), (16, 2), (512, 16), (64, 4)])
def test_rows(rows, lane_filters):
    """However many filters a lane has, no two of all its slots share a row; few filters make twice as many slots."""
    config = small_config(result_rows=rows, lane_filters=lane_filters)
    slot, index = Signal(range(config.result_slots)), Signal(range(lane_filters))
    row = Signal(16)
    m = Module()
    m.d.sync += row.eq(slot_row(slot, index))

    async def bench(ctx):
        for filters in range(1, lane_filters + 1):
            taken = set()
            for number in range(config.slots_for(filters)):
                for own in range(filters):
                    ctx.set(slot, number)
                    ctx.set(index, own)
                    await ctx.tick()
                    assert ctx.get(row) == result_row(rows, lane_filters, number, own) < rows
                    taken.add(ctx.get(row))
            assert len(taken) == config.slots_for(filters) * filters

    simulate(m, bench)
