# amaranth: UnusedElaboratable=no
"""The feature-map memory: every word of a loaded row is right, no row counts as loaded before it is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.hw.layers import random_layer
from tests.hw.streams import put, simulate
from tests.hw.test_map_packing import stored

from zeroskip.feature_map import FeatureMap
from zeroskip.map_packing import layout, map_beats

LAYERS = {
    "plain": random_layer(1, images=4, size=(4, 5), activations=1.0),
    "strided, 17 channels": random_layer(2, images=3, channels=17, size=(5, 3), stride=(2, 2), kernel=(1, 1)),
    "one row": random_layer(3, images=3, size=(1, 6), kernel=(1, 1)),
    "one position": random_layer(4, images=5, size=(1, 1), kernel=(1, 1), activations=1.0),
}


async def start_layer(ctx, dut, lay):
    for number, value in lay.config().items():
        ctx.set(dut.config[number.name.lower()], value)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)


def as_read(word, flagged):
    """A word as the memory gives it."""
    return int.from_bytes(word, "little") if not flagged else sum(
        (byte | (byte != 0) << 8) << 9 * at for at, byte in enumerate(word))


async def check_reads(ctx, dut, lay, memory, image, rng, banks, flagged):
    """Read a few positions that count as loaded, every bank in a cycle; then hold."""
    rows = ctx.get(dut.rows_loaded)
    words = ctx.get(dut.words_loaded) if flagged and rows < lay.rows else 0
    there = [(row, *divmod(word, lay.cols)) for row in range(rows) for word in range(lay.planes * lay.cols)]
    there += [(rows, *divmod(word, lay.cols)) for word in range(words)]
    if not there:
        await ctx.tick()
        return
    wanted = []
    for bank in range(banks):
        row, plane, col = rng.choice(there)
        position = plane * lay.plane_size + row * lay.pitch + col
        used = position % banks == bank
        ctx.set(dut.en[bank], used)
        ctx.set(dut.address[bank], ctx.get(dut.base) + position // banks)
        wanted.append(as_read(memory[image * lay.image_size + position].tobytes(), flagged) if used else None)
    await ctx.tick()
    for _ in range(rng.randrange(2) + 1):
        for bank, want in enumerate(wanted):
            if want is not None:
                assert ctx.get(dut.data[bank]) == want
            ctx.set(dut.en[bank], 0)
            ctx.set(dut.address[bank], rng.getrandbits(3))
        await ctx.tick()


@pytest.mark.parametrize("stall", [0.0, 0.6])
@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("banks", [1, 4, -2])
@pytest.mark.parametrize("name", LAYERS)
def test_reading_while_loading(name, banks, slots, stall):
    """Two layers back to back, each image read at random while it and the next are being loaded.

    Of a negative number of banks the words have flags, and a row is read as far as it has come.
    """
    flagged, banks = banks < 0, abs(banks)
    layer, rng = LAYERS[name], random.Random(f"{name} {banks} {slots} {stall}")
    one = layout(layer, 4096, banks=banks, aligned=False).image_size
    positions = max(8, 1 << (slots * one - 1).bit_length())
    lay = replace(layout(layer, positions, banks=banks, aligned=False), slots=slots)
    dut = FeatureMap(banks=banks, positions=positions, flagged=flagged)
    memory, beats = stored(layer, lay), map_beats(layer, lay)
    per_image, taken = len(beats) // lay.images, [0]
    payloads = [{"data": int.from_bytes(beat.tobytes(), "little"), "last": 0} for beat in beats]

    async def source(ctx):
        await put(ctx, dut.map, 2 * payloads, stall=stall, rng=random.Random(1))

    async def watch(ctx):
        while True:
            _, _, moved = await ctx.tick().sample(dut.map.valid & dut.map.ready)
            taken[0] += moved

    async def bench(ctx):
        for _ in range(5):
            await ctx.tick()
        assert not taken[0]  # nothing before the start
        for turn in range(2):
            await start_layer(ctx, dut, lay)
            for image in range(lay.images):
                reads = rng.randrange(12)
                while reads > 0 or ctx.get(dut.rows_loaded) < lay.rows:
                    before = taken[0] - per_image * (turn * lay.images + image)
                    rows = ctx.get(dut.rows_loaded)
                    assert before <= per_image * slots
                    assert rows * per_image // lay.rows <= before
                    await check_reads(ctx, dut, lay, memory, image, rng, banks, flagged)
                    reads -= 1
                ctx.set(dut.retire, 1)
                await ctx.tick()
                ctx.set(dut.retire, 0)
            assert taken[0] == len(beats) * (turn + 1)
            assert ctx.get(dut.rows_loaded) == 0 and not ctx.get(dut.map.ready)
        for _ in range(100):
            _, _, ready, rows = await ctx.tick().sample(dut.map.ready, dut.rows_loaded)
            assert not ready and not rows

    simulate(dut, source, bench, background=[watch], cycles=5000)


def test_full_rate():
    """One beat a cycle while there is room, and the row counts two cycles after its last beat."""
    layer = random_layer(5, size=(3, 4), kernel=(1, 1))
    lay = layout(layer, 16, banks=2, aligned=False)
    dut = FeatureMap(banks=2, positions=16)

    async def bench(ctx):
        await start_layer(ctx, dut, lay)
        ctx.set(dut.map.valid, 1)
        rows = []
        for _ in range(12):
            _, _, ready, loaded = await ctx.tick().sample(dut.map.ready, dut.rows_loaded)
            assert ready
            rows.append(loaded)
        assert rows == 5 * [0] + 4 * [1] + 3 * [2]
        assert not ctx.get(dut.map.ready)
        assert dut.latency == 1

    simulate(dut, bench, cycles=100)
