# amaranth: UnusedElaboratable=no
"""The weight-list reader issues each entry once for each vector, and drops only what has nothing to do."""

from __future__ import annotations

from unittest.mock import patch

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data
from tests.formal.harness import Harness
from tests.formal.small import AnyMemory, small

import zeroskip.gateware.lane.reader
from zeroskip.gateware.lane.reader import WeightListReader
from zeroskip.gateware.primitives.block_memory import LATENCY
from zeroskip.gateware.structs import view
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Kind, entry, header


class Watched(WeightListReader):
    """A reader that shows what it reads, and what it drops."""

    def _walk(self, m: Module, lists: AnyMemory) -> tuple[Value, data.View]:
        self.lists = lists
        self.read, self.tags = super()._walk(m, lists)
        return self.read, self.tags

    def _match(self, m: Module, word: Value, tags: data.View) -> Value:
        self.dropped = super()._match(m, word, tags)
        return self.dropped


def _reader(h: Harness, dut: Watched, *, queue_words: int, queue_jobs: int) -> None:
    with patch.multiple(zeroskip.gateware.lane.reader, SimpleDualPort=AnyMemory, QUEUE_WORDS=queue_words,
                        QUEUE_JOBS=queue_jobs):
        h.m.submodules.dut = dut.elaborate(None)
    h.m.d.comb += dut.lists.content.eq(h.free("content", dut.lists.content.shape()))


def order(h: Harness, *, queue_words: int, queue_jobs: int) -> None:
    """Any jobs, any rows, any drops: the addresses that are read, against a walk that is advanced by the reads.

    A job's header is read at once; then all its words for each vector, in order, as soon as the queue has room and
    flags are to be had; and then the next job. Words and jobs are counted from outside.
    """
    config = small(look=2)
    dut = Watched(config=config)
    _reader(h, dut, queue_words=queue_words, queue_jobs=queue_jobs)
    look = h.constant("look")
    words, waiting = Signal(range(queue_words + 2)), Signal(range(queue_words + 2))
    jobs, started = Signal(range(queue_jobs + 2)), Signal(range(queue_jobs + 2))
    taken, done = h.free("taken") & (waiting != 0), h.free("done") & (started != 0)
    h.drive(dut, look=look, taken=taken, done=done)
    job, read, address = dut.job.payload, dut.read, dut.lists.read.address
    # the walk
    running, headers, begin = Signal(), Signal(range(config.header_words + 1)), Signal()
    row, first, left, length = Signal(config.list_bits), *(Signal(config.list_bits, name=f"walk_{name}")
                                                           for name in ("first", "left", "length"))
    vector, vectors = Signal.like(job.first, name="walk_vector"), Signal.like(job.vectors, name="walk_vectors")
    last, finish = left == 0, vectors == 0
    takes = dut.job.valid & dut.job.ready
    with h.m.If(running & (headers != 0)):
        h.m.d.sync += [headers.eq(headers - 1), row.eq(row + 1), first.eq(row + 1)]
    with h.m.If(read):
        h.m.d.sync += [row.eq(Mux(last, first, row + 1)), left.eq(Mux(last, length, left - 1))]
        with h.m.If(last):
            h.m.d.sync += [vector.eq(vector + 1), vectors.eq(vectors - 1), begin.eq(0), running.eq(~finish)]
    with h.m.If(takes):
        h.m.d.sync += [running.eq(1), headers.eq(config.header_words), row.eq(job.list), left.eq(job.words),
                       length.eq(job.words), vector.eq(job.first), vectors.eq(job.vectors), begin.eq(1)]
    due = running & (headers == 0)
    h.prove(read == (due & (words < queue_words) & ~(dut.steal & look)))
    h.prove(takes == (dut.job.valid & (jobs < queue_jobs) & ~running))
    h.prove(~running | (address == row))
    h.prove((dut.tags.header == (running & (headers != 0))) & (dut.tags.ended == (running & (headers == 1))))
    h.prove(~read | ((dut.tags.last == last) & (dut.tags.finish == finish) & (dut.tags.begin == begin)))
    h.prove(~read | (dut.tags.base == vector << (config.vector - 1).bit_length()))
    # credits
    under_way = sum((h.past(read, cycles) for cycles in range(1, dut.latency)), start=dut.word_valid)
    leaves = dut.started_valid & ~dut.started.header.hold
    held = h.past(h.past(running & (headers == 1)), LATENCY - 1) & dut._held
    left, lost = h.past(taken), h.past(dut.dropped)
    h.m.d.sync += [
        words.eq(words + read - left - lost), waiting.eq(waiting + dut.word_valid - taken),
        jobs.eq(jobs + takes - done - held), started.eq(started + leaves - done),
    ]
    h.prove(words == waiting + under_way + left + lost)
    h.prove(waiting + dut.word_valid <= queue_words)
    h.prove(started <= jobs)
    h.prove(started + leaves <= queue_jobs)
    h.prove(dut.reading == (running | (words != 0)))
    h.prove(dut.busy | dut.ahead | ~dut.reading & (jobs == 0))
    h.prove(dut.busy | (jobs <= 1))
    h.cover((words == queue_words) & due & (vectors == 1))
    h.cover(takes & h.past(dut.dropped) & h.past(read))
    h.cover((jobs == queue_jobs) & dut.job.valid & ~running)


