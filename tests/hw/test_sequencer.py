# amaranth: UnusedElaboratable=no
"""The sequencer against loops over blocks and windows; rows arrive and slots are freed at any time."""

from __future__ import annotations

import functools
import operator
import random

import pytest
from amaranth.utils import ceil_log2
from tests.hw.layers import random_layer, small_config, some_plan
from tests.hw.streams import simulate
from tests.hw.test_map_packing import stored

from zeroskip.arrangement import arrangements
from zeroskip.plan import make_plan
from zeroskip.program import GROUP_BASES
from zeroskip.program_image import read_config
from zeroskip.sequencer import Sequencer
from zeroskip.wire import WORD_CHANNELS, Config, Section
from zeroskip.zero_skip_program import program_sections

POISON = b"\xa5" * WORD_CHANNELS


def windows(plan):
    """Everything on the bus, in order: (parts, marker, word, mask, words), and None where an image ends.

    From the result's pixels: what the tap of each group reads for each of its pixels, straight from the layer.
    """
    config, layer, lay = plan.config, plan.layer, plan.layout
    memory = stored(layer, lay)
    images, everyone = layer.output_shape[0], (1 << config.groups) - 1
    turn = plan.grid.exchange(images)
    places = [plan.grid.places(group) for group in range(config.groups)]
    for image in range(images):
        for block in range(plan.grid.count):
            for window in plan.passes[0].table:
                parts, words = [0] * config.columns, [bytes(WORD_CHANNELS)] * config.fetched
                taps = [(column, *own) for column, seen in enumerate((window.words, window.second))
                        for own in seen.items()]
                for column, group, word in taps:
                    y, x, valid = (values[block].tolist() for values in places[group])
                    reads = {p: at for p in range(config.pixels) if valid[p]
                             and (at := position(plan, word, y[p], x[p])) is not None}
                    for p, at in reads.items():
                        words[p + column] = memory[image * lay.image_size + at].tobytes()
                    if reads:
                        parts[column] |= 1 << turn[image * plan.grid.count + block].tolist().index(group)
                if any(parts):
                    mask = sum(1 << WORD_CHANNELS * n + c for n, own in enumerate(columns_of(words, config))
                               for c in range(WORD_CHANNELS) if any(word[c] for word in own)
                               or (parts[n] and not plan.skip_activations))
                    yield parts, 0, window.word, mask, words
            yield [everyone] * config.columns, 1, None, None, None
        # the marker of the last block of an image retires it
        yield None
    yield [everyone] * config.columns, 1, None, None, None


def columns_of(words, config):
    """The words of each column."""
    return [words[first : first + config.pixels] for first in range(0, config.fetched, config.pixels)]


def position(plan, word, y, x):
    """Where a tap of the pixel (y, x) lies in the map's memory, None outside of it."""
    layer, lay = plan.layer, plan.layout
    tap, channel_word = divmod(word, lay.channel_words)
    in_y = y * layer.stride[0] + tap // layer.kernel[1] - layer.padding[0]
    in_x = x * layer.stride[1] + tap % layer.kernel[1] - layer.padding[1]
    if not (0 <= in_y < lay.rows * layer.stride[0] and 0 <= in_x < lay.cols * layer.stride[1]):
        return None
    return lay.offset(in_y, in_x, channel_word)[0]


