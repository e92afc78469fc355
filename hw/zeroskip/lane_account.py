"""Why the lanes of a group that issue nothing issue nothing."""

from __future__ import annotations

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.size import positive

KINDS = ("bubble", "lane_imbalance", "tail", "drain", "rest")


def lane_counts(lanes: int) -> data.StructLayout:
    """Lanes that issue nothing in a cycle, by reason (see ``STALL_REASONS``).

    ``rest``: their whole group has nothing, for a reason that lies outside of it.
    """
    return data.StructLayout({kind: range(lanes + 1) for kind in KINDS})


class LaneAccount(wiring.Component):
    """Counts a group's idle lanes by what they were lost to, one cycle later.

    Each lane that issues nothing counts once, by the first of these that holds: it has no weight in this program
    (``tail``), its results have nowhere to go (``drain``), it has a word (``bubble``), another lane has work
    (``lane_imbalance``), the group has no pixel in this block (``tail``); else ``rest``. Where the whole array is
    quiet, neither ``tail`` is told apart from ``rest``.

    Parameters
    ----------
    lanes
        Lanes of the group.

    Members
    -------
    idle
        In: there is no program.
    listed
        In, mask of lanes: a weight is written to the lane's lists.
    issued, held, pending
        In, masks of lanes, of the same cycle: an entry is issued; a visit waits since results have not left; a word is
        on its way or visited.
    absent
        In: the group's pixels lie beyond the last one.
    quiet
        In: no lane of the array has work.
    counts
        Out, ``lane_counts``.

    Raises
    ------
    TypeError
        `lanes` is not a positive integer.
    """

    def __init__(self, *, lanes: int) -> None:
        self._lanes = positive("lanes", lanes)
        super().__init__({
            "idle": In(1),
            "listed": In(lanes),
            "issued": In(lanes),
            "held": In(lanes),
            "pending": In(lanes),
            "absent": In(1),
            "quiet": In(1),
            "counts": Out(lane_counts(lanes)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a lane's state to the counts."""
        return 1

    def elaborate(self, platform: object) -> Module:
        """Masks of lanes, and how many are set in each."""
        m = Module()
        used, none, waits, has_word, left = (Signal(self._lanes, name=name) for name in (
            "used", "none", "waits", "has_word", "left"))
        working, beyond = Signal(), Signal()
        with m.If(self.idle):
            m.d.sync += used.eq(0)
        with m.Else():
            m.d.sync += used.eq(used | self.listed)
        m.d.comb += [
            working.eq((self.issued | self.held | self.pending).any()),
            beyond.eq(self.absent & ~working & ~self.quiet),
            none.eq(~self.issued & ~used & ~self.quiet.replicate(self._lanes)),
            waits.eq(~self.issued & ~none & self.held),
            has_word.eq(~self.issued & ~none & ~self.held & self.pending),
            left.eq(~self.issued & ~none & ~self.held & ~self.pending),
        ]
        masks = {"bubble": has_word, "lane_imbalance": left & working.replicate(self._lanes),
                 "tail": none | (left & beyond.replicate(self._lanes)), "drain": waits,
                 "rest": left & ~(working | beyond).replicate(self._lanes)}
        m.d.sync += [self.counts[kind].eq(ones(mask)) for kind, mask in masks.items()]
        return m


def ones(mask: Value) -> Value:
    """How many bits are set."""
    return sum((mask[bit] for bit in range(1, len(mask))), mask[0])
