# amaranth: UnusedElaboratable=no
"""The barrier against counts in Python: one pulse for each marker that all have passed, none early, none lost."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.block_barrier import BlockBarrier


@pytest.mark.parametrize("parties", [1, 2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_pulses(parties, seed):
    """Parties run ahead by up to three markers; a start in the middle forgets what they have passed."""
    rng, ahead = random.Random(f"{parties} {seed}"), 3
    dut = BlockBarrier(parties=parties, ahead=ahead)

    async def bench(ctx):
        for _ in range(2):
            passed, seen, wanted, most = [0] * parties, 0, [0] * dut.latency, 0
            for _ in range(200):
                own = [count - wanted[-1] < ahead and rng.random() < 0.4 for count in passed]
                passed = [count + more for count, more in zip(passed, own, strict=True)]
                ctx.set(dut.passed, sum(more << party for party, more in enumerate(own)))
                wanted = [*wanted[1:], min(passed)]
                _, _, done = await ctx.tick().sample(dut.done)
                seen += done
                assert seen <= min(passed) and (done or seen >= wanted[0] - 1)
                most = max(most, max(passed) - min(passed))
            ctx.set(dut.passed, 0)
            for _ in range(dut.latency + ahead):
                _, _, done = await ctx.tick().sample(dut.done)
                seen += done
            assert seen == min(passed) > 20 and (parties == 1 or most)
            ctx.set(dut.start, 1)
            await ctx.tick()
            ctx.set(dut.start, 0)
            for _ in range(5):
                _, _, done = await ctx.tick().sample(dut.done)
                assert not done

    simulate(dut, bench, cycles=1000)
