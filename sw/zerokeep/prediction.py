"""What the cycle model says of a layer: cycles, what bounds them, and how the layer lies in the array."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosim.measure import ideal_products, ratio
from zeroskip.compiler.packed import PackError, check_accumulators
from zeroskip.compiler.dense.parts import pack_dense_parts
from zeroskip.config import ArrayConfig
from zeroskip.counts import count
from zeroskip.cycles.dense.model import predicted
from zeroskip.lane_work import lane_work
from zeroskip.layer import Layer
from zeroskip.packing import CHOICES, KINDS
from zeroskip.plan import Plan, registers
from zeroskip.program_image import config_sections
from zeroskip.zero_skip_packing import best_plan
from zeroskip.zero_skip_program import pass_beats


@dataclass(frozen=True, kw_only=True)
class _Figures:
    """What an engine's model gives: `lanes` is the busiest lane's cycles, `program` and `load` are beats."""

    total: int
    load: int
    program: int
    map: int
    results: int
    lanes: int | None
    plan: str


def predict_layer(layer: Layer, config: ArrayConfig, engine: str) -> dict[str, Any]:
    """The entry of one engine; of a name in ``CHOICES`` that of the fastest which the layer fits, as ``chosen``.

    Returns
    -------
    dict
        ``total``, ``load`` and ``end_to_end`` in cycles; ``utilisation``, ``speedup``; ``bounds``, cycles that no
        schedule goes below: ``multipliers`` (the ideal products over all of them), ``busiest_lane`` (of this plan; not
        of the dense engine), ``weights``, ``map``, ``results`` (beats of each stream); ``bound_by``, the largest of
        them; and ``plan`` in words.

    Raises
    ------
    PackError
        The layer does not fit.
    """
    check_accumulators(layer, config.acc_width)
    if engine in CHOICES:
        return _fastest(layer, config, CHOICES[engine])
    dense = KINDS[engine] != "zero-skip"
    found = _dense(layer, config, engine) if dense else _zero_skip(layer, config, engine)
    counts, multipliers = count(layer), config.multipliers
    bounds = {"multipliers": -(-ideal_products(engine, counts) // multipliers), "busiest_lane": found.lanes,
              "weights": found.program, "map": found.map, "results": found.results}
    return {
        "total": found.total, "load": found.load, "end_to_end": found.load + found.total,
        "utilisation": ratio(ideal_products(engine, counts), multipliers * found.total),
        "speedup": ratio(counts["macs_inside"], multipliers * found.total),
        "bounds": bounds, "bound_by": max(bounds, key=lambda name: bounds[name] or 0), "plan": found.plan,
    }


def _fastest(layer: Layer, config: ArrayConfig, engines: Iterable[str]) -> dict[str, Any]:
    found, refusals = [], []
    for engine in engines:
        try:
            found.append(predict_layer(layer, config, engine) | {"chosen": engine})
        except PackError as error:
            refusals.append(f"{engine}: {error}")
    if not found:
        raise PackError("; ".join(refusals))
    return min(found, key=lambda entry: entry["total"])


def _zero_skip(layer: Layer, config: ArrayConfig, engine: str) -> _Figures:
    plan, figures = best_plan(layer.as_convolution(), config, skip_activations=engine == "skip-both")
    before = sum(1 + len(section.rows) for section in config_sections(registers(plan)))
    beats, lay = pass_beats(plan), plan.layout
    lanes = sum(own.cycles.sum(axis=(0, 1)) for own in lane_work(plan))
    return _Figures(total=figures["total"], load=before + beats[0], program=before + sum(beats) + 1,
                    map=lay.images * lay.rows * lay.planes * lay.cols, results=plan.result_beats,
                    lanes=int(np.max(lanes)), plan=in_words(plan))


def _dense(layer: Layer, config: ArrayConfig, engine: str) -> _Figures:
    packed = predicted(pack_dense_parts(layer, config.dense, gate=engine == "gate"))
    load = len(packed.programs[0].weights)
    parts = len(packed.programs)
    return _Figures(total=packed.predicted["total"], load=load, lanes=None,
                    program=sum(len(program.program) for program in packed.programs),
                    map=sum(len(program.map) for program in packed.programs),
                    results=sum(program.result_beats for program in packed.programs),
                    plan="whole" if parts == 1 else f"{parts} programs, one for each part of the filters")


def in_words(plan: Plan) -> str:
    """How a layer lies in the zero-skip array."""
    way, tiling = plan.arrangement, plan.tiling
    parts = []
    if way.splits > 1:
        parts.append(f"filters shared by {way.splits}")
    if way.raster and way.cols > 1:
        parts.append(f"pixels by {way.cols}")
    elif not way.raster:
        parts += [f"{name} by {number}" for name, number in (("rows", way.rows), ("columns", way.cols)) if number > 1]
    parts += ["blocks over row ends"] if way.raster else []
    parts += ["rows and columns exchanged"] if plan.transposed else []
    height, words = plan.shape[2], -(-plan.layer.channels // 16)
    counts = {"rows": -(-height // tiling.rows), "filters": tiling.filters,
              "channels": -(-words // tiling.channel_words)}
    tiles = [f"{number} of {name}" for name, number in counts.items() if number > 1]
    parts += ["tiles: " + ", ".join(tiles)] if tiles else []
    return "; ".join(parts) if parts else "one group"


def add_up(layers: list[dict[str, Any]], multipliers: int) -> dict[str, dict[str, Any]]:
    """The sums of a folder, by engine."""
    sums: dict[str, dict[str, Any]] = {}
    for engine in layers[0]["engines"]:
        own = [entry["engines"][engine] for entry in layers]
        total = sum(entry["total"] for entry in own)
        load = sum(entry["load"] for entry in own)
        products = sum(ideal_products(mine.get("chosen", engine), entry)
                       for mine, entry in zip(own, layers, strict=True))
        sums[engine] = {"total": total, "load": load, "end_to_end": total + load,
                        "utilisation": ratio(products, multipliers * total),
                        "speedup": ratio(sum(entry["macs_inside"] for entry in layers), multipliers * total)}
    return sums
