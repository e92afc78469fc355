# amaranth: UnusedElaboratable=no
"""The map memory: every line of a loaded row is right, no row counts as loaded before it is."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from tests.hw.compiler.dense.test_layout import stored
from tests.hw.gateware.dense.run import beats_of, dense_config, random_layer
from tests.hw.streams import put, simulate

from zeroskip.compiler.dense.layout import lay_out, map_beats
from zeroskip.gateware.dense.map_memory import MapMemory
from zeroskip.spec.dense import DenseConfig

LAYERS = {
    "plain": random_layer(1, filters=1, channels=2, kernel=(3, 3), images=4, size=(4, 5), zeros=0.0),
    "strided, 17 channels": random_layer(2, filters=1, images=3, channels=17, size=(5, 3), stride=(2, 2),
                                         kernel=(1, 1)),
    "one row": random_layer(3, filters=1, channels=1, images=3, size=(1, 6), kernel=(1, 1)),
    "one position": random_layer(4, filters=1, channels=1, images=5, size=(1, 1), kernel=(1, 1), zeros=0.0),
}


async def start_layer(ctx, dut, layout):
    for name, value in layout.registers().items():
        ctx.set(dut.layer[name], value)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)


async def check_reads(ctx, dut, layout, memory, image, rng):
    """Read a few positions that count as loaded, every bank in a cycle; other addresses meanwhile."""
    rows, banks = ctx.get(dut.rows_loaded), layout.banks
    there = [(row, plane, col) for row in range(rows) for plane in range(layout.planes) for col in range(layout.cols)]
    if not there:
        await ctx.tick()
        return
    wanted = []
    for bank in range(banks):
        row, plane, col = rng.choice(there)
        position = plane * layout.plane_size + row * layout.pitch + col
        used = position % banks == bank
        ctx.set(dut.address[bank], ctx.get(dut.base) + position // banks)
        wanted.append(memory[image * layout.image_size + position].tobytes() if used else None)
    await ctx.tick()
    for bank in range(banks):
        ctx.set(dut.address[bank], rng.getrandbits(3))
    await ctx.tick().repeat(dut.latency - 1)
    for bank, want in enumerate(wanted):
        assert want is None or ctx.get(dut.data[bank]) == int.from_bytes(want, "little")


@pytest.mark.parametrize("stall", [0.0, 0.6])
@pytest.mark.parametrize("slots", [1, 2])
@pytest.mark.parametrize("banks", [1, 4])
@pytest.mark.parametrize("name", LAYERS)
def test_reading_while_loading(name, banks, slots, stall):
    """Two layers back to back, each image read at random while it and the next are being loaded."""
    layer, rng = LAYERS[name], random.Random(f"{name} {banks} {slots} {stall}")
    one = lay_out(layer, dense_config(1, banks)).image_size
    config = dense_config(1, banks, map_positions=max(8, 1 << (slots * one - 1).bit_length()))
    layout = replace(lay_out(layer, config), slots=slots)
    dut = MapMemory(config=config)
    memory, payloads = stored(layer, layout), beats_of(map_beats(layer, layout))
    per_image, taken = len(payloads) // layout.images, [0]

    async def source(ctx):
        await put(ctx, dut.map, 2 * payloads, stall=stall, rng=random.Random(1))

    async def watch(ctx):
        while True:
            _, _, moved = await ctx.tick().sample(dut.map.valid & dut.map.ready)
            taken[0] += moved

    async def bench(ctx):
        await ctx.tick().repeat(5)
        assert not taken[0]  # nothing before the start
        for layers in range(2):
            await start_layer(ctx, dut, layout)
            for image in range(layout.images):
                reads = rng.randrange(12)
                while reads > 0 or ctx.get(dut.rows_loaded) < layout.rows:
                    before = taken[0] - per_image * (layers * layout.images + image)
                    assert before <= per_image * slots
                    assert ctx.get(dut.rows_loaded) * per_image // layout.rows <= before
                    await check_reads(ctx, dut, layout, memory, image, rng)
                    reads -= 1
                ctx.set(dut.retire, 1)
                await ctx.tick()
                ctx.set(dut.retire, 0)
            assert taken[0] == len(payloads) * (layers + 1)
            assert ctx.get(dut.rows_loaded) == 0 and not ctx.get(dut.map.ready)
        for _ in range(100):
            _, _, ready, rows = await ctx.tick().sample(dut.map.ready, dut.rows_loaded)
            assert not ready and not rows

    simulate(dut, source, bench, background=[watch], cycles=5000)


def test_what_is_read_as_an_image_retires():
    """A line that was asked for until the cycle after `retire` is still the old image's."""
    layer = random_layer(6, filters=1, channels=1, images=2, size=(1, 1), kernel=(1, 1), zeros=0.0)
    config = DenseConfig(filters=1, pixels=1, map_positions=8)
    layout = replace(lay_out(layer, config), slots=1)
    dut = MapMemory(config=config)
    first, second = beats_of(map_beats(layer, layout))

    async def bench(ctx):
        await start_layer(ctx, dut, layout)
        await put(ctx, dut.map, [first])
        ctx.set(dut.map.payload, second)
        ctx.set(dut.map.valid, 1)
        await ctx.tick().repeat(3)
        ctx.set(dut.retire, 1)
        await ctx.tick()
        ctx.set(dut.retire, 0)
        await ctx.tick().repeat(dut.latency)  # asked for in the cycle after `retire`
        assert ctx.get(dut.data[0]) == first["data"]
        await ctx.tick().repeat(3)
        assert ctx.get(dut.data[0]) == second["data"]

    simulate(dut, bench)


def test_full_rate():
    """One beat a cycle while there is room, and the row counts `load_latency` cycles after its last beat."""
    layer = random_layer(5, filters=1, channels=1, size=(3, 4), kernel=(1, 1))
    config = dense_config(1, 2, map_positions=16)
    dut = MapMemory(config=config)

    async def bench(ctx):
        await start_layer(ctx, dut, lay_out(layer, config))
        ctx.set(dut.map.valid, 1)
        rows = []
        for _ in range(12):
            _, _, ready, loaded = await ctx.tick().sample(dut.map.ready, dut.rows_loaded)
            assert ready
            rows.append(loaded)
        assert rows == (3 + dut.load_latency) * [0] + 4 * [1] + (5 - dut.load_latency) * [2]
        assert not ctx.get(dut.map.ready)

    simulate(dut, bench, cycles=100)
