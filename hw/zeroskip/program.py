"""The program loader: takes the sections of a program, keeps the configuration, writes the tables."""

import enum

from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.axi.ports import Beat
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.wire import Config, Section

ADDRESS_BITS = 16


ConfigRegisters = data.StructLayout({
    "mode": unsigned(5),
    "images": unsigned(16),
    "map_rows": unsigned(10),
    "map_planes": unsigned(12),
    "map_cols": unsigned(10),
    "map_pitch": unsigned(12),
    "map_plane_size": unsigned(14),
    "map_image_size": unsigned(14),
    "map_slots": unsigned(2),
    "out_rows": unsigned(10),
    "out_cols": unsigned(10),
    "block_rows": unsigned(6),
    "block_cols": unsigned(8),
    "windows": unsigned(12),
    "filters": unsigned(12),
    "clamp_low": signed(10),
    "clamp_high": signed(10),
    "result_beats": unsigned(24),
    "block_pitch": unsigned(14),
    "blocks": unsigned(20),
    "map_span": unsigned(16),
    "flip_cols": unsigned(5),
    "flip_rows": unsigned(5),
    "ring": unsigned(10),
    "drain_blocks": unsigned(24),
    "word_step": unsigned(12),
    "plane_ring": unsigned(14),
    "plane_rows": unsigned(11),
    "rows_above": unsigned(4),
})
"""The configuration registers by name (lower case of ``wire.Config``), with their widths."""


GroupRegisters = data.StructLayout({
    "row_offset": unsigned(6),
    "col_offset": unsigned(8),
    "word_offset": unsigned(12),
    "word_offset_cols": unsigned(12),
    "word_offset_rows": unsigned(12),
    "word_offset_both": unsigned(12),
})
"""The configuration of one group."""


GROUP_BASES = {name: Config[name.upper()] for name, _ in GroupRegisters}
"""Number of each group register of group 0."""


PassLayout = data.StructLayout({
    "first_window": unsigned(16),
    "windows": unsigned(16),
    "images": unsigned(16),
    "fresh": unsigned(1),
    "final": unsigned(1),
    "join": unsigned(1),
    "rows": unsigned(10),
})
"""A pass over the blocks of some images, the low bits of a row of section ``PASS``.

Fields: its rows of the window table; the images; sums start from zero; sums are results; the next pass goes on with the
same (only) block; rows of the result in an image.
"""


FeedLayout = data.StructLayout({
    "images": unsigned(16),
    "planes": unsigned(16),
    "first_position": unsigned(16),
    "first_word": unsigned(16),
    "retire": unsigned(1),
})
"""The map of a pass, the low bits of a row of section ``FEED``.

Fields: the images; the planes that the pass works on; where the first of them begins in the feature-map memory, and
which word of a row of the stream it begins with; each image is no longer needed afterwards.
"""


TableWrite = data.StructLayout({
    "valid": unsigned(1),
    "kind": unsigned(3),
    "first": unsigned(1),
    "mask": unsigned(32),
    "address": unsigned(ADDRESS_BITS),
    "entry": unsigned(ADDRESS_BITS),
    "data": unsigned(8 * BEAT_BYTES),
})
"""One row for one of the tables; `kind` says which. `first`: of its section; `entry`: high half of its address."""


class _State(enum.Enum):
    HEADER = 0
    PAYLOAD = 1
    RUN = 2


