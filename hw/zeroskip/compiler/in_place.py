"""Maps that can take the place of one that is read for the last time.

A residual is added value by value: a filter reads its own channel of the other map at the very place of its result, and
nothing else of it. A vector is read before it is written, and nobody else reads it; so the sum can lie where that map
lay, if both lie alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zeroskip.compiler.steps import Step


def predecessors(steps: Sequence[Step], incoming: Mapping[str, object], leaving: str) -> dict[str, str]:
    """For each map that can take the place of another one: that one's name."""
    last = {name: number for number, step in enumerate(steps) for name in step.sources}
    makers = [step.out for step in steps]
    found: dict[str, str] = {}
    for number, step in enumerate(steps):
        plain = step.pooling is None and step.spread == (1, 1) and not step.raw and makers.count(step.out) == 1
        if not plain or step.out == leaving:
            continue
        for source, name in enumerate(step.sources):
            free = name not in incoming and last[name] == number and step.sources.count(name) == 1
            if free and name not in found.values() and _read_in_place(step, source):
                found[step.out] = name
                break
    return found


def _read_in_place(step: Step, source: int) -> bool:
    """Whether each filter reads nothing of a source but its own channel, at the place of the result."""
    if step.strides[source] != (1, 1):
        return False
    for number, taps in enumerate(step.taps):
        own = taps.source == source
        if np.any(taps.row[own]) or np.any(taps.column[own]) or np.any(taps.channel[own] != number):
            return False
    return True
