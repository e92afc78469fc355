"""The map memory: N banks, filled from the map stream while it is already being read."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from zeroskip.gateware.axi.ports import Beat
from zeroskip.gateware.dense.structs import COORDINATE_BITS, LAYER_LAYOUT
from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import DenseConfig

BEAT_BITS = 8 * BEAT_BYTES


class MapMemory(wiring.Component):
    """N memories of beats of 16 channels; position p lies in bank ``p % N``, line ``p // N``.

    It takes one beat a cycle in the order image, row, plane, column. Each bank reads a line in every cycle; what it
    reads stands on `data` `latency` cycles after the address.

    Parameters
    ----------
    config
        The shape: N, and positions in all banks together.

    Members
    -------
    map : In(stream.Signature(Beat))
    layer : In(LAYER_LAYOUT)
        How maps lie.
    start : In(1)
        A new layer; forget everything.
    retire : In(1)
        The image being read is no longer needed, from the second cycle after this one on.
    base : Out(line_bits)
        Line at which the image being read begins.
    rows_loaded : Out(10)
        Rows of the image being read that are complete.
    address : In(ArrayLayout(line_bits, N))
        By bank: the line to read.
    data : Out(ArrayLayout(128, N))
    """

    def __init__(self, *, config: DenseConfig) -> None:
        self._config = config
        self._banks = [SimpleDualPort(width=BEAT_BITS, depth=config.lines) for _ in range(config.pixels)]
        super().__init__({
            "map": In(stream.Signature(Beat)),
            "layer": In(LAYER_LAYOUT),
            "start": In(1),
            "retire": In(1),
            "base": Out(config.line_bits),
            "rows_loaded": Out(COORDINATE_BITS),
            "address": In(config.line_bits).array(config.pixels),
            "data": Out(BEAT_BITS).array(config.pixels),
        })

    @property
    def latency(self) -> int:
        """Cycles from `address` to `data`."""
        return self._banks[0].latency

    @property
    def load_latency(self) -> int:
        """Cycles from a row's last beat to `rows_loaded`, which counts what can be read: a register, and the write."""
        return 2

    def elaborate(self, platform: object) -> Module:
        """Where a beat goes; its write, and only then does the row count as loaded; the banks."""
        m = Module()
        banks, layer = self._config.pixels, self.layer
        bank_bits = exact_log2(banks)
        position = Signal(bank_bits + self._config.line_bits)
        write, beat = Signal(), Signal(BEAT_BITS)
        row_written, image_written, complete = Signal(), Signal(), Signal(2)
        images_left = Signal.like(layer.images)
        taken, row_end, image_end, here = self._walk(m, len(position))
        m.d.comb += [
            self.map.ready.eq((images_left != 0) & ((complete + image_written) < layer.map_slots) & ~self.start),
            taken.eq(self.map.valid & self.map.ready),
        ]
        m.d.sync += [
            write.eq(taken),
            position.eq(here),
            beat.eq(self.map.payload.data),
            row_written.eq(taken & row_end),
            image_written.eq(taken & image_end),
            images_left.eq(images_left - (taken & image_end)),
        ]
        self._count_rows(m, row_written, image_written, complete)
        with m.If(self.start):
            m.d.sync += [images_left.eq(layer.images), write.eq(0), row_written.eq(0), image_written.eq(0)]
        for index, bank in enumerate(self._banks):
            m.submodules[f"bank_{index}"] = bank
            m.d.comb += [
                bank.write.enable.eq(write & (position[:bank_bits] == index)),
                bank.write.address.eq(position[bank_bits:]),
                bank.write.data.eq(beat),
                bank.read.address.eq(self.address[index]),
                self.data[index].eq(bank.read.data),
            ]
        return m

    def _walk(self, m: Module, position_bits: int) -> tuple[Signal, Value, Value, Value]:
        """For a beat that is `taken`: whether it ends its row, its image; its position."""
        layer = self.layer
        image_base, row_base, run = (Signal(position_bits, name=name) for name in ("image_base", "row_base", "run"))
        # plane, row and `following` count from 1 on: the last ones are compared, nothing is subtracted
        col = Signal(COORDINATE_BITS)
        following, row = (Signal(COORDINATE_BITS, name=name, init=1) for name in ("following", "row"))
        plane = Signal.like(layer.map_planes, name="plane", init=1)
        taken, col_end, plane_end, image_end = (Signal(name=name)
                                                for name in ("taken", "col_end", "plane_end", "image_end"))
        m.d.comb += [
            col_end.eq(following == layer.map_cols),
            plane_end.eq(col_end & (plane == layer.map_planes)),
            image_end.eq(plane_end & (row == layer.map_rows)),
        ]
        next_base = Signal(position_bits)
        m.d.comb += next_base.eq(Mux((layer.map_slots == 2) & (image_base == 0), layer.map_image_size, 0))
        with m.If(taken):
            m.d.sync += [col.eq(following), following.eq(following + 1)]
            with m.If(col_end):
                m.d.sync += [col.eq(0), following.eq(1), plane.eq(plane + 1), run.eq(run + layer.map_plane_size)]
            with m.If(plane_end):
                m.d.sync += [plane.eq(1), row.eq(row + 1), row_base.eq(row_base + layer.map_pitch),
                             run.eq(row_base + layer.map_pitch)]
            with m.If(image_end):
                m.d.sync += [row.eq(1), image_base.eq(next_base), row_base.eq(next_base), run.eq(next_base)]
        with m.If(self.start):
            m.d.sync += [col.eq(0), following.eq(1), plane.eq(1), row.eq(1), image_base.eq(0), row_base.eq(0),
                         run.eq(0)]
        return taken, plane_end, image_end, run + col

    def _count_rows(self, m: Module, row_written: Value, image_written: Value, complete: Signal) -> None:
        """`complete` images wait or are being read; `loading` rows of the one after them are there."""
        loading = Signal(COORDINATE_BITS)
        with m.If(image_written):
            m.d.sync += loading.eq(0)
        with m.Elif(row_written):
            m.d.sync += loading.eq(loading + 1)
        m.d.sync += complete.eq(complete + image_written - self.retire)
        with m.If(self.retire & (self.layer.map_slots == 2)):
            lines = self.layer.map_image_size >> exact_log2(self._config.pixels)
            m.d.sync += self.base.eq(Mux(self.base == 0, lines, 0))
        with m.If(self.start):
            m.d.sync += [loading.eq(0), complete.eq(0), self.base.eq(0)]
        m.d.comb += self.rows_loaded.eq(Mux(complete != 0, self.layer.map_rows, loading))
