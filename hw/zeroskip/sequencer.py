"""The sequencer: walks blocks and windows, looks up each window's mask and broadcasts it to the groups that want it."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from zeroskip.block_counter import BlockCounter
from zeroskip.config import ArrayConfig
from zeroskip.map_feeder import mask_shape
from zeroskip.mask_memory import MaskMemory
from zeroskip.program import ConfigRegisters, GroupRegisters, PassLayout, TableWrite
from zeroskip.up_down import up_down
from zeroskip.window_bus import ROOM, ROOM_LATENCY, WindowRow, window_shape
from zeroskip.window_look import WindowLook
from zeroskip.window_place import POSITION_BITS, BlockStep, WindowPlace
from zeroskip.wire import WORD_CHANNELS, Mode, Section

RECENT = 1 + ROOM_LATENCY
"""Cycles of issues that `room` does not know of: one to the bus, and those of the group."""


class Sequencer(wiring.Component):
    """Runs passes, a window a cycle at most; a block of W windows takes W + 1 cycles where nothing holds it up.

    A window waits until the row it reads has been fed and every group that wants it has room. Windows outside the map
    are dropped. After a block's windows comes a marker for all groups, and after the last pass one more, which flushes
    the accumulators. The last marker of an image waits until the whole image has been fed, also where no window reads
    its last rows. From issue to the bus: one cycle, and to the mask: two.

    Parameters
    ----------
    config
        The array's parameters.

    Members
    -------
    config, group, write, start, done
        In, from the program loader; `done` when the last result has gone.
    passes, pass_done, ended
        From the feeder, and to and from the program loader.
    masks, row_fed
        In, from the feeder.
    room
        In, array of groups, mask: room for one word, two, three, four; words of the last `RECENT` cycles do not count.
    block_done
        In: all groups are past one marker more.
    window, mask
        Out, the broadcast bus, ``window_shape``; one cycle after it the mask of channels, or a marker's flags.
    waiting
        Out: held up because a row has not been fed.
    held, empty, absent
        Out: a group that takes the window has no room, or the pass before is not over; no pass to walk; groups
        of which it is known that none of their pixels in this block is there.
    finished
        Out: the last marker has been issued, the last result has not gone.
    """

    def __init__(self, *, config: ArrayConfig) -> None:
        self._config = config
        groups = config.groups
        super().__init__({
            "config": In(ConfigRegisters),
            "group": In(GroupRegisters).array(groups),
            "write": In(TableWrite),
            "start": In(1),
            "done": In(1),
            "passes": In(stream.Signature(PassLayout)),
            "pass_done": Out(1),
            "ended": In(1),
            "masks": In(mask_shape(config.value_lines)).array(config.banks),
            "row_fed": In(1),
            "room": In(ROOM).array(groups),
            "block_done": In(1),
            "window": Out(window_shape(config)),
            "mask": Out(WORD_CHANNELS * config.columns),
            "waiting": Out(1),
            "held": Out(1),
            "empty": Out(1),
            "absent": Out(groups),
            "finished": Out(1),
        })

    def elaborate(self, platform):
        """Issue: rows fed, room; then the mask."""
        m = Module()
        config = self._config
        m.submodules.blocks = blocks = BlockCounter(position_bits=POSITION_BITS)
        m.submodules.place = place = WindowPlace(
            groups=config.groups, pixels=config.pixels, columns=config.columns,
            position_bits=ceil_log2(config.value_positions))
        m.submodules.look = look = WindowLook(config=config)
        here, go, issue = Signal.like(look.looked, name="here"), Signal(), Signal(config.groups)
        self._walk(m, blocks, place)
        closing = self._close_passes(m, go & here.marker, go & here.pass_end)
        rows = self._count_rows(m, go & here.image_end)
        come, ready = Signal(), Signal()
        # Whether the row has come is known a cycle late. The rows of the next image are counted from a marker on.
        m.d.sync += come.eq(Mux(look.en, _row_is_there(look.looked, rows), _row_is_there(here, rows))
                            & ~(go & here.image_end))
        with m.If(look.en):
            m.d.sync += here.eq(look.looked)
        m.d.comb += [
            look.config.eq(self.config), look.placed.eq(place.placed), look.en.eq(~here.valid | go),
            place.en.eq(look.en),
            self.waiting.eq(here.valid & ~come),
            self.empty.eq(~here.valid),
            self.held.eq(here.valid & come & ~go),
            ready.eq((here.wanted & ~self._track_room(m, issue)) == 0),
            go.eq(here.valid & ready & come & ~(here.pass_end & closing)),
            issue.eq(Mux(go, here.wanted, 0)),
        ]
        m.d.sync += [
            self.window.want.eq(issue),
            *(self.window[name].eq(here[name]) for name in ("parts", "marker", "flip", "word", "position")),
            # a single pixel outside of the map has no channel worth visiting
            self.window.inside.eq(here.inside if config.pixels > 1 else 1),
        ]
        self._look_up_mask(m, here, go)
        self._note_absent(m, here, go)
        return m

    def _track_room(self, m, issue):
        """Groups that have room for a word, from a register; those that are on their way are taken off here."""
        able, before = Signal.like(issue, name="able"), [issue]
        for age in range(1, RECENT):
            before.append(Signal.like(issue, name=f"issue_{age}"))
            m.d.sync += before[-1].eq(before[-2])
        for group, room in enumerate(self.room):
            sent = [cycle[group] for cycle in before]
            m.d.sync += able[group].eq(room.bit_select(sum(sent[1:], sent[0]), 1))
        return able

    def _look_up_mask(self, m, here, go):
        """A window's mask, or a marker's flags."""
        m.submodules.masks = masks = MaskMemory(config=self._config)
        m.d.comb += [bank.eq(fed) for bank, fed in zip(masks.masks, self.masks, strict=True)]
        flags, marker = Signal.like(here.flags, name="flags_1"), Signal(2)
        flags_out = Signal.like(here.flags, name="flags_2")
        m.d.sync += [flags.eq(here.flags), flags_out.eq(flags), marker.eq(Cat(here.marker, marker))]
        m.d.comb += [
            masks.en.eq(go), masks.position.eq(here.position), masks.ring.eq(self.config.plane_ring - 1),
            masks.inside.eq(here.inside), masks.all.eq((self.config.mode & Mode.SKIP_ACTIVATIONS.value) == 0),
            self.mask.eq(Mux(marker[1], flags_out, masks.mask)),
        ]

    def _note_absent(self, m, here, go):
        """Groups whose windows of this block were dropped for want of pixels; kept until the next block has windows."""
        begins = Signal(init=1)
        with m.If(go):
            m.d.sync += begins.eq(here.marker)
        with m.If(go & ~here.marker):
            m.d.sync += self.absent.eq(Mux(begins, 0, self.absent) | here.absent)

    def _walk(self, m, blocks, place):
        """The table's address runs one step ahead; `step` goes with the row that stands at the table's output."""
        windows = self._config.windows
        m.submodules.table = table = memory.Memory(shape=WindowRow, depth=windows, init=[])
        write_port, read_port = table.write_port(), table.read_port()
        ahead, coming = place.en, self.passes.payload
        own, active, flush = Signal(PassLayout), Signal(), Signal()
        index, left = Signal(ceil_log2(windows)), Signal(ceil_log2(windows) + 1)
        block_end, pass_end = Signal(), Signal()
        flushed, finishing = Signal(init=1), Signal(2 + place.latency + WindowLook.latency)
        step = Signal(BlockStep)
        m.d.comb += [
            write_port.en.eq(self.write.valid & (self.write.kind == Section.WINDOWS)),
            write_port.addr.eq(self.write.address),
            write_port.data.eq(self.write.data),
            read_port.en.eq(ahead),
            read_port.addr.eq(index),
            block_end.eq(left == 0),
            pass_end.eq(active & block_end & blocks.last),
            flush.eq(~active & ~self.passes.valid & self.ended & ~flushed),
            self.passes.ready.eq(~active | (ahead & pass_end)),
            blocks.config.eq(self.config), blocks.reset.eq(self.start),
            blocks.images.eq(Mux(blocks.start, coming.images, own.images)),
            blocks.start.eq(self.passes.valid & self.passes.ready),
            blocks.step.eq(active & ahead & block_end),
            place.config.eq(self.config), place.step.eq(step), place.window.eq(read_port.data),
        ]
        m.d.comb += [mine.eq(group) for mine, group in zip(place.group, self.group, strict=True)]
        with m.If(ahead):
            m.d.sync += [
                step.valid.eq(active | flush), step.marker.eq(flush | block_end), step.pass_end.eq(pass_end),
                step.flags.eq(Cat(own.final, Mux(blocks.last, own.final, own.fresh), own.join & active)),
                step.image_end.eq(active & blocks.last_of_image & block_end),
                step.flip.eq(blocks.flip), step.rows.eq(own.rows), step.row.eq(blocks.row), step.col.eq(blocks.col),
                step.position.eq(blocks.position), finishing.eq(Cat(flush, finishing)),
                index.eq(Mux(block_end, own.first_window, index + 1)), left.eq(Mux(block_end, own.windows, left - 1)),
                active.eq(active & ~pass_end), flushed.eq(flushed | flush),
                self.finished.eq(self.finished | finishing[-1]),
            ]
        with m.If(self.passes.valid & self.passes.ready):
            m.d.sync += [own.eq(coming), active.eq(1), index.eq(coming.first_window), left.eq(coming.windows)]
        with m.If(self.start):
            m.d.sync += [flushed.eq(0), finishing.eq(0)]
        with m.If(self.done):
            m.d.sync += self.finished.eq(0)

    def _count_rows(self, m, image_end):
        """Rows that have been fed of the image whose windows are being issued, and of those after it."""
        rows, taken = Signal(12), Signal(10)
        m.d.comb += taken.eq(Mux(image_end, self.config.map_rows, 0))
        m.d.sync += rows.eq(rows + self.row_fed - taken)
        with m.If(self.start):
            m.d.sync += rows.eq(0)
        return rows

    def _close_passes(self, m, marker, pass_end):
        """Whether the pass before the last one is still held: until all groups are past its last marker."""
        closing, under_way = Signal(), Signal(range(2 * self._config.queue_words))
        ahead = Signal.like(under_way)  # markers to be passed until the pass is over
        after = up_down(under_way, marker, self.block_done)
        m.d.sync += under_way.eq(after)
        with m.If(pass_end):
            m.d.sync += [closing.eq(1), ahead.eq(after)]
        with m.Elif(closing & self.block_done):
            m.d.sync += [closing.eq(ahead != 1), ahead.eq(ahead - 1)]
        m.d.comb += self.pass_done.eq(closing & self.block_done & (ahead == 1))
        with m.If(self.start):
            m.d.sync += [closing.eq(0), under_way.eq(0)]
        return closing


def _row_is_there(window, rows):
    """Nobody takes the window, or its row has been fed."""
    return (window.wanted == 0) | (window.last_row < rows)
