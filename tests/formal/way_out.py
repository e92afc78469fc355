"""The way out: every value of every vector is next once, with its place; words are complete."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from tests.formal.harness import Harness
from tests.formal.small import small, word_of
from tests.formal.walk import FIELD_BITS, RAW_BYTES, Step, Walk, scatter, scattered, wanted

from zeroskip.gateware.lane.constants import StepConstants
from zeroskip.gateware.lane.drain import Drain
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, Mode, step_parts

SCATTER_STEPS = {"plane": 5, "row": 3, "row_wrap": 9}
"""Steps between planes and rows: any would do, but solvers take long to add numbers that they do not know."""
CONFIGURED = 4
"""Cycles from a step's configuration to its first job."""


def way_out(h: Harness, *, mode: Mode, lanes: int = 3, vector: int = 4, ways: int = 1, window: int = 2,
            order: int = 1) -> None:
    """Jobs of any vectors, fills, pauses: each item against a walk that is advanced with the items.

    The walk says what is next: the next value, or zero, into the next place; with which one a word is complete, which
    one belongs to another word than the open one, and which one is the last of its job.
    """
    config = small(lanes=lanes, vector=vector, ways=ways)
    h.m.submodules.dut = dut = Drain(config=config)
    work = _Work(h, config, dut)
    step = _step(h, config, dut, work, mode, window, order)
    item, value = dut.items.payload, work.value
    some = work.values | work.zeros
    due = some & dut.items.ready
    apart = scattered(config, step, value) if mode == Mode.SCATTER else None
    position = value.position if apart is None else Mux(work.values, apart[0], value.position)
    puts, inside = wanted(config, step, value) if apart is None else (apart[3], [apart[2]])
    word = position[config.bank_bits:]
    puts = Mux(work.values, puts, 1)
    wide = work.filling | int(mode == Mode.FLAT)
    at = position[:config.bank_bits]
    ways_bits = (ways - 1).bit_length()
    full = at[ways_bits:].all() & (wide | at[:ways_bits].all())
    moves = int(mode == Mode.SCATTER) & work.values & work.open & (word != work.word)
    h.prove(dut.items.valid == some)
    h.prove(~some | (item.put == puts) & (item.full == (puts & full)) & (item.moves == moves))
    h.prove(~(some & puts) | (item.word == word) & (item.at == at) & (item.wide == wide))
    index = value.index if apart is None else apart[1]
    h.prove(~work.values | (dut.group == index >> ways_bits))
    if mode == Mode.RAW:
        h.prove(~work.values | (item.byte == value.byte))
    for way in range(ways):
        h.prove(~(some & puts) | (item.inside[way] == (inside[way] & work.values)))
    h.prove(~some | item.ways.all() | int(mode != Mode.FLAT))
    # a byte goes only into the word that is open, or that one leaves before
    h.prove(~(some & puts & work.open) | (word == work.word) | item.moves)
    stays = Mux(puts, ~full, work.open & ~moves)
    ends = _advance(h, config, step, work, due, puts, wide)
    h.prove(~some | (item.close == ends) & (item.rests == (ends & stays)))
    h.prove(~some | (item.plain == ~(item.moves | item.full | item.rests)))
    h.m.d.sync += work.closing.eq((work.closing | due & ends) & ~dut.closed)
    with h.m.If(due):
        h.m.d.sync += work.open.eq(stays & ~ends)
    with h.m.If(due & puts):
        h.m.d.sync += work.word.eq(word)
    h.cover(due & (ends if apart is None else item.moves & value.down))
    h.cover(due & work.values & ~work.first & h.past(work.values & work.first))
    done = Signal(name="done_once")
    h.m.d.sync += done.eq(done | due & ends & ~work.filling)
    h.cover(work.filling & due & ends & done)
    if mode != Mode.RAW:
        h.cover(due & ~inside[0] & item.put & work.values & (step.pitch == 4))


def _step(h: Harness, config: EngineConfig, dut: Drain, work: _Work, mode: Mode, window: int, order: int) -> Step:
    first, second, third = step_parts(config)
    apart = {name: Const(number, config.position_bits) for name, number in SCATTER_STEPS.items()} | {
        "written": h.constant("written", FIELD_BITS), "column_step": Const(2 - order, 2), "phases": Const(1 + order, 2)}
    step = Step(mode=mode, window=window, order=order, scatter=apart, late=h.constant("late"),
                largest=h.constant("largest"),
                tail=h.constant("tail", range(config.vector + 1)),
                **{name: h.constant(name, FIELD_BITS) for name in ("pitch", "columns", "pad")})
    rate = (config.ways - 1).bit_length() if mode == Mode.FLAT else 0
    advance = h.constant("advance", FIELD_BITS)
    h.assume((step.pitch != 0) & (step.columns != 0) & (step.columns <= step.pitch) & (step.tail != 0)
             & (step.tail <= config.vector))
    h.assume((advance < step.pitch) & Cat(advance + times * step.pitch == config.ways
                                          for times in range(config.ways + 1)).any() if mode == Mode.FLAT else 1)
    if mode == Mode.POOL:
        h.assume((step.pitch[0] == 0) if window == 2 else 1)
    if mode == Mode.SCATTER:
        h.assume((step.pitch[:order] == 0) & (step.pad == 0) & (apart["phases"] != 0))
    begun, ready = Signal(range(CONFIGURED + 1)), h.free("fill_count", 1)
    h.m.d.sync += begun.eq(begun + (begun != CONFIGURED))
    can_start, can_fill = h.free("starts") & dut.free & ~work.filling & (begun == CONFIGURED), h.free("fills")
    start = can_start
    job_open = Signal(name="job_open")
    finish = h.free("finish")
    with h.m.If(start):
        h.m.d.sync += job_open.eq(~finish)
    fill = can_fill & dut.idle & ~work.closing & ~job_open & ~start & (begun == CONFIGURED)
    dest = h.free("dest", config.position_bits)
    column = h.free("column", FIELD_BITS)
    h.assume(column < step.pitch)
    if config.ways > 1:
        h.assume(dest[:(config.ways - 1).bit_length()] == 0)
    if mode == Mode.POOL:
        h.assume(column == 0)  # squares are counted from the begin of a row
    if mode == Mode.SCATTER and order:
        h.assume(column[:order] == 0)
    h.m.submodules.constants = constants = StepConstants(config=config)
    parts = {
        "step_0": word_of(first, pitch=step.pitch, columns=(1 << COLUMN_BITS) - 1 if mode == Mode.RAW else step.columns,
                          tail=step.tail, pad=step.pad, advance=advance, written=apart["written"]),
        "step_1": word_of(second, mode=int(mode), rate=rate, window=window, largest=step.largest, late=step.late,
                          order=order, column_step=apart["column_step"], phases=apart["phases"]),
        "step_2": word_of(third, **{name: apart[name] for name in ("plane", "row", "row_wrap")})}
    h.drive(constants, **parts)
    h.drive(dut, start=start, begin=~job_open, finish=finish, fill=fill, fill_count=ready, dest=dest, column=column,
            closed=work.closing & h.free("closes"), constants=constants.constants, **parts)
    return step


