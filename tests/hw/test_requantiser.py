# amaranth: UnusedElaboratable=no
"""The requantiser against the integer reference."""

from __future__ import annotations

import numpy as np
import pytest
from tests.hw.streams import simulate

from zeroskip.reference import requantise
from zeroskip.requantiser import Requantiser


def check(cases, *, acc_width, low, high, en=None):
    """`cases`: rows of acc, bias, multiplier, shift; one a cycle where `en`."""
    dut = Requantiser(acc_width=acc_width)
    cases = np.asarray(cases, np.int64)
    en = np.ones(len(cases), bool) if en is None else en
    total = cases[:, 0] + cases[:, 1]
    wanted = requantise(total[None], cases[:, 2], cases[:, 3], low, high)[0]

    async def feed(ctx):
        ctx.set(dut.low, low)
        ctx.set(dut.high, high)
        for row, enabled in zip(cases.tolist(), en.tolist(), strict=True):
            for port, value in zip((dut.acc, dut.bias, dut.multiplier, dut.shift), row, strict=True):
                ctx.set(port, value)
            ctx.set(dut.en, enabled)
            await ctx.tick()
        ctx.set(dut.en, 0)

    async def results(ctx):
        await ctx.tick().repeat(dut.latency)
        for index, enabled in enumerate(en.tolist()):
            assert ctx.get(dut.result_valid) == enabled
            if enabled:
                assert ctx.get(dut.result) == wanted[index] % 256, (cases[index], wanted[index])
            await ctx.tick()
        assert not ctx.get(dut.result_valid)

    async def raws(ctx):
        await ctx.tick().repeat(dut.raw_latency)
        for index, enabled in enumerate(en.tolist()):
            assert ctx.get(dut.raw_valid) == enabled
            if enabled:
                assert ctx.get(dut.raw) == total[index]
            await ctx.tick()

    simulate(dut, feed, results, raws)


RANGES = [(0, 255), (-128, 127), (-5, 9), (0, 0), (255, 255), (-128, -128)]


@pytest.mark.parametrize("acc_width", [28, 32])
@pytest.mark.parametrize(("low", "high"), RANGES)
def test_random(acc_width, low, high):
    rng = np.random.default_rng([acc_width, low + 128, high + 128])
    count, limit = 800, (1 << acc_width - 1) - 1
    shift = rng.integers(1, 41, count)
    multiplier = rng.integers(1, 65536, count)
    near = np.round(rng.uniform(-300, 300, count) * 2.0**shift / multiplier)
    total = np.where(rng.random(count) < 0.8, near, rng.integers(-limit, limit, count)).clip(-limit, limit)
    bias = rng.integers(-1000, 1000, count)
    acc = (total.astype(np.int64) - bias).clip(-limit - 1, limit)
    bias = np.where(np.abs(acc + bias) > limit, 0, bias)
    check(np.stack([acc, bias, multiplier, shift], 1), acc_width=acc_width, low=low, high=high,
          en=rng.random(count) < 0.8)


@pytest.mark.parametrize("acc_width", [28, 32])
@pytest.mark.parametrize(("low", "high"), RANGES[:2])
def test_edges(acc_width, low, high):
    """Ties of both signs, both ends of every parameter, and values about the saturation."""
    most = (1 << acc_width - 1) - 1
    cases = []
    for shift in (1, 2, 3, 4, 5, 8, 9, 10, 16, 17, 32, 33, 39, 40):
        for multiplier in (1, 2, 3, 1 << 15, 65535):
            for code in (low - 1, low, low + 1, -1, 0, 1, high - 1, high, high + 1, 511, 512, 1023, -512, -513):
                tie = ((2 * code + 1) << shift - 1) // multiplier
                for acc in (tie - 1, tie, tie + 1):
                    cases.append((min(max(acc, -most - 1), most), 0, multiplier, shift))
            cases += [(acc, 0, multiplier, shift) for acc in (-most - 1, most, 0, -1, 1)]
            cases += [(acc, bias, multiplier, shift) for acc, bias in ((most, -most), (-most, most), (-1, -most))]
    check(cases, acc_width=acc_width, low=low, high=high)


def test_narrow():
    cases = [(acc, bias, 3, 1) for acc in (-2, -1, 0, 1) for bias in (-2, -1, 0, 1) if -2 <= acc + bias <= 1]
    check(cases, acc_width=2, low=-128, high=127)


def test_wrong_width():
    with pytest.raises(ValueError, match=r"^acc_width must be in 2\.\.32, not 33$"):
        Requantiser(acc_width=33)