class Surroundings:
    """What stands around the sequencer: the map, arriving row by row, and groups that free their slots in order."""

    def __init__(self, plan, dut, rng, stall):
        self.plan, self.dut, self.rng, self.stall = plan, dut, rng, stall
        self.memory = stored(plan.layer, plan.layout)
        self.image = self.rows = self.retired = 0
        self.used = [0] * plan.config.groups
        self.seen = []

    def read(self, bank, line):
        """The word of the image being read; poison where its row has not come."""
        lay = self.plan.layout
        base = (self.image % lay.slots) * lay.image_size
        position = (line * self.plan.config.fetched + bank - base) % self.plan.config.map_positions
        row, col = divmod(position % lay.plane_size, lay.pitch)
        if position >= lay.planes * lay.plane_size or row >= self.rows or col >= lay.cols:
            return POISON
        return self.memory[self.image * lay.image_size + position].tobytes()

    def taken(self, values, mask, parts):
        """Mask and words; those of a column that nobody takes do not count."""
        raw = values.to_bytes(WORD_CHANNELS * self.plan.config.fetched, "little")
        words = [raw[at : at + WORD_CHANNELS] for at in range(0, len(raw), WORD_CHANNELS)]
        for column, part in enumerate(parts):
            if not part:
                words[column] = bytes(WORD_CHANNELS)
                mask &= ~(0xFFFF << WORD_CHANNELS * column)
        return mask, words

    def cycle(self, ctx, retire, window, reads):
        """Answer what was seen in the cycle before."""
        dut, lay, config = self.dut, self.plan.layout, self.plan.config
        for bank, (en, line) in enumerate(reads):
            if en:
                ctx.set(dut.data[bank], int.from_bytes(self.read(bank, line), "little"))
        want, marker, word, mask, values, parts = window
        if want:
            parts = [parts >> config.groups * n & (1 << config.groups) - 1 for n in range(config.columns)]
            assert functools.reduce(operator.or_, parts) == want
            self.seen.append((parts, 1, None, None, None) if marker else
                             (parts, 0, word, *self.taken(values, mask, parts)))
        release = 0
        for group in range(config.groups):
            self.used[group] += want >> group & 1
            assert self.used[group] <= config.queue_words, "no slot was free"
            if self.used[group] and self.rng.random() >= self.stall:
                self.used[group] -= 1
                release |= 1 << group
        ctx.set(dut.release, release)
        if retire:
            assert self.rows == lay.rows, "retired before it was complete"
            self.image, self.rows, self.retired = self.image + 1, 0, self.retired + 1
            ctx.set(dut.base, (self.image % lay.slots) * lay.image_size // config.fetched)
        if self.image < lay.images and self.rows < lay.rows and self.rng.random() >= self.stall:
            self.rows += 1
        ctx.set(dut.rows_loaded, self.rows)


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
                                 "fresh": 1, "final": 1, "retire": 1, "join": 0, "rows": plan.layer.output_shape[2]})
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
                          lane_filters=4)
    rng = random.Random(f"{name} {shape} {stall}")
    plan = some_plan(LAYERS[name], config, rng.randrange(100), rng.random() < 0.7)
    wanted = list(windows(plan))
    images = wanted.count(None)
    wanted = [window for window in wanted if window is not None]
    fetched = config.fetched
    dut = Sequencer(groups=groups, pixels=pixels, columns=columns, windows=config.windows, queue_words=queue,
                    line_bits=ceil_log2(positions // fetched))
    bus = dut.window

    async def bench(ctx):
        await configure(ctx, dut, plan)
        for _ in range(2):
            around = Surroundings(plan, dut, rng, stall)
            ctx.set(dut.release, 0)
            ctx.set(dut.base, 0)
            ctx.set(dut.rows_loaded, 0)
            await start(ctx, dut, plan)
            quiet = 0
            while quiet < 100:
                _, _, retire, finished, *rest = await ctx.tick().sample(
                    dut.retire, dut.finished, bus.want, bus.marker, bus.word, bus.mask, bus.data.as_value(),
                    bus.parts.as_value(), *dut.en, *dut.address)
                window, reads = rest[:6], rest[6:]
                around.cycle(ctx, retire, window, list(zip(reads[:fetched], reads[fetched:], strict=True)))
                quiet += len(around.seen) >= len(wanted)
            for index, (found, want) in enumerate(zip(around.seen, wanted, strict=True)):
                assert found == want, f"{index} of {len(wanted)}, {plan.arrangement}"
            assert around.retired == images and finished and not any(around.used)

    simulate(dut, bench, cycles=10_000)


def test_rate():
    """W windows and a marker in W + 1 cycles; from issue to the bus `latency` cycles."""
    config = small_config(1, 1, 1, queue_words=16)
    layer = random_layer(7, size=(4, 4), kernel=(2, 2), weights=1.0)
    plan = make_plan(layer, config, arrangements(1, 1)[0], skip_activations=True)
    dut = Sequencer(groups=1, pixels=1, windows=config.windows, queue_words=16, line_bits=8)

    async def bench(ctx):
        await configure(ctx, dut, plan)
        ctx.set(dut.rows_loaded, 4)
        await start(ctx, dut, plan)
        seen, issued = [], []
        for cycle in range(80):
            _, _, en, window = await ctx.tick().sample(dut.en[0], dut.window)
            issued += [cycle] * en
            seen += [cycle] * window.want
            ctx.set(dut.release, window.want)
        assert len(seen) == 9 * 5 + 1 and seen == list(range(seen[0], seen[0] + len(seen)))
        assert seen[0] - issued[0] == dut.latency

    simulate(dut, bench, cycles=200)


def test_waiting():
    """`waiting` while a row is missing, and not for want of a slot."""
    config = small_config(1, 1, 1, queue_words=2)
    layer = random_layer(8, size=(2, 2), kernel=(1, 1), weights=1.0)
    plan = make_plan(layer, config, arrangements(1, 1)[0], skip_activations=True)
    dut = Sequencer(groups=1, pixels=1, windows=config.windows, queue_words=2, line_bits=8)

    async def bench(ctx):
        await configure(ctx, dut, plan)
        await start(ctx, dut, plan)
        await ctx.tick().repeat(10)
        assert ctx.get(dut.waiting) and not ctx.get(dut.window.want)
        ctx.set(dut.rows_loaded, 1)
        await ctx.tick().repeat(10)
        assert not ctx.get(dut.waiting) and not ctx.get(dut.finished)  # window and marker fill the queue

    simulate(dut, bench, cycles=200)
