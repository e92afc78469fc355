"""Where a window lies for the block at hand: the stages after the window table."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.iterator import MARKER_FLAGS
from zeroskip.program import ConfigRegisters, GroupRegisters
from zeroskip.window_bus import WORD_BITS, WindowRow
from zeroskip.wire import COLUMN_GROUPS, Mode

POSITION_BITS = 13
"""Of a position in the largest value memory."""

BlockStep = data.StructLayout({
    "valid": 1, "marker": 1, "flags": MARKER_FLAGS, "image_end": 1, "pass_end": 1, "flip": 2, "rows": 10, "row": 10,
    "col": 10, "position": unsigned(POSITION_BITS),
})
"""A step of the walk: a window of the block at (row, col), or its marker.

`flags`: a marker's; `image_end`: the last step of an image; `pass_end`: of a pass; `rows`: of the result in an image.
"""


def placed_shape(groups: int, pixels: int, position_bits: int) -> data.StructLayout:
    """A window with its place in the map.

    Fields
    ------
    valid, marker, flags, image_end, pass_end, flip, word
        As they came.
    absent
        Mask of groups, before they change places: known to have no pixel in the block.
    row, col
        Map row and column of pixel 0; outside the map too.
    position
        Of pixel 0 in the value memories.
    wrapped
        Mask of pixels that lie in the next row of the result (raster) or beyond the last column.
    wanted, wanted_next
        Masks of groups, before they change places: which want the pixels that are not wrapped; that are.
    second
        Of two columns, which want the second.
    """
    return data.StructLayout({
        "valid": 1, "marker": 1, "flags": MARKER_FLAGS, "image_end": 1, "pass_end": 1, "flip": 2, "word": WORD_BITS,
        "absent": groups, "row": signed(12), "col": signed(12), "position": position_bits,
        "wrapped": pixels, "wanted": groups, "wanted_next": groups, "second": groups,
    })


class WindowPlace(wiring.Component):
    """Adds a row of the window table to the block's origin, over the end of a row of the result where need be.

    Parameters
    ----------
    groups, pixels, columns
        As in :class:`~zeroskip.config.ArrayConfig`.
    position_bits
        Of a position in the value memories.

    Members
    -------
    config, group
        In, from the program loader.
    en
        In: take the next.
    step, window
        In: the step, and the row of the table that goes with it.
    placed
        Out, `latency` cycles later; holds while `en` is low, as do the registers before it.
    """

    latency = 4

    def __init__(self, *, groups: int, pixels: int, position_bits: int, columns: int = 1) -> None:
        self._groups, self._pixels, self._columns = groups, pixels, columns
        super().__init__({
            "config": In(ConfigRegisters),
            "group": In(GroupRegisters).array(groups),
            "en": In(1),
            "step": In(BlockStep),
            "window": In(WindowRow),
            "placed": Out(placed_shape(groups, pixels, position_bits)),
        })

    def elaborate(self, platform):
        """Columns, then rows and columns over the end of a row, then who is there; a register after each."""
        m = Module()
        config, raster = self.config, Signal()
        m.d.comb += raster.eq((config.mode & Mode.RASTER.value) != 0)
        step, window = self._hold(m, self.step, 1), self._hold(m, self.window, 1)
        place, position = Signal(11), Signal.like(self.placed.position)
        with m.If(self.en):
            m.d.sync += [
                place.eq(self.step.col + self.window.shift[:10]),
                # the position in the ring of its plane
                position.eq(self.window.plane
                            | (self.step.position + self.window.offset) & (config.plane_ring - 1)),
            ]
        over, row, col, end = self._wrap(m, step, place, raster)
        rows, cols = Signal(signed(12)), Signal(signed(12))  # that are left, but for `over`
        with m.If(self.en):
            m.d.sync += [rows.eq(step.rows - step.row), cols.eq(config.out_cols - step.col)]
        here, beyond = self._outputs(m, rows, cols, over)
        step, window = (self._hold(m, self._hold(m, value, 2), 3) for value in (step, window))
        position = self._hold(m, self._hold(m, position, 2), 3)
        row, col, end = (self._hold(m, value, 3) for value in (row, col, end))
        self._place(m, step, window, position, (row, col, end), here, beyond, raster)
        return m

    def _hold(self, m, value, stage):
        """A register."""
        held = Signal.like(value, name=f"stage_{stage}")
        with m.If(self.en):
            m.d.sync += held.eq(value)
        return held

    def _wrap(self, m, step, place, raster):
        """Whether the place lies beyond the end of a row, and with it row, column, and column less the row's end."""
        past, past_again = Signal(signed(12)), Signal(signed(12))
        over, row, col, end = Signal(), Signal(11), Signal(11), Signal(signed(12))
        beyond = raster & ~past[-1]
        m.d.comb += [past.eq(place - self.config.out_cols), past_again.eq(place - (self.config.out_cols << 1))]
        with m.If(self.en):
            m.d.sync += [over.eq(beyond), row.eq(step.row + beyond), col.eq(Mux(beyond, past, place)),
                         end.eq(Mux(beyond, past_again, past))]
        return over, row, col, end

    def _outputs(self, m, rows, cols, over):
        """Groups whose own row of the result is there; groups whose next row is."""
        here, beyond = Signal(self._groups), Signal(self._groups)
        left, left_next, left_cols = (Signal(signed(12), name=name) for name in ("left", "left_next", "left_cols"))
        with m.If(self.en):
            m.d.sync += [left.eq(rows - over), left_next.eq(rows - Mux(over, 2, 1)), left_cols.eq(cols)]
        for g, group in enumerate(self.group):
            inside = above(left, group.row_offset)
            if self._pixels == 1:  # groups share windows over columns: the window has no column of its own
                inside = inside & above(left_cols, group.col_offset)
            m.d.comb += [here[g].eq(inside), beyond[g].eq(above(left_next, group.row_offset))]
        return here, beyond

    def _place(self, m, step, window, position, lies, here, beyond, raster):
        """The last register: what the window is, where it lies, who wants it."""
        (row, col, end), wrapped = lies, Signal(self._pixels)
        second = window.want >> COLUMN_GROUPS if self._columns == 2 else 0
        m.d.comb += wrapped.eq(Cat(at_least(end, -pixel) for pixel in range(self._pixels)))
        with m.If(self.en):
            m.d.sync += [
                *(self.placed[name].eq(step[name])
                  for name in ("valid", "marker", "flags", "image_end", "pass_end", "flip")),
                self.placed.word.eq(window.word),
                self.placed.absent.eq(self._absent(window, here, beyond, wrapped, raster)),
                self.placed.row.eq(row + window.dy.as_signed()),
                self.placed.col.eq(col + window.dx.as_signed()),
                self.placed.position.eq(position),
                self.placed.wrapped.eq(wrapped),
                self.placed.wanted.eq(window.want & here),
                self.placed.wanted_next.eq(Mux(raster, window.want & beyond, 0)),
                self.placed.second.eq(second & here),
            ]

    def _absent(self, window, here, beyond, wrapped, raster):
        """Groups without a pixel; of groups of several pixels only those that want the window: it has their column."""
        if self._pixels == 1:
            return ~here
        return window.want & ~(Mux(wrapped[0], 0, here) | Mux(raster & wrapped[-1], beyond, 0))


def at_least(value: Value, limit: int) -> Value:
    """``value >= limit`` for a signed value and a limit from -8 to 0, without a subtraction."""
    bits = 3
    return ~value[-1] | (value[bits:].all() & (value[:bits] >= (1 << bits) + limit if limit else 0))


def above(value: Value, limit: Value) -> Value:
    """``value > limit`` for a signed value and a limit that is narrower and not negative."""
    return ~value[-1] & (value[len(limit) :].any() | (value[: len(limit)] > limit))
