"""All proofs, by name: the quick ones run with the tests."""

from __future__ import annotations

from functools import partial

from tests.formal import (
    axi_lite,
    barrier,
    boundary,
    bus,
    dense,
    engine,
    fifo,
    issue,
    loader,
    maps,
    multiplier,
    pacer,
    packer,
    reader,
    requantiser,
    results,
    way_out,
)
from tests.formal.sby import Z3, Proof

from zeroskip.spec.words import Mode

WIDTH = 28
"""Bits of a sum in the arrays."""
PIPELINE = 10
"""Induction over a pipeline of 8 stages."""
STRAIGHT = 10
"""Cycles after which all that follows from a value has come out of a pipeline without a way back: as good as any."""


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
    Proof(name="reader order", build=partial(reader.order, queue_words=2, queue_jobs=2)),
    Proof(name="reader match", build=partial(reader.match, vector=2, banks=4), depth=PIPELINE, engine=Z3),
    Proof(name="reader match 8", build=partial(reader.match, vector=8, banks=8), depth=PIPELINE, engine=Z3,
          quick=False),
    Proof(name="issue", build=partial(issue.issue, look=2, queue_words=2, late=False)),
    Proof(name="issue late", build=partial(issue.issue, look=2, queue_words=2, late=True)),
    Proof(name="requantiser narrow", build=partial(requantiser.whole, acc_bits=4, multiplier_bits=4, low_bits=2),
          depth=STRAIGHT, cover=STRAIGHT + 2, mode="bmc", engine="abc bmc3"),
    Proof(name="requantiser scaling", build=partial(requantiser.scaling, acc_width=WIDTH), depth=4, engine=Z3),
    Proof(name="requantiser scaling, lean", build=partial(requantiser.scaling, acc_width=22, lean=True), depth=4,
          engine=Z3),
    Proof(name="requantiser rounding", build=partial(requantiser.rounding, acc_width=18), depth=STRAIGHT,
          cover=STRAIGHT + 2, mode="bmc", engine="abc bmc3"),
    Proof(name="requantiser rounding 28", build=partial(requantiser.rounding, acc_width=WIDTH), depth=STRAIGHT,
          cover=STRAIGHT + 2, mode="bmc", engine="abc bmc3", quick=False),
    Proof(name="bus 3", build=partial(bus.bus, lanes=3)),
    Proof(name="bus 5", build=partial(bus.bus, lanes=5), quick=False),
    Proof(name="maps", build=maps.maps),
    Proof(name="results", build=partial(results.results, out_words=4, under_way=2)),
    Proof(name="results 2 lanes", build=partial(results.results, out_words=8, under_way=2, lanes=2), quick=False),
    Proof(name="barrier", build=partial(barrier.barrier, lanes=2, most_parts=3), cover=30),
    Proof(name="pacer", build=pacer.pacer, cover=24),
    Proof(name="pacer 1 lane", build=partial(pacer.pacer, lanes=1), cover=24, quick=False),
    *(Proof(name=f"way out {name}", build=partial(way_out.way_out, mode=mode, ways=ways), cover=24)
      for name, mode, ways in (("flat", Mode.FLAT, 1), ("pool", Mode.POOL, 1), ("raw", Mode.RAW, 1))),
    *(Proof(name=f"way out scatter {phases}", build=partial(way_out.way_out, mode=Mode.SCATTER, order=order), depth=14,
            cover=30, mode="bmc", engine="abc bmc3", quick=False) for phases, order in ((1, 0), (2, 1))),
    Proof(name="way out flat 2 ways", build=partial(way_out.way_out, mode=Mode.FLAT, ways=2), cover=24, quick=False),
    Proof(name="engine", build=partial(engine.engine, columns=3, look=2, pauses=1, within=179), depth=181, cover=181,
          mode="bmc", engine="abc bmc3", quick=False),
    Proof(name="loader", build=loader.loader, depth=3, cover=20, engine=Z3, quick=False),
    Proof(name="axi lite", build=partial(axi_lite.axi_lite, count=3)),
    *(Proof(name=f"beat packer {pixels}", build=partial(packer.packer, pixels=pixels), quick=pixels == 4)
      for pixels in (1, 2, 4, 8)),
    Proof(name="boundary", build=partial(boundary.boundary, beat_bytes=16, number_bits=0), quick=False),
    Proof(name="boundary numbered", build=partial(boundary.boundary, beat_bytes=4, number_bits=3)),
    Proof(name="dense cell", build=partial(dense.cell, bits=2), depth=10, cover=10, mode="bmc", engine="abc bmc3"),
    Proof(name="dense tap table", build=partial(dense.tap_table, taps=2), quick=False),
    Proof(name="dense output unit", build=partial(dense.output, pixels=4, fifo_depth=2, requantise=False)),
    Proof(name="dense output unit modes", build=partial(dense.output, pixels=4, fifo_depth=2), quick=False),
    Proof(name="dense output unit 8 pixels", build=partial(dense.output, pixels=8, fifo_depth=2, requantise=False),
          quick=False),
    Proof(name="dense output unit sums", build=partial(dense.sums, fifo_depth=2), quick=False),
    Proof(name="dense results", build=dense.results),
    Proof(name="dense results keep", build=dense.results_keep),
)
PROOFS = {proof.name: proof for proof in _PROOFS}
