"""How the sums of a step leave: the mode, where planes may be cut, and what the way out is configured with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zeroskip.compiler.layout import Layout
from zeroskip.compiler.steps import Step
from zeroskip.spec import timing
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import COLUMN_BITS, Mode

RAW_BYTES = 4
MOST_GAP, MOST_GAP_END = 255, 511
"""What their fields hold."""
ALL_COLUMNS = (1 << COLUMN_BITS) - 1
UNDER_WAY = timing.CAPTURE + 1
"""From a vector's last entry to the first value of the way out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WayOut:
    """The way out of a step.

    Parameters
    ----------
    fields
        Of its configuration, but for `look` and `table_base`.
    vectors
        Of a plane.
    cuts
        Vectors at which a job may begin, 0 and the number of vectors among them.
    least
        Cycles that the way out takes for a vector.
    plane_words
        Words of a plane, where it leaves the array.
    written
        Words that are written into the map memory for a vector, on the average.
    """

    fields: Mapping[str, int]
    vectors: int
    cuts: np.ndarray
    least: int
    plane_words: int
    written: float

    def cycles(self, entries: int) -> int:
        """That a vector takes: its entries, or the way out.

        A late vector begins when the sums of the second one before it are on their way out.
        """
        late = -(-(entries + UNDER_WAY) // 2) if self.fields["late"] else 1
        return max(entries, self.least, late)


def mode_of(step: Step, layout: Layout) -> Mode:
    """How the sums of a step leave."""
    if step.raw:
        return Mode.RAW
    if step.pooling is not None:
        return Mode.POOL
    return Mode.SCATTER if layout.phases != (1, 1) or step.spread != (1, 1) else Mode.FLAT


def way_out(config: EngineConfig, step: Step, pitch: int, layout: Layout, *, stream: bool, pads: bool) -> WayOut:
    """The way out of a step whose raster has rows of `pitch` positions.

    Parameters
    ----------
    config, step, pitch, layout
        The engine, the step, and how its map lies.
    stream
        The results leave the array.
    pads
        The zeros behind each plane have to be written with it.
    """
    mode, pooling = mode_of(step, layout), step.pooling
    positions = (step.result.rows - 1) * pitch + step.result.columns
    vectors = -(-positions // config.vector)
    if pooling is not None:  # squares are whole to the end of the last row, or vector
        rows = pooling.left(step.result.rows) * pooling.window if pooling.largest else step.result.rows
        positions = (rows - 1) * pitch + pooling.left(step.result.columns) * pooling.window
        vectors = -(-positions // config.vector)
        positions = min(vectors * config.vector, rows * pitch)
    rate = _rate(config, step, mode)
    made = {Mode.RAW: positions * RAW_BYTES, Mode.POOL: pooling.squares(positions, pitch) if pooling else 0}.get(
        mode, vectors * config.vector)
    pad = 0
    if pads and mode in (Mode.FLAT, Mode.POOL):
        pad = layout.plane - made
    elif stream and mode in (Mode.FLAT, Mode.POOL):
        pad = -made % config.banks
    pad //= rate if mode == Mode.FLAT else 1
    fields = _fields(step, pitch, layout, mode, rate) | {
        "tail": positions - (vectors - 1) * config.vector, "pad": pad, "stream": int(stream)}
    fields |= _gaps(config, fields, stream=stream)
    return WayOut(fields=fields, vectors=vectors, cuts=_cuts(config, step, pitch, layout, vectors, stream=stream),
                  least=_least(config, step, pitch, layout, fields, vectors), plane_words=-(-made // config.banks),
                  written=0.0 if stream else _scattered_words(config, step, pitch, layout, vectors) / vectors
                  if mode == Mode.SCATTER else made / config.banks / vectors)


def _rate(config: EngineConfig, step: Step, mode: Mode) -> int:
    """Sums that leave in a cycle."""
    if step.table is not None or mode in (Mode.RAW, Mode.SCATTER):
        return 1
    if mode == Mode.POOL:
        return min(config.ways, 2) if step.pooling is not None and step.pooling.window == 2 else 1
    return config.ways


def _fields(step: Step, pitch: int, layout: Layout, mode: Mode, rate: int) -> dict[str, int]:
    columns = {Mode.RAW: ALL_COLUMNS, Mode.POOL: layout.columns}.get(mode, step.result.columns)
    row, row_wrap = _row_steps(step, pitch, layout)
    return {
        "pitch": pitch, "columns": columns, "advance": rate % pitch, "mode": mode,
        "written": min(ALL_COLUMNS, written_columns(step, pitch, layout)),
        "rate": rate.bit_length() - 1, "window": step.pooling.window if step.pooling is not None else 1,
        "largest": int(step.pooling is not None and step.pooling.largest), "phases": layout.phases[0],
        "order": layout.phases[1].bit_length() - 1, "column_step": step.spread[1], "low": step.low, "high": step.high,
        "signed": int(step.result.signed), "even": int(step.even), "table": int(step.table is not None),
        "plane": layout.plane, "row": row, "row_wrap": row_wrap,
    }


def written_columns(step: Step, pitch: int, layout: Layout) -> int:
    """Columns of a row that are written, zeros after the results among them: as many as a row of the map has."""
    return max(step.result.columns, min(pitch, layout.pitch * layout.phases[1] // step.spread[1]))


def _row_steps(step: Step, pitch: int, layout: Layout) -> tuple[int, int]:
    """From the last position of a row to the first of the next one: inside a group of phases, and to the next group."""
    (py, px), (fy, fx) = layout.phases, step.spread
    along = fx * (pitch // px - 1)
    return px * layout.plane - along, fy * layout.pitch - (py - 1) * px * layout.plane - along


def _gaps(config: EngineConfig, fields: Mapping[str, int], *, stream: bool) -> dict[str, int]:
    """Cycles from a vector's end to the next one's, so that the way out and the lane's turns on the bus keep up."""
    rate, pad = 1 << fields["rate"], fields["pad"]
    turn = -(-config.lanes * config.vector // config.banks)
    cycles = config.vector // rate
    gap = max(cycles, turn, timing.LEAST_GAP)
    per_word = config.banks // (rate if fields["mode"] == Mode.FLAT else 1)  # zeros after a plane, in cycles
    pauses = max(0, config.lanes - per_word) * -(-pad // per_word)
    part = fields["mode"] == Mode.POOL or config.vector < config.banks  # a word may leave before it is full
    gap_end = cycles + pad + pauses + 1 + (config.lanes if part or gap > cycles else 0)
    late = fields["mode"] in (Mode.RAW, Mode.SCATTER) or stream or gap > MOST_GAP or gap_end > MOST_GAP_END
    return {"late": 1, "gap": 1, "gap_end": 1} if late else {"late": 0, "gap": gap, "gap_end": gap_end}


def _least(config: EngineConfig, step: Step, pitch: int, layout: Layout, fields: Mapping[str, int], vectors: int
           ) -> int:
    """Cycles that the way out takes for a vector on the average: its values, and its words, one in a lane's turn."""
    if not fields["late"]:
        return fields["gap"]
    values, turns = -(-config.vector // (1 << fields["rate"])), config.lanes * config.vector
    turns *= timing.STREAM_TURNS if fields["stream"] else 1
    if fields["mode"] == Mode.RAW:
        values, turns = values * RAW_BYTES, turns * RAW_BYTES
    elif fields["mode"] == Mode.SCATTER:
        words = -(-_scattered_words(config, step, pitch, layout, vectors) // vectors)
        values, turns = values + words, turns // config.vector * words * config.banks
    return max(values, -(-turns // config.banks))


def _scattered_words(config: EngineConfig, step: Step, pitch: int, layout: Layout, vectors: int) -> int:
    """Words that leave for a plane that is scattered: one whenever the next value belongs to another one."""
    phases = np.arange(config.vector).reshape(-1, layout.phases[1]).T
    order = np.stack([phases.ravel(), phases[::-1].ravel()])[np.arange(vectors) % 2]
    row, column = np.divmod((np.arange(vectors)[:, None] * config.vector + order).ravel(), pitch)
    keeps = (column < written_columns(step, pitch, layout)) & (row < step.result.rows)
    places = layout.position(0, row[keeps] * step.spread[0], column[keeps] * step.spread[1]) // config.banks
    return 1 + int(np.count_nonzero(np.diff(places)))


def _cuts(config: EngineConfig, step: Step, pitch: int, layout: Layout, vectors: int, *, stream: bool) -> np.ndarray:
    """Where a lane may go on with a plane that another one has begun."""
    starts = np.arange(vectors) * config.vector
    row, column = starts // pitch, starts % pitch
    mode = mode_of(step, layout)
    if mode == Mode.FLAT:
        good = starts % config.banks == 0
    elif mode == Mode.RAW:
        good = starts * RAW_BYTES % config.banks == 0
    elif mode == Mode.SCATTER:
        good = row % layout.phases[0] == 0
    else:
        assert step.pooling is not None
        good = (column == 0) & (row % step.pooling.window == 0)
        if stream:
            good &= np.array([step.pooling.squares(int(start), pitch) for start in starts]) % config.banks == 0
    return np.append(starts[good] // config.vector, vectors)


def read_as_zeros(layout: Layout) -> np.ndarray:
    """Whether readers take each position of a channel for padding, bool (positions): its own, or the next plane's."""
    margin, place = layout.margin, np.arange(layout.channel) % layout.plane
    values = np.zeros(layout.channel, bool)
    values[layout.position(0, *np.indices((layout.rows, layout.columns)))] = True
    end = (layout.plane_rows - 1 + margin.bottom) * layout.pitch + layout.plane_columns + margin.right
    return ~values & ((place < end) | (place >= layout.plane - margin.top * layout.pitch - margin.left))


def written(config: EngineConfig, step: Step, pitch: int, layout: Layout, out: WayOut) -> np.ndarray:
    """Whether the jobs of a step write each position of its map's planes, bool (channels written, positions)."""
    plane = np.zeros(layout.channel, bool)
    made = np.arange(out.vectors * config.vector)
    mode = mode_of(step, layout)
    if mode == Mode.FLAT:
        plane[: len(made)] = True
    elif mode == Mode.POOL:
        assert step.pooling is not None
        positions = (out.vectors - 1) * config.vector + out.fields["tail"]
        plane[: step.pooling.squares(positions, pitch)] = True
    else:
        positions = (out.vectors - 1) * config.vector + out.fields["tail"]
        row, column = np.divmod(np.arange(positions), pitch)
        keeps = column < written_columns(step, pitch, layout)
        row, column = row[keeps], column[keeps]
        for dy, dx in np.ndindex(*step.spread):
            plane[layout.position(0, row * step.spread[0] + dy, column * step.spread[1] + dx)] = True
    return plane


def zeros_around(config: EngineConfig, step: Step, pitch: int, layout: Layout, out: WayOut) -> tuple[np.ndarray, bool]:
    """What a step has to fill with zeros in a map whose place others use, too, beside what its jobs write.

    Words from a channel's first plane on, int64 (words,), and whether values of the step lie in any of them.
    """
    if mode_of(step, layout) != Mode.SCATTER:
        return np.zeros(0, np.int64), False
    values = written(config, step, pitch, layout, out)
    gaps = (read_as_zeros(layout) & ~values).reshape(-1, config.banks).any(axis=1)
    return np.flatnonzero(gaps), bool((gaps & values.reshape(-1, config.banks).any(axis=1)).any())
