"""``zerokeep energy``: what a layer costs on gates of an open cell library, memories included."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_common import (
    Cache,
    Status,
    apart,
    as_user_error,
    cache_folder,
    progress,
    table,
    writable,
    write_json,
)
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config, named_engines
from zerokeep.cli_generate import Engines
from zerokeep.cli_prune import Data
from zerokeep.errors import UserError

PARTS = ("layers", "densities", "multiplier")
PARTS_SHOWN = 8
SHOWN = {"logic_pj": "gates, nJ", "memory_pj": "memories, nJ", "total_pj": "together, nJ",
         "counted_45nm_pj": "counted at 45 nm, nJ"}


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("energy", help=(
        "Measure energy on gates (0.18 um) in simulation; needs Debian's opensta and qflow-tech-osu018."))(energy)


def energy(
    source: Annotated[Path | None, typer.Argument(metavar="[LAYER.npz|FOLDER]", help=(
        "A layer file or a model folder; default the network that ships."))] = None,
    part: Annotated[list[str] | None, typer.Option("--part", metavar="NAME", help=(
        "layers (of SOURCE, on every engine), densities (a small layer with more and more zeros) or multiplier "
        "(the zero-skip one against a plain one); again for more; default: layers."))] = None,
    engine: Engines = None, preset: Preset = None, multipliers: Multipliers = None, config: Config = None,
    images: Annotated[int, typer.Option("--images", metavar="N", min=1, help="The first N test images.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
    data: Data = None,
    cache: Cache = None,
) -> int:
    """Measure, show, write; the array is `tiny` unless another is asked for: gates take minutes to build."""
    parts = tuple(dict.fromkeys(part or PARTS[:1]))
    for name in parts:
        if name not in PARTS:
            raise UserError(f"--part must be one of {', '.join(PARTS)}, not {name!r}")
    apart({"--json": json_file}, source, config, data=data)
    if json_file is not None:
        writable(json_file)
    built = cache_folder(cache)
    shape, _ = engine_config(preset if preset or multipliers or config else "tiny", multipliers, config)
    from cosim.energy.library import find
    from zeroskip.spec.engines import ENGINES

    find()
    engines = named_engines(engine, shape)
    with as_user_error(ValueError):
        if unknown := set(engines) - set(ENGINES):
            raise ValueError(f"engine must be one of {', '.join(ENGINES)} here, not {min(unknown)!r}")
    document: dict[str, Any] = {}
    with progress("energy") as told:
        if "layers" in parts:
            document |= _layers(source, images, data, shape, engines, built, told)
            _show_layers(document)
        if "densities" in parts:
            from cosim.energy.joules import measure_densities

            document["densities"] = measure_densities(shape, cache=built, progress=told)
            _show_densities(document["densities"])
        if "multiplier" in parts:
            document["multiplier"] = _multiplier(told)
    if json_file is not None:
        from cosim.energy.library import versions
        from cosim.simulate import tool_versions
        from cosim.simulators import find_simulator

        write_json(json_file, document | {"tool_versions": tool_versions(find_simulator()) | versions()})
    return Status.DONE


def _layers(source: Path | None, images: int, data: str | None, config: Any, engines: tuple[str, ...], cache: Path,
            say: Callable[[str], None]) -> dict[str, Any]:
    from cosim.energy.joules import measure_layers
    from zerokeep.cli_simulate import load_layers
    from zerokeep.report_hardware import weights_digest
    from zerokeep.shipped import shipped_folders

    source = source or shipped_folders()[0]
    layers = load_layers(source, images, data)
    if not layers:
        raise UserError(f"{source} has no layer with weights")
    found = measure_layers(layers, config, cache=cache, engines=engines, progress=say)
    return {"network": source.name, "weights_sha256": weights_digest(layers)} | found


def _show_layers(document: Mapping[str, Any]) -> None:
    rows = [_row(entry["name"], name, own) for entry in document["layers"] for name, own in entry["engines"].items()]
    rows += [_row("all", name, own) for name, own in document["whole"].items()]
    table(["layer", "engine", "cycles", *SHOWN.values(), "energy x delay, µJ ms", "annotated"], rows)
    for name, why in document["host"].items():
        typer.echo(f"left to the host: {name}: {why}")
    for pair, ways in document["saved"].items():
        typer.echo(f"{pair}: {ways['total']:.1%} less energy with memories, {ways['logic']:.1%} of the gates' alone, "
                   f"{ways['counted_45nm']:.1%} by counts and a table of 45 nm; {ways['energy_delay']:.1%} of "
                   "energy x delay")
    largest = max(document["layers"], key=lambda entry: max(own["cycles"] for own in entry["engines"].values()))
    for name, own in largest["engines"].items():
        whole = own["logic_pj"] / own["cycles"]
        most = list(own["clocking"].items())[:PARTS_SHOWN]
        clocking = sum(part["pj_by_cycle"] for part in own["clocking"].values())
        typer.echo(f"{largest['name']} on {name}: {whole:.0f} pJ of gates a cycle, of which {clocking:.0f} to clock "
                   "registers: " + ", ".join(f"{part or 'top'} {spent['pj_by_cycle']:.0f} ({spent['registers']:,})"
                                             for part, spent in most))
    for kind, own in document["hardware"].items():
        typer.echo(f"{kind}: {own['area_um2']:,} square micrometres, slowest path {own['delay_ns']} ns, "
                   f"idle {own['idle_pj_by_cycle']} pJ a cycle")


def _row(layer: str, engine: str, own: Mapping[str, Any]) -> list[str]:
    return [layer, engine, f"{own['cycles']:,.0f}", *(f"{own[key] / 1e3:,.1f}" for key in SHOWN),
            f"{own['energy_delay'] / 1e3:,.2f}", f"{own['annotated']:.1%}"]


def _show_densities(found: Mapping[str, Any]) -> None:
    rows = [[f"{point['density']:.0%}", name, f"{own['cycles']:,}", *(f"{own[key] / 1e3:,.1f}" for key in SHOWN)]
            for point in found["points"] for name, own in point["engines"].items()]
    table(["density of both operands", "engine", "cycles", *SHOWN.values()], rows)
    for name, own in found["bracket"].items():
        typer.echo(f"{name}: {own['full_pj_by_cycle']} pJ of gates a cycle where no operand is zero, "
                   f"{own['idle_pj_by_cycle']} idle")


def _multiplier(say: Callable[[str], None]) -> list[dict[str, Any]]:
    """The curves, shown."""
    import tempfile

    from cosim.energy.multiplier import SHARES, curves

    say("multiplier")
    with tempfile.TemporaryDirectory(prefix="zerokeep-energy-") as scratch:
        found = [curve.as_dict() for curve in curves(Path(scratch))]
    table(["multiplier", *(f"{share:.0%} zeros, pJ" for share in SHARES), "square micrometres", "ns", "annotated"], [
        [own["name"], *(f"{value:.1f}" for value in own["energy"]), f"{own['area']:,.0f}", f"{own['delay_ns']:.2f}",
         f"{own['annotated']:.1%}"] for own in found])
    return found
