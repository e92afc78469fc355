"""What the exact model says of packed layers."""

from __future__ import annotations

from dataclasses import replace

from zeroskip.compiler.layers import VectorPacked
from zeroskip.compiler.packed import PackedLayer
from zeroskip.cycles.account import Account, account
from zeroskip.cycles.model import Run, run


def modelled(packed: VectorPacked) -> tuple[Run, Account]:
    """The run of a program with its maps, and its account."""
    config = packed.made.config
    found = run(config, packed.program, packed.map, packed.columns, parts=packed.made.part_beats())
    return found, account(found, config.vector)


def predicted(packed: PackedLayer) -> PackedLayer:
    """A packed layer with its cycles and products, and those of each of its programs; later programs' beats count, too.

    ``total``; ``multiplications``, ``gated``, ``pairs`` and ``beyond`` as in an account; the classes of lanes' cycles.
    """
    programs = []
    for program in packed.programs:
        assert isinstance(program, VectorPacked)
        found, own = modelled(program)
        programs.append(replace(program, predicted={
            "total": found.total, "multiplications": own.multiplications, "gated": own.gated, "pairs": own.pairs,
            "beyond": own.beyond, **own.cycles}))
    sums = {name: sum(program.predicted[name] for program in programs) for name in programs[0].predicted}
    sums["total"] += sum(len(program.program) for program in programs[1:])
    return replace(packed, programs=[*programs], predicted=sums)
