# amaranth: UnusedElaboratable=no
"""The account of the dense array, step by step."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.dense.accounting import COUNT_LATENCY, DenseAccounting
from zeroskip.spec.stall_reasons import STALL_REASONS, STALLED

FLAGS = ("go", "waiting", "finished", "held")


def lost(now, most, slots):
    """Slots by loss, in the order of the rules."""
    found = dict.fromkeys((name for name in STALL_REASONS if name != STALLED), 0)
    if now["go"]:
        found["tail"] = most - slots
    else:
        found["drain" if now["finished"] or now["held"] else "waiting" if now["waiting"] else "bubble"] = most
    return found


@pytest.mark.parametrize(("filters", "pixels", "latency"), [(1, 1, 1), (2, 4, 6), (16, 8, 6), (3, 2, 2)])
def test_any_cycles(filters, pixels, latency):
    """Each cycle comes out `latency` later; with the slots of its step it makes up the array."""
    dut, rng = DenseAccounting(filters=filters, pixels=pixels, latency=latency), random.Random(filters)
    assert dut.latency == latency + COUNT_LATENCY
    most = filters * pixels

    async def bench(ctx):
        history = []
        for at in range(400):
            now = {name: rng.randrange(2) for name in FLAGS}
            own, exists = rng.randint(0, filters), rng.getrandbits(pixels)
            for name, value in now.items():
                ctx.set(getattr(dut, name), value)
            ctx.set(dut.pass_filters, own)
            ctx.set(dut.exists, exists)
            history.append((now, own * exists.bit_count()))
            await ctx.tick()
            if at >= latency:
                assert ctx.get(dut.slots) == history[at - latency + 1][1]
            if at >= dut.latency:
                then, slots = history[at - dut.latency + 1]
                found = {name: ctx.get(dut.idle[name]) for name in STALL_REASONS if name != STALLED}
                assert found == lost(then, most, slots), at
                assert sum(found.values()) + (slots if then["go"] else 0) == most

    simulate(dut, bench)


def test_refuses_what_is_not_positive():
    for name in ("filters", "pixels", "latency"):
        sizes = {"filters": 1, "pixels": 1, "latency": 1} | {name: 0}
        with pytest.raises(TypeError, match=f"{name} must be a positive integer, not 0"):
            DenseAccounting(**sizes)
