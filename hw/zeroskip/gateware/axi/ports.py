"""The signature that engines present to the AXI top, and the shapes in it."""

from amaranth.hdl import unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.stall_reasons import STALL_REASONS, STALLED

RESET_CYCLES = 2
"""A reset lasts so long: the far parts of an engine hear of it a cycle late."""

Beat = data.StructLayout({
    "data": unsigned(8 * BEAT_BYTES),
    "last": unsigned(1),
})
"""One beat of a stream: 128 bits and the end-of-packet flag."""


def idle_shape(multipliers: int) -> data.StructLayout:
    """Slots that an engine does not use in a cycle, by loss; with those that it issues they are all multipliers."""
    return data.StructLayout({name: range(multipliers + 1) for name in STALL_REASONS if name != STALLED})


def engine_members(multipliers: int) -> dict:
    """Members of an engine.

    ``reset``: every register to its initial value. To be held for `RESET_CYCLES` cycles or more, in which what the
    streams say means nothing: whoever resets takes and gives no beat.
    ``weights``, ``map``: streams in; ``result``: stream out; all of :class:`Beat`.
    ``issued``, ``gated``: multiplier slots used in this cycle, and those among them that were gated.
    ``idle``: the slots not used in that cycle, by what they were lost to; with ``issued`` they are all multipliers.
    ``waiting``: nothing can be computed in this cycle because the map has not come yet.
    ``draining``: all is computed; results are on their way out.
    ``busy``: from the first beat of a program to the last beat of its results.
    """
    count = range(multipliers + 1)
    return {
        "reset": In(1),
        "weights": In(stream.Signature(Beat)),
        "map": In(stream.Signature(Beat)),
        "result": Out(stream.Signature(Beat)),
        "issued": Out(count),
        "gated": Out(count),
        "idle": Out(idle_shape(multipliers)),
        "waiting": Out(1),
        "draining": Out(1),
        "busy": Out(1),
    }
