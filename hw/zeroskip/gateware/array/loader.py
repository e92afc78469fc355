"""The loader: a program's beats into the memories of the lanes, and the check that all of them came."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.structs import struct_of, view
from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.program import (
    BLOCK,
    CHECK,
    HEAD,
    MAGIC,
    PART_BITS,
    PIECE,
    VERSION,
    Target,
    beat_bits,
    digest,
    setup,
    word_bits,
)
from zeroskip.spec.words import instruction_bits


class LoadError(enum.Enum, shape=3):  # type: ignore[call-arg]
    """Why a program was refused."""

    NONE = 0
    HEAD = 1
    """It does not begin as a program."""
    CONFIGURATION = 2
    """It is of another version, or for another configuration."""
    LENGTH = 3
    """It was cut off, or goes on after its end."""
    CHECKSUM = 4
    BLOCK = 5
    """A block for no memory."""
    TURN = 6
    """A part that is not the next one of the program, or that no program waits for."""


class State(enum.Enum, shape=3):  # type: ignore[call-arg]
    """What is read next."""

    HEAD = 0
    BLOCK = 1
    WORDS = 2
    CHECK = 3
    SKIP = 4


class Loader(wiring.Component):
    """Reads one program after another; one that is refused is read to its end, and nothing is started.

    A part of a program waits behind its head until there is room for it. One that is refused can be sent again.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    i : In(stream({data, last}))
        Beats of programs; `last` with the last one of each.
    lane : Out(E)
        The lane that a word is for, one bit each.
    address, word, odd_word : Out, list, instruction : Out(1)
        A word for that lane's list memory, or an instruction; `odd_word` for lanes with odd numbers.
    setup : Out
        Of maps and results.
    clear : Out(1)
        A program begins to come: everything else begins anew.
    start : Out(1)
        It is complete and right: lanes start.
    part_room : In(1)
        A part of the program may come.
    part_ready : Out(1)
        A part of the program is complete and right.
    error : Out(LoadError)
        Why the last program was refused.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        self._beat = beat_bits(config)
        super().__init__({
            "i": In(stream.Signature(data.StructLayout({"data": self._beat, "last": 1}))),
            "lane": Out(config.lanes),
            "address": Out(max(config.list_bits, (config.instructions - 1).bit_length())),
            "word": Out(max(config.list_word_bits, instruction_bits(config))),
            "odd_word": Out(max(config.list_word_bits, instruction_bits(config))), "list": Out(1),
            "instruction": Out(1), "part_room": In(1),
            "setup": Out(struct_of(setup(config))), "clear": Out(1), "start": Out(1), "part_ready": Out(1),
            "error": Out(LoadError),
        })

    def elaborate(self, platform: object) -> Module:
        """Beats are gathered until a piece or a word is whole; then it is used."""
        m = Module()
        self._state, self._full, self._ended = Signal(State), Signal(), Signal()
        widths = {Target.LIST: self._config.list_word_bits, Target.INSTRUCTION: instruction_bits(self._config)}
        slots = {target: word_bits(width, self._beat) for target, width in widths.items()}
        beats = {target: max(1, slot // self._beat) for target, slot in slots.items()}
        self._slots, self._per_beat = slots, {t: max(1, self._beat // slot) for t, slot in slots.items()}
        piece = max(1, PIECE // self._beat)
        most = max(piece, *beats.values())
        gathered = Signal(most * self._beat)
        got = Signal(range(most + 1))
        self._target, self._left = Signal(Target), Signal(16)
        self._lane, self._address, self._pair = Signal(8), Signal(16), Signal()
        self._begins, self._started, self._flush = Signal(), Signal(), Signal(range(timing.FLUSH))
        self._part, self._tag, self._final = Signal(PART_BITS), Signal(HEAD.widths["tag"]), Signal()
        self._number = Signal(range(max(2, *self._per_beat.values())))
        self._last, self._spends = Signal(), Signal()  # of the word that is next: of its block, of its beat
        needed = Signal(range(most + 1))
        words = self._state == State.WORDS
        m.d.comb += needed.eq(piece)
        for target, count in beats.items():
            with m.If(words & (self._target == target)):
                m.d.comb += needed.eq(count)
        used, more, short = Signal(), Signal(), Signal()
        self._first, self._second = Signal(32), Signal(32)
        counts, counted, waited = Signal(name="counts"), Signal(name="counted"), Signal(name="waited")
        self._settled, self._right = Signal(), Signal()
        m.d.comb += self.i.ready.eq(~self._full | more)
        takes, last = self.i.valid & self.i.ready, self.i.payload.last
        with m.If(used):
            m.d.sync += [self._full.eq(0), got.eq(0)]
        with m.If(takes):
            before = Mux(self._full, 0, got)
            whole = before + 1 == needed
            m.d.sync += [gathered.eq(Cat(gathered, self.i.payload.data)[self._beat:]), got.eq(before + 1),
                         self._full.eq(whole | last), short.eq(last & ~whole), self._ended.eq(last)]
        stays = self._full & ~used
        m.d.sync += [counts.eq(takes & (self._state != State.CHECK)), counted.eq(counts), waited.eq(stays),
                     self._settled.eq(stays & waited)]
        self._sum(m, counts, counted, gathered[(most - 1) * self._beat:])
        self._use(m, gathered, most, short, used, more)
        return m

    def _sum(self, m: Module, counts: Value, counted: Value, beat: Value) -> None:
        """A beat into the first sum, and a cycle later that into the second one."""
        folded: Value = beat[:32]
        for number in range(1, self._beat // 32):
            word = beat[32 * number:32 * (number + 1)]
            folded = folded ^ word.rotate_left(8 * number % 32)
        with m.If(counts):
            m.d.sync += self._first.eq(self._first + folded + 1)
        with m.If(counted):
            m.d.sync += self._second.eq(self._second + self._first)

    def _use(self, m: Module, gathered: Value, most: int, short: Value, used: Signal, more: Signal) -> None:
        """What to do with a whole piece, or word."""
        piece = gathered[most * self._beat - max(PIECE, self._beat):]
        m.d.sync += [self.clear.eq(self._flush != 0), self._flush.eq(self._flush - (self._flush != 0)),
                     self.start.eq(0), self.part_ready.eq(0), self.list.eq(0), self.instruction.eq(0)]
        with m.If(self._full):
            with m.Switch(self._state):
                with m.Case(State.HEAD):
                    self._head(m, view(HEAD, piece), short, used)
                with m.Case(State.BLOCK):
                    m.d.comb += used.eq(1)
                    self._block(m, view(BLOCK, piece))
                with m.Case(State.WORDS):
                    self._words(m, gathered, most, short, used, more)
                with m.Case(State.CHECK):
                    check = view(CHECK, piece)
                    m.d.sync += self._right.eq((check.first == self._first) & (check.second == self._second))
                    # what was under way before has gone
                    with m.If(self._settled & (self._flush == 0) & ~self.clear):
                        m.d.comb += used.eq(1)
                        self._check(m, short)
                with m.Case(State.SKIP):
                    m.d.comb += used.eq(1)
                    with m.If(self._ended):
                        self._again(m)

    def _check(self, m: Module, short: Value) -> None:
        """At the end of a program or part: whether it came whole and right."""
        m.d.sync += [self._state.eq(State.HEAD), self._first.eq(0), self._second.eq(0)]
        with m.If(~self._ended | short):
            self._refuse(m, LoadError.LENGTH)
        with m.Elif(~self._right):
            m.d.sync += self.error.eq(LoadError.CHECKSUM)
        with m.Else():
            m.d.sync += [self.start.eq(self._begins), self.part_ready.eq(~self._begins), self._started.eq(1),
                         self._part.eq(Mux(self._begins | self._final, 0, self._part + 1))]

    def _head(self, m: Module, head: data.View, short: Value, used: Signal) -> None:
        """A program's head clears all; a part of it has to be the next one, and to have a place."""
        next_part = self._started & (head.part == self._part) & (head.tag == self._tag)
        holds = Signal(name="holds")
        m.d.comb += used.eq(~holds)
        with m.If((head.magic != MAGIC) | short):
            self._refuse(m, LoadError.HEAD)
        with m.Elif((head.version != VERSION) | (head.digest != digest(self._config))):
            self._refuse(m, LoadError.CONFIGURATION)
        with m.Elif(self._ended):
            self._refuse(m, LoadError.LENGTH)
        with m.Elif(head.begin):
            m.d.sync += [self.error.eq(LoadError.NONE), self.clear.eq(1), self._flush.eq(timing.FLUSH - 1),
                         self._state.eq(State.BLOCK), self._begins.eq(1), self._started.eq(0), self._tag.eq(head.tag)]
        with m.Elif(~next_part):
            self._refuse(m, LoadError.TURN)
        with m.Elif(self.part_room):
            m.d.sync += [self.error.eq(LoadError.NONE), self._state.eq(State.BLOCK), self._begins.eq(0),
                         self._final.eq(head.final)]
        with m.Else():
            m.d.comb += holds.eq(1)

    def _again(self, m: Module) -> None:
        m.d.sync += [self._state.eq(State.HEAD), self._first.eq(0), self._second.eq(0)]

    def _refuse(self, m: Module, error: object) -> None:
        m.d.sync += [self.error.eq(error), self._state.eq(State.SKIP)]
        with m.If(self._ended):
            self._again(m)

    def _block(self, m: Module, block: data.View) -> None:
        m.d.sync += [self._target.eq(block.target), self._lane.eq(block.lane), self._address.eq(block.address),
                     self._left.eq(block.count), self._number.eq(0), self._pair.eq(block.pair),
                     self._last.eq(block.count == 1), self._spends.eq(self._spent(block.target, 0, block.pair))]
        pairs = (block.target == Target.LIST) & int(self._per_beat[Target.LIST] > 1)
        unknown = (block.target > Target.SETUP) | (block.count == 0) | block.pair & ~pairs
        unwanted = (block.target == Target.SETUP) & ~self._begins  # maps lie where they lie while a program runs
        with m.If(self._ended):
            self._refuse(m, LoadError.LENGTH)
        with m.Elif(block.target == Target.END):
            m.d.sync += self._state.eq(State.CHECK)
        with m.Elif(unknown | unwanted):
            self._refuse(m, LoadError.BLOCK)
        with m.Else():
            m.d.sync += self._state.eq(State.WORDS)

    def _spent(self, target: Value, number: Value | int, pair: Value) -> Value:
        """Whether with a beat's word of this number the beat is spent."""
        found: Value = Const(1, 1)
        for own, count in self._per_beat.items():
            found = Mux(target == own, number + Mux(pair, 2, 1) == count, found)
        return found

    def _words(self, m: Module, gathered: Value, most: int, short: Value, used: Signal, more: Signal) -> None:
        """A word of what has been gathered goes to its memory."""
        last, spent = self._last, Signal()
        step = Mux(self._pair, 2, 1)
        following = Mux(spent, 0, self._number + step)
        m.d.comb += spent.eq(self._last | self._spends)
        m.d.sync += [self.lane.eq(Mux(self._pair, 3, 1) << self._lane), self.address.eq(self._address)]
        for target, slot in self._slots.items():
            with m.If(self._target == target):
                per_beat, wide = self._per_beat[target], max(slot, self._beat)
                start = most * self._beat - wide
                word = gathered[start:]
                m.d.sync += [self.word.eq(word.word_select(self._number, slot) if per_beat > 1 else word),
                             self.odd_word.eq(word.word_select(self._number | self._pair, slot) if per_beat > 1
                                              else word),
                             self._address.eq(self._address + 1)]
        with m.If(self._target == Target.SETUP):
            m.d.sync += [self.setup.eq(view(setup(self._config), gathered[most * self._beat - PIECE
                                                                          if self._beat < PIECE else 0:]))]
        m.d.sync += [self._left.eq(self._left - 1), self._last.eq(self._left == 2), self._number.eq(following),
                     self._spends.eq(self._spent(self._target, following, self._pair)),
                     self.list.eq(self._target == Target.LIST),
                     self.instruction.eq(self._target == Target.INSTRUCTION)]
        with m.If(last):
            m.d.sync += self._state.eq(State.BLOCK)
        cut = self._ended & spent | short
        m.d.comb += [used.eq(spent | cut), more.eq(spent & ~last & ~cut)]
        with m.If(cut):
            self._refuse(m, LoadError.LENGTH)
            m.d.sync += [self.list.eq(0), self.instruction.eq(0)]
