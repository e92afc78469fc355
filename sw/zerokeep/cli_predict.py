"""``zerokeep predict``: cycles of a layer file, or of the layers of a model folder, by the cycle model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerokeep.cli_common import Status, apart, progress, table, writable, write_json
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config, named_engines
from zerokeep.cli_generate import Engines
from zerokeep.cli_prune import Data

if TYPE_CHECKING:
    from zeroskip.spec.config import EngineConfig

COLUMNS = ["layer", "engine", "total", "load", "utilisation", "speedup", "multipliers", "program", "map",
           "results", "bound by", "plan"]
BOUNDS = ("multipliers", "program", "map", "results")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("predict", help="Cycles of a layer file or a model folder by the cycle model, without simulating.")(
        predict)


def _row(name: str, engine: str, entry: dict[str, Any]) -> list[str]:
    def show(value: float | None, form: str) -> str:
        return "-" if value is None else format(value, form)

    bounds = entry.get("bounds", {})
    engine = f"{engine}: {entry['chosen']}" if "chosen" in entry else engine
    return [name, engine, show(entry["total"], ","), show(entry["load"], ","), show(entry["utilisation"], ".3f"),
            show(entry["speedup"], ".2f"), *(show(bounds.get(bound), ",") for bound in BOUNDS),
            entry.get("bound_by", "-").replace("_", " "), entry.get("plan", "")]


def predict(
    source: Annotated[Path, typer.Argument(metavar="LAYER.npz|FOLDER", help="A layer file or a model folder.")],
    engine: Engines = None, preset: Preset = None, multipliers: Multipliers = None, config: Config = None,
    images: Annotated[int | None, typer.Option("--images", metavar="N", help=(
        "Images: of a folder the first N test images (default 4), of a layer file all of its own."))] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
    data: Data = None,
) -> int:
    """Predict and show."""
    apart({"--json": json_file}, source, config, data=data)
    if json_file is not None:
        writable(json_file)
    shape, _ = engine_config(preset, multipliers, config)
    from zerokeep.cli_simulate import load_layers
    from zerokeep.prediction import add_up

    engines = named_engines(engine, shape)
    layers = load_layers(source, images, data)
    with progress("predict") as say:
        entries = [_entry(name, layer, shape, engines, say) for name, layer in layers.items()]
    rows = [_row(entry["name"], name, own) for entry in entries for name, own in entry["engines"].items()]
    document: dict[str, Any] = entries[0]
    if source.is_dir():
        sums = add_up(entries, shape.multipliers)
        rows += [_row("all", name, own) for name, own in sums.items()]
        document = {"layers": entries, "sums": sums}
    table(COLUMNS, rows)
    if json_file is not None:
        write_json(json_file, document | _about(shape, layers))
    return Status.DONE


def _entry(name: str, layer: Any, config: EngineConfig, engines: tuple[str, ...], say: Any) -> dict[str, Any]:
    """One layer's entry: counts and engines."""
    from zerokeep.prediction import predict_layer
    from zeroskip.compiler.packed import PackError
    from zeroskip.counts import count

    counts, found = count(layer), {}
    for engine in engines:
        say(f"{name} on {engine}")
        try:
            found[engine] = predict_layer(layer, config, engine)
        except PackError as error:
            raise PackError(f"{name} does not fit the engine {engine}: {error}") from None
    shown = ("macs", "macs_inside", "pairs", "weight_pairs", "weight_density", "activation_density")
    return {"name": name, "engines": found, **{key: counts[key] for key in shown},
            "ideal_cycles": counts["pairs"] / config.multipliers}


def _about(config: EngineConfig, layers: dict[str, Any]) -> dict[str, Any]:
    import dataclasses

    from zeroskip.spec.config import preset_name
    from zeroskip.verilog import versions

    return {"multipliers": config.multipliers, "preset": preset_name(config), "parameters": dataclasses.asdict(config),
            "images": next(iter(layers.values())).output_shape[0], "tool_versions": versions()}
