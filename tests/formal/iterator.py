# amaranth: UnusedElaboratable=no
"""The iterator visits each wanted channel of each word once, in order, and nothing else."""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Array, Cat, Mux, Signal
from tests.formal.harness import Harness

import zeroskip.iterator


def iterator(h: Harness, *, words: int, queue_words: int, channels: int, columns: int = 1) -> None:
    """Follow any one word from its arrival until its last visit: what is visited of it is what it should be.

    A word has `channels` channels, a pointer two bits. Words come as they may: issued where there is room, looked up in
    order, pushed in the cycle after. The tables are written at any time, but for what is being looked up, and one
    pointer that is looked at, which stays while a word is under way. `start` comes when no word is.
    """
    bits, position_bits = (channels - 1).bit_length(), 2 if columns == 2 else 1
    with patch.multiple(zeroskip.iterator, WORD_CHANNELS=channels, CHANNEL_BITS=bits, START_BITS=1, MORE_BITS=1):
        dut = zeroskip.iterator.Iterator(words=words, queue_words=queue_words, position_bits=position_bits, pixels=1,
                                         columns=columns)
        h.m.submodules.dut = dut.elaborate(None)
    step, ring = h.constant("step", dut.word_step.shape()), h.constant("ring", position_bits)
    h.assume(ring != 2)  # the low bits
    places, coming, inside, unpassed = (Signal(range(queue_words + 1), name=name)
                                        for name in ("places", "coming", "inside", "unpassed"))
    # the environment
    issue, look = h.free("issue") & dut.places[0], h.free("look") & (coming != 0)
    start = h.free("start") & (coming == 0) & ~issue & ~h.past(look)
    visit = dut.visits.payload
    moved = dut.visits.valid & dut.visits.ready
    over = moved & visit.last
    passed = h.free("passed") & ((unpassed != 0) | over)
    h.drive(dut, issue=issue, look=look, push=h.past(look), start=start, passed=passed, word_step=step, ring=ring)
    occupancy = Array(Signal(channels, name=f"occupancy_{word}") for word in range(words))
    with h.m.If(dut.write_occupancy):
        h.m.d.sync += occupancy[dut.occupancy_address].eq(dut.occupancy_data)
    looked = [dut.word, (dut.word + step)[: len(dut.word)]][:columns]
    for word in looked:
        h.assume(~(look & dut.write_occupancy & (dut.occupancy_address == word)))
    wanted = dut.mask & Cat(h.past(occupancy[word]) for word in looked)
    arrives = dut.push & (dut.marker | (wanted != 0))
    dropped = h.past(dut.push & ~arrives)
    h.m.d.sync += [places.eq(places + issue - dropped - passed), coming.eq(coming + issue - look),
                   inside.eq(inside + arrives - over), unpassed.eq(unpassed + over - passed)]
    place, pointer = h.constant("place", dut.pointer_address.shape()), Signal(2)
    with h.m.If(dut.write_pointer & (dut.pointer_address == place)):
        h.m.d.sync += pointer.eq(dut.pointer_data)
    h.assume(~(dut.write_pointer & (dut.pointer_address == place)) | ((inside == 0) & ~dut.push))
    # the word that is followed
    chosen, ahead = Signal(), Signal(range(queue_words + 1))
    left, marker, number = Signal(channels * columns), Signal(), Signal.like(dut.word, name="number")
    position, pixels = Signal(position_bits), Signal()
    arrived = h.past(dut.word)
    choose, here = h.free("choose") & arrives & ~chosen, chosen & (ahead == 0)
    with h.m.If(choose):
        h.m.d.sync += [chosen.eq(1), ahead.eq(inside - over), left.eq(Mux(dut.marker, dut.mask, wanted)),
                       marker.eq(dut.marker), number.eq(arrived), position.eq(dut.position),
                       pixels.eq(dut.inside)]
    with h.m.Elif(here & moved):
        h.m.d.sync += [left.eq(left & (left - 1)), chosen.eq(~over)]
    with h.m.Elif(chosen & over):
        h.m.d.sync += ahead.eq(ahead - 1)
    lowest = left & ~(left - 1)
    second = (lowest >> channels) != 0
    own = Mux(second, number + step, number)[: len(number)]
    at = Mux(second, (position & ~ring) | (position + 1) & ring, position)
    visits = here & dut.visits.valid
    h.prove(~dut.visits.valid | (inside != 0))
    h.prove(~visits | (visit.marker == marker))
    h.prove(~visits | ~marker | (visit.last & (visit.channel == left[:bits])))
    ordinary = visits & ~marker
    h.prove(~ordinary | ((1 << visit.channel) == Mux(second, lowest >> channels, lowest)))
    h.prove(~ordinary | (visit.last == (left == lowest)))
    h.prove(~ordinary | ((visit.position == at) & (visit.inside == pixels)))
    h.prove(~(ordinary & (Cat(visit.channel, own) == place)) | (Cat(visit.end, visit.more) == pointer))
    # it does not stay
    quiet = Signal(3)
    h.m.d.sync += quiet.eq(Mux((inside == 0) | dut.visits.valid, 0, quiet + 1))
    h.prove(quiet != 4)
    for taken, free in enumerate(dut.places):
        h.prove(free == (places + taken < queue_words))
    h.prove(h.past(start) | (inside == 0) | dut.busy)
    h.prove(h.keeps(dut.visits) | h.past(start))
    with h.m.If(start):
        h.m.d.sync += [places.eq(0), inside.eq(0), unpassed.eq(0), chosen.eq(0), quiet.eq(0)]
    h.cover(here & over & ~marker & (ahead == 0) & (pointer == 2) & (Cat(visit.channel, own) == place))
    h.cover((inside == queue_words) & moved & ~visit.last)
    h.cover(moved & h.past(dropped))
    h.cover(chosen & h.past(start, 4) & marker)
    if columns == 2:
        h.cover(ordinary & second & (visit.position == 0) & (position != 0))