class _Work:
    """What is next: values of a vector; zeros behind a plane. And what has not been carried out."""

    def __init__(self, h: Harness, config: EngineConfig, dut: Drain) -> None:
        self.dut = dut
        self.values, self.zeros, self.closing, self.filling, self.open, self.first = (
            Signal(name=f"work_{name}") for name in ("values", "zeros", "closing", "filling", "open", "first"))
        self.word = Signal(config.word_bits, name="work_word")
        self.last, self.final = Signal(name="work_last"), Signal(name="work_final")
        self.left = Signal(FIELD_BITS + 8, name="work_left")
        self.value = Walk(
            index=Signal(range(max(2, config.vector)), name="walk_index"), byte=Signal(2, name="walk_byte"),
            position=Signal(config.position_bits, name="walk_position"), column=Signal(FIELD_BITS, name="walk_column"),
            row=Signal(3, name="walk_row"), phase=Signal(2, name="walk_phase"), group=Signal(2, name="walk_group"),
            down=Signal(name="walk_down"), plane_ends=self.last & self.final)


def _advance(h: Harness, config: EngineConfig, step: Step, work: _Work, due: Value, puts: Value, wide: Value) -> Value:
    """The walk itself; and when the way out is free, and idle. Whether a job or a fill ends with what is next."""
    dut, value = work.dut, work.value
    stride = config.ways if step.mode == Mode.FLAT else 1
    last_byte = (value.byte == RAW_BYTES - 1) if step.mode == Mode.RAW else Value.cast(1)
    vector_ends = last_byte & (value.index == config.vector - stride)
    ordered = int(step.mode != Mode.SCATTER)
    if not ordered:
        vector_ends = scatter(h.m, config, step, value, due & work.values)
    if step.mode == Mode.RAW:
        vector_ends |= last_byte & value.plane_ends & (value.index == step.tail - 1)
    pads = work.final & (step.pad != 0)
    ends = work.values & vector_ends & work.last & ~pads | work.zeros & (work.left == 1)
    with h.m.If(due & work.values):
        if step.mode == Mode.RAW:
            h.m.d.sync += value.byte.eq(value.byte + 1)
        with h.m.If(last_byte & ordered):
            h.m.d.sync += value.index.eq(value.index + stride)
            column, row = value.column, value.row
            for _ in range(stride):
                wraps = column + 1 == step.pitch
                row = Mux(wraps, Mux(row == step.window - 1, 0, row + 1), row)
                column = Mux(wraps, 0, column + 1)
            h.m.d.sync += [value.column.eq(column), value.row.eq(row)]
        with h.m.If(vector_ends):
            h.m.d.sync += [work.values.eq(0), work.zeros.eq(work.last & pads), work.left.eq(step.pad)]
    with h.m.If(due & puts & (work.zeros | ordered)):
        h.m.d.sync += value.position.eq(value.position + Mux(wide, config.ways, 1))
    with h.m.If(due & work.zeros):
        h.m.d.sync += work.left.eq(work.left - 1)
        with h.m.If(work.left == 1):
            h.m.d.sync += work.zeros.eq(0)
    with h.m.If(dut.closed):
        h.m.d.sync += work.filling.eq(0)
    h.prove(dut.filling == work.filling)
    h.prove(dut.idle == ~(work.values | work.zeros))
    h.prove(dut.free == (dut.idle | due & (work.values & vector_ends & ~(work.last & pads) | ends & ~work.filling)))
    with h.m.If(dut.start):
        h.m.d.sync += [work.values.eq(1), work.last.eq(dut.finish), value.index.eq(0), value.byte.eq(0),
                       work.first.eq(dut.begin)]
        with h.m.If(dut.begin):
            h.m.d.sync += [work.final.eq(dut.final), value.position.eq(dut.dest), value.column.eq(dut.column),
                           value.row.eq(0), value.phase.eq(0), value.group.eq(0), value.down.eq(0)]
    with h.m.If(dut.fill):
        h.m.d.sync += [work.zeros.eq(1), work.filling.eq(1), work.last.eq(0),
                       value.position.eq(dut.fill_word << config.bank_bits),
                       work.left.eq((dut.fill_count + 1) * (config.banks // config.ways))]
    return ends
