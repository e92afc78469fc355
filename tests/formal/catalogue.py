"""All proofs, by name: the quick ones run with the tests."""

from __future__ import annotations

from functools import partial

from tests.formal import (
    array,
    axi_lite,
    boundary,
    dense,
    fifo,
    iterator,
    merger,
    multiplier,
    output,
    packer,
    requantiser,
    result_slots,
    walker,
)
from tests.formal.sby import Z3, Proof

WIDTH = 28
"""Bits of a sum in the arrays."""
PIPELINE = 10
"""Induction over a pipeline of 8 stages."""


def _array(name: str, *, depth: int, quick: bool = False, **layer: int) -> Proof:
    return Proof(name=name, build=partial(array.array, **layer), depth=depth, cover=depth, mode="bmc",
                 engine="abc bmc3", quick=quick)


_PROOFS = (
    Proof(name="multiplier 4x4", build=partial(multiplier.multiplier, a_width=4, b_width=4), depth=4, engine=Z3),
    Proof(name="multiplier 4x4 told", build=partial(multiplier.multiplier, a_width=4, b_width=4, told=True), depth=4,
          engine=Z3),
    Proof(name="multiplier 9x8", build=partial(multiplier.multiplier, a_width=9, b_width=8), depth=4, engine=Z3,
          quick=False),
    Proof(name="multiplier 9x8 without gate", build=partial(multiplier.multiplier, a_width=9, b_width=8, gate=False),
          depth=4, engine=Z3, quick=False),
    Proof(name="fifo 4", build=partial(fifo.sync_fifo, depth=4, width=2)),
    Proof(name="fifo 16", build=partial(fifo.sync_fifo, depth=16, width=1), quick=False),
    Proof(name="queue 4", build=partial(fifo.queue, depth=4, width=2)),
    Proof(name="queue 16", build=partial(fifo.queue, depth=16, width=1), quick=False),
    Proof(name="iterator", build=partial(iterator.iterator, words=2, queue_words=2, channels=8)),
    Proof(name="iterator 2 columns", build=partial(iterator.iterator, words=4, queue_words=2, channels=8, columns=2),
          quick=False),
    Proof(name="iterator 4 places", build=partial(iterator.iterator, words=2, queue_words=4, channels=8), quick=False),
    Proof(name="requantiser narrow", build=partial(requantiser.whole, acc_width=4, multiplier_bits=4),
          depth=PIPELINE, engine=Z3),
    Proof(name="requantiser 3 bits", build=partial(requantiser.whole, acc_width=3), depth=PIPELINE, engine=Z3,
          quick=False),
    Proof(name="requantiser scaling", build=partial(requantiser.scaling, acc_width=WIDTH), depth=4, engine=Z3),
    Proof(name="requantiser rounding", build=partial(requantiser.rounding, acc_width=8), depth=PIPELINE, engine=Z3),
    Proof(name="requantiser rounding 28", build=partial(requantiser.rounding, acc_width=WIDTH), depth=PIPELINE,
          engine=Z3, quick=False),
    Proof(name="result slots 4", build=partial(result_slots.result_slots, slots=4)),
    Proof(name="result slots 8", build=partial(result_slots.result_slots, slots=8), quick=False),
    Proof(name="walker", build=partial(walker.walker, entries=4, filters=2, slots=2, soonest=5),
          cover=30),
    Proof(name="walker 4 filters", build=partial(walker.walker, entries=4, filters=4, slots=4), cover=40,
          quick=False),
    Proof(name="axi lite", build=partial(axi_lite.axi_lite, count=3)),
    Proof(name="beat merger 2", build=partial(merger.merger, units=2, bits=1)),
    Proof(name="beat merger 3", build=partial(merger.merger, units=3, bits=2), quick=False),
    Proof(name="beat merger keeps", build=partial(merger.merger_keeps, units=2)),
    *(Proof(name=f"beat packer {pixels}", build=partial(packer.packer, pixels=pixels), quick=pixels == 4)
      for pixels in (1, 2, 4, 8)),
    Proof(name="output unit", build=partial(output.output, pixels=4, fifo_depth=2, requantise=False)),
    Proof(name="output unit modes", build=partial(output.output, pixels=4, fifo_depth=2), quick=False),
    Proof(name="output unit 8 pixels", build=partial(output.output, pixels=8, fifo_depth=2, requantise=False),
          quick=False),
    Proof(name="output unit 1 pixel", build=partial(output.output, pixels=1, fifo_depth=2, requantise=False),
          quick=False),
    Proof(name="output unit sums", build=partial(output.sums, fifo_depth=2), quick=False),
    Proof(name="boundary", build=boundary.boundary),
    Proof(name="dense cell", build=partial(dense.cell, bits=2), depth=10, cover=10, mode="bmc", engine="abc bmc3"),
    Proof(name="dense tap table", build=partial(dense.tap_table, taps=2), quick=False),
    Proof(name="dense output unit", build=partial(dense.output, pixels=4, fifo_depth=2, requantise=False)),
    Proof(name="dense output unit modes", build=partial(dense.output, pixels=4, fifo_depth=2), quick=False),
    Proof(name="dense output unit 8 pixels", build=partial(dense.output, pixels=8, fifo_depth=2, requantise=False),
          quick=False),
    Proof(name="dense output unit sums", build=partial(dense.sums, fifo_depth=2), quick=False),
    Proof(name="dense results", build=dense.results),
    Proof(name="dense results keep", build=dense.results_keep),
    _array("array", depth=116, quick=True, filters=1, channels=1, kernel=1, columns=2, pauses=3, within=112),
    _array("array 2 channels", depth=122, filters=2, channels=2, kernel=1, columns=2, pauses=4, within=121),
    _array("array 2 taps", depth=129, filters=1, channels=1, kernel=2, columns=3, pauses=4, within=127),
)
PROOFS = {proof.name: proof for proof in _PROOFS}
