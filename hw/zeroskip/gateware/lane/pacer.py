"""The way out, second part: items become commands, as fast as words may leave."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.structs import struct_of
from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import step_parts


def command_layout(config: EngineConfig) -> data.StructLayout:
    """What is done with the values of one cycle.

    `ways`: which of the D sums that were picked count. `put`: a value goes into the word in work, at `at`, or with
    `wide` all D; `inside`: it is a result, else a zero. `emit`: the word `word` leaves. `byte`: of a sum as it is. For
    pooling: `pair`: two neighbours count at once; `column`, and where in its square the value lies.
    """
    return data.StructLayout({
        "ways": config.ways, "inside": config.ways,
        "put": 1, "wide": 1, "at": config.bank_bits, "emit": 1, "word": config.word_bits, "byte": 2, "pair": 1,
        "column": max(1, (config.pool_columns - 1).bit_length()), "first_column": 1, "last_column": 1, "first_row": 1,
    })


def item_layout(config: EngineConfig) -> data.StructLayout:
    """A command that is to be carried out, and what comes with it.

    `moves`: the word that is open leaves before; `full`: with it its word is complete; `close`: with it a job or a fill
    is; `rests`: and the word that is open then leaves, too; `plain`: no word leaves.
    """
    fields = {name: field.shape for name, field in command_layout(config) if name != "emit"}
    return data.StructLayout({**fields, "moves": 1, "full": 1, "close": 1, "rests": 1, "plain": 1})


class Pacer(wiring.Component):
    """Carries items out in order, so that a lane's words leave one in E cycles, or more for the stream.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    items : In(stream(item_layout))
        What is next.
    halt : In(1)
        Results for the stream have to wait.
    step_1 : In
        The second part of the step's configuration.
    command : Out(command_layout)
        In each cycle; without `ways` and `emit` nothing is done.
    closed : Out(1)
        A job or a fill is complete.
    busy : Out(1)
        There is an item.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "items": In(stream.Signature(item_layout(config))), "halt": In(1),
            "step_1": In(struct_of(step_parts(config)[1])),
            "command": Out(command_layout(config)), "closed": Out(1), "busy": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        """One item; it goes when it has been carried out, and words have left before and behind it."""
        m = Module()
        layout, new, arrives = item_layout(self._config), self.items.payload, self.items.valid
        item, flushes, leaves = Signal(layout, init={"plain": 1}), Signal(), Signal()
        valid, taken, open_word = Signal(), Signal(init=1), Signal(self._config.word_bits)
        step, flush, may_emit, waits = self._pace(m, flushes, item.full)  # of an item that is none, nothing is done
        # Whether an item goes in the next cycle: a plain one, or with `leaves` one that goes with a word that leaves.
        # All that is before waits for that, so it is a register.
        plain, with_word = Mux(flush, ~item.full & ~item.rests, item.plain), step | Mux(flush, item.full, leaves)
        new_plain, new_leaves = new.plain | ~arrives, arrives & new.full & ~new.moves
        m.d.comb += [self.items.ready.eq(taken), self.closed.eq(valid & taken & item.close), self.busy.eq(valid)]
        m.d.sync += taken.eq(~waits & Mux(taken, new_plain | new_leaves & may_emit, plain | with_word & may_emit))
        with m.If(taken):
            m.d.sync += [item.eq(new), valid.eq(arrives), leaves.eq(new_leaves), flushes.eq(arrives & new.moves),
                         item.plain.eq(new_plain)]
            m.d.sync += [item[name].eq(arrives & new[name]) for name in ("full", "rests")]
        with m.Else():
            m.d.sync += [leaves.eq(with_word), item.plain.eq(plain), flushes.eq(step | flushes & ~flush)]
        carried = step & valid
        with m.If(carried & item.put):
            m.d.sync += open_word.eq(item.word)
        fields = {"put": item.put & carried, "ways": Mux(carried, item.ways, 0), "emit": flush | step & item.full,
                  "word": Mux(flush, open_word, item.word)}
        m.d.comb += [self.command[name].eq(fields[name] if name in fields else item[name])
                     for name, _ in command_layout(self._config)]
        return m

    def _pace(self, m: Module, flushes: Value, completes: Value) -> tuple[Value, Value, Value, Value]:
        """Whether an item is carried out, and the open word leaves: words leave one in E cycles, or more.

        And of the next cycle, whether a word may leave, and whether everything waits.
        """
        lanes, may_emit, waits = self._config.lanes, Signal(init=1), Signal()
        may_next, waits_next = Signal(), Signal()
        slow = timing.STREAM_TURNS * lanes - 1
        pace, step, flush = Signal(range(slow + 1)), Signal(), Signal()
        m.d.comb += [waits_next.eq(self.halt & self.step_1.late), may_next.eq(may_emit | (pace == 1))]
        m.d.sync += [waits.eq(waits_next), may_emit.eq(may_next)]
        m.d.comb += [flush.eq(flushes & may_emit & ~waits), step.eq(~flushes & (may_emit | ~completes) & ~waits)]
        with m.If(flush | step & completes):
            m.d.sync += pace.eq(Mux(self.step_1.stream, slow, lanes - 1))
            m.d.comb += may_next.eq(~self.step_1.stream & int(lanes == 1))
        with m.Elif(~may_emit):
            m.d.sync += pace.eq(pace - 1)
        return step, flush, may_next, waits_next
