"""Steps to a program: lists, jobs, instructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zeroskip.compiler.jobs import Job, cut
from zeroskip.compiler.plan import RAW_BYTES, Placed, Plan, PlanError, plan
from zeroskip.compiler.program import Incoming, Leaving, Program
from zeroskip.compiler.steps import Map, Step, Taps
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import VECTOR_COUNT_BITS, Kind, Mode, Op, configure, entry, fill, header, job, step_parts, sync

MOST_VECTORS = 1 << VECTOR_COUNT_BITS
MOST_GAP = 255
MOST_GAP_END = 511
ALL_COLUMNS = 511


@dataclass(frozen=True, kw_only=True, eq=False)
class Drained:
    """How the sums of a step leave: the fields of its configuration, and what of them the cutting of jobs needs."""

    fields: Mapping[str, int]
    vectors: int
    unit: int
    gap: int
    plane_words: int
    """Words of a plane that leaves the array."""


class Builder:
    """Collects the words of all lanes."""

    def __init__(self, config: EngineConfig, made: Plan, steps: Sequence[Step], leaving: str, *, look: bool) -> None:
        self.config, self.plan, self.steps, self.leaving, self.look = config, made, steps, leaving, look
        self.lists: list[list[int]] = [[] for _ in range(config.lanes)]
        self.instructions: list[list[int]] = [[] for _ in range(config.lanes)]
        self.jobs: list[list[list[Job]]] = []
        self.drained: list[Drained] = []

    def all(self, word: int) -> None:
        """An instruction for every lane."""
        for own in self.instructions:
            own.append(word)

    def build(self, incoming: Sequence[str]) -> None:
        """The instructions of all steps, and the loop around them."""
        fields = sync(self.config)
        last_read = max(number for number, step in enumerate(self.steps) if set(incoming) & set(step.sources))
        self.all(fields.pack(op=Op.SYNC, input=1, step=0))
        for number, step in enumerate(self.steps):
            if number:
                self.all(fields.pack(op=Op.SYNC, release=int(number == last_read + 1), step=number))
            self._step(number, step)
        if last_read == len(self.steps) - 1:  # the next map can only come in when this one is not needed any more
            self.all(fields.pack(op=Op.SYNC, release=1, step=len(self.steps)))
        self.all(fields.pack(op=Op.SYNC, input=1, last=1, jump=1, target=1, step=0))

    def _step(self, number: int, step: Step) -> None:
        pitch, placed = self.plan.pitches[number], self.plan.maps[step.out]
        drained = drain(self.config, step, pitch, placed, stream=step.out == self.leaving,
                        look=self.look and not any((taps.kind >= Kind.COMPARE).any() for taps in step.taps))
        for part, fields in enumerate(step_parts(self.config)):
            value = fields.pack(**{name: drained.fields[name] for name in fields.widths})
            self.all(configure().pack(op=Op.CONFIGURE, part=part, value=value))
        self._fill(step, placed)
        costs = [max(len(taps), drained.gap, 1) for taps in step.taps]
        shares = cut(costs, drained.vectors, self.config.lanes, drained.unit)
        self.jobs.append(shares)
        self.drained.append(drained)
        for lane, jobs in enumerate(shares):
            for own in jobs:
                self._job(lane, number, step, placed, drained, pitch, own)

    def _fill(self, step: Step, placed: Placed) -> None:
        """The zeros before the first plane."""
        words = placed.layout.lead // self.config.banks
        if words and step.out != self.leaving and (step.part_of is None or step.part_of[0] == 0):
            self.instructions[0].append(fill(self.config).pack(op=Op.FILL, dest=placed.base, count=words - 1))

    def _job(self, lane: int, number: int, step: Step, placed: Placed, drained: Drained, pitch: int, own: Job) -> None:
        config, layout = self.config, placed.layout
        first_channel = step.part_of[0] if step.part_of else 0
        plane = (own.filter + first_channel) * layout.channel
        address, words = self._list(lane, step, own.filter)
        for first in range(own.first, own.first + own.count, MOST_VECTORS):
            count = min(MOST_VECTORS, own.first + own.count - first)
            place = first * config.vector
            made = _pooled(place, pitch, step.pooling.window) if step.pooling is not None else place
            if step.out == self.leaving:
                dest = own.filter * drained.plane_words * config.banks + made * (RAW_BYTES if step.raw else 1)
            else:
                dest = placed.origin + plane + made
            self.instructions[lane].append(job(config).pack(
                op=Op.JOB, list=address, words=words - 1, first=first, vectors=count - 1, dest=dest,
                column=place % pitch, final=int(first + count == drained.vectors)))

    def _list(self, lane: int, step: Step, number: int) -> tuple[int, int]:
        """Puts a filter's list into a lane's memory: its address, and its words without the header."""
        config, words = self.config, self.lists[lane]
        address, fields = len(words), header(config)
        limit = 1 << config.acc_width - 1
        taps = step.taps[number]
        bound = abs(int(step.bias[number])) + 255 * int(np.abs(factors(taps)).sum())
        if bound >= limit:
            raise PlanError(f"step {step.name!r}, filter {number}: its sums reach {bound}, {config.acc_width} bits "
                            f"hold less than {limit} (acc_width = {max(bound.bit_length() + 1, 20)} would do)")
        head = fields.pack(bias=int(step.bias[number]), multiplier=int(step.multiplier[number]),
                           shift=int(step.shift[number]))
        for k in range(config.header_words):
            words.append(head >> k * config.list_word_bits & (1 << config.list_word_bits) - 1)
        entries = self._entries(step, taps)
        for at in range(0, max(1, len(entries)), config.look):
            words.append(sum(word << k * config.entry_bits for k, word in enumerate(entries[at:at + config.look])))
        if len(words) > config.list_words:
            raise PlanError(f"the lists of lane {lane} take {len(words)} words and more, it has {config.list_words} "
                            "(list_words)")
        return address, len(words) - address - config.header_words

    def _entries(self, step: Step, taps: Taps) -> list[int]:
        config, fields = self.config, entry(self.config)
        places = [self.plan.maps[name] for name in step.sources]
        offsets = np.zeros(len(taps), np.int64)
        signed = np.zeros(len(taps), np.int64)
        for number, place in enumerate(places):
            own = taps.source == number
            offsets[own] = place.origin + place.layout.position(taps.channel[own], taps.row[own], taps.column[own])
            signed[own] = self._signed[step.sources[number]]
        offsets %= config.positions
        return [fields.pack(offset=int(o), weight=int(w), kind=int(k), signed=int(s))
                for o, w, k, s in zip(offsets, taps.weight, taps.kind, signed, strict=True)]

    _signed: Mapping[str, bool] = {}


def factors(taps: Taps) -> np.ndarray:
    """What each tap's activation counts in the sum."""
    return taps.weight * np.where(taps.kind == Kind.ADD_HIGH, 256, np.where(taps.kind == Kind.ADD, 1, 0))


