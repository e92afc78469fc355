"""The weight-list reader: a lane's lists, and the look ahead at which of their entries have anything to do."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives import block_memory
from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.gateware.structs import delay, struct_of, view
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Kind, entry, header, job

QUEUE_WORDS = 16
"""Words of entries that wait for the issue stage, or are under way to it."""
QUEUE_JOBS = 16
"""Jobs that have been begun and have not left all their sums."""


def located_entry(config: EngineConfig) -> data.StructLayout:
    """An entry with the position of its first activation, and which halves of the map memory it reads."""
    return data.StructLayout({"position": config.position_bits, "weight": 8, "kind": 2, "signed": 1,
                              "halves": 2})


def word_layout(config: EngineConfig) -> data.StructLayout:
    """A word of entries: `mask` says which have something to do.

    `last`: the list ends here, and its sums leave; `begin`, `finish`: it is of a job's first, last vector.
    """
    return data.StructLayout({"entries": data.ArrayLayout(located_entry(config), config.look),
                              "mask": config.look, "last": 1, "begin": 1, "finish": 1})


def started_layout(config: EngineConfig) -> data.StructLayout:
    """What follows from a job that has been begun: its list's header, and where its results go."""
    fields = job(config)
    return data.StructLayout({"header": struct_of(header(config)), "dest": fields.widths["dest"],
                              "column": fields.widths["column"], "final": 1})


