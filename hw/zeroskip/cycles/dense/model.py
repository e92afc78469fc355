"""Cycles of the dense engine: exact where no stream pauses."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from functools import cache

from amaranth.hdl import Fragment

from zeroskip.compiler.dense.layout import MapLayout
from zeroskip.compiler.dense.plan import DensePlan
from zeroskip.compiler.dense.program import DenseProgram
from zeroskip.compiler.packed import PackedLayer
from zeroskip.gateware.dense.engine import DenseEngine, Latencies
from zeroskip.spec.dense import DenseConfig

SMALLEST = DenseConfig(filters=1, pixels=1, map_positions=8, taps=2, weights=16, parameters=1)


@cache
def latencies() -> Latencies:
    """Of the hardware, as its components say them; no shape changes them."""
    engine = DenseEngine(config=SMALLEST, gate=False)
    Fragment.get(engine, None)  # Amaranth warns of a component that was never elaborated
    return engine.latencies


class _Results:
    """When a pass may end: a while after the last one, and when its beats find room."""

    def __init__(self, plan: DensePlan) -> None:
        config, requantise, own = plan.config, plan.requantise, latencies()
        self._beats = config.pass_beats(requantise=requantise)
        self._spacing = config.pass_spacing(requantise=requantise)
        self._drain = config.drain_cycles(requantise=requantise)
        self._latency = own.sums + (own.codes if requantise else own.raw)
        self._credit_latency, self._result_latency = own.credit, own.result
        self._credits = config.fifo_depth
        self._leaving: deque[int] = deque()
        self._last = -self._spacing

    def end_pass(self, now: int) -> int:
        """The cycle of the last step of a pass whose operands are there at `now`."""
        now = max(now, self._last + self._spacing)
        while self._credits < self._beats:
            now = max(now, self._leaving.popleft() + self._credit_latency)
            self._credits += 1
        self._credits -= self._beats
        self._last = now
        first = now + self._latency
        every = self._drain / self._beats
        self._leaving.extend(first + int((beat + 1) * every) - 1 for beat in range(self._beats))
        return now

    @property
    def end(self) -> int:
        """The cycle in which the last beat leaves the engine."""
        return self._leaving[-1] + self._result_latency


class _Rows:
    """When the rows of an image are in, if the map never pauses."""

    def __init__(self, layout: MapLayout) -> None:
        self._row_beats = layout.planes * layout.cols
        self._layout = layout
        self._start = 0
        self._retired: list[int] = []

    def next_image(self) -> None:
        """Begin with the image that the memory has room for."""
        image, slots = len(self._retired), self._layout.slots
        if image:
            self._start += self._layout.rows * self._row_beats
            if image >= slots:
                self._start = max(self._start, self._retired[image - slots] + 1)

    def retire(self, now: int) -> None:
        """The image has been read."""
        self._retired.append(now)

    def loaded(self, row: int) -> int:
        """The first cycle in which `row` can be read; those above the map at any time, those below with its last."""
        if row < 0:
            return 0
        return self._start + (min(row, self._layout.rows - 1) + 1) * self._row_beats - 1 + latencies().load


def predict(plan: DensePlan) -> int:
    """Cycles from the first beat of the map to the last beat of the result, where no stream pauses."""
    images, _, height, width = plan.layer.output_shape
    pixels, rows, results = plan.config.pixels, _Rows(plan.layout), _Results(plan)
    end = 0  # the last step of the block before
    # The cycle in which the present block was taken up: the first one is, when its pixels have been made after the
    # start, a cycle before the first beat of the map, and when the table has been read.
    moved = max(-1, latencies().table - 2 - (pixels + 1))
    starts = range(0, height * width, pixels)
    for _ in range(images):
        rows.next_image()
        for start in starts:
            bottom = min(start + pixels - 1, height * width) // width
            needed = plan.layout.rows if start == starts[-1] else bottom + plan.reach
            moved = max(end + (start == 0), moved + pixels + 1, rows.loaded(needed))
            end = moved
            for _ in range(plan.passes):
                end = results.end_pass(end + plan.steps)
        rows.retire(end)
    return results.end + 1


def predicted(packed: PackedLayer) -> PackedLayer:
    """A packed layer with its cycles, and those of each of its programs; later programs' beats count, too."""
    totals = [predict(program.plan) for program in packed.programs if isinstance(program, DenseProgram)]
    programs = [replace(program, predicted={"total": total})
                for program, total in zip(packed.programs, totals, strict=True)]
    later = sum(len(program.program) for program in programs[1:])
    return replace(packed, programs=programs, predicted={"total": sum(totals) + later})
