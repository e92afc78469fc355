# amaranth: UnusedElaboratable=no
"""The feeder against loops over passes, rows, planes and columns, between a memory that fills up and rings that empty.

The memory answers one cycle later, holds what it answered, and has nonsense wherever no word has come yet.
"""

from __future__ import annotations

import contextlib
import random
from collections import deque
from dataclasses import replace

import pytest
from tests.hw.layers import random_layer, small_config
from tests.hw.streams import simulate
from tests.hw.test_map_packing import stored
from tests.hw.test_sequencer import ring_place

from zeroskip.arrangement import arrangements
from zeroskip.compiler.packed import PackError
from zeroskip.feature_map import FLAGGED_BITS
from zeroskip.map_feeder import MapFeeder, mask_shape
from zeroskip.plan import Tiling, make_plan, registers
from zeroskip.value_memory import QUAD, QUADS, Value, fill_shape
from zeroskip.wire import WORD_CHANNELS, Config

MASKS_LATER, VALUES_LATER = 1, 5
"""From `row_fed` on: cycles until all masks of the row can be read, and until all of its values can."""


def flagged(word):
    """A word of 16 channels, each with the bit that says that it is not zero."""
    return sum((int(code) | (code != 0) << 8) << Value.size * c for c, code in enumerate(word))


def fields(layout, value):
    """The fields of a number."""
    return {name: value >> field.offset & (1 << field.width) - 1 for name, field in layout}


