"""Whole networks as one program on the vector engine: image in, answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cosim.account import account
from cosim.designs import cached
from cosim.first_difference import first_difference
from cosim.job import WATCH_FILE, Job, Outcome
from cosim.measure import CYCLES
from cosim.runner import run_jobs
from cosim.scoreboard import compare
from cosim.simulate import Options, check_engines, check_options
from cosim.simulators import build, find_simulator
from zeroskip.compiler.layers import VectorPacked, pack_network
from zeroskip.compiler.network import QuantisedNetwork
from zeroskip.cycles.account import Account
from zeroskip.cycles.account import account as model_account
from zeroskip.cycles.model import Run
from zeroskip.cycles.prediction import modelled
from zeroskip.files.npz import read_npz
from zeroskip.files.workplace import workplace
from zeroskip.spec.config import EngineConfig

NETWORK_ENGINES = ("skip-weights", "skip-both")
"""Those that run whole networks."""
KIND = "zero-skip"
PATIENCE = 2_000_000


@dataclass(frozen=True, kw_only=True)
class NetworkSimulation:
    """What came out: the JSON entry of each engine by name, its answers, and a sentence for all that was wrong."""

    engines: dict[str, dict[str, Any]] = field(default_factory=dict)
    outputs: dict[str, np.ndarray] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def simulate_network(network: QuantisedNetwork, codes: np.ndarray, expected: Mapping[str, np.ndarray],
                     config: EngineConfig, engines: Sequence[str] = NETWORK_ENGINES, *, options: Options | None = None,
                     progress: Callable[[str], None] = lambda text: None) -> NetworkSimulation:
    """Run a network through the generated Verilog, images back to back, and compare with the integer reference.

    Parameters
    ----------
    network
        In integers.
    codes
        Of the images, (N, channels, rows, columns).
    expected
        The reference's result of each step for all images, (N, ...), by its name.
    config
        The engine.
    engines
        Of ``NETWORK_ENGINES``.
    options, progress
        As for ``cosim.simulate.simulate``.

    Raises
    ------
    UnsupportedError
        A step that the array does not run, by its name.
    PlanError
        The network does not fit; the message says what it needs.
    ToolError
        A tool is missing or does not do its work.
    """
    options = options or Options()
    check_options(options)
    result = NetworkSimulation()
    packed = {}
    for engine in check_engines(engines):
        progress(f"compile for {engine}")
        packed[engine] = pack_network(network, config, codes, look=engine == "skip-both")
    progress("build the vector engine")
    built = build(cached(config, KIND, options.cache / "verilog"), find_simulator(options.simulator),
                  options.cache / "simulators", waves=options.waves is not None)
    progress(f"simulate {len(codes)} images on {', '.join(packed)}")
    outcomes = run_jobs(built, [_job(engine, own, options) for engine, own in packed.items()], stall=options.stall,
                        seed=options.seed, waves=options.waves)
    wanted = expected[network.steps[-1].name]
    for (engine, own), outcome in zip(packed.items(), outcomes, strict=True):
        progress(f"model {engine}")
        result.engines[engine] = _judge(engine, own, outcome, wanted, result, stall=options.stall)
        if not result.engines[engine]["bit_exact"] and outcome.error is None:
            progress(f"look for the first difference on {engine}")
            result.failed[-1] += f"; {_located(engine, own, expected, config, options)}"
    return result


def _job(engine: str, packed: VectorPacked, options: Options) -> Job:
    return Job(name=f"network on {engine}", program=packed.program, map=packed.map, result_beats=packed.result_beats,
               results=packed.results, later=packed.later,
               patience=int(PATIENCE / (1 - options.stall)))


def _judge(engine: str, packed: VectorPacked, outcome: Outcome, wanted: np.ndarray, result: NetworkSimulation, *,
           stall: float) -> dict[str, Any]:
    """One engine's entry; what was wrong goes into `result`."""
    run, own = modelled(packed)
    entry: dict[str, Any] = {"bit_exact": False, "mismatches": wanted.size, "images": packed.results,
                             "load": None, "latency": None, "interval": None,
                             "predicted": {"latency": run.lasts[0], "interval": _interval(run.lasts)},
                             "steps": step_entries(packed, run)}
    wrong = [outcome.error] if outcome.error is not None else []
    if outcome.error is None:
        found = packed.decode(outcome.result).astype(wanted.dtype)
        result.outputs[engine] = found
        comparison = compare(wanted, found)
        wrong += [comparison.text] if comparison.mismatches else []
        counters = outcome.counters
        entry |= {"bit_exact": comparison.exact, "mismatches": comparison.mismatches, "load": counters["load"],
                  "latency": outcome.lasts[0], "interval": _interval(outcome.lasts),
                  "cycles": {name: counters[name] for name in CYCLES}, "lanes": account(counters),
                  "multiplications": counters["multiplications"], "gated": counters["gated"]}
        wrong += _unlike_the_model(counters, outcome.lasts, run, own, stall=stall)
    if wrong:
        result.failed.append(f"network on {engine}: {'; '.join(wrong)}")
    return entry | {"errors": wrong}


def _interval(lasts: Sequence[int]) -> float | None:
    """Cycles from answer to answer, where there are two: on the average, without the first one."""
    return (lasts[-1] - lasts[0]) / (len(lasts) - 1) if len(lasts) > 1 else None


def _unlike_the_model(counters: Mapping[str, int], lasts: Sequence[int], run: Run, own: Account, *, stall: float
                      ) -> list[str]:
    """Where the hardware differs from its exact model; cycles only where no stream paused."""
    pairs: list[tuple[str, Any, Any]] = [("multiplications", counters["multiplications"], own.multiplications),
                                         ("gated", counters["gated"], own.gated)]
    if not stall:
        pairs += [("total", counters["total"], run.total), ("cycles of the answers", list(lasts), run.lasts)]
    return [f"{name}: the hardware says {found}, the cycle model {wanted}" for name, found, wanted in pairs
            if found != wanted]


def step_entries(packed: VectorPacked, run: Run) -> list[dict[str, Any]]:
    """For each step of the program its cycles by class, of all lanes and images, and its products."""
    builder = packed.builder
    assert builder is not None
    entries = []
    for number, step in enumerate(builder.steps):
        own = model_account(run, packed.made.config.vector, [number])
        entries.append({"name": step.name, "writes": step.out, "cycles": dict(own.cycles),
                        "multiplications": own.multiplications, "gated": own.gated})
    return entries


def _located(engine: str, packed: VectorPacked, expected: Mapping[str, np.ndarray], config: EngineConfig,
             options: Options) -> str:
    """The same once more, with all that is written watched."""
    built = build(cached(config, KIND, options.cache / "verilog", watch=True), find_simulator(options.simulator),
                  options.cache / "simulators")
    with workplace() as folder:
        run_jobs(built, [_job(engine, packed, options)], stall=options.stall, seed=options.seed, folder=folder)
        watched = read_npz(folder / WATCH_FILE)
    found = first_difference(packed, expected, watched["rows"], watched["data"])
    return f"the first that was wrong: {found}" if found else "all maps were written right"
