"""What host and chip agree on at the AXI ports: streams, and the registers of the control port."""

from __future__ import annotations

from dataclasses import dataclass

from zeroskip.spec.stall_reasons import STALL_REASONS

BEAT_BYTES = 16
"""Bytes of a beat of the dense array's streams, and of those of the larger vector engines."""
REGISTER_BYTES = 4
STREAMS_IN = ("program", "map")
STREAM_OUT = "result"
ERROR_AT = 4
"""The lowest bit of the error in the register ``status``."""
VERSION = 4
"""Of what stands here, and of the dense array's programs."""
MAGIC = 0x5A4B
IDENTITY = MAGIC << 16 | VERSION
"""What the register ``id`` reads as."""
COUNTERS = {
    "load": "beats of the program taken before the first beat of the map",
    "total": "cycles from the first beat of the map to the last beat of the last result, both included",
    "wait": "cycles of total in which nothing could be computed because the map had not come yet",
    "compute": "cycles of total that are none of the other kinds",
    "drain": "cycles of total in which all was computed and results were on their way out",
    "stalled": "cycles of total lost because a stream outside paused",
    "multiplications": "multiplier slots used, gated ones included",
    "gated": "multiplier slots used and gated",
    "map_beats": "beats of the map taken",
    "result_beats": "beats of the result handed over",
    **{f"slots_{name}": f"multiplier slots in total that were not used: {meaning}"
       for name, meaning in STALL_REASONS.items()},
}
"""Name and meaning, in the order of the registers."""


@dataclass(frozen=True, kw_only=True)
class Register:
    """One 32-bit register of the control port."""

    name: str
    address: int
    access: str
    meaning: str


CONTROL = (
    ("id", "read", f"magic {MAGIC:#06x} in bits 31..16, version of the wire format in bits 15..0"),
    ("control", "write", "bit 0: reset the engine and the counters; reads as zero"),
    ("status", "read", ("bit 0: busy, from the first beat of a program or map to the last beat of the result; "
                       "bits 7..4: why the last program was refused, or went wrong, 0 if it was not")),
    ("results", "write", "bits 15..0: packets of results up to the last of which is counted; 1 after a reset"),
)
"""The registers before the counters."""
REGISTERS = {
    name: Register(name=name, address=REGISTER_BYTES * number, access=access, meaning=meaning)
    for number, (name, access, meaning) in enumerate(
        (*CONTROL, *((name, "read", meaning) for name, meaning in COUNTERS.items())))
}
"""THE register map: the hardware, the sidecar and the testbench are made from it."""