class ProgramLoader(wiring.Component):
    """Takes a program, one beat a cycle, and holds the next one back until the layer is done.

    A payload beat appears on `write` one cycle after it was taken; `start` is pulsed two cycles after the first
    ``PASS``, or after ``END`` where there is none. At most two passes are under way: while the second waits, the
    program does not go on, so that the tables of a pass may be written over those of the last but one.

    Parameters
    ----------
    groups
        Number of groups with registers of their own.

    Members
    -------
    weights
        In, stream of ``Beat``.
    config, group
        Out, the configuration registers.
    write
        Out, table rows (``CONFIG``, ``PASS`` and ``FEED`` sections do not appear).
    passes, feeds
        Out, streams of ``PassLayout`` and of ``FeedLayout``.
    pass_done
        In, one cycle: nothing needs the tables of the oldest pass any more.
    ended
        Out: ``END`` has come, there are no more passes than those that are under way.
    start
        Out, one cycle: the layer begins; the configuration and the tables of its first pass are there.
    done
        In, one cycle: the last result has gone.
    busy
        Out, from the first beat of a program until `done`.
    """

    def __init__(self, *, groups: int) -> None:
        self._groups = groups
        super().__init__({
            "weights": In(stream.Signature(Beat)),
            "config": Out(ConfigRegisters),
            "group": Out(GroupRegisters).array(groups),
            "write": Out(TableWrite),
            "passes": Out(stream.Signature(PassLayout)),
            "feeds": Out(stream.Signature(FeedLayout)),
            "pass_done": In(1),
            "ended": Out(1),
            "start": Out(1),
            "done": In(1),
            "busy": Out(1),
        })

    def elaborate(self, platform):
        """State machine, registers, and the strobe for the tables."""
        m = Module()
        state = Signal(_State)
        kind, mask = Signal(3), Signal(32)
        address, entry, left = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS), Signal(32)
        beat = self.weights.payload.data
        taken, first, payload, ended, feeds = Signal(), Signal(), Signal(), Signal(), Signal()
        room, feed_waits = self._hold_passes(m, payload & (kind == Section.PASS), payload & (kind == Section.FEED),
                                             ended, beat)
        m.d.comb += [
            feeds.eq((state == _State.PAYLOAD) & (kind == Section.FEED)),
            self.weights.ready.eq((state != _State.RUN) & room & ~(feeds & feed_waits)),
            taken.eq(self.weights.valid & self.weights.ready),
            payload.eq(taken & (state == _State.PAYLOAD)),
            ended.eq(taken & (state == _State.HEADER) & (beat[0:3] == Section.END)),
            self.ended.eq(state == _State.RUN),
        ]
        m.d.sync += self.write.valid.eq(0)
        with m.If(taken):
            m.d.sync += self.busy.eq(1)
        with m.If(taken & (state == _State.HEADER)):
            m.d.sync += [kind.eq(beat[0:3]), mask.eq(beat[32:64]), address.eq(beat[64:80]), entry.eq(beat[80:96]),
                         left.eq(beat[96:128]), first.eq(1)]
            with m.If(ended):
                m.d.sync += state.eq(_State.RUN)
            with m.Elif(beat[96:128] != 0):
                m.d.sync += state.eq(_State.PAYLOAD)
        with m.If(payload):
            m.d.sync += [
                self.write.valid.eq((kind != Section.CONFIG) & (kind < Section.PASS)),
                self.write.kind.eq(kind),
                self.write.first.eq(first),
                self.write.mask.eq(mask),
                self.write.address.eq(address),
                self.write.entry.eq(entry),
                self.write.data.eq(beat),
                first.eq(0),
                address.eq(address + 1),
                left.eq(left - 1),
            ]
            with m.If(left == 1):
                m.d.sync += state.eq(_State.HEADER)
        configures = Signal()
        m.d.sync += configures.eq(payload & (kind == Section.CONFIG))
        with m.If(configures):  # a cycle after the beat, from the register that table rows go through, too
            self._write_config(m, self.write.address, self.write.data)
        with m.If((state == _State.RUN) & self.done):
            m.d.sync += [state.eq(_State.HEADER), self.busy.eq(0)]
        return m

    def _hold_passes(self, m, passes, feeds, ended, beat):
        """What the array is to run next and to copy next, and the start of the layer.

        Whether the program may go on; and whether a feed waits already.
        """
        complete, started, running, under_way = Signal(), Signal(), Signal(), Signal(2)
        waiting = {}
        for name, arrives, port in (("pass", passes, self.passes), ("feed", feeds, self.feeds)):
            waiting[name] = Signal(name=f"{name}_waits")
            m.d.comb += port.valid.eq(waiting[name] & running)
            with m.If(port.valid & port.ready):
                m.d.sync += waiting[name].eq(0)
            with m.If(arrives):
                m.d.sync += [waiting[name].eq(1), port.payload.eq(beat)]
        m.d.sync += [
            complete.eq((passes | ended) & ~started), self.start.eq(complete),
            under_way.eq(under_way + passes - self.pass_done),
        ]
        with m.If(passes | ended):
            m.d.sync += started.eq(1)
        with m.If(self.start):
            m.d.sync += running.eq(1)
        with m.If(self.ended & self.done):
            m.d.sync += [started.eq(0), running.eq(0)]
        return ~under_way[1] & ~waiting["pass"], waiting["feed"]

    def _write_config(self, m, address, beat):
        for name, _ in ConfigRegisters:
            with m.If(address == Config[name.upper()].value):
                m.d.sync += self.config[name].eq(beat[:32])
        for name, base in GROUP_BASES.items():
            for index in range(self._groups):
                with m.If(address == base.value + index):
                    m.d.sync += self.group[index][name].eq(beat[:32])