class WeightListReader(wiring.Component):
    """Reads a word of a list a cycle, for each vector of a job anew, and drops words that have nothing to do.

    An entry has nothing to do if its weight is zero or, with `look`, all P activations that it meets. A word leaves
    `latency` cycles after it was read; the last word of a list always leaves, for it ends the vector.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    load_address, load_data, load_en : In
        Writes a word of the list memory.
    job : In(stream)
        Jobs, in order.
    look : In(1)
        Whether activations are looked at.
    look_words : Out(word_bits).array(K)
        The word of the map in which an entry's activations begin; its flags are due two cycles later.
    flags, flags_next : In(flags).array(K)
        The flags of that word, and of the next one.
    steal : In(1)
        High three cycles before the flags are not to be had.
    word : Out(word_layout), word_valid : Out(1)
        A word that has something to do; there is always room for it.
    taken : In(1)
        A word has left the queue behind.
    started : Out(started_layout), started_valid : Out(1)
        A job's header has been read.
    done : In(1)
        A job has left all its sums.
    ahead : In(1)
        The last job that was taken does not count yet.
    busy : Out(1)
        A job that counts is being read or has not left all its sums, or a word of it is under way or waits.
    reading : Out(1), holding : Out(1)
        A job is being read, or a word of one is under way or waits; the last one's sums stay.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "load_address": In(config.list_bits),
            "load_data": In(config.list_word_bits),
            "load_en": In(1),
            "job": In(stream.Signature(struct_of(job(config)))),
            "look": In(1),
            "look_words": Out(data.ArrayLayout(config.word_bits, config.look)),
            "flags": In(data.ArrayLayout(config.flags, config.look)),
            "flags_next": In(data.ArrayLayout(config.flags, config.look)),
            "steal": In(1),
            "word": Out(word_layout(config)),
            "word_valid": Out(1),
            "taken": In(1),
            "started": Out(started_layout(config)),
            "started_valid": Out(1),
            "done": In(1),
            "ahead": In(1), "busy": Out(1), "reading": Out(1), "holding": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a word's read to its leaving."""
        return 2 * block_memory.LATENCY + 2

    def elaborate(self, platform: object) -> Module:
        """The address of the list, credits, and behind the memory the look ahead."""
        m = Module()
        config = self._config
        m.submodules.lists = lists = SimpleDualPort(width=config.list_word_bits, depth=config.list_words)
        m.d.comb += [lists.write.address.eq(self.load_address), lists.write.data.eq(self.load_data),
                     lists.write.enable.eq(self.load_en)]
        read, tags = self._walk(m, lists)
        ready = delay(m, tags.as_value(), block_memory.LATENCY, "read_tags")
        tags = data.View(tags.shape(), ready)
        self._header(m, lists.read.data, tags)
        dropped = self._match(m, lists.read.data, tags)
        self._credits(m, read, dropped)
        return m

    def _tags(self) -> data.StructLayout:
        config = self._config
        return data.StructLayout({"entries": 1, "header": 1, "ended": 1, "last": 1, "begin": 1, "finish": 1,
                                  "base": config.position_bits})

    def _walk(self, m: Module, lists: SimpleDualPort) -> tuple[Value, data.View]:
        """The word that is read; whether entries are, and what goes with them."""
        config, job = self._config, self.job.payload
        shift = (config.vector - 1).bit_length()
        active, headers = Signal(), Signal(range(config.header_words + 1))
        address, start = Signal(config.list_bits), Signal(config.list_bits)
        words, left = Signal(config.list_bits), Signal(config.list_bits)
        vector, vectors = Signal.like(job.first), Signal.like(job.vectors)
        begin, last_word, finish, reads = Signal(), Signal(), Signal(), Signal()
        tags = Signal(self._tags(), name="tags")
        self._room, self._jobs_room = Signal(init=1), Signal(init=1)
        entries = reads & self._room & ~(self.steal & self.look)
        take = self.job.valid & self._jobs_room & ~active
        m.d.comb += [self.job.ready.eq(take), lists.read.address.eq(address)]
        m.d.comb += [tags.entries.eq(entries), tags.header.eq(active & (headers != 0)), tags.last.eq(last_word),
                     tags.ended.eq(active & (headers == 1)), tags.begin.eq(begin), tags.finish.eq(finish),
                     tags.base.eq(vector << shift)]
        with m.If(active & (headers != 0)):
            m.d.sync += [headers.eq(headers - 1), address.eq(address + 1), start.eq(address + 1), left.eq(words),
                         last_word.eq(words == 0), reads.eq(headers == 1)]
        with m.If(entries):
            m.d.sync += [address.eq(address + 1), left.eq(left - 1), last_word.eq(left == 1)]
            with m.If(last_word):
                m.d.sync += [address.eq(start), left.eq(words), last_word.eq(words == 0), vector.eq(vector + 1),
                             vectors.eq(vectors - 1), finish.eq(vectors == 1), begin.eq(0)]
                with m.If(finish):
                    m.d.sync += [active.eq(0), reads.eq(0)]
        with m.If(take):
            m.d.sync += [active.eq(1), headers.eq(config.header_words), address.eq(job.list), words.eq(job.words),
                         vector.eq(job.first), vectors.eq(job.vectors), finish.eq(job.vectors == 0), begin.eq(1)]
        self._active, self._take = active, take
        return entries, tags

    def _header(self, m: Module, word: Value, tags: data.View) -> None:
        """Collects the header's words; where the results go was said with the job."""
        config, fields = self._config, header(self._config)
        place = Cat(self.job.payload.dest, self.job.payload.column, self.job.payload.final)
        taken = Signal.like(place, name="place")
        with m.If(self._take):
            m.d.sync += taken.eq(place)
        place = delay(m, taken, block_memory.LATENCY, "place")  # beside the header
        gone = Signal((config.header_words - 1) * config.list_word_bits)
        whole = Cat(gone, word)
        with m.If(tags.header):
            m.d.sync += gone.eq(whole[config.list_word_bits:])
        m.d.sync += [self.started_valid.eq(tags.header & tags.ended), self.started.header.eq(view(fields, whole)),
                     Cat(self.started.dest, self.started.column, self.started.final).eq(place)]
        self._hold = Signal()
        self._held = Signal()
        with m.If(tags.header & tags.ended):
            m.d.sync += self._hold.eq(view(fields, whole).hold)
            m.d.comb += self._held.eq(view(fields, whole).hold)

    def _match(self, m: Module, word: Value, tags: data.View) -> Value:
        """Positions, the look at the flags, and the word that leaves; returns whether one was dropped."""
        config, fields = self._config, entry(self._config)
        last = tags.last & ~self._hold
        tags_1 = delay(m, Cat(tags.entries, last, tags.begin, tags.finish), 1, "located_tags")
        located = Signal(data.ArrayLayout(located_entry(config), config.look))
        low = config.bank_bits
        for k in range(config.look):
            own = view(fields, word[k * fields.bits:(k + 1) * fields.bits])
            m.d.sync += [located[k].position.eq(tags.base + own.offset), located[k].weight.eq(own.weight),
                         located[k].kind.eq(own.kind), located[k].signed.eq(own.signed)]
            m.d.comb += self.look_words[k].eq(located[k].position[low:])
        seen = Signal.like(located)
        located_2 = delay(m, located.as_value(), block_memory.LATENCY - 1, "located")
        m.d.sync += seen.as_value().eq(located_2)
        for k in range(config.look):
            at = data.View(located.shape(), located_2)[k].position
            m.d.sync += seen[k].halves.eq(halves(config, at))
        tags_3 = delay(m, tags_1, block_memory.LATENCY, "seen_tags")
        mask = [self._hit(seen[k], self.flags[k], self.flags_next[k]) for k in range(config.look)]
        m.d.sync += [self.word.entries.eq(seen), self.word.mask.eq(Cat(mask)), self.word.last.eq(tags_3[1]),
                     self.word.begin.eq(tags_3[2]), self.word.finish.eq(tags_3[3])]
        keeps = Cat(mask).any() | tags_3[1]
        m.d.sync += self.word_valid.eq(tags_3[0] & keeps)
        return tags_3[0] & ~keeps

    def _hit(self, entry: data.View, flags: Value, flags_next: Value) -> Value:
        """Whether an entry has something to do."""
        config = self._config
        granule = config.granule
        spans = config.vector // granule
        both, at = Cat(flags, flags_next), entry.position[: config.bank_bits]
        inside = at[: (granule - 1).bit_length()].any() if granule > 1 else 0
        ahead = [both[i:i + spans].any() | inside & both[i + spans] if granule > 1 else both[i:i + spans].any()
                 for i in range(config.flags)]
        chosen: Value = ahead[0]
        first = at[(granule - 1).bit_length():]
        for number in range(1, config.flags):
            chosen = Mux(first == number, ahead[number], chosen)
        return (entry.weight != 0) & (chosen | ~self.look | (entry.kind >= Kind.COMPARE))

    def _credits(self, m: Module, read: Value, dropped: Value) -> None:
        """At most as many words under way or waiting as the queue holds, and as many jobs.

        A job counts a cycle after it was taken; there is no other one so soon. A word's room is free again a cycle
        after it was taken out of the queue, or dropped.
        """
        words, jobs = Signal(range(QUEUE_WORDS + 1)), Signal(range(QUEUE_JOBS + 1))
        some, taken, left, lost = Signal(), Signal(), Signal(), Signal()
        words_next, jobs_next = Signal.like(words), Signal.like(jobs)
        m.d.comb += [words_next.eq(words + read - left - lost),
                     jobs_next.eq(jobs + taken - self.done - self._held)]
        m.d.sync += [words.eq(words_next), some.eq(words_next != 0), self._room.eq(words_next < QUEUE_WORDS),
                     left.eq(self.taken), lost.eq(dropped), taken.eq(self._take), jobs.eq(jobs_next),
                     self._jobs_room.eq(jobs_next < QUEUE_JOBS)]
        counts, one = ~self.ahead | self._hold, jobs[0] | taken
        m.d.comb += [self.holding.eq(self._hold), self.reading.eq(self._active | some),
                     self.busy.eq(jobs[1:].any() | jobs[0] & taken | one & counts | self.reading & ~self.ahead)]


def halves(config: EngineConfig, position: Value) -> Value:
    """Which halves of the map memory a vector at `position` lies in: bit 0 the lower, bit 1 the upper."""
    top, inner = position[-1], position[config.bank_bits:-1]
    past = inner.all() & (position[: config.bank_bits] > config.banks - config.vector)
    return Cat(~top | past, top | past)
