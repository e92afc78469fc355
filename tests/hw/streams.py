"""Helpers for tests of components in Amaranth's simulator: streams with random stalls, and a watchdog."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from amaranth.sim import Simulator, SimulatorContext

PERIOD = 1e-6
STEPS_PER_CYCLE = 2
"""A clock's two edges."""


async def put(ctx: SimulatorContext, stream: Any, payloads: Iterable[Any], *, stall: float = 0.0,
              rng: random.Random | None = None) -> None:
    """Offer every payload until it is taken; before each, pause with probability `stall` per cycle."""
    clock, valid, ready, offered = ctx.tick(), stream.valid, stream.ready, stream.payload
    for payload in payloads:
        while rng is not None and rng.random() < stall:
            await clock
        ctx.set(offered, payload)
        ctx.set(valid, 1)
        await clock.until(ready)
        ctx.set(valid, 0)


async def get(ctx: SimulatorContext, stream: Any, count: int, *, stall: float = 0.0,
              rng: random.Random | None = None) -> list[Any]:
    """Take `count` payloads; before each, pause with probability `stall` per cycle."""
    clock, valid, ready = ctx.tick(), stream.valid, stream.ready
    offered = clock.sample(stream.payload)
    taken = []
    for _ in range(count):
        while rng is not None and rng.random() < stall:
            await clock
        ctx.set(ready, 1)
        (payload,) = await offered.until(valid)
        ctx.set(ready, 0)
        taken.append(payload)
    return taken


async def expect(ctx: SimulatorContext, stream: Any, wanted: Iterable[Any], *, stall: float = 0.0,
                 rng: random.Random | None = None, quiet: int = 100,
                 show: Callable[[Any], Any] = lambda payload: payload) -> None:
    """Take exactly the payloads `wanted` (compared after `show`), then see `quiet` cycles without another."""
    for index, want in enumerate(wanted):
        (found,) = await get(ctx, stream, 1, stall=stall, rng=rng)
        assert show(found) == want, f"payload {index}: found {show(found)!r}, expected {want!r}"
    ctx.set(stream.ready, 1)
    for cycle in range(quiet):
        _, _, valid = await ctx.tick().sample(stream.valid)
        assert not valid, f"one payload too many, {cycle} cycles after the last"
    ctx.set(stream.ready, 0)


def simulate(component: Any, *testbenches: Callable[[SimulatorContext], Any], cycles: int = 100_000,
             background: Iterable[Callable[[SimulatorContext], Any]] = ()) -> None:
    """Run until every testbench has ended; more than `cycles` cycles are an error."""
    simulator = Simulator(component)
    simulator.add_clock(PERIOD)

    for testbench in testbenches:
        simulator.add_testbench(testbench)
    for process in background:
        simulator.add_testbench(process, background=True)
    for _ in range(STEPS_PER_CYCLE * cycles):
        if not simulator.advance():
            return
    raise TimeoutError(f"not done after {cycles} cycles")
