# amaranth: UnusedElaboratable=no
"""The account of the array: sums over groups, and the reason that groups without work share."""

from __future__ import annotations

import random

import pytest
from tests.hw.layers import small_config
from tests.hw.streams import simulate

from zeroskip.array_account import ArrayAccount
from zeroskip.lane_account import KINDS
from zeroskip.spec.stall_reasons import STALL_REASONS, STALLED

FLAGS = ("waiting", "empty", "held", "finished", "busy")


def reason(flags):
    """What groups without work lack."""
    if flags["finished"]:
        return "group_imbalance" if flags["busy"] else "drain"
    if flags["waiting"] or flags["empty"]:
        return "waiting"
    return "group_imbalance" if flags["held"] else "fetch"


@pytest.mark.parametrize(("groups", "lanes", "pixels"), [(1, 1, 1), (4, 2, 1), (2, 2, 4), (16, 1, 1)])
def test_any_counts(groups, lanes, pixels):
    config = small_config(groups, lanes, pixels)
    dut, rng = ArrayAccount(config=config), random.Random(groups)

    async def bench(ctx):
        why = None
        for _ in range(400):
            lost = [rng.choices(KINDS, k=rng.randint(0, lanes)) for _ in range(groups)]
            flags = {name: rng.randrange(2) for name in FLAGS}
            for group, kinds in enumerate(lost):
                ctx.set(dut.lanes[group], {name: kinds.count(name) for name in KINDS})
            for name, value in flags.items():
                ctx.set(getattr(dut, name), value)
            await ctx.tick()
            wanted = dict.fromkeys(STALL_REASONS, 0)
            for name in [name for kinds in lost for name in kinds]:
                wanted[why or "stalled" if name == "rest" else name] += pixels
            found = {name: ctx.get(dut.idle[name]) for name in STALL_REASONS if name != STALLED}
            if why is not None:  # the reason is that of the cycle before
                assert found == {name: count for name, count in wanted.items() if name != STALLED}
            quiet = not flags["busy"] and (flags["finished"] or flags["waiting"] or flags["empty"])
            assert ctx.get(dut.quiet) == quiet
            why = reason(flags)

    simulate(dut, bench)
