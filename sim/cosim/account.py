"""The account of a layer: what every multiplier slot of every cycle went into, out of the hardware's counters."""

from __future__ import annotations

from collections.abc import Mapping

from zeroskip.spec.stall_reasons import STALL_REASONS

CLASSES = ("multiplying", "gated", *STALL_REASONS)
"""What a slot goes into; it is in one of them only."""
PREFIX = "slots_"
"""Of the counters' names, where the class has a counter of its own."""


def account(counters: Mapping[str, int]) -> dict[str, int]:
    """Slots by class, over all multipliers and cycles of ``total``.

    >>> counters = {f"slots_{name}": 0 for name in STALL_REASONS} | {"multiplications": 5, "gated": 2, "slots_drain": 3}
    >>> {name: slots for name, slots in account(counters).items() if slots}
    {'multiplying': 3, 'gated': 2, 'drain': 3}
    """
    issued, gated = counters["multiplications"], counters["gated"]
    return {"multiplying": issued - gated, "gated": gated} | {name: counters[PREFIX + name] for name in STALL_REASONS}


def wrong_sum(counters: Mapping[str, int], multipliers: int) -> str | None:
    """A sentence where the classes do not make up all slots."""
    found, wanted = sum(account(counters).values()), counters["total"] * multipliers
    if found == wanted:
        return None
    return (f"the classes of the multipliers' slots make {found}, expected {wanted}: {counters['total']} cycles of "
            f"{multipliers} multipliers")
