# amaranth: UnusedElaboratable=no
"""The counters that share an adder: every one of them in every one of its turns."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.axi.counter_store import COUNTER_BITS, CounterStore


@pytest.mark.parametrize("most", [[1, 1], [1, 4, 1, 64, 7], [1] * 8 + [64] * 10, [1 << 20, 1, 1 << 20]])
@pytest.mark.parametrize("clear", [0.0, 0.002, 0.2])
def test_shows_each_in_turn(most, clear):
    """Steps of all sizes and for long the largest, which wraps 32 bits; cleared in any turn, also twice in a round."""
    dut, rng = CounterStore(most=most), random.Random(f"{most} {clear}")

    async def bench(ctx):
        counts = [0] * len(most)
        for cycle in range(6000):
            number = ctx.get(dut.number)
            assert number == cycle % len(most)
            assert ctx.get(dut.value) == counts[number] % (1 << COUNTER_BITS)
            steps = [rng.choice([0, step, step, rng.randint(0, step)]) if cycle % 1000 < 300 else step for step in most]
            for index, step in enumerate(steps):
                ctx.set(getattr(dut, f"step_{index}"), step)
            cleared = rng.random() < clear
            ctx.set(dut.clear, cleared)
            await ctx.tick()
            counts = [0 if cleared else count + step for count, step in zip(counts, steps, strict=True)]
        assert clear or max(most) < 1 << 20 or max(counts) > 1 << COUNTER_BITS

    simulate(dut, bench, cycles=7000)


@pytest.mark.parametrize("most", [[1], [1, 1 << 31]])
def test_refuses_what_it_cannot_count(most):
    with pytest.raises(ValueError, match="most must be two or more steps, of less than 32 bits in a round, not"):
        CounterStore(most=most)
