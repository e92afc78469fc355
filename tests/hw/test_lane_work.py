"""What the compiled loops count, against plain loops over the layer's own arrays."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from tests.hw.layers import random_layer, small_config
from tests.hw.test_tiled import CONFIGS, LAYERS

from zeroskip.arrangement import arrangements
from zeroskip.compiler.packed import PackError
from zeroskip.counts import count
from zeroskip.cycle_model import lower_bound, predict
from zeroskip.lane_work import lane_work
from zeroskip.lists import words_of
from zeroskip.plan import make_plan
from zeroskip.window_counts import lane_sums
from zeroskip.zero_skip_packing import plans
from zeroskip.zero_skip_program import pass_beats, pass_sections


def unpack(packs, field, lanes):
    """A field of ``WORK`` by lane."""
    fields = packs[field][..., None] >> np.arange(0, 64, 16) & 0xFFFF
    return fields.reshape(*packs.shape[:3], 4 * packs.shape[3])[..., :lanes]


def plain(plan, number, image, block, t, group):
    """(last row read, lists by lane: the filters of each list that is walked, in order), or None."""
    place, window = int(plan.exchange[image, block, group]), plan.passes[number].table[t]
    seen = [plain_word(plan, number, image, block, place, words[place])
            for words in (window.words, window.second) if place in words]
    taken = [one for one in seen if one is not None]
    if not taken:
        return None
    rows, lanes = zip(*taken, strict=True)
    return max(rows), [list(chain(*columns)) for columns in zip(*lanes, strict=True)]


def plain_word(plan, number, image, block, place, word):
    """The same for one column of a window."""
    layer, config, own = plan.layer, plan.config, plan.passes[number]
    y, x, valid = (values[block] for values in plan.grid.places(place))
    tap, channel_word = divmod(word, plan.tiling.channel_words)
    (kh, kw), (sy, sx), (py, px) = layer.kernel, layer.stride, layer.padding
    assert 0 <= tap < kh * kw
    data = np.zeros((plan.layout.channel_words * 16, plan.layout.rows * sy, plan.layout.cols * sx), bool)
    _, channels, height, width = layer.input4.shape
    data[:channels, :height, :width] = layer.input4[image] != 0
    first, last, mask = 16 * (own.channel_word + channel_word), -1, np.zeros(16, bool)
    for row, col, here in zip(y, x, valid, strict=True):
        at, across = row * sy + tap // kw - py, col * sx + tap % kw - px
        if here and row < plan.image_rows[image] and 0 <= at < data.shape[1] and 0 <= across < data.shape[2]:
            last = max(last, at // sy)
            mask |= data[first : first + 16, at, across]
    if last < 0:
        return None
    mask |= not plan.skip_activations
    weights = words_of(layer)[:, tap * plan.layout.channel_words + own.channel_word + channel_word]
    split = plan.arrangement.place(place)[0]
    lanes = []
    for numbers in own.filters[split * config.lanes : (split + 1) * config.lanes]:
        lists = [[at for at, f in enumerate(numbers) if f >= 0 and weights[f, channel]] for channel in
                 np.flatnonzero(mask)]
        lanes.append([entries for entries in lists if entries])
    return last, lanes


def agree(plan, number, work, at):
    """One window of one group."""
    image, block, t, group = at
    lanes, row = plan.config.lanes, image * plan.grid.count + block
    wanted = plain(plan, number, *at)
    assert work.wanted[row, t, group] == (wanted is not None)
    if wanted is None:
        return -1
    for lane, lists in enumerate(wanted[1]):
        here = work.packs[row : row + 1, t : t + 1, group : group + 1]
        cycles, last, touched, alone, before = (int(unpack(here, field, lanes)[0, 0, 0, lane])
                                                for field in ("cycles", "last", "touched", "alone", "before"))
        every = [entry for entries in lists for entry in entries]
        assert cycles == len(every)
        assert touched == sum(1 << entry for entry in set(every))
        walked = [entry for entries in lists for entry in reversed(entries)]  # lists are walked from the end on
        assert last == (len(lists[-1]) if lists else 0)
        for found, place in ((alone, 1), (before, 2)):
            number = walked[-place] if len(walked) >= place else None
            assert found == (1 << number if walked.count(number) == 1 else 0)
    return wanted[0]


@pytest.mark.parametrize("skip", [True, False])
@pytest.mark.parametrize("name", ["pixels", "stride", "int8", "all", "depthwise"])
@pytest.mark.parametrize("config", CONFIGS)
def test_windows(config, name, skip):
    """A few windows of the first plan and of the last, in every pass."""
    rng = np.random.default_rng(len(name))
    found = plans(LAYERS[name].as_convolution(), CONFIGS[config], skip_activations=skip)
    for plan in (found[0], found[-1]):
        for number, work in enumerate(lane_work(plan)):
            table = len(plan.passes[number].table)
            for _ in range(6 if table else 0):
                image, block, t = (int(rng.integers(count)) for count in (plan.images, plan.grid.count, table))
                rows = [agree(plan, number, work, (image, block, t, group)) for group in range(plan.config.groups)]
                assert work.row[image * plan.grid.count + block, t] == max(rows)


@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
def test_all_lanes_together(lanes):
    """With one pixel to a weight, the entries walked are the products with both operands; sums by lane."""
    layer = random_layer(lanes, filters=19, channels=21, padding=(1, 1), images=2)
    for way in arrangements(2, 1):
        try:
            plan = make_plan(layer, small_config(2, lanes, 1, lane_filters=16), way, skip_activations=True)
        except PackError:
            continue
        (work,) = lane_work(plan)
        sums = lane_sums(work.packs)
        assert np.array_equal(sums, work.cycles.sum(axis=(0, 1))) and sums.sum() == count(layer)["pairs"]
        assert not sums[:, lanes:].any()
        figures = predict(plan)
        assert figures["multiplications"] == count(layer)["pairs"] and figures == predict(plan, [work])
        assert sums.max() <= lower_bound(plan, [work]) <= figures["total"]


@pytest.mark.parametrize("config", CONFIGS)
def test_beats_of_passes(config):
    """Counted, they are as many as are sent."""
    for layer in LAYERS.values():
        for plan in plans(layer.as_convolution(), CONFIGS[config], skip_activations=True):
            sent = [sum(1 + len(section.rows) for section in step) for step in pass_sections(plan)]
            assert pass_beats(plan) == sent
