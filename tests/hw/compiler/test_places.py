"""Where maps lie: never over each other at the same time, and by climbing where writes disturb the least."""

from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeroskip.compiler import places
from zeroskip.compiler.layout import Layout, Margin
from zeroskip.compiler.places import FEW_ZEROS, Placed, PlanError, Wishes, Work, beside, placed
from zeroskip.spec.config import EngineConfig

WORDS = 1024
CONFIG = EngineConfig(lanes=2, vector=4, look=2, ways=2, banks=4, map_words=WORDS, list_words=1024, instructions=256)


def work_of(sizes, reads, *, entries=None, zeros=None, predecessors=None, words=WORDS):
    """A chain of maps of so many words of four: map 0 comes in; each step reads a map, and the `reads` of it."""
    layouts, steps, lives = {}, [], {"0": (-1, 0)}
    for number, size in enumerate(sizes):
        layouts[str(number)] = Layout(channels=size, rows=1, columns=4, phases=(1, 1), pitch=4, margin=Margin(),
                                      banks=4)
    for number in range(1, len(sizes)):
        sources = (str(number - 1), *(str(own) for own in reads.get(number, ()) if own < number - 1))
        count = 1 if entries is None else entries[number - 1]
        taps = SimpleNamespace(source=np.repeat(np.arange(len(sources)), count))
        steps.append(SimpleNamespace(out=str(number), sources=sources, taps=(taps,), filters=sizes[number]))
        lives[str(number)] = (number - 1, number - 1)
        for name in sources:
            lives[name] = (lives[name][0], number - 1)
    config = EngineConfig(**{**{name: getattr(CONFIG, name) for name in CONFIG.__dataclass_fields__},
                             "map_words": words})
    return Work(config=config, steps=steps, layouts=layouts, lives=lives, zeros=zeros or {},
                predecessors=predecessors or {})


def together(one, other):
    return one[0] <= other[1] and other[0] <= one[1]


def cost_after(work, attempts):
    """What the best of so many placements costs; infinite where none fits."""
    with patch.object(places, "ATTEMPTS", attempts):
        try:
            return placed(work)[1]
        except PlanError:
            return float("inf")


chains = st.lists(st.integers(1, 200), min_size=2, max_size=7)


@settings(deadline=None, max_examples=60)
@given(sizes=chains, reads=st.dictionaries(st.integers(1, 6), st.tuples(st.integers(0, 4)), max_size=3),
       zeros=st.dictionaries(st.integers(0, 6), st.integers(0, 90), max_size=4))
def test_maps_of_the_same_time_never_lie_over_each_other(sizes, reads, zeros):
    work = work_of(sizes, reads, zeros={str(name): count for name, count in zeros.items() if name < len(sizes)})
    with patch.object(places, "ATTEMPTS", 20):
        try:
            found, cycles = placed(work)
        except PlanError:
            assert sum(layout.words for layout in work.layouts.values()) > WORDS  # beside each other they would fit
            return
    assert found.keys() == work.layouts.keys()
    for name, own in found.items():
        assert own.base >= 0 and own.end <= WORDS
        for other in beside(name, found):
            assert not together(work.lives[name], work.lives[other]), (name, other)
    assert cycles == places.disturbance(work, found) + places.zeros(work, found)


@settings(deadline=None, max_examples=20)
@given(sizes=chains, seed=st.integers(0, 99))
def test_climbing_is_never_worse_than_where_it_began(sizes, seed):
    rng = np.random.default_rng(seed)
    work = work_of(sizes, {}, entries=rng.integers(1, 40, len(sizes)), zeros={str(len(sizes) // 2): 60})
    assert cost_after(work, 40) <= cost_after(work, 4)


def test_climbing_finds_what_the_first_placements_miss():
    """Some chain of six maps costs less after 200 placements than after the four to begin with."""
    better = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        work = work_of(rng.integers(60, 240, 6).tolist(), {4: (1,), 5: (2,)}, entries=rng.integers(1, 40, 6),
                       zeros={"2": 60, "3": 50})
        before, after = cost_after(work, 4), cost_after(work, 200)
        assert after <= before
        better += after < before
    assert better


def test_zeros_count_where_another_map_uses_the_place():
    work = work_of([10, 10, 10], {}, zeros={"0": 40, "1": 50})
    own = {str(number): Placed(layout=work.layouts[str(number)], base=base) for number, base in enumerate((0, 100, 5))}
    assert places.zeros(work, own) == 40.0  # map 2 lies over map 0, nothing over map 1
    assert beside("0", own) == ["2"]


def test_one_with_many_zeros_is_alone_where_there_is_room_and_shares_where_there_is_not():
    sizes, zeros = [100, 100, 100, 100], {"0": FEW_ZEROS + 40}
    found, cycles = placed(work_of(sizes, {}, zeros=zeros, entries=[1] * 4))
    assert not beside("0", found) and cycles < FEW_ZEROS
    found, cycles = placed(work_of(sizes, {}, zeros=zeros, entries=[1] * 4, words=256))
    assert beside("0", found) and cycles >= FEW_ZEROS + 40


def test_what_does_not_fit_is_named_with_the_setting_that_would_take_it():
    with pytest.raises(PlanError, match=r"map '1' takes 700 words .* has 1024 \(map_words\)"):
        placed(work_of([400, 700], {}))


def test_a_wish_changes_only_maps_that_there_are():
    work = work_of([10, 20, 30, 40], {}, zeros={"1": FEW_ZEROS + 1, "2": 3}, predecessors={"3": "1"})
    rng, wishes, seen = np.random.default_rng(0), Wishes(), []
    for _ in range(60):
        wishes = wishes.changed(work, rng)
        seen.append(wishes)
    assert len({repr(own) for own in seen}) > 30
    assert {name for own in seen for name in own.draws} == set(work.layouts)
    assert {name for own in seen for name in own.moved} == {"3"}
    assert {name for own in seen for name in own.alone} == {"1"}  # few zeros are written without further ado
