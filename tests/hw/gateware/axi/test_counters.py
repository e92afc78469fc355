# amaranth: UnusedElaboratable=no
"""The counters against a model that looks at whole cycles."""

from __future__ import annotations

import random

import pytest
from tests.hw.streams import simulate

from zeroskip.gateware.axi.counters import Counters
from zeroskip.spec.axi import COUNTERS
from zeroskip.spec.stall_reasons import STALL_REASONS, STALLED

FLAGS = ("program_taken", "map_taken", "map_missing", "result_taken", "result_last", "result_blocked", "waiting",
         "draining")
MULTIPLIERS = 4
QUIET = dict.fromkeys(FLAGS, 0) | {"issued": 0, "gated": 0, "idle": {"bubble": MULTIPLIERS}}


def model(cycles, results=1):
    """The counters after a list of cycles, each a dict of flags, issued and gated."""
    count, running, window, left = dict.fromkeys(COUNTERS, 0), False, False, 0
    for c in cycles:
        starts, running = not running and (c["program_taken"] or c["map_taken"]), running or c["program_taken"]
        if starts:
            count, running, left = dict.fromkeys(COUNTERS, 0), True, results
            if not c["map_taken"]:  # nothing else of such a cycle is of the new program
                count["load"] = 1
                continue
        inside = window or c["map_taken"]
        count["load"] += c["program_taken"] and not inside
        count["map_beats"] += c["map_taken"]
        count["result_beats"] += c["result_taken"]
        count["multiplications"] += c["issued"]
        count["gated"] += c["gated"]
        if inside:
            count["total"] += 1
            stalled = (c["result_blocked"] and c["issued"] == 0) or (c["waiting"] and c["map_missing"])
            kind = "stalled" if stalled else "drain" if c["draining"] else "wait" if c["waiting"] else "compute"
            count[kind] += 1
            for name, slots in c["idle"].items():
                count[f"slots_{STALLED if stalled else name}"] += slots
        ends = c["result_taken"] and c["result_last"]
        closing = ends and left == 1
        left -= bool(ends)
        window, running = inside and not closing, running and not closing
    return count


def program(rng, *, beats, length, results=1):
    """Cycles of one program, or of maps for the one before: its beats, cycles of anything, a last result.

    Of several results, the others end among the cycles of anything.
    """
    if results > 1:
        first = program(rng, beats=beats, length=length, results=results - 1)[:-1]
        return first + program(rng, beats=0, length=length)
    cycles = [QUIET | {"program_taken": 1} for _ in range(beats)] + [QUIET]
    for n in range(length):
        cycle = {flag: rng.randrange(2) for flag in FLAGS} | {"issued": rng.randrange(5)}
        cycle["map_taken"] |= n == 0
        cycle["result_last"] = 0
        lost = rng.choices([name for name in STALL_REASONS if name != STALLED], k=MULTIPLIERS - cycle["issued"])
        cycles.append(cycle | {"gated": rng.randint(0, cycle["issued"]),
                               "idle": {name: lost.count(name) for name in lost}})
    return [*cycles, QUIET | {"result_taken": 1, "result_last": 1}, QUIET]


async def shown(ctx, dut):
    """All counters, each in its turn; no program runs."""
    found = {}
    for _ in COUNTERS:
        found[list(COUNTERS)[ctx.get(dut.number)]] = ctx.get(dut.value)
        await ctx.tick()
    return found


def run(dut, cycles, check, results=1):
    """Play cycles; after every one that `check` gives, the end of a program, the counters must be the model's."""
    async def bench(ctx):
        ctx.set(dut.results, results)
        for n, cycle in enumerate(cycles):
            for flag in FLAGS:
                ctx.set(getattr(dut.events, flag), cycle[flag])
            ctx.set(dut.issued, cycle["issued"])
            ctx.set(dut.gated, cycle["gated"])
            ctx.set(dut.idle, {name: cycle["idle"].get(name, 0) for name, _ in dut.idle.shape()})
            await ctx.tick()
            if n in check:
                for flag in FLAGS:
                    ctx.set(getattr(dut.events, flag), 0)
                ctx.set(dut.issued, 0)
                ctx.set(dut.gated, 0)
                await ctx.tick().repeat(dut.latency - 1)
                assert await shown(ctx, dut) == model(cycles[: n + 1], results), n

    simulate(dut, bench)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("read", [False, True])
def test_equals_the_model_over_programs_back_to_back(seed, read):
    """Also where a program comes at once, while some of the memory is still from before the last one."""
    rng = random.Random(seed)
    cycles, ends = [], set()
    for _ in range(4):
        cycles += program(rng, beats=rng.randint(1, 5), length=rng.choice([1, 2, 60, 400]))
        ends.add(len(cycles) - 1)
    run(Counters(multipliers=MULTIPLIERS), cycles, ends if read else {max(ends)})


@pytest.mark.parametrize("results", [1, 2, 5])
def test_runs_up_to_the_last_of_so_many_results(results):
    """Also of maps that come without a program of their own, which load nothing."""
    rng = random.Random(results)
    cycles, ends = [], set()
    for beats in (3, 0, 0, 1):
        cycles += program(rng, beats=beats, length=20, results=results)
        ends.add(len(cycles) - 1)
    assert model(cycles[: min(ends) + 1], results)["load"] == 3
    assert model(cycles[: sorted(ends)[1] + 1], results)["load"] == 0
    assert model(cycles, results)["total"] > 20 * results
    run(Counters(multipliers=MULTIPLIERS), cycles, ends, results)


def test_parts_make_the_total():
    counts = model(program(random.Random(9), beats=3, length=200))
    assert counts["load"] == 3
    assert counts["total"] == sum(counts[name] for name in ("wait", "compute", "drain", "stalled")) == 201
    assert counts["multiplications"] + sum(counts[f"slots_{name}"] for name in STALL_REASONS) == 201 * MULTIPLIERS
    assert min(counts[f"slots_{name}"] for name in STALL_REASONS) > 0
    assert min(counts[name] for name in ("wait", "compute", "drain", "stalled")) > 0


def test_every_cycle_kind_alone():
    start = [QUIET | {"program_taken": 1}, QUIET | {"map_taken": 1}]
    for given, kind in (
        ({"waiting": 1}, "wait"), ({"waiting": 1, "map_missing": 1}, "stalled"), ({"map_missing": 1}, "compute"),
        ({"draining": 1, "waiting": 1}, "drain"), ({"result_blocked": 1}, "stalled"),
        ({"result_blocked": 1, "issued": 2}, "compute"), ({"result_blocked": 1, "draining": 1}, "stalled"),
    ):
        used = given.get("issued", 0)
        end = QUIET | {"result_taken": 1, "result_last": 1}
        cycles = [*start, QUIET | given | {"idle": {"bubble": MULTIPLIERS - used}}, end]
        expected = {"compute": 2, kind: 3 if kind == "compute" else 1}
        assert {name: model(cycles)[name] for name in expected} == expected
        assert model(cycles)["slots_stalled"] == (MULTIPLIERS if kind == "stalled" else 0)
        run(Counters(multipliers=MULTIPLIERS), cycles, {3})


@pytest.mark.parametrize("wrong", [0, -1, True, 2.0])
def test_refuses_a_wrong_number_of_multipliers(wrong):
    with pytest.raises(TypeError, match=r"multipliers must be a positive integer, not"):
        Counters(multipliers=wrong)
