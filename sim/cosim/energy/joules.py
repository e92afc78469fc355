"""From runs on gates to the figures: energy of a layer and of an image, by engine, and what stands beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cosim.energy.activity import PERIOD_NS
from cosim.energy.array import ArrayOnGates, Run
from cosim.energy.library import NODE
from cosim.energy.memory_cost import ADD_PJ, MULTIPLY_PJ, NODE_FACTOR, TABLE, TABLE_BITS, access_pj, total_pj
from zeroskip.compiler.packed import PackError
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.random_layer import convolution
from zeroskip.spec.config import EngineConfig, preset_name
from zeroskip.spec.engines import ENGINES, KINDS

Progress = Callable[[str], None]
DENSITIES = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
LEAST_PJ = 0.5
"""A submodule whose registers cost less to clock is not named."""
SUMMED = ("cycles", "logic_pj", "memory_45nm_pj", "memory_pj", "total_pj", "counted_45nm_pj", "multiplications",
          "gated")
SAVINGS = (("gate", "dense"), ("skip-both", "gate"), ("skip-both", "dense"), ("skip-weights", "gate"))


class Arrays:
    """The hardware of every engine, made when it is first needed."""

    def __init__(self, config: EngineConfig, cache: Path, progress: Progress) -> None:
        self.config, self._cache, self._progress = config, cache, progress
        self._made: dict[str, ArrayOnGates] = {}

    def of(self, engine: str) -> ArrayOnGates:
        """The hardware that an engine runs on."""
        kind = KINDS[engine]
        if kind not in self._made:
            self._progress(f"gates of {kind}")
            self._made[kind] = ArrayOnGates(self.config, kind, self._cache)
        return self._made[kind]

    def entry(self, name: str, layer: Layer, engine: str) -> dict[str, Any]:
        """The figures of a layer on an engine."""
        array = self.of(engine)
        self._progress(f"{name} on {engine}")
        return figures(array, array.run(name, layer, engine))


def figures(array: ArrayOnGates, run: Run) -> dict[str, Any]:
    """What a run cost, in picojoules: gates, memories by the table (at 45 nm and at the cells' node), and together.

    ``counted_45nm_pj`` knows no gates: multiplications that were not gated and an addition for each, times the table,
    and the memories'. ``energy_delay`` is in picojoules times seconds.
    """
    logic, at_45nm = array.logic_pj(run), total_pj(run.memories)
    total = logic + NODE_FACTOR * at_45nm
    products = run.multiplications - run.gated
    return {
        "cycles": run.cycles, "logic_pj": round(logic, 1), "memory_45nm_pj": round(at_45nm, 1),
        "memory_pj": round(NODE_FACTOR * at_45nm, 1), "total_pj": round(total, 1),
        "energy_delay": total * run.cycles * PERIOD_NS * 1e-9,
        "counted_45nm_pj": round(products * (MULTIPLY_PJ + ADD_PJ) + at_45nm, 1),
        "multiplications": run.multiplications, "gated": run.gated, "annotated": round(run.power.annotated, 4),
        "logic_pj_by_cycle": {name: round(getattr(run.power, name), 3)
                              for name in ("sequential", "combinational", "clock")},
        "clocking": {part: {"registers": count, "pj_by_cycle": round(spent, 2)}
                     for part, (count, spent) in run.power.by_part.items() if spent >= LEAST_PJ},
        "cycles_outside": run.outside,
        "memories": [{"name": memory.name, "rows": memory.rows, "bits": memory.bits, "reads": memory.reads,
                      "writes": memory.writes, "pj_45nm": round(access_pj(memory.rows, memory.bits), 3)}
                     for memory in run.memories],
    }


def hardware(array: ArrayOnGates) -> dict[str, Any]:
    """Area, slowest path, and what it costs to do nothing."""
    power = array.idle.power
    return {"area_um2": round(power.area), "delay_ns": round(power.delay_ns, 2),
            "idle_pj_by_cycle": round(power.total, 3), "idle_annotated": round(power.annotated, 4)}


def measure_layers(layers: Mapping[str, Layer], config: EngineConfig, *, cache: Path, engines: Sequence[str] = ENGINES,
                   progress: Progress = lambda text: None) -> dict[str, Any]:
    """Energy of layers on engines, all on gates, every answer compared with the reference.

    Parameters
    ----------
    layers
        By name, with input.
    config
        Of the arrays.
    cache
        Folder for what was built before.
    engines
        Of ``ENGINES``.
    progress
        Called with a few words at each step.

    Returns
    -------
    dict
        For JSON: ``layers`` with ``engines``; ``host``: layers that do not fit, and why; ``whole``: the sums;
        ``per_image``; ``saved``: shares by pair of engines, for the gates alone, with memories, by counts and the
        table, and of energy x delay; ``hardware`` by kind.

    Raises
    ------
    PackError
        No layer fits.
    ToolError
        A tool is missing or failed, or an answer was wrong.
    """
    runs, host = fitting(layers, config, engines)
    arrays = Arrays(config, cache, progress)
    entries: list[dict[str, Any]] = [
        {"name": name, "engines": {engine: arrays.entry(name, layer, engine) for engine in engines}}
        for name, layer in runs.items()]
    images = next(iter(runs.values())).output_shape[0]
    whole = {engine: _sum(entry["engines"][engine] for entry in entries) for engine in engines}
    return {
        "node": NODE, "period_ns": PERIOD_NS, "preset": preset_name(config), "multipliers": config.multipliers,
        "images": images, "memory_table": {"bytes_and_pj": TABLE, "bits": TABLE_BITS, "node_factor": NODE_FACTOR,
                                           "source": "M. Horowitz, ISSCC 2014"},
        "layers": entries, "whole": whole, "host": host,
        "per_image": {engine: {"total_uj": round(own["total_pj"] / images / 1e6, 4), "energy_delay":
                               own["energy_delay"] / images**2} for engine, own in whole.items()},
        "saved": saved(whole), "hardware": {KINDS[engine]: hardware(arrays.of(engine)) for engine in engines},
    }


def fitting(layers: Mapping[str, Layer], config: EngineConfig, engines: Sequence[str]
            ) -> tuple[dict[str, Layer], dict[str, str]]:
    """The layers that fit every engine, seen before anything is built; why the others do not."""
    runs, host = dict[str, Layer](), dict[str, str]()
    for name, layer in layers.items():
        try:
            for engine in engines:
                pack(layer, config, engine)
            runs[name] = layer
        except PackError as error:
            host[name] = str(error)
    if not runs:
        raise PackError(f"no layer fits: {'; '.join(f'{name}: {why}' for name, why in host.items())}")
    return runs, host


def _sum(entries: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    own = list(entries)
    whole = {key: round(sum(entry[key] for entry in own), 1) for key in SUMMED}
    return whole | {"annotated": min(entry["annotated"] for entry in own),
                    "energy_delay": whole["total_pj"] * whole["cycles"] * PERIOD_NS * 1e-9}


def saved(whole: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The share of the second engine's energy that the first one saves, by what is counted."""
    ways = {"logic": lambda own: own["logic_pj"], "total": lambda own: own["total_pj"],
            "counted_45nm": lambda own: own["counted_45nm_pj"], "energy_delay": lambda own: own["energy_delay"]}
    return {f"{less} against {more}": {name: round(1 - way(whole[less]) / way(whole[more]), 4)
                                       for name, way in ways.items()}
            for less, more in SAVINGS if less in whole and more in whole}


def measure_densities(config: EngineConfig, *, cache: Path, engines: Sequence[str] = ("dense", "gate", "skip-both"),
                      densities: Sequence[float] = DENSITIES, progress: Progress = lambda text: None
                      ) -> dict[str, Any]:
    """Energy over the density of both operands, on 3 x 3 x 16 > 16, 12 x 12 pixels; and what brackets it.

    ``bracket``: a run in which no operand is zero, and an idle one, in picojoules of gates a cycle, by engine.
    """
    arrays = Arrays(config, cache, progress)
    points = []
    for density in densities:
        layer = convolution(16, 16, 3, 12, weights=density, activations=density, seed=1)
        points.append({"density": density, "engines": {
            engine: arrays.entry(f"density {density}", layer, engine) for engine in engines}})
    full = convolution(16, 16, 3, 12, weights=1.0, activations=1.0, seed=1)
    bracket = {}
    for engine in engines:
        array = arrays.of(engine)
        run = array.run("full", full, engine)
        bracket[engine] = {"full_pj_by_cycle": round(array.logic_pj(run) / run.cycles, 3),
                           "idle_pj_by_cycle": hardware(array)["idle_pj_by_cycle"]}
    return {"layer": "3 x 3, 16 > 16 channels, 12 x 12 pixels", "preset": preset_name(config), "points": points,
            "bracket": bracket}
