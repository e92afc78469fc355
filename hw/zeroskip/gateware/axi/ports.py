"""The signature that engines present to the AXI top, and the shapes in it."""

from __future__ import annotations

from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.stall_reasons import STALL_REASONS, STALLED
from zeroskip.spec.timing import FLUSH

RESET_CYCLES = FLUSH
"""A reset lasts so long: what is under way in an engine goes on, and has to have left it."""
ERROR_BITS = 4


def beat_layout(size: int) -> data.StructLayout:
    """One beat of a stream: `size` bytes and the end-of-packet flag."""
    return data.StructLayout({"data": 8 * size, "last": 1})


def numbered_layout(size: int, number_bits: int) -> data.StructLayout:
    """A beat that may come in any order: its number in the packet, and which of its bytes count."""
    return data.StructLayout({"data": 8 * size, "last": 1, "keep": size, "number": number_bits})


Beat = beat_layout(BEAT_BYTES)
"""One beat of the dense array's streams."""


def idle_shape(multipliers: int) -> data.StructLayout:
    """Slots that an engine does not use in a cycle, by loss; with those that it issues they are all multipliers."""
    return data.StructLayout({name: range(multipliers + 1) for name in STALL_REASONS if name != STALLED})


def engine_members(multipliers: int, *, beat_bytes: int = BEAT_BYTES, number_bits: int = 0,
                   watch: data.StructLayout | None = None) -> dict:
    """Members of an engine.

    ``reset``: every register to its initial value. To be held for `RESET_CYCLES` cycles or more, in which what the
    streams say means nothing: whoever resets takes and gives no beat.
    ``program``, ``map``: streams in; ``result``: stream out; of beats of `beat_bytes` bytes, those of the result
    numbered where `number_bits` is not 0.
    ``issued``, ``gated``: multiplier slots used in this cycle, and those among them that were gated.
    ``idle``: the slots not used in that cycle, by what they were lost to; with ``issued`` they are all multipliers.
    ``waiting``: nothing can be computed in this cycle because the map has not come yet.
    ``draining``: all is computed; results are on their way out.
    ``busy``: from the first beat of a program or map to the last beat of the results.
    ``error``: why the last program was refused or went wrong; 0 if it was not.
    ``watch``, with `watch`: what the engine writes into its memories, for those who look for a fault.
    """
    count, beat = range(multipliers + 1), beat_layout(beat_bytes)
    result = numbered_layout(beat_bytes, number_bits) if number_bits else beat
    return {
        "reset": In(1),
        "program": In(stream.Signature(beat)),
        "map": In(stream.Signature(beat)),
        "result": Out(stream.Signature(result)),
        "issued": Out(count),
        "gated": Out(count),
        "idle": Out(idle_shape(multipliers)),
        "waiting": Out(1),
        "draining": Out(1),
        "busy": Out(1),
        "error": Out(ERROR_BITS),
    } | ({"watch": Out(watch)} if watch else {})
