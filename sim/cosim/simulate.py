"""Layers on engines: pack, generate, build, run, compare, measure."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cosim import failures
from cosim.designs import cached
from cosim.job import Outcome
from cosim.measure import bounds, broken_rules, figures, nothing_measured, ratio
from cosim.parts import jobs_of, join, split
from cosim.runner import check_stall, run_jobs
from cosim.scoreboard import compare
from cosim.simulators import SIMULATORS, Simulator, build, find_simulator
from zeroskip import reference
from zeroskip.compiler.packed import PackedLayer, PackError
from zeroskip.counts import count
from zeroskip.files.cache import default_cache
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.spec.config import BY_MULTIPLIERS, PRESETS, EngineConfig, preset_name
from zeroskip.spec.engines import CHOICES, ENGINES, KINDS, NAMES
from zeroskip.verilog import versions

DEFAULT_FAILURES = Path("build/failures")
PATIENCE = 20_000
"""Cycles without a beat that are always allowed."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How to simulate.

    Parameters
    ----------
    stall, seed
        Probability per cycle with which each stream pauses, and the seed of the pauses.
    simulator
        ``"verilator"`` or ``"icarus"``.
    cache
        Folder for generated Verilog and built simulators; default the user's own, see `default_cache`.
    keep
        Folder for what shows a failure again.
    waves
        File for the waves; with several kinds of hardware ``FILE.KIND.fst``.
    workers
        Simulators at a time; default one for each core.
    """

    stall: float = 0.0
    seed: int = 0
    simulator: str = "verilator"
    cache: Path = field(default_factory=default_cache)
    keep: Path = DEFAULT_FAILURES
    waves: Path | None = None
    workers: int | None = None


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """What came out.

    ``layers``: the JSON entry of each layer, in order. ``outputs``: what the hardware answered, by (layer, engine).
    ``failed``: a sentence for everything that was wrong, with the folder that shows it again. ``host``: layers that do
    not fit, by name, and why, where they were to be left to the host.
    """

    layers: list[dict[str, Any]]
    outputs: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    host: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Task:
    """One layer on one engine: `engine` was asked for, ``packed.engine`` runs it; the layer's place and name."""

    number: int
    name: str
    layer: Layer
    engine: str
    packed: PackedLayer


def select(preset: str | None = None, multipliers: int | None = None) -> EngineConfig:
    """The configuration of a preset's name or size; ``base`` when neither is given.

    Raises
    ------
    ValueError
        Both are given, or the one given is unknown; the message lists those that there are.
    """
    if preset is not None and multipliers is not None:
        raise ValueError("give a preset or a number of multipliers, not both")
    if multipliers is not None:
        if multipliers not in BY_MULTIPLIERS:
            known = ", ".join(map(str, BY_MULTIPLIERS))
            raise ValueError(f"multipliers must be one of {known}, not {multipliers}")
        preset = BY_MULTIPLIERS[multipliers]
    preset = preset or "base"
    if preset not in PRESETS:
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {preset!r}")
    return PRESETS[preset]


def check_engines(engines: Sequence[str]) -> tuple[str, ...]:
    """The engines without repetitions, or a ValueError that lists those that there are."""
    for name in engines:
        if name not in NAMES:
            raise ValueError(f"engine must be one of {', '.join(NAMES)}, not {name!r}")
    if not engines:
        raise ValueError(f"give at least one engine of {', '.join(NAMES)}")
    return tuple(dict.fromkeys(engines))


def check_options(options: Options) -> None:
    """Refuse options that are out of range or unknown with a ValueError."""
    check_stall(options.stall)
    if options.simulator not in SIMULATORS:
        raise ValueError(f"simulator must be one of {', '.join(SIMULATORS)}, not {options.simulator!r}")


def tool_versions(simulator: Simulator) -> dict[str, str]:
    """Versions of everything that a simulation depends on."""
    packages = ("numpy", "cocotb", "cocotbext-axi")
    return (versions() | {name: importlib.metadata.version(name) for name in packages}
            | {"python": platform.python_version(), simulator.name: simulator.version})


