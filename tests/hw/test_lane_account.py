# amaranth: UnusedElaboratable=no
"""The account of a group's lanes against its rules, lane by lane."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.lane_account import KINDS, LaneAccount

MASKS = ("listed", "issued", "held", "pending")


def kind(lane, used, now, working):
    """What an idle lane was lost to."""
    if not used[lane] and not now["quiet"]:
        return "tail"
    if now["held"][lane]:
        return "drain"
    if now["pending"][lane]:
        return "bubble"
    if working:
        return "lane_imbalance"
    return "tail" if now["absent"] and not now["quiet"] else "rest"


def counts(used, now, lanes):
    """Lanes of each kind in a cycle."""
    working = any(now[name][lane] for name in ("issued", "held", "pending") for lane in range(lanes))
    found = dict.fromkeys(KINDS, 0)
    for lane in range(lanes):
        if not now["issued"][lane]:
            found[kind(lane, used, now, working)] += 1
    return found


async def cycle(ctx, dut, now):
    """A cycle with these inputs; the counts after it."""
    for name in MASKS:
        ctx.set(getattr(dut, name), sum(bit << lane for lane, bit in enumerate(now[name])))
    for name in ("idle", "absent", "quiet"):
        ctx.set(getattr(dut, name), now[name])
    await ctx.tick()
    assert dut.latency == 1
    return {name: ctx.get(dut.counts[name]) for name in KINDS}


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 8])
def test_any_states(lanes):
    """At random, programs one after another; every idle lane counts once."""
    dut, rng = LaneAccount(lanes=lanes), random.Random(lanes)

    async def bench(ctx):
        used, seen = [0] * lanes, dict.fromkeys(KINDS, 0)
        for at in range(600):
            shares = {"listed": 0.02, "issued": rng.choice([0, 0.4]), "held": rng.choice([0, 0.3]),
                      "pending": rng.choice([0, 0, 0.5])}
            now = {name: [int(rng.random() < share) for _ in range(lanes)] for name, share in shares.items()}
            now |= {"idle": int(at % 200 < 2), "absent": rng.randrange(2), "quiet": int(rng.random() < 0.2)}
            wanted = counts(used, now, lanes)
            found = await cycle(ctx, dut, now)
            assert found == wanted and sum(found.values()) + sum(now["issued"]) == lanes, at
            used = [0] * lanes if now["idle"] else [a | b for a, b in zip(used, now["listed"], strict=True)]
            seen = {name: seen[name] + found[name] for name in KINDS}
        assert all(seen[name] for name in KINDS if name != "lane_imbalance" or lanes > 1)

    simulate(dut, bench)


@pytest.mark.parametrize("wrong", [0, -1, True, 2.0])
def test_refuses_a_wrong_number_of_lanes(wrong):
    with pytest.raises(TypeError, match=r"lanes must be a positive integer, not"):
        LaneAccount(lanes=wrong)
