"""The zero-skip multiplier against a plain one, over the share of products with a zero operand."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from amaranth.back import verilog

from cosim.energy.activity import OpenLoop
from cosim.energy.library import cells
from cosim.energy.netlist import map_cells, simulation
from cosim.energy.power import Power, measure
from cosim.energy.zero_skip_multiplier import ZeroSkipMultiplier
from zeroskip.files.reading import read_text
from zeroskip.files.workplace import workplace
from zeroskip.files.writing import write_text

A_BITS, B_BITS = 8, 9
"""Of a weight, and of an activation that may be uint8 or int8: what the arrays have."""
CYCLES = 4000
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
DESIGNS: dict[str, dict[str, bool]] = {
    "plain": {"gate": False}, "finds zeros": {"gate": True}, "is told zeros": {"gate": True, "told": True}}
"""Registers of operands and product alike in all; the second compares its operands with zero, the third has been told
so by who has its operands, which needs that anyway."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One design: picojoules a product by share of zeros, in the order of `shares`; area and delay."""

    name: str
    shares: tuple[float, ...]
    energy: tuple[float, ...]
    area: float
    delay_ns: float
    annotated: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def operands(share: float, seed: int) -> list[int]:
    """Words of ``a``, ``b`` and whether each is zero; a share of the products has one zero operand, either as often.

    Other operands are uniform over all values but zero: int8 weights, uint8 activations.
    """
    rng = random.Random(seed)
    found = []
    for _ in range(CYCLES):
        a, b = rng.choice([-1, 1]) * rng.randrange(1, 128) & 0xFF, rng.randrange(1, 256)
        if rng.random() < share:
            a, b = rng.choice([(0, b), (a, 0)])
        found.append(a | b << A_BITS | (a == 0) << A_BITS + B_BITS | (b == 0) << A_BITS + B_BITS + 1)
    return found


def curves(folder: Path, *, shares: Sequence[float] = SHARES, seed: int = 1) -> list[Curve]:
    """Every design of ``DESIGNS`` in cells, simulated with the same operands; `folder` keeps Verilog and netlists.

    Raises
    ------
    ToolError
        A tool is missing or failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = [operands(share, seed) for share in shares]
    return [_curve(name, kind, folder / name.replace(" ", "_"), shares, words)
            for name, kind in DESIGNS.items()]


def _curve(name: str, kind: dict[str, bool], folder: Path, shares: Sequence[float],
           words: list[list[int]]) -> Curve:
    folder.mkdir(exist_ok=True)
    source, netlist = folder / "multiplier.v", folder / "netlist.v"
    component = ZeroSkipMultiplier(a_width=A_BITS, b_width=B_BITS, **kind)
    write_text(source, verilog.convert(component, name="multiplier", emit_src=False, strip_internal_attrs=True))
    map_cells(source, "multiplier", netlist)
    told = {"a_zero": 1, "b_zero": 1} if kind.get("told") else {}
    inputs = {"a": A_BITS, "b": B_BITS} | told | {"en": 1, "gating": 1}
    text = simulation(read_text(netlist), cells())
    zeros = (1 << A_BITS + B_BITS) - 1
    found: list[Power] = []
    with workplace() as place:
        bench = OpenLoop(text, "multiplier", inputs=inputs, count=CYCLES, folder=place,
                         outputs={"product": A_BITS + B_BITS, "zero": 1, "gated": 1})
        for own in words:
            kept = own if told else [word & zeros for word in own]
            always = 0b11 << A_BITS + B_BITS + sum(told.values())  # enabled, gating
            found.append(measure(netlist, "multiplier", bench.run([word | always for word in kept])))
    return Curve(name=name, shares=tuple(shares), energy=tuple(round(own.total, 3) for own in found),
                 area=found[0].area, delay_ns=found[0].delay_ns, annotated=min(own.annotated for own in found))
