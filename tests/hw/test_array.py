# amaranth: UnusedElaboratable=no
"""The zero-skip array in the simulator against the integer reference: edge cases, stalls, back to back, reset."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from tests.hw.layers import random_layer, small_config, some_plan
from tests.hw.streams import put, simulate

from zeroskip import reference
from zeroskip.array import ZeroSkipArray
from zeroskip.config import ArrayConfig
from zeroskip.counts import count
from zeroskip.gateware.axi.ports import RESET_CYCLES
from zeroskip.layer import Layer
from zeroskip.map_packing import map_beats
from zeroskip.packing import pack
from zeroskip.plan import Plan
from zeroskip.spec.stall_reasons import STALL_REASONS, STALLED
from zeroskip.wire import encode
from zeroskip.zero_skip_packing import best_plan, decode_result
from zeroskip.zero_skip_program import program_sections

LOST = [name for name in STALL_REASONS if name != STALLED]
QUIET = 100
CYCLES = 200_000


def payloads(beats):
    """Beats for `put`; `last` on the last."""
    return [{"data": int.from_bytes(beat.tobytes(), "little"), "last": index == len(beats) - 1}
            for index, beat in enumerate(beats)]


def wire(plan: Plan):
    """The payloads of the two streams in."""
    return payloads(encode(program_sections(plan))), payloads(map_beats(plan.layer, plan.layout))


class Run:
    """One layer on the array: its plan, and what came back."""

    def __init__(self, name: object, layer: Layer, config: ArrayConfig, *, skip: bool, arrangement: int = 0) -> None:
        self.name, self.layer, self.skip = name, layer, skip
        self.plan = some_plan(layer.as_convolution(), config, arrangement, skip)
        self.start()

    def start(self) -> None:
        """Nothing has come back yet."""
        self.beats: list[int] = []
        self.issued = self.gated = self.total = 0
        self.lost = dict.fromkeys(LOST, 0)

    def count(self, map_taken: int, issued: int, gated: int, lost: list[int]) -> None:
        """A cycle's products; and its idle slots, from the first beat of the map on."""
        self.issued += issued
        self.gated += gated
        if map_taken or self.total:
            self.total += 1
            assert issued + sum(lost) == self.plan.config.multipliers, f"{self.name}: cycle {self.total}"
            for name, slots in zip(LOST, lost, strict=True):
                self.lost[name] += slots

    def check(self) -> None:
        plan, layer = self.plan, self.layer
        raw = b"".join(beat.to_bytes(16, "little") for beat in self.beats)
        found = decode_result(plan, np.frombuffer(raw, np.uint8).reshape(-1, 16), linear=layer.is_linear)
        wanted = reference.run(layer)
        where = f"{self.name}: {plan.arrangement}, {'skip-both' if self.skip else 'skip-weights'}"
        assert found.dtype == wanted.dtype and found.shape == wanted.shape, where
        assert np.array_equal(found, wanted), f"{where}: differs at {np.argwhere(found != wanted)[:3].tolist()}"
        assert self.issued + sum(self.lost.values()) == self.total * plan.config.multipliers, where
        counts = count(layer)
        assert self.issued - self.gated == counts["pairs"], where
        if self.plan.config.pixels == 1 and self.skip:
            assert self.issued == counts["pairs"] and not self.gated, where
        elif self.plan.config.pixels == 1:  # planes of a strided map are filled up with zeros
            assert self.issued >= counts["weight_pairs"], where
            cut = plan.layer.padding != layer.as_convolution().padding  # padding is in the map
            assert layer.stride != (1, 1) or cut or self.issued == counts["weight_pairs"], where


def feeder(stream, items, stall, seed):
    async def feed(ctx):
        await put(ctx, stream, items, stall=stall, rng=random.Random(seed))
    return feed


def collector(dut, runs, stall, seed):
    """Takes every result, counts products, and then sees that nothing more happens."""
    rng = random.Random(seed)

    async def collect(ctx):
        result, waiting = dut.result, list(runs)
        ctx.set(result.ready, rng.random() >= stall)
        async for _, _, taken, beat, last, map_taken, issued, gated, *lost in ctx.tick().sample(
                result.valid & result.ready, result.payload.data, result.payload.last,
                dut.map.valid & dut.map.ready, dut.issued, dut.gated, *(dut.idle[name] for name in LOST)):
            run = waiting[0]
            run.count(map_taken, issued, gated, lost)
            if taken:
                run.beats.append(beat)
                done = len(run.beats) == run.plan.result_beats
                assert last == done, f"{run.name}: last is {last}, beat {len(run.beats)} of {run.plan.result_beats}"
                if done:
                    del waiting[0]
            if not waiting:
                break
            ctx.set(result.ready, rng.random() >= stall)
        ctx.set(result.ready, 1)
        for _ in range(QUIET):
            _, _, valid, issued, busy = await ctx.tick().sample(result.valid, dut.issued, dut.busy)
            assert not valid and not issued and not busy
    return collect