class Source:
    """The feature-map memory: words come in the order of the stream, as long as there is a slot for their image."""

    def __init__(self, plan, rng):
        self.rng, self.lay = rng, plan.layout
        self.words = [flagged(word) for word in stored(plan.layer, self.lay).tolist()]
        self.held = {}
        lay = self.lay
        self.due = deque((image, plane * lay.plane_size + row * lay.pitch + col) for image in range(lay.images)
                         for row in range(lay.rows) for plane in range(lay.planes) for col in range(lay.cols))
        self.come = self.retired = 0

    def fill(self):
        """The next word, if there is room for it."""
        if self.due and self.due[0][0] - self.retired < self.lay.slots:
            image, at = self.due.popleft()
            self.held[image % self.lay.slots, at] = self.words[image * self.lay.image_size + at]
            self.come += 1

    def retire(self):
        """What was in the slot is gone."""
        slot = self.retired % self.lay.slots
        self.held = {at: word for at, word in self.held.items() if at[0] != slot}
        self.retired += 1

    def read(self, position):
        """A word, nonsense where there is none."""
        slot, at = divmod(position, self.lay.image_size)
        return self.held.get((slot, at), self.rng.getrandbits(FLAGGED_BITS))

    def ports(self):
        """What the memory says of itself: rows, words of the row after them, first line."""
        lay = self.lay
        image_words, row_words = lay.rows * lay.planes * lay.cols, lay.planes * lay.cols
        whole = self.come // image_words > self.retired
        rows = lay.rows if whole else self.come % image_words // row_words
        base = self.retired % lay.slots * lay.image_size
        return {"rows_loaded": rows, "words_loaded": self.come % row_words, "base": base // lay.banks}


def rows_of(plan):
    """Every row of the map that is copied, in order: {position in the value memories: word}, in order."""
    lay, step = plan.layout, 0
    words = [flagged(word) for word in stored(plan.layer, lay).tolist()]
    for alone, number in plan.steps:
        _, count, _ = plan.planes(number)
        first = plan.passes[number].channel_word * lay.stride[0] * lay.stride[1]
        for image in range(plan.images) if alone is None else [alone]:
            for row in range(lay.rows):
                # all images of all passes follow each other in the rings, each pass with its own planes
                yield {
                    ring_place(plan, (plane, step * lay.rows + row, col)) - first * plan.value_ring.size:
                    words[image * lay.image_size + plane * lay.plane_size + row * lay.pitch + col]
                    for plane in range(first, first + count) for col in range(lay.cols)}
            step += 1


def feeds_of(plan):
    """A ``FeedLayout`` for each pass that runs."""
    for image, number in plan.steps:
        first_word, planes, first_position = plan.planes(number)
        yield {"images": plan.images if image is None else 1, "planes": planes, "first_position": first_position,
               "first_word": first_word, "retire": number == len(plan.passes) - 1}


class Memories:
    """The value memories and the masks, as they are filled: a word after the other in each bank."""

    def __init__(self, config):
        self.config, self.values, self.masks, self.under_way = config, {}, {}, {}
        self.fill_shape, self.mask_shape = fill_shape(config.value_lines), mask_shape(config.value_lines)

    def write(self, fills, masks):
        """One cycle, of all banks."""
        for bank, (fill, mask) in enumerate(zip(fills, masks, strict=True)):
            quad, line = self.under_way.get(bank, (0, None))
            if fill & 1:
                own = fields(self.fill_shape, fill)
                at, now = divmod(own["address"], QUADS)
                assert now == quad and line in (None, at), f"bank {bank} is filled with two words at once"
                self.values[at * self.config.banks + bank, quad] = own["values"]
                self.under_way[bank] = (quad + 1) % QUADS, at if quad < QUADS - 1 else None
            else:
                assert quad == 0, f"bank {bank} has part of a word"
            if mask & 1:
                own = fields(self.mask_shape, mask)
                self.masks[own["line"] * self.config.banks + bank] = own["mask"]

    def have_masks(self, row):
        """All masks of a row are in place."""
        bits = {at: sum((word >> Value.size * c + 8 & 1) << c for c in range(WORD_CHANNELS))
                for at, word in row.items()}
        return all(self.masks.get(at) == mask for at, mask in bits.items())

    def have_values(self, row):
        """All values of a row are in place."""
        size = QUAD * Value.size
        return all(self.values.get((at, quad)) == word >> size * quad & (1 << size) - 1
                   for at, word in row.items() for quad in range(QUADS))


class Run:
    """One layer through the feeder, a cycle at a time."""

    def __init__(self, dut, plan, rng, stall):
        self.dut, self.plan, self.rng, self.stall = dut, plan, rng, stall
        self.source, self.memories = Source(plan, rng), Memories(plan.config)
        self.rows, self.feeds = list(rows_of(plan)), deque(feeds_of(plan))
        self.ends = [sum(map(len, self.rows[: n + 1])) for n in range(len(self.rows))]
        self.offered, self.cycle, self.issues = False, 0, []
        self.fed, self.there, self.freed, self.begun = [], 0, 0, 0
        self.retires_at = []
        for n, feed in enumerate(feeds_of(plan)):
            before = sum(feed["images"] for feed in list(feeds_of(plan))[:n])
            for image in range(before, before + feed["images"]) if feed["retire"] else ():
                self.retires_at.append(self.ends[(image + 1) * plan.layout.rows - 1])

    @property
    def over(self):
        return self.freed == len(self.rows)

    @property
    def full(self):
        """There is no room for another row, or no other row."""
        return self.begun - self.freed == min(self.plan.value_ring.rows, len(self.rows) - self.freed)

    def set_inputs(self, ctx, free):
        """Words come, up to `free` rows become free, passes are offered; how many rows."""
        dut, rng = self.dut, self.rng
        if rng.random() >= self.stall:
            self.source.fill()
        for name, value in self.source.ports().items():
            ctx.set(getattr(dut, name), value)
        free = min(free, self.there - self.freed)
        for row in self.rows[self.freed : self.freed + free]:
            assert self.memories.have_masks(row) and self.memories.have_values(row), "overwritten before it was free"
        ctx.set(dut.rows_free, free)
        if self.feeds and not self.offered and rng.random() >= self.stall:
            self.offered = True
            ctx.set(dut.feeds.payload, self.feeds[0])
        ctx.set(dut.feeds.valid, self.offered)
        return free

    async def tick(self, ctx, free):
        """One cycle, in which up to `free` rows become free; what the feeder did in it. How many rows."""
        dut, banks = self.dut, self.plan.config.banks
        free = self.set_inputs(ctx, free)
        _, _, ready, retire, row_fed, address, *ports = await ctx.tick().sample(
            dut.feeds.ready, dut.retire, dut.row_fed, dut.address, *dut.en,
            *(dut.fill[bank].as_value() for bank in range(banks)),
            *(dut.masks[bank].as_value() for bank in range(banks)))
        en, fills, masks = (ports[n * banks : (n + 1) * banks] for n in range(3))
        self.check_rows()
        self.memories.write(fills, masks)
        if self.offered and ready:
            self.offered = False
            self.feeds.popleft()
        self.note_issue(ctx, en, address)
        if retire:
            assert not any(en) and len(self.issues) == self.retires_at[self.source.retired]
            self.source.retire()
        if row_fed:
            assert self.ends[len(self.fed)] <= len(self.issues), "fed before it was read"
            self.fed.append(self.cycle)
        self.freed += free
        self.cycle += 1
        return free

    def note_issue(self, ctx, en, address):
        """The memory's answer; and whether there was room for the row."""
        assert sum(en) <= 1
        for bank, own in enumerate(en):
            if own:
                ctx.set(self.dut.data[bank], self.source.read(address * len(en) + bank))
                self.issues.append(self.cycle)
                assert len(self.issues) <= self.ends[-1], "a word too many"
                self.begun += self.begun == 0 or len(self.issues) > self.ends[self.begun - 1]
                assert self.begun - self.freed <= self.plan.value_ring.rows, "no room for the row"

    def check_rows(self):
        """Rows are there as long after `row_fed` as is said."""
        for n in range(self.there, len(self.fed)):
            if self.cycle == self.fed[n] + MASKS_LATER:
                assert self.memories.have_masks(self.rows[n]), f"masks of row {n}"
            if self.cycle == self.fed[n] + VALUES_LATER:
                assert self.memories.have_values(self.rows[n]), f"values of row {n}"
                self.there = n + 1


async def start(ctx, dut, plan):
    values = registers(plan)
    for register in Config:
        if register < Config.ROW_OFFSET:
            ctx.set(dut.config[register.name.lower()], values.get(register, 0))
    ctx.set(dut.feeds.valid, 0)
    ctx.set(dut.rows_free, 0)
    ctx.set(dut.start, 1)
    await ctx.tick()
    ctx.set(dut.start, 0)


def without_first_channels(layer):
    """The same without weights in the first 16 channels: no pass reads the first planes."""
    weight = layer.weight.copy()
    weight[:, :WORD_CHANNELS] = 0
    return replace(layer, weight=weight)


LAYERS = {
    "plain": (8, random_layer(1, size=(9, 5), kernel=(3, 2), padding=(1, 1)), None),
    "images": (8, random_layer(2, images=5, size=(4, 4), kernel=(2, 2)), None),
    "stride": (32, random_layer(3, images=2, size=(9, 9), kernel=(2, 2), stride=(2, 2), channels=17), None),
    "a word to a row": (16, random_layer(4, images=9, size=(1, 1), kernel=(1, 1), channels=40), None),
    "some planes": (16, random_layer(5, images=2, size=(4, 5), kernel=(2, 1), channels=40, filters=4), (3, 2, 2)),
    "one plane": (8, random_layer(6, images=2, size=(3, 9), kernel=(1, 1), channels=33, weights=1.0), (1, 1, 1)),
    "strided planes": (8, random_layer(7, size=(6, 3), kernel=(2, 2), stride=(2, 1), channels=18, weights=1.0),
                       (3, 1, 1)),
    "later planes": (8, without_first_channels(random_layer(8, images=2, size=(4, 3), kernel=(1, 1), channels=40)),
                     (4, 1, 1)),
}
"""Positions in each bank of the value memory, layer, and how it is cut: rows, tiles of filters, words of channels."""


def make(name, pixels, number, positions=None):
    """The plan of a layer in the arrangement of that number or the next that fits, every other with a large map memory.

    The others have one that is as small as can be. `positions` instead of the layer's own.
    """
    own, layer, cut = LAYERS[name]
    rows, filters, words = cut or (0, 0, 0)
    tiling = Tiling(rows=min(rows, layer.output_shape[2]), filters=filters, channel_words=words) if cut else None
    ways = arrangements(1, pixels)
    for memory in [512] if number % 2 else [16, 32, 64, 128, 256]:
        config = small_config(1, 1, pixels, value_positions=(positions or own) * max(4, pixels), words=64,
                              map_positions=memory, list_entries=1024, result_rows=64)
        for way in (ways + ways)[number // 2 % len(ways) :]:
            with contextlib.suppress(PackError):
                return make_plan(layer, config, way, skip_activations=True, tiling=tiling)
    raise AssertionError("nothing fits")


@pytest.mark.parametrize("stall", [0.0, 0.6])
@pytest.mark.parametrize("pixels", [1, 4, 8])
@pytest.mark.parametrize("name", LAYERS)
def test_rows(name, pixels, stall):
    """Every word of every pass and image is in its place as soon after `row_fed` as is said, and until it is free.

    A bank gets one word at a time; an image goes once, with the last word that is read of it. There is room for every
    row that is begun: rings become full, then some rows become free, a few at a time, and so on. The layer comes twice
    over, the first time cut off somewhere.
    """
    rng = random.Random(f"{name} {pixels} {stall}")
    plan = make(name, pixels, 3 if stall else 0)
    dut = MapFeeder(config=plan.config)

    async def bench(ctx):
        words = sum(map(len, rows_of(plan)))
        for cut in (rng.randrange(2 * words), None):
            run = Run(dut, plan, rng, stall)
            await start(ctx, dut, plan)
            left = 0
            while not run.over and (cut is None or run.cycle < cut):
                left = left or run.full * rng.randint(1, plan.value_ring.rows)
                left -= await run.tick(ctx, min(left, rng.choice([0, 0, 0, 1, 2, 9])))
            if cut is None:
                for _ in range(20):
                    await run.tick(ctx, 0)
                assert len(run.issues) == words and len(run.fed) == len(run.rows)
                assert run.source.retired == plan.images and not run.feeds

    simulate(dut, bench, cycles=20_000)


@pytest.mark.parametrize("pixels", [1, 8])
@pytest.mark.parametrize("name", ["plain", "stride", "some planes"])
def test_rate(name, pixels):
    """A word a cycle within a row, over all of its planes, where everything has come and there is room.

    Between rows, also from one image or pass to the next, at most three cycles are lost.
    """
    rng = random.Random(f"{name} {pixels}")
    plan = make(name, pixels, 1, 128)
    dut = MapFeeder(config=plan.config)
    assert plan.layout.slots >= min(2, plan.images)

    async def bench(ctx):
        run = Run(dut, plan, rng, 0.0)
        while run.source.due and run.source.due[0][0] < plan.layout.slots:
            run.source.fill()
        await start(ctx, dut, plan)
        while not run.over:
            await run.tick(ctx, len(run.rows))
        for n, (now, later) in enumerate(zip(run.issues, run.issues[1:], strict=False), 1):
            assert later - now - 1 <= (3 if n in run.ends else 0), f"word {n}"

    simulate(dut, bench, cycles=20_000)