def simulate(layers: Layer | Mapping[str, Layer], config: EngineConfig, engines: Sequence[str] = ENGINES, *,
             options: Options | None = None, progress: Callable[[str], None] = lambda text: None,
             leave: bool = False) -> Simulation:
    """Run layers through the generated Verilog of each engine and compare with the integer reference.

    Parameters
    ----------
    layers
        One layer (its name is then "layer"), or several by name; all with input.
    config
        Parameters of the arrays.
    engines
        Of ``dense``, ``gate``, ``skip-weights``, ``skip-both``; ``auto`` for the faster of the first and the last.
    options
        How to simulate.
    progress
        Called with a few words at each step; from several threads.
    leave
        Whether a layer that does not fit is left to the host, and named; else it is an error. One at least must fit.

    Returns
    -------
    Simulation
        Also where the hardware was wrong: look at ``failed``.

    Raises
    ------
    ValueError
        An engine is unknown, or a layer does not fit (:class:`zeroskip.compiler.packed.PackError`).
    ToolError
        A tool is missing or does not do its work.
    """
    options = options or Options()
    engines = check_engines(engines)
    check_options(options)
    named = {"layer": layers} if isinstance(layers, Layer) else dict(layers)
    simulator = find_simulator(options.simulator)
    result = Simulation(layers=[])
    tasks: dict[str, list[_Task]] = {}
    for number, (name, layer) in enumerate(named.items(), 1):
        progress(f"pack {name}")
        try:
            own = [_pack(number, name, layer, engine, config) for engine in engines]
        except PackError as error:
            if not leave or len(result.host) == len(named) - 1:
                raise
            result.host[name] = str(error)
            continue
        for task in own:
            tasks.setdefault(KINDS[task.packed.engine], []).append(task)
    workers = options.workers or os.cpu_count() or 1
    with ThreadPoolExecutor(max_workers=min(workers, len(tasks))) as pool:
        running = [pool.submit(_run_kind, kind, own, config, simulator, options, len(tasks) > 1, progress)
                   for kind, own in tasks.items()]
        outcomes = {key: outcome for future in running for key, outcome in future.result().items()}
    by_engine = {(task.name, task.engine): task for own in tasks.values() for task in own}
    for name, layer in named.items():
        if name in result.host:
            continue
        own = [by_engine[name, engine] for engine in engines]
        result.layers.append(_entry(name, layer, own, outcomes, config, options, simulator, result))
    return result


def _pack(number: int, name: str, layer: Layer, engine: str, config: EngineConfig) -> _Task:
    try:
        packed = pack(layer, config, engine)
    except PackError as error:
        raise PackError(f"{name} does not fit the engine {engine}: {error}") from None
    return _Task(number=number, name=name, layer=layer, engine=engine, packed=packed)


def _run_kind(kind: str, tasks: list[_Task], config: EngineConfig, simulator: Simulator, options: Options,
              several: bool, progress: Callable[[str], None]) -> dict[tuple[str, str], Outcome]:
    """Everything that runs on one kind of hardware, in one simulator process."""
    progress(f"generate {kind}")
    design = cached(config, kind, options.cache / "verilog")
    progress(f"build {kind}")
    built = build(design, simulator, options.cache / "simulators", waves=options.waves is not None)
    jobs = [jobs_of(f"{task.name} on {task.engine}", task.packed, patience=_patience(task.layer, config, options.stall))
            for task in tasks]
    waves = options.waves
    if waves is not None and several:
        waves = waves.with_name(f"{waves.stem}.{kind}{waves.suffix}")
    progress(f"simulate {sum(map(len, jobs))} programs on {kind}")
    outcomes = iter(run_jobs(built, [job for own in jobs for job in own], stall=options.stall, seed=options.seed,
                             waves=waves))
    return {(task.name, task.engine): join(f"{task.name} on {task.engine}", [next(outcomes) for _ in own],
                                           multipliers=config.multipliers)
            for task, own in zip(tasks, jobs, strict=True)}


