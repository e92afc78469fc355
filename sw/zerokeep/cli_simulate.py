"""``zerokeep simulate``: a layer file, or the layers of a model folder, through the generated Verilog."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerokeep.cli_common import (
    Cache,
    Status,
    apart,
    as_user_error,
    cache_folder,
    progress,
    say,
    table,
    writable,
    write_json,
    writing,
)
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config, named_engines
from zerokeep.cli_generate import Engines
from zerokeep.cli_prune import Data
from zerokeep.errors import UserError, check_count

if TYPE_CHECKING:
    import numpy as np

    from cosim.simulate import Simulation
    from zerokeep.model_folder import ModelFolder
    from zeroskip.layer import Layer

DEFAULT_IMAGES = 4
SHARED = ("multipliers", "preset", "images", "seed", "stall", "tool_versions")
"""Keys that are the same for every layer of a folder."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("simulate", help="Run a layer file or a model folder through the generated Verilog, bit for bit.")(
        simulate)


def load_pictures(source: Path, images: int | None, data: str | None) -> tuple[ModelFolder, np.ndarray]:
    """A model folder and the first of its test images.

    Raises
    ------
    UserError
        The folder is missing or damaged, or there are fewer images than asked for.
    """
    from zerokeep import model_folder
    from zerokeep.user_code import open_data

    if images is not None:
        check_count("--images", images, 1)
    model = model_folder.read(source)
    pictures = open_data(data).fitted(model.network.input_shape).test_images
    count = DEFAULT_IMAGES if images is None else images
    if count > len(pictures):
        raise UserError(f"--images {count} is more than the {len(pictures)} test images")
    return model, pictures[:count]


def load_layers(source: Path, images: int | None, data: str | None) -> dict[str, Layer]:
    """The layers to simulate, by name, each with its input.

    Raises
    ------
    UserError, LayerError
        The source is missing or damaged, or has fewer images than asked for.
    """
    import dataclasses

    from zeroskip.layer import Layer

    if images is not None:
        check_count("--images", images, 1)
    if source.is_dir():
        from zerokeep import model_folder

        model, pictures = load_pictures(source, images, data)
        return {step.name: layer for step, layer in model_folder.layer_inputs(model, pictures)}
    layer = Layer.load(source)
    inputs = layer.needed_input()
    if images is not None:
        if images > len(inputs):
            raise UserError(f"--images {images} is more than the {len(inputs)} in {source}")
        layer = dataclasses.replace(layer, input=inputs[:images])
    return {source.stem: layer}


def document(result: Simulation, *, folder: bool) -> dict[str, Any]:
    """The JSON of a simulation: one layer's entry, or the entries under ``layers`` and what they share beside them."""
    if not folder:
        return result.layers[0]
    shared = {key: result.layers[0][key] for key in SHARED} if result.layers else {}
    layers = [{key: value for key, value in entry.items() if key != "tool_versions"} for entry in result.layers]
    return shared | {"host": result.host, "layers": layers}


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _print(result: Simulation) -> None:
    from cosim.measure import longest_stream

    columns = ["layer", "engine", "exact", "total", "load", "stalled", "utilisation", "speedup", "measured",
               "predicted", "least by multipliers", "by streams"]
    rows = []
    for entry in result.layers:
        for name, engine in entry["engines"].items():
            cycles = engine["cycles"]
            exact = "yes" if engine["bit_exact"] and not engine["errors"] else "NO"
            spent = [_number(cycles[key], ",") for key in ("total", "load", "stalled")]
            shown = f"{name}: {engine['chosen']}" if "chosen" in engine else name
            rows.append([entry["name"], shown, exact, *spent, _number(engine["utilisation"], ".3f"),
                         _number(engine["speedup"], ".2f"), _number(engine["speedup_measured"], ".2f"),
                         _number(engine["predicted"], ","), _number(engine["bounds"]["multipliers"], ","),
                         longest_stream(engine["bounds"])])
    table(columns, rows)


