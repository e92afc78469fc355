# amaranth: UnusedElaboratable=no
"""The sequencer against loops over blocks and windows; rows arrive and words are passed at any time."""

from __future__ import annotations

import functools
import operator
import random
from collections import deque

import pytest
from tests.hw.layers import random_layer, small_config, some_plan
from tests.hw.streams import simulate
from tests.hw.test_map_packing import stored

from zeroskip.arrangement import arrangements
from zeroskip.plan import make_plan
from zeroskip.program import GROUP_BASES
from zeroskip.program_image import read_config
from zeroskip.sequencer import Sequencer
from zeroskip.window_bus import ROOM, ROOM_LATENCY
from zeroskip.wire import WORD_CHANNELS, Config, Section
from zeroskip.zero_skip_program import program_sections


def windows(plan):
    """Everything on the bus, in order: (parts, marker, word, places of the pixels in the map, mask).

    From the result's pixels: what the tap of each group reads for each of its pixels, straight from the layer. A
    marker has its flags as its mask.
    """
    config, layer, lay = plan.config, plan.layer, plan.layout
    memory = stored(layer, lay)
    images, everyone = layer.output_shape[0], (1 << config.groups) - 1
    turn = plan.grid.exchange(images)
    places = [plan.grid.places(group) for group in range(config.groups)]
    for image in range(images):
        for block in range(plan.grid.count):
            for window in plan.passes[0].table:
                parts, spots = [0] * config.columns, [None] * config.fetched
                taps = [(column, *own) for column, seen in enumerate((window.words, window.second))
                        for own in seen.items()]
                for column, group, word in taps:
                    y, x, valid = (values[block].tolist() for values in places[group])
                    reads = {p: at for p in range(config.pixels) if valid[p]
                             and (at := spot(plan, image, word, y[p], x[p])) is not None}
                    for p, at in reads.items():
                        spots[p + column] = at
                    if reads:
                        parts[column] |= 1 << turn[image * plan.grid.count + block].tolist().index(group)
                if any(parts):
                    yield parts, 0, window.word, spots, mask_of(plan, memory, image, parts, spots)
            yield [everyone] * config.columns, 1, None, None, 3
    yield [everyone] * config.columns, 1, None, None, 3


def spot(plan, image, word, y, x):
    """(plane, row, column) that a tap of the pixel (y, x) reads, rows counted from the first image on; or None."""
    layer, lay = plan.layer, plan.layout
    tap, channel_word = divmod(word, lay.channel_words)
    in_y = y * layer.stride[0] + tap // layer.kernel[1] - layer.padding[0]
    in_x = x * layer.stride[1] + tap % layer.kernel[1] - layer.padding[1]
    if not (0 <= in_y < lay.rows * layer.stride[0] and 0 <= in_x < lay.cols * layer.stride[1]):
        return None
    (sy, sx), rows = layer.stride, image * lay.rows
    return (channel_word * sy + in_y % sy) * sx + in_x % sx, rows + in_y // sy, in_x // sx


def mask_of(plan, memory, image, parts, spots):
    """Channels that are not zero in any pixel of a column; where zeros are not skipped all of a column's."""
    mask, pixels = 0, plan.config.pixels
    for column, part in enumerate(parts):
        own = [at for at in spots[column * pixels : (column + 1) * pixels] if at is not None]
        for channel in range(WORD_CHANNELS):
            if part and (not plan.skip_activations or any(word_at(plan, memory, at)[channel] for at in own)):
                mask |= 1 << WORD_CHANNELS * column + channel
    return mask


def word_at(plan, memory, at):
    """The word of a (plane, row, column)."""
    lay = plan.layout
    plane, (image, row), col = at[0], divmod(at[1], lay.rows), at[2]
    return memory[image * lay.image_size + plane * lay.plane_size + row * lay.pitch + col]


def ring_place(plan, at):
    """Where a word lies in the value memories and the masks."""
    ring, lay = plan.value_ring, plan.layout
    plane, (image, row), col = at[0], divmod(at[1], lay.rows), at[2]
    turn = plane * lay.plane_size % lay.banks
    return plane * ring.size + (image * ring.span + row * lay.pitch + col + turn) % ring.size


