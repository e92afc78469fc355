"""What of a window lies in the map, which row it waits for, and which groups take it: the stages before the issue."""

from __future__ import annotations

import functools
import operator

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.config import ArrayConfig
from zeroskip.iterator import MARKER_FLAGS
from zeroskip.program import ConfigRegisters
from zeroskip.window_bus import WORD_BITS
from zeroskip.window_place import at_least, placed_shape


def looked_shape(config: ArrayConfig) -> data.StructLayout:
    """A window that is ready to be issued, but for its row and for room in the groups.

    Fields
    ------
    valid, marker, flags, image_end, pass_end, flip, word, position
        As they came.
    wanted
        Mask of the groups that take it, as they stand; all for a marker.
    parts
        The same for each column.
    absent
        Mask of groups, as they stand: known to have no pixel in the block.
    inside
        Mask of positions that lie in the map.
    last_row
        Of the map that a window reads, or that a marker waits for: the last one at the end of an image, else -1.
    """
    return data.StructLayout({
        "valid": 1, "marker": 1, "flags": MARKER_FLAGS, "image_end": 1, "pass_end": 1, "flip": 2, "word": WORD_BITS,
        "position": range(config.value_positions), "wanted": config.groups,
        "parts": data.ArrayLayout(config.groups, config.columns), "absent": config.groups,
        "inside": config.fetched, "last_row": signed(12),
    })


class WindowLook(wiring.Component):
    """Bounds, and groups that have changed places; two registers.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    config
        In, from the program loader.
    en
        In: take the next.
    placed
        In, ``placed_shape``.
    looked
        Out, `latency` cycles later; holds while `en` is low.
    """

    latency = 2

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        super().__init__({
            "config": In(ConfigRegisters),
            "en": In(1),
            "placed": In(placed_shape(config.groups, config.pixels, ceil_log2(config.value_positions))),
            "looked": Out(looked_shape(config)),
        })

    def elaborate(self, platform):
        """Distances, a register, the look, a register; and what passes by."""
        m = Module()
        config, placed, here = self.config, self.placed, Signal.like(self.placed, name="here")
        distance = {name: Signal(signed(14), name=name) for name in ("below", "behind", "back", "behind_back")}
        next_row, last_needed = Signal(signed(12)), Signal(signed(12))
        with m.If(self.en):
            m.d.sync += [
                here.eq(placed), next_row.eq(placed.row + 1),
                last_needed.eq(Mux(placed.image_end, config.map_rows - 1, -1)),  # of a marker
                distance["below"].eq(placed.row - config.map_rows),
                distance["behind"].eq(placed.col - config.map_cols),
                distance["back"].eq(placed.col - config.out_cols),
                distance["behind_back"].eq(placed.col - config.out_cols - config.map_cols),
            ]
        look = self._look if self._config.columns == 1 else self._look_at_columns
        inside, over, parts = look(m, here, distance)
        wanted = functools.reduce(operator.or_, parts)
        with m.If(self.en):
            m.d.sync += [
                *(self.looked[name].eq(here[name]) for name in (
                    "valid", "marker", "flags", "image_end", "pass_end", "flip", "word", "position")),
                self.looked.wanted.eq(wanted), self.looked.parts.eq(Cat(parts)),
                self.looked.absent.eq(self._exchange(m, here, here.absent, "exchanged_absent")),
                self.looked.inside.eq(inside),
                self.looked.last_row.eq(Mux(here.marker, last_needed, Mux(over, next_row, here.row))),
            ]
        return m

    def _look(self, m, here, distance):
        """Pixels of the window in the map, whether some lie in the next row, and the groups that take it (a list)."""
        pixels, groups = self._config.pixels, self._config.groups
        own, next_row = Signal(pixels), Signal(pixels)
        inside, wanted, taken = Signal(pixels), Signal(groups), Signal(groups)
        in_row, in_next = Signal(), Signal()
        m.d.comb += [
            in_row.eq(within(here.row, distance["below"], 0)), in_next.eq(within(here.row, distance["below"], 1)),
        ]
        for p in range(pixels):
            m.d.comb += [
                own[p].eq(~here.wrapped[p] & in_row & within(here.col, distance["behind"], p)),
                next_row[p].eq(here.wrapped[p] & in_next & within(distance["back"], distance["behind_back"], p)),
            ]
        m.d.comb += [
            wanted.eq(Mux(own.any(), here.wanted, 0) | Mux(next_row.any(), here.wanted_next, 0)),
            inside.eq(Mux(here.wanted.any(), own, 0) | Mux(here.wanted_next.any(), next_row, 0)),
            taken.eq(Mux(here.marker, ~0, self._exchange(m, here, wanted))),
        ]
        return inside, (inside & next_row).any(), [taken]

    def _look_at_columns(self, m, here, distance):
        """The same where a window has columns instead of pixels: the groups that take each of them."""
        columns = self._config.columns
        inside = Signal(columns)
        parts = []
        for column, wanted in enumerate((here.wanted, here.second)):
            taken = Signal(self._config.groups, name=f"taken_{column}")
            m.d.comb += [
                inside[column].eq(within(here.row, distance["below"], 0)
                                  & within(here.col, distance["behind"], column)),
                taken.eq(Mux(here.marker, ~0, self._exchange(m, here, Mux(inside[column], wanted, 0),
                                                            f"exchanged_{column}"))),
            ]
            parts.append(taken)
        return inside, Const(0), parts

    def _exchange(self, m, here, wanted, name="exchanged"):
        """The mask of groups after they have changed places: group g stands where g ^ flips did."""
        groups = self._config.groups
        flips = Mux(here.flip[0], self.config.flip_cols, 0) ^ Mux(here.flip[1], self.config.flip_rows, 0)
        for bit in range(ceil_log2(groups)):
            turned = Cat(wanted[g ^ 1 << bit] if g ^ 1 << bit < groups else wanted[g] for g in range(groups))
            exchanged = Signal(groups, name=f"{name}_{bit}")
            m.d.comb += exchanged.eq(Mux(flips[bit], turned, wanted))
            wanted = exchanged
        return wanted


def within(place: Value, less_size: Value, step: int) -> Value:
    """``0 <= place + step < size``, where `less_size` is ``place - size``."""
    return at_least(place, -step) & ~at_least(less_size, -step)