def drain(config: EngineConfig, step: Step, pitch: int, placed: Placed, *, stream: bool, look: bool) -> Drained:
    """How the sums of a step leave."""
    layout, window = placed.layout, step.pooling.window if step.pooling is not None else 1
    rows = step.result.rows // window * window
    positions = (rows - 1) * pitch + step.result.columns
    vectors = -(-positions // config.vector)
    if step.pooling is not None:  # squares are whole to the end of the last row, or vector
        positions = min(vectors * config.vector, rows * pitch)
    scattered = layout.phases != (1, 1) or step.factor != (1, 1)
    rate = config.ways
    if step.raw:
        mode, rate = Mode.RAW, 1
    elif step.pooling is not None:
        mode, rate = Mode.POOL, min(config.ways, 2) if window == 2 else 1
    elif scattered:
        mode, rate = Mode.SCATTER, 1
    else:
        mode = Mode.FLAT
    if step.table is not None:
        rate = 1
    late = mode in (Mode.RAW, Mode.SCATTER) or stream
    leaves = layout.plane_columns if mode != Mode.RAW else ALL_COLUMNS
    cycles = config.vector // rate
    pad, unit, produced = 0, 1, 0
    if mode == Mode.FLAT:
        unit = config.banks // config.vector
        pad = 0 if stream else (layout.plane - vectors * config.vector) // rate
        if stream:
            whole = -(-vectors * config.vector // config.banks) * config.banks
            pad = (whole - vectors * config.vector) // rate
    elif mode == Mode.POOL:
        unit = _pool_unit(config, vectors, pitch, window, whole_words=stream)
        produced = _pooled(positions, pitch, window)
        pad = layout.plane - produced if not stream else -produced % config.banks
    gap = max(cycles, -(-config.lanes * config.vector // config.banks))
    words = pad * (rate if mode == Mode.FLAT else 1) // config.banks + 2
    gap_end = cycles + max(pad, words * config.lanes) + config.lanes + 2
    if gap_end > MOST_GAP_END or gap > MOST_GAP:
        late, gap_end, gap = True, 1, 1
    fields = {
        "pitch": pitch, "columns": leaves, "out_pitch": layout.pitch, "advance": rate % pitch,
        "tail": positions - (vectors - 1) * config.vector, "pad": pad, "gap": gap, "gap_end": gap_end,
        "mode": mode, "rate": rate.bit_length() - 1, "window": window,
        "largest": int(step.pooling is not None and step.pooling.largest), "phases": layout.phases[0],
        "order": layout.phases[1].bit_length() - 1, "column_step": step.factor[1], "low": step.low, "high": step.high,
        "signed": int(step.result.signed), "even": int(step.even), "table": int(step.table is not None),
        "table_base": 0, "stream": int(stream), "late": int(late), "look": int(look), "plane": 0, "row": 0,
        "row_wrap": 0,
    }
    left = vectors * config.vector
    if mode == Mode.RAW:
        left = positions * RAW_BYTES
    elif mode == Mode.POOL:
        left = produced
    return Drained(fields=fields, vectors=vectors, unit=unit, gap=1 if late else gap,
                   plane_words=-(-left // config.banks))


def _pool_unit(config: EngineConfig, vectors: int, pitch: int, window: int, *, whole_words: bool) -> int:
    """The least number of vectors after which a new row of squares begins; with `whole_words`, and a new word."""
    for unit in range(1, vectors):
        rows, rest = divmod(unit * config.vector, pitch)
        squares = rows // window * (pitch // window)
        if rest == 0 and rows % window == 0 and not (whole_words and squares % config.banks):
            return unit
    return vectors


def _pooled(positions: int, pitch: int, window: int) -> int:
    """How many values a plane of so many positions leaves, those of columns that are no results among them."""
    rows, rest = divmod(positions, pitch)
    whole = rows // window * (pitch // window)
    return whole + (rest // window if rows % window == window - 1 else 0)


def build(config: EngineConfig, incoming: Mapping[str, Map], steps: Sequence[Step], leaving: str, *, look: bool
          ) -> tuple[Program, Builder]:
    """A program of the steps: `incoming` comes in, the map `leaving` goes out."""
    made = plan(config, incoming, steps, leaving)
    builder = Builder(config, made, steps, leaving, look=look)
    signed = {name: own.signed for name, own in incoming.items()} | {s.out: s.result.signed for s in steps}
    builder._signed = signed
    builder.build(list(incoming))
    (source,) = incoming
    last = next(number for number, step in enumerate(steps) if step.out == leaving)
    drained, step = builder.drained[last], steps[last]
    placed = made.maps[source]
    setup = {"map_base": placed.base, "map_other": placed.base, "map_words": placed.layout.words, "buffers": 1,
             "result_words": step.filters * drained.plane_words}
    left = step.written
    pitch = made.pitches[last] // (step.pooling.window if step.pooling is not None else 1)
    return Program(config=config, lists=builder.lists, instructions=builder.instructions, setup=setup,
                   incoming=Incoming(layout=placed.layout, signed=signed[source]),
                   leaving=Leaving(channels=left.channels, rows=left.rows, columns=left.columns, pitch=pitch,
                                   plane=drained.plane_words, signed=left.signed, raw=step.raw)), builder