def _patience(layer: Layer, config: EngineConfig, stall: float) -> int:
    """Cycles without a beat: a single lane does all the work of an image, and some."""
    positions = -(-int(np.prod(layer.output_shape[2:])) // config.vector)
    work = int(np.prod(layer.weight.shape)) * positions
    return int((PATIENCE + work) / (1 - stall))


def _entry(name: str, layer: Layer, tasks: list[_Task], outcomes: Mapping[tuple[str, str], Outcome],
           config: EngineConfig, options: Options, simulator: Simulator, result: Simulation) -> dict[str, Any]:
    """The JSON of one layer; what was wrong goes into `result`."""
    counts = count(layer)
    expected = reference.run(layer)
    engines: dict[str, dict[str, Any]] = {}
    for task in tasks:
        outcome = outcomes[name, task.engine]
        engines[task.engine] = _judge(task, outcome, expected, counts, config, options, result)
    dense = engines.get("dense", {}).get("cycles", {}).get("total")
    for entry in engines.values():
        total = entry["cycles"]["total"]
        entry["speedup_measured"] = ratio(dense, total) if dense and total else None
    shown = ("macs", "macs_inside", "pairs", "weight_pairs", "weight_density", "activation_density")
    return {
        "name": name, "engines": engines, **{key: counts[key] for key in shown},
        "ideal_cycles": counts["pairs"] / config.multipliers, "multipliers": config.multipliers,
        "preset": preset_name(config), "images": layer.output_shape[0], "seed": options.seed, "stall": options.stall,
        "tool_versions": tool_versions(simulator),
    }


def _judge(task: _Task, outcome: Outcome, expected: np.ndarray, counts: Mapping[str, Any], config: EngineConfig,
           options: Options, result: Simulation) -> dict[str, Any]:
    """One engine's entry: compare, measure, check the rules; keep the files where anything was wrong."""
    outputs = {"expected": expected}
    wrong, mismatches = [], expected.size
    entry = nothing_measured()
    if outcome.error is not None:
        wrong.append(outcome.error)
    else:
        found = task.packed.decode(split(task.packed, outcome.result))
        result.outputs[task.name, task.engine] = outputs["found"] = found
        comparison = compare(expected, found)
        mismatches = comparison.mismatches
        wrong += [comparison.text] if mismatches else []
        entry = figures(task.packed.engine, outcome.counters, counts, config.multipliers)
        wrong += broken_rules(task.packed.engine, outcome.counters, counts, config, task.packed, stall=options.stall)
    entry = {"bit_exact": mismatches == 0, "mismatches": mismatches, **entry,
             "predicted": task.packed.predicted.get("total"),
             "bounds": bounds(task.packed.engine, task.packed, counts, config.multipliers), "errors": wrong}
    if task.engine in CHOICES:
        entry["chosen"] = task.packed.engine
    if wrong:
        text = "; ".join(wrong)
        folder = _keep(task, outcome, outputs, text, config, options)
        result.failed.append(f"{task.name} on {task.engine}: {text} (kept in {folder})")
    return entry


def _keep(task: _Task, outcome: Outcome, outputs: dict[str, np.ndarray], text: str, config: EngineConfig,
          options: Options) -> Path:
    """Its folder is called by numbers: a layer may have any name."""
    sent = [packet for own in task.packed.programs for packet in (own.program, *own.later)]
    streams = {"program": np.concatenate(sent),
               "map": np.concatenate([program.map for program in task.packed.programs]), "result": outcome.result}
    about = failures.about(task.engine, config, text, options.stall, options.seed) | {"name": task.name}
    return failures.keep(
        options.keep, f"{task.number:02}-{task.engine}", task.layer, streams, outputs, about,
        lambda folder: failures.replay_command(folder, task.engine, config, options.stall, options.seed),
        config=config)