def _print_lanes(result: Simulation) -> None:
    """What the multipliers' slots went into, in % of all."""
    from cosim.account import CLASSES

    rows = [[entry["name"], name, *(_number(share, ".1f") for share in _percents(engine["lanes"]))]
            for entry in result.layers for name, engine in entry["engines"].items()]
    typer.echo("\nWhat the multipliers' slots went into, in % of total x multipliers:")
    table(["layer", "engine", *CLASSES], rows)


def _percents(slots: dict[str, int | None]) -> list[float | None]:
    known = [count for count in slots.values() if count is not None]
    return [None if count is None else 100 * count / max(1, sum(known)) for count in slots.values()]


def simulate(
    source: Annotated[Path, typer.Argument(metavar="LAYER.npz|FOLDER", help="A layer file or a model folder.")],
    engine: Engines = None, preset: Preset = None, multipliers: Multipliers = None, config: Config = None,
    images: Annotated[int | None, typer.Option("--images", metavar="N", help=(
        f"Images: of a folder the first N test images (default {DEFAULT_IMAGES}), of a layer file all of its own."
    ))] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
    outputs: Annotated[Path | None, typer.Option("--outputs", metavar="FILE.npz", help=(
        "Save what the hardware answered, by engine (of a folder: LAYER/ENGINE)."))] = None,
    waves: Annotated[Path | None, typer.Option("--waves", metavar="FILE.fst", help="Save the waves.")] = None,
    by_layer: Annotated[bool, typer.Option("--layers", help=(
        "Of a folder: layer by layer on every engine, instead of the network as one program where an engine runs "
        "that."))] = False,
    stall: Annotated[float, typer.Option("--stall", metavar="P", help=(
        "Pause each stream at random with this probability per cycle."))] = 0.0,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of the pauses.")] = 0,
    data: Data = None,
    simulator: Annotated[str, typer.Option("--simulator", metavar="NAME", help="verilator or icarus.")] = "verilator",
    cache: Cache = None,
) -> int:
    """Simulate, compare, measure; status 1 where the hardware was wrong."""
    apart({"--json": json_file, "--outputs": outputs, "--waves": waves}, source, config, data=data)
    for path in (json_file, outputs, waves):
        if path is not None:
            writable(path)
    check_count("--seed", seed, 0)
    from cosim import simulate as simulation
    from zeroskip.files.writing import write_npz

    options = simulation.Options(stall=stall, seed=seed, simulator=simulator, cache=cache_folder(cache), waves=waves)
    shape, _ = engine_config(preset, multipliers, config)
    engines = named_engines(engine, shape)
    with as_user_error(ValueError):
        simulation.check_options(options)
    folder, network = source.is_dir(), None
    if folder and not by_layer:
        from zerokeep.cli_simulate_network import run_network

        model, pictures = load_pictures(source, images, data)
        network, engines = run_network(model.network, pictures, shape, engines, options)
    result = simulation.Simulation(layers=[])
    if engines:
        layers = load_layers(source, images, data)
        with progress("simulate") as told:
            result = simulation.simulate(layers, shape, engines, options=options, progress=told, leave=folder)
        _print(result)
        _print_lanes(result)
    for name, why in result.host.items():
        say(f"left to the host: {name}: {why}")
    if json_file is not None:
        found = document(result, folder=folder)
        write_json(json_file, found if network is None else network.document(shape, options) | found)
    if outputs is not None:
        with writing(outputs):
            write_npz(outputs, {f"{layer}/{name}" if folder else name: array
                                for (layer, name), array in result.outputs.items()}
                      | ({} if network is None else network.outputs))
    failed = [*result.failed, *([] if network is None else network.failed)]
    for sentence in failed:
        say(f"zerokeep: {sentence}", error=True)
    return Status.WRONG if failed else Status.DONE
