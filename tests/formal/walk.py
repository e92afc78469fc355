"""A walk from value to value of the vectors of a job, written down from what the modes mean."""

from __future__ import annotations

from dataclasses import dataclass

from amaranth.hdl import Array, Module, Mux, Signal, Value

from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Mode

FIELD_BITS = 3
"""Bits of pitch, columns and zeros of the steps that are looked at."""
RAW_BYTES = 4


@dataclass
class Step:
    """A step: any pitch, any columns, any tail, any number of zeros behind a plane."""

    mode: Mode
    pitch: Signal
    columns: Signal
    tail: Signal
    pad: Signal
    late: Signal
    largest: Signal
    window: int
    order: int
    scatter: dict[str, Value]


@dataclass
class Walk:
    """The value that is next, and where it goes; of SCATTER where its vector begins, phase, and group in it."""

    index: Signal
    byte: Signal
    position: Signal
    column: Signal
    row: Signal
    phase: Signal
    group: Signal
    down: Signal
    plane_ends: Value


def wanted(config: EngineConfig, step: Step, value: Walk) -> tuple[Value, list[Value]]:
    """Whether something is put into the value's place; and of each way, whether it is a result."""
    ends, tail = value.plane_ends, step.tail
    if step.mode == Mode.POOL:
        row = step.window - 1
        square = (value.column % step.window == step.window - 1) & (value.row == Mux(step.largest, row, 0))
        return square & ~(ends & (value.index >= tail)), [value.column // step.window < step.columns]
    if step.mode == Mode.RAW:
        return Value.cast(1), [Value.cast(1)]
    inside = []
    column: Value = value.column
    for way in range(config.ways):
        inside.append((column < step.columns) & ~(ends & (value.index + way >= tail)))
        column = Mux(column + 1 == step.pitch, 0, column + 1)
    return Value.cast(1), inside


def following(step: Step, place: tuple[Value, Value, Value]) -> tuple[Value, Value, Value]:
    """SCATTER's position, column and row, one group of neighbours further."""
    position, column, row = place
    own, stride = step.scatter, 1 << step.order
    wraps, last_row = column + stride >= step.pitch, row == own["phases"] - 1
    further = Mux(wraps, Mux(last_row, own["row_wrap"], own["row"]), own["column_step"])
    column = Mux(wraps, column + stride - step.pitch, column + stride)
    row = Mux(wraps, Mux(last_row, 0, row + 1), row)
    return (position + further)[:len(position)], column[:FIELD_BITS], row[:3]


def groups(config: EngineConfig, step: Step, value: Walk) -> list[tuple[Value, Value, Value]]:
    """The places of a vector's groups of neighbours, and of the group behind it."""
    places: list[tuple[Value, Value, Value]] = [(value.position, value.column, value.row)]
    for _ in range(config.vector >> step.order):
        places.append(following(step, places[-1]))
    return places


def scattered(config: EngineConfig, step: Step, value: Walk) -> tuple[Value, Value, Value, Value]:
    """Of SCATTER's value: its place, its index, whether it is a result, and whether it is written at all."""
    places = groups(config, step, value)
    position, column = (Array(place[part] for place in places[:-1])[value.group] for part in (0, 1))
    index = ((value.group << step.order) + value.phase)[:len(value.index)]
    column = column + value.phase
    written = (column < step.scatter["written"]) & ~(value.plane_ends & (index >= step.tail))
    place = (position + value.phase * step.scatter["plane"])[:config.position_bits]
    return place, index, column < step.columns, written


def scatter(m: Module, config: EngineConfig, step: Step, value: Walk, going: Value) -> Value:
    """Phase after phase through a vector, and through the next one back. Returns whether the vector ends."""
    phases = 1 << step.order
    group_ends = value.group == (config.vector >> step.order) - 1
    vector_ends = group_ends & (value.phase == Mux(value.down, 0, phases - 1))
    position, column, row = groups(config, step, value)[-1]
    with m.If(going):
        m.d.sync += value.group.eq(Mux(group_ends, 0, value.group + 1))
        with m.If(vector_ends):
            m.d.sync += [value.down.eq(~value.down), value.position.eq(position), value.column.eq(column),
                           value.row.eq(row)]
        with m.Elif(group_ends):
            m.d.sync += value.phase.eq(Mux(value.down, value.phase - 1, value.phase + 1))
    return vector_ends
