"""Runs a layer on the dense engine in Amaranth's simulator and counts what the counters should say."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import numpy as np
from tests.hw.streams import expect, get, put, simulate

from zeroskip.compiler.packed import Packed
from zeroskip.gateware.dense.engine import DenseEngine
from zeroskip.layer import Layer
from zeroskip.spec.dense import DenseConfig
from zeroskip.spec.stall_reasons import STALL_REASONS, STALLED


@dataclass
class Figures:
    """Sums over the cycles from the first beat of the map to the last of the result."""

    total: int = 0
    issued: int = 0
    gated: int = 0
    waiting: int = 0
    draining: int = 0
    lost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STALL_REASONS, 0))


def dense_config(filters: int, pixels: int, **memories: int) -> DenseConfig:
    """A small configuration of `filters` x `pixels` multipliers."""
    sizes = {"map_positions": 1024, "taps": 128, "weights": 8192, "parameters": 64} | memories
    return DenseConfig(filters=filters, pixels=pixels, **sizes)


def beat_of(row: np.ndarray, *, last: bool) -> dict[str, int]:
    """A row of 16 bytes as a payload."""
    return {"data": int.from_bytes(row.tobytes(), "little"), "last": int(last)}


def beats_of(rows: np.ndarray) -> list[dict[str, int]]:
    """All beats of a stream."""
    return [beat_of(row, last=index == len(rows) - 1) for index, row in enumerate(rows)]


def run_programs(config: DenseConfig, programs: list[Packed], *, gate: bool, stall: float = 0.0,
                 seed: int = 0) -> tuple[list[np.ndarray], Figures]:
    """The answers to programs one after another on one engine, and the figures of the last."""
    dut = DenseEngine(config=config, gate=gate)
    answers: list[np.ndarray] = []
    figures = Figures()

    async def weights(ctx):
        for program in programs:
            await put(ctx, dut.program, beats_of(program.program), stall=stall, rng=random.Random(seed + 1))

    async def feature_map(ctx):
        for program in programs:
            await put(ctx, dut.map, beats_of(program.map), stall=stall, rng=random.Random(seed + 2))

    async def result(ctx):
        for program in programs:
            found = await get(ctx, dut.result, program.result_beats, stall=stall, rng=random.Random(seed + 3))
            assert [int(beat.last) for beat in found] == [0] * (len(found) - 1) + [1]
            data = b"".join(int(beat.data).to_bytes(16, "little") for beat in found)
            answers.append(program.decode(np.frombuffer(data, np.uint8).reshape(-1, 16)))
        await expect(ctx, dut.result, [])
        assert not ctx.get(dut.busy)

    async def monitor(ctx):
        inside = False
        taken = (dut.map.valid & dut.map.ready, dut.result.valid & dut.result.ready & dut.result.p.last)
        counts = (dut.issued, dut.gated, dut.waiting, dut.draining)
        losses = [name for name in STALL_REASONS if name != STALLED]
        async for _, _, first, end, *values in ctx.tick().sample(
                *taken, *counts, *(dut.idle[name] for name in losses)):
            if first and not inside:
                inside = True
                figures.__init__()
            if inside:
                figures.total += 1
                issued, gated, waiting, draining, *lost = values
                assert gated <= issued <= config.multipliers == issued + sum(lost)
                for name, slots in zip(losses, lost, strict=True):
                    figures.lost[name] += slots
                figures.issued += issued
                figures.gated += gated
                figures.waiting += waiting
                figures.draining += draining
            inside = inside and not end

    simulate(dut, weights, feature_map, result, background=[monitor], cycles=60_000)
    return answers, figures


def random_layer(seed: int, *, filters: int, channels: int, kernel: tuple[int, int], size: tuple[int, int],
                 images: int = 1, signed: bool = False, quantised: bool = True, zeros: float = 0.4,
                 **options) -> Layer:
    """A layer of random integers, -128 among them."""
    rng = np.random.default_rng(seed)
    shape = (images, channels, *size)
    data = (rng.integers(-128, 128, shape).astype(np.int8) if signed
            else rng.integers(0, 256, shape).astype(np.uint8))
    weight = rng.integers(-128, 128, (filters, channels // options.get("groups", 1), *kernel)).astype(np.int8)
    data[rng.random(data.shape) < zeros] = 0
    weight[rng.random(weight.shape) < zeros] = 0
    weight.flat[0] = -128
    data.flat[-1] = -128 if signed else 255
    if quantised:
        options |= {"multiplier": rng.integers(1, 65536, filters), "shift": rng.integers(20, 27, filters)}
        options |= {"output_dtype": "int8" if signed else "uint8"}
    bias = rng.integers(-5000, 5000, filters).astype(np.int32)
    return Layer(weight=weight, input=data, bias=bias, **options)