def run_all(config, runs, *, stall=0.0, seed=0):
    """Send the layers through one array, one after the other, without a pause or a reset between them."""
    dut = ZeroSkipArray(config=config)
    programs, maps = [], []
    for run in runs:
        program, positions = wire(run.plan)
        programs += program
        maps += positions
    simulate(dut, feeder(dut.weights, programs, stall, 3 * seed), feeder(dut.map, maps, stall, 3 * seed + 1),
             collector(dut, runs, stall, 3 * seed + 2), cycles=CYCLES)
    for run in runs:
        run.check()


def zero(array, where):
    array = array.copy()
    array[where] = 0
    return array


def saturating(value):
    """Every result far beyond one end of the range."""
    layer = random_layer(8, filters=2, kernel=(1, 1), size=(2, 3), activations=1.0)
    weight = np.full_like(layer.weight, value)
    return replace(layer, weight=weight, bias=np.zeros(2, np.int32), multiplier=np.full(2, 65535), shift=np.full(2, 9))


def edge_layers() -> dict[str, Layer]:
    """By name; each is a case that a sparse design can get wrong."""
    plain = random_layer(1, filters=5, channels=3, size=(4, 5), padding=(1, 1))
    two = random_layer(2, filters=3, channels=2, images=3, kernel=(2, 2), size=(3, 4))
    columns = np.s_[:, :, :, 1:4]
    return {
        "all-zero filter": replace(plain, weight=zero(plain.weight, np.s_[1])),
        "all-zero layer": replace(two, weight=np.zeros_like(two.weight)),
        "all-zero image": replace(two, input=zero(two.input, np.s_[1])),
        "all-zero images": replace(two, input=np.zeros_like(two.input)),
        "all-zero tap": replace(plain, weight=zero(plain.weight, np.s_[:, :, 1, :])),
        "all-zero last rows of the kernel": replace(plain, weight=zero(plain.weight, np.s_[:, :, 1:, :])),
        "all-zero columns": replace(plain, input=zero(plain.input, columns)),
        "all-zero channel": replace(plain, weight=zero(plain.weight, np.s_[:, 1])),
        "one weight left": replace(plain, weight=zero(plain.weight, np.unravel_index(
            np.flatnonzero(plain.weight)[1:], plain.weight.shape))),
        "dense": random_layer(3, filters=4, channels=2, kernel=(2, 2), size=(3, 3), weights=1.0, activations=1.0),
        "-128": replace(random_layer(4, dtype=np.int8, kernel=(2, 2), size=(3, 3), output="int8"),
                        weight=np.full((3, 2, 2, 2), -128, np.int8), input=np.full((1, 2, 3, 3), -128, np.int8)),
        "saturates above": saturating(127),
        "saturates below": saturating(-128),
        "one pixel": random_layer(5, channels=17, size=(1, 1), kernel=(1, 1), weights=0.3),
        "one pixel in padding": random_layer(6, size=(1, 1), kernel=(3, 3), padding=(1, 1), weights=1.0),
        "one channel, one filter": random_layer(7, filters=1, channels=1, size=(5, 3), kernel=(2, 1)),
        "counts that divide nothing": random_layer(9, filters=7, channels=19, size=(3, 7), kernel=(1, 2), weights=0.2),
        "1x1": random_layer(10, kernel=(1, 1), size=(3, 6)),
        "1x1, stride 2": random_layer(11, kernel=(1, 1), size=(5, 7), stride=(2, 2)),
        "3x3, stride 2, padding": random_layer(12, size=(5, 6), stride=(2, 2), padding=(1, 1)),
        "5x5, padding 2": random_layer(13, channels=1, size=(3, 4), kernel=(5, 5), padding=(2, 2), weights=0.3),
        "unlike kernel, stride, padding": random_layer(14, size=(4, 7), kernel=(3, 2), stride=(1, 2), padding=(2, 0)),
        "stride beyond the kernel": random_layer(15, size=(8, 3), kernel=(2, 1), stride=(7, 1), images=3),
        "int8 map": random_layer(16, dtype=np.int8, output="int8", padding=(0, 1)),
        "int8 map, sums": random_layer(17, dtype=np.int8, output=None, kernel=(2, 2)),
        "sums": random_layer(18, output=None, filters=4, kernel=(1, 3), size=(2, 5)),
        "images": random_layer(19, images=3, size=(3, 3), kernel=(2, 2), padding=(1, 0)),
        "groups": random_layer(20, filters=4, channels=6, groups=2, kernel=(2, 2), size=(3, 3)),
        "depthwise": random_layer(21, filters=5, channels=5, groups=5, kernel=(3, 3), size=(3, 4), padding=(1, 1)),
        "linear": random_layer(22, filters=7, channels=18, images=3, linear=True, weights=0.4),
        "linear, sums": random_layer(23, filters=3, channels=5, images=2, linear=True, output=None),
        "narrow clamp": replace(random_layer(24, kernel=(1, 1)), clamp=(17, 90)),
    }