class Surroundings:
    """What stands around the sequencer: masks arriving row by row, as far as the rings have room; groups."""

    def __init__(self, plan, dut, rng, stall):
        self.plan, self.dut, self.rng, self.stall = plan, dut, rng, stall
        self.memory = stored(plan.layer, plan.layout)
        lay = plan.layout
        self.words = deque((plane, row, col) for row in range(lay.images * lay.rows) for plane in range(lay.planes)
                           for col in range(lay.cols))
        self.rows_fed = self.free = self.blocks = 0
        self.queues = [deque() for _ in range(plan.config.groups)]
        self.passed = [0] * plan.config.groups
        self.seen, self.waits_for_mask, self.bank = [], None, None

    def feed(self, ctx):
        """A word now and then; whether it ends a row."""
        config, lay = self.plan.config, self.plan.layout
        if self.bank is not None:
            ctx.set(self.dut.masks[self.bank].en, 0)
            self.bank = None
        room = self.rows_fed - self.free < self.plan.value_ring.rows
        if not self.words or not room or self.rng.random() < self.stall:
            return False
        at = self.words.popleft()
        place = ring_place(self.plan, at)
        mask = sum(1 << c for c, value in enumerate(word_at(self.plan, self.memory, at)) if value)
        self.bank = place % config.banks
        ctx.set(self.dut.masks[self.bank], {"en": 1, "line": place // config.banks, "mask": mask})
        ended = at[0] == lay.planes - 1 and at[2] == lay.cols - 1
        self.rows_fed += ended
        return ended

    def groups(self, ctx, window):
        """Words take places as they come on the bus, and are passed in order; the room told of does not know the last.

        Whether all groups are past a marker more.
        """
        config, (want, marker) = self.plan.config, window
        for group, queue in enumerate(self.queues):
            assert ROOM_LATENCY == 2
            before = len(queue)
            if want >> group & 1:
                queue.append(marker)
            assert len(queue) <= config.queue_words, "there was no room"
            if before and self.rng.random() >= self.stall:
                self.passed[group] += queue.popleft()
                before -= 1
            ctx.set(self.dut.room[group], (1 << min(config.queue_words - before, ROOM)) - 1)
        done = all(self.passed)
        if done:
            self.passed = [count - 1 for count in self.passed]
            image, block = divmod(self.blocks, self.plan.grid.count)
            self.blocks += 1
            self.free = min(image, self.plan.images - 1) * self.plan.layout.rows + int(self.plan.free_rows[block])
        return done

    def note(self, window, mask):
        """A window, and the mask of the one before it."""
        config = self.plan.config
        want, marker, word, position, inside, parts = window
        if self.waits_for_mask is not None:
            own, bits = self.waits_for_mask, mask
            for column, part in enumerate(own[0]):
                bits &= ~(0 if part or own[1] else 0xFFFF << WORD_CHANNELS * column)
            self.seen.append((*own, bits))
            self.waits_for_mask = None
        if want:
            parts = [parts >> config.groups * n & (1 << config.groups) - 1 for n in range(config.columns)]
            assert functools.reduce(operator.or_, parts) == want
            self.waits_for_mask = (parts, 1, None, None) if marker else (parts, 0, word, (position, inside))


def same(plan, found, wanted):
    """The window lies where its pixels do; pixels of no interest are not inside."""
    if found[1] or wanted[1]:
        return found == wanted
    (position, inside), spots, size = found[3], wanted[3], plan.value_ring.size
    places = [position // size * size + (position + p) % size for p in range(len(spots))]
    right = all(at is None or ring_place(plan, at) == place for at, place in zip(spots, places, strict=True))
    if plan.config.pixels > 1:
        right &= inside == sum(1 << p for p, at in enumerate(spots) if at is not None)
    return right and (*found[:3], found[4]) == (*wanted[:3], wanted[4])


async def configure(ctx, dut, plan):
    for section in program_sections(plan):
        if section.kind == Section.WINDOWS:
            for at, row in enumerate(section.rows):
                ctx.set(dut.write, {"valid": 1, "kind": int(section.kind), "mask": 0, "address": at,
                                    "data": int.from_bytes(row.tobytes(), "little")})
                await ctx.tick()
            ctx.set(dut.write.valid, 0)
    values = read_config(program_sections(plan))
    for register in Config:
        if register < Config.ROW_OFFSET:
            ctx.set(dut.config[register.name.lower()], values.get(register, 0))
    for name, base in GROUP_BASES.items():
        for group in range(plan.config.groups):
            ctx.set(dut.group[group][name], values[base + group])


async def start(ctx, dut, plan):
    """The start, and the one pass that there is."""
    ctx.set(dut.start, 1)
    ctx.set(dut.ended, 1)
    ctx.set(dut.passes.payload, {"first_window": 0, "windows": len(plan.passes[0].table), "images": plan.images,
                                 "fresh": 1, "final": 1, "join": 0, "rows": plan.layer.output_shape[2]})
    await ctx.tick()
    ctx.set(dut.start, 0)
    ctx.set(dut.passes.valid, 1)
    await ctx.tick().until(dut.passes.ready)
    ctx.set(dut.passes.valid, 0)


LAYERS = {
    "plain": random_layer(1, size=(4, 5), padding=(1, 1)),
    "images": random_layer(2, images=3, size=(3, 3), kernel=(2, 2)),
    "stride": random_layer(3, images=2, size=(5, 5), stride=(2, 2), padding=(1, 1), channels=17),
    "last rows unread": random_layer(4, images=3, size=(8, 3), kernel=(2, 1), stride=(7, 1)),
    "no windows": random_layer(5, images=2, weights=0.0, size=(3, 3), kernel=(2, 2)),
    "far padding": random_layer(6, size=(1, 2), kernel=(5, 5), padding=(4, 4), weights=0.3),
}
SHAPES = [(1, 1, 4, 256), (4, 1, 2, 128), (2, 2, 16, 128), (1, 4, 2, 128), (1, 8, 4, 256), (4, 1, 4, 128, 2),
          (1, 1, 2, 256, 2)]


@pytest.mark.parametrize("stall", [0.0, 0.6])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", LAYERS)
def test_windows(name, shape, stall):
    """`shape`: groups, pixels, queue, positions, columns. Twice over, so that a layer follows another."""
    groups, pixels, queue, positions, columns = (*shape, 1)[:5]
    config = small_config(groups, 1, pixels, columns=columns, queue_words=queue, map_positions=positions,
                          lane_filters=4, value_positions=128)
    rng = random.Random(f"{name} {shape} {stall}")
    plan = some_plan(LAYERS[name], config, rng.randrange(100), rng.random() < 0.7)
    wanted = list(windows(plan))
    dut = Sequencer(config=config)
    bus = dut.window

    async def bench(ctx):
        await configure(ctx, dut, plan)
        for _ in range(2):
            around = Surroundings(plan, dut, rng, stall)
            around.groups(ctx, (0, 0))
            await start(ctx, dut, plan)
            quiet, row = 0, False
            while quiet < 100:
                ctx.set(dut.row_fed, row)
                row = around.feed(ctx)
                _, _, finished, mask, *window = await ctx.tick().sample(
                    dut.finished, dut.mask, bus.want, bus.marker, bus.word, bus.position, bus.inside,
                    bus.parts.as_value())
                around.note(window, mask)
                ctx.set(dut.block_done, around.groups(ctx, window[:2]))
                quiet += len(around.seen) >= len(wanted)
            for index, (found, want) in enumerate(zip(around.seen, wanted, strict=True)):
                assert same(plan, found, want), f"{index} of {len(wanted)}, {plan.arrangement}: {found}, {want}"
            assert not around.words and finished and not any(around.queues)
            ctx.set(dut.done, 1)
            await ctx.tick()
            ctx.set(dut.done, 0)

    simulate(dut, bench, cycles=20_000)


def test_rate():
    """W windows and a marker in W + 1 cycles, a cycle more after an image."""
    config = small_config(1, 1, 1, queue_words=16)
    layer = random_layer(7, size=(4, 4), kernel=(2, 2), weights=1.0)
    plan = make_plan(layer, config, arrangements(1, 1)[0], skip_activations=True)
    dut = Sequencer(config=config)

    async def bench(ctx):
        await configure(ctx, dut, plan)
        ctx.set(dut.room[0], (1 << ROOM) - 1)
        await start(ctx, dut, plan)
        seen = []
        for cycle in range(80):
            ctx.set(dut.row_fed, cycle < 4)
            _, _, window = await ctx.tick().sample(dut.window)
            seen += [cycle] * window.want
            ctx.set(dut.block_done, window.want & window.marker)
        assert len(seen) == 9 * 5 + 1 and seen[8:-1] == list(range(seen[8], seen[8] + len(seen) - 9))
        assert seen[-1] == seen[-2] + 2

    simulate(dut, bench, cycles=200)


def test_waiting():
    """`waiting` while a row is missing, and not for want of room."""
    config = small_config(1, 1, 1, queue_words=2)
    layer = random_layer(8, size=(2, 2), kernel=(1, 1), weights=1.0)
    plan = make_plan(layer, config, arrangements(1, 1)[0], skip_activations=True)
    dut = Sequencer(config=config)

    async def bench(ctx):
        await configure(ctx, dut, plan)
        ctx.set(dut.room[0], (1 << ROOM) - 1)
        await start(ctx, dut, plan)
        await ctx.tick().repeat(10)
        assert ctx.get(dut.waiting) and not ctx.get(dut.window.want)
        ctx.set(dut.room[0], 0)
        ctx.set(dut.row_fed, 1)
        await ctx.tick()
        ctx.set(dut.row_fed, 0)
        await ctx.tick().repeat(10)
        assert not ctx.get(dut.waiting) and ctx.get(dut.held) and not ctx.get(dut.finished)

    simulate(dut, bench, cycles=200)