def match(h: Harness, *, vector: int, banks: int) -> None:
    """From what is read to the word that leaves: positions, and what of it has something to do.

    Beside each look lies a piece of the map, of which it is known what is not zero; the flags say it for granules.
    """
    config = small(vector=vector, banks=banks, look=2, map_words=4)
    dut = Watched(config=config)
    _reader(h, dut, queue_words=4, queue_jobs=4)
    look = h.constant("look")
    pieces = [h.free(f"some_{k}", 2 * banks) for k in range(config.look)]
    h.drive(dut, look=look, **_flags(config, pieces))
    fields, own = entry(config), dut.word
    read, tags, latency = dut.read, dut.tags, dut.latency
    content = dut.lists.content
    ended = h.past(tags.header & tags.ended, LATENCY)
    for number in range(1, config.header_words):  # a header's words are read one after the other: see `order`
        h.assume(~(tags.header & tags.ended) | h.past(tags.header, number))
    whole = Cat(*(h.past(content, config.header_words - 1 - number) if number < config.header_words - 1 else content
                  for number in range(config.header_words)))
    hold, found = Signal(), view(header(config), whole)
    h.prove(dut._hold == hold)
    with h.m.If(ended):
        h.m.d.sync += hold.eq(found.hold)
    last = h.past(h.past(tags.last, LATENCY) & ~hold, latency - LATENCY)
    h.prove(dut.started_valid == h.past(ended))
    h.prove(~dut.started_valid | (dut.started.header.as_value() == h.past(found)))
    came = h.past(read, latency)
    for k in range(config.look):
        weights = view(fields, content[k * fields.bits:(k + 1) * fields.bits])
        position = Signal(config.position_bits)
        h.m.d.comb += position.eq(h.past(tags.base, LATENCY) + weights.offset)
        h.prove(dut.look_words[k] == h.past(position[config.bank_bits:]))
        later = latency - LATENCY
        at, kind, weight = (h.past(value, later) for value in (position, weights.kind, weights.weight))
        issued = own.entries[k]
        h.prove(Cat(issued.position == at, issued.kind == kind, issued.weight == weight[:8],
                    issued.signed == h.past(weights.signed, later)).all())
        touched = [(at + i)[:config.position_bits] for i in range(vector)]
        lower, upper = Cat(~place[-1] for place in touched).any(), Cat(place[-1] for place in touched).any()
        h.prove(~came | (issued.halves == Cat(lower, upper)))
        exact, near = (h.past(value) for value in _some(h, config, pieces[k], h.past(position, later - 1)))
        works = (weight != 0) & (~look | (kind >= Kind.COMPARE))
        h.prove(own.mask[k] | ~(works | (weight != 0) & exact))
        h.prove(~own.mask[k] | works | (weight != 0) & near)
    h.prove(own.last == last)
    h.prove((own.begin == h.past(tags.begin, latency)) & (own.finish == h.past(tags.finish, latency)))
    h.prove(dut.word_valid == (came & (own.mask.any() | last)))
    h.cover(dut.word_valid & (own.mask == 2) & look & ~last & (own.entries[0].weight != 0))
    h.cover(came & ~dut.word_valid & h.past(read, latency + 1) & look)
    h.cover(dut.word_valid & (own.mask == 0) & h.past(dut.started.header.hold))


def _flags(config: EngineConfig, pieces: list[Signal]) -> dict[str, Value]:
    """Flags of words of which it is known what is not zero, those of the next word on top."""
    flags = [Cat(piece[at:at + config.granule].any() for at in range(0, 2 * config.banks, config.granule))
             for piece in pieces]
    return {"flags": Cat(own[:config.flags] for own in flags), "flags_next": Cat(own[config.flags:] for own in flags)}


def _some(h: Harness, config: EngineConfig, piece: Signal, position: Value) -> tuple[Value, Value]:
    """Whether any of a vector's activations is not zero; and any of the granules that it touches."""
    granule, exact, near = config.granule, Signal(), Signal()
    with h.m.Switch(position[:config.bank_bits]):
        for at in range(config.banks):
            with h.m.Case(at):
                ends = at + config.vector
                begins, until = at // granule * granule, -(-ends // granule) * granule
                h.m.d.comb += [exact.eq(piece[at:ends].any()), near.eq(piece[begins:until].any())]
    return exact, near