EDGES = edge_layers()
ONE = {
    "C1 E1 P1": small_config(1, 1, 1),
    "C1 E2 P2": small_config(1, 2, 2, lane_filters=8),
    "C1 E1 P4": small_config(1, 1, 4),
    "C1 E2 P1, two columns": small_config(1, 2, 1, columns=2),
}
SEVERAL = {
    "C2 E2 P1": small_config(2, 2, 1, units=2, lane_filters=8, queue_words=2),
    "C4 E1 P1": small_config(4, 1, 1, units=2),
    "C2 E1 P2": small_config(2, 1, 2, units=1, lane_filters=8),
    "C2 E2 P4": small_config(2, 2, 4, queue_words=16),
    "C4 E2 P1, two columns": small_config(4, 2, 1, units=2, columns=2, queue_words=2),
}


@pytest.mark.parametrize("name", ONE)
def test_edges(name):
    """Every second edge case back to back on one group, each in two of the configurations and once in each mode."""
    turn = list(ONE).index(name)
    cases = list(EDGES.items())[turn % 2 :: 2]
    run_all(ONE[name], [Run(case, layer, ONE[name], skip=(index + turn // 2) % 2 == 0)
                        for index, (case, layer) in enumerate(cases)])


@pytest.mark.parametrize("name", SEVERAL)
def test_edges_on_groups(name):
    """Every second edge case on several groups; mode and arrangement change from layer to layer."""
    turn = list(SEVERAL).index(name)
    cases = list(EDGES.items())[turn % 2 :: 2]
    run_all(SEVERAL[name], [Run(case, layer, SEVERAL[name], skip=(index + turn // 2) % 2 == 0, arrangement=index)
                            for index, (case, layer) in enumerate(cases)])


def any_layer(seed):
    """A small layer, every parameter of it from the seed."""
    rng = random.Random(seed)
    dtype, output = rng.choice([np.uint8, np.int8]), rng.choice(["uint8", "int8", None])
    kinds = {"images": rng.randint(1, 3), "weights": rng.choice([0.0, 0.1, 0.5, 1.0]), "dtype": dtype,
             "activations": rng.choice([0.0, 0.3, 0.7, 1.0]), "output": output}
    if rng.random() < 0.2:
        return random_layer(seed, linear=True, filters=rng.randint(1, 5), channels=rng.randint(1, 20), **kinds)
    groups = rng.choice([1, 1, 2])
    kernel = rng.randint(1, 3), rng.randint(1, 3)
    padding = rng.randint(0, 2), rng.randint(0, 2)
    size = tuple(max(rng.randint(1, 5), k - 2 * p) for k, p in zip(kernel, padding, strict=True))
    return random_layer(seed, filters=groups * rng.randint(1, 2), channels=groups * rng.choice([1, 2, 9]),
                        kernel=kernel, size=size, padding=padding, groups=groups,
                        stride=(rng.randint(1, 2), rng.randint(1, 2)), **kinds)


@pytest.mark.parametrize("name", [*ONE, *SEVERAL])
def test_stalls(name):
    """Random layers, all three streams pausing at random, often or now and then."""
    config = (ONE | SEVERAL)[name]
    seed = [*ONE, *SEVERAL].index(name)
    stall = (0.2, 0.7)[seed % 2]
    runs = [Run(f"seed {at}", any_layer(at), config, skip=at % 3 != 0, arrangement=at)
            for at in range(3 * seed, 3 * seed + 3)]
    run_all(config, runs, stall=stall, seed=seed)


def test_whole_program():
    """Through `pack`, with every row of the program as it goes out."""
    config, layer = ONE["C1 E2 P2"], random_layer(40, filters=3, channels=17, kernel=(1, 2), images=2)
    for engine in ("skip-both", "skip-weights"):
        (program,) = pack(layer, config, engine).programs
        run = Run(engine, layer, config, skip=engine == "skip-both")
        run.plan, _ = best_plan(layer, config, skip_activations=run.skip)
        assert np.array_equal(program.weights, encode(program_sections(run.plan)))
        assert np.array_equal(program.map, map_beats(run.plan.layer, run.plan.layout))
        run_all(config, [run])
        beats = np.frombuffer(b"".join(beat.to_bytes(16, "little") for beat in run.beats), np.uint8).reshape(-1, 16)
        assert np.array_equal(program.decode(beats), reference.run(layer))


async def drive(ctx, dut, run, cycles):
    """Drive all three streams for `cycles` cycles, or until the answer is complete."""
    program, positions = wire(run.plan)
    run.start()
    ctx.set(dut.result.ready, 1)
    for _ in range(cycles):
        for stream, items in ((dut.weights, program), (dut.map, positions)):
            ctx.set(stream.valid, bool(items))
            if items:
                ctx.set(stream.payload, items[0])
        _, _, weights, position, valid, beat, issued, gated, *lost = await ctx.tick().sample(
            dut.weights.ready, dut.map.ready, dut.result.valid, dut.result.payload.data, dut.issued, dut.gated,
            *(dut.idle[name] for name in LOST))
        run.count(position and positions, issued, gated, lost)
        del program[: weights], positions[: position]
        if valid:
            run.beats.append(beat)
        if len(run.beats) == run.plan.result_beats:
            return


@pytest.mark.parametrize("name", ["C1 E2 P2", "C4 E1 P1"])
def test_reset_in_mid_layer(name):
    """A reset in the program, in the map, while computing, while results leave; the next layer is right."""
    config = (ONE | SEVERAL)[name]
    dut = ZeroSkipArray(config=config)
    broken = Run("broken", random_layer(50, size=(4, 4), images=2, output=None), config, skip=True)
    right = Run("after a reset", random_layer(51, kernel=(2, 2), size=(2, 3), images=2), config, skip=True)
    steps = len(wire(broken.plan)[0])
    seen = []

    async def bench(ctx):
        for at in (3, steps - 4, steps + 6, steps + 40, steps + 150):
            await drive(ctx, dut, broken, at)
            seen.append((broken.issued, len(broken.beats)))
            for stream in (dut.weights, dut.map):
                ctx.set(stream.valid, 0)
            ctx.set(dut.reset, 1)
            await ctx.tick().repeat(RESET_CYCLES)
            ctx.set(dut.reset, 0)
            await drive(ctx, dut, right, 3000)
            right.check()
            await ctx.tick().repeat(10)

    simulate(dut, bench, cycles=CYCLES)
    assert seen[0] == (0, 0) and seen[-2][0] > 0 and seen[-1][1] > 0


def test_order_of_the_streams():
    """Nothing of the map before the pass; nothing of the next program before the last result."""
    config, layer = ONE["C1 E1 P1"], random_layer(60, kernel=(1, 1), size=(2, 3))
    runs = [Run(index, layer, config, skip=True) for index in range(2)]
    dut = ZeroSkipArray(config=config)
    program, positions = wire(runs[0].plan)
    taken = {"weights": 0, "map": 0, "results": 0}

    async def watch(ctx):
        while taken["results"] < 2 * runs[0].plan.result_beats:
            _, _, weights, position, result = await ctx.tick().sample(*(
                stream.valid & stream.ready for stream in (dut.weights, dut.map, dut.result)))
            done, rest = divmod(taken["results"], runs[0].plan.result_beats)
            assert not position or taken["weights"] >= len(program) * (done + 1) - 1, "the map before the pass"
            assert not weights or (not rest and taken["weights"] // len(program) == done), "a program before its turn"
            taken["weights"] += weights
            taken["map"] += position
            taken["results"] += result

    simulate(dut, feeder(dut.weights, 2 * program, 0.0, 0), feeder(dut.map, 2 * positions, 0.0, 0),
             collector(dut, runs, 0.0, 0), watch, cycles=CYCLES)
    assert taken["map"] == 2 * len(positions)
