"""``zerokeep fit``: the array that suits a model folder and a chip best."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerokeep.cli_common import Status, apart, as_user_error, progress, table, writable, write_json
from zerokeep.cli_prune import Data
from zerokeep.cli_simulate import load_layers
from zerokeep.errors import UserError, check_count

if TYPE_CHECKING:
    from zeroskip.area import Area
    from zeroskip.fit import Candidate

DEFAULT_CHIP = "ecp5-85f"
FIGURES = {"cycles": "products/cycle", "per-lut": "... per 1,000 LUTs", "per-multiplier": "... per multiplier"}
"""What is shown for a goal: products of the layers, zeros counted and padding not, for each cycle and what it costs."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("fit", help="Choose groups, lanes and pixels of the array for a model folder, a chip and a goal.")(fit)


def the_chip(name: str | None, luts: int | None, multipliers: int | None, memories: int | None) -> Area:
    """The chip of that name, or of those numbers.

    Raises
    ------
    UserError
        No such chip, a number that is none, or both or not all given.
    """
    from zeroskip.area import Area
    from zeroskip.fit import CHIPS

    numbers = {"luts": luts, "multipliers": multipliers, "memories": memories}
    given = {key: check_count(f"--{key}", value, 1) for key, value in numbers.items() if value is not None}
    if given and name is not None:
        raise UserError("give a chip or its numbers, not both")
    if given and len(given) < len(numbers):
        raise UserError("--luts, --multipliers and --memories go together")
    if given:
        return Area(**given)
    name = name or DEFAULT_CHIP
    if name not in CHIPS:
        raise UserError(f"--chip must be one of {', '.join(CHIPS)}, not {name!r}")
    return CHIPS[name]


def figure(found: Candidate, goal: str, products: int) -> float:
    """The goal's figure, the higher the better; see `FIGURES`."""
    paid = {"cycles": 1.0, "per-lut": found.area.luts / 1000, "per-multiplier": float(found.area.multipliers)}
    return products / found.cycles / paid[goal]


def document(found: list[Candidate], goal: str, products: int, chip: Area) -> dict[str, Any]:
    """The JSON: the best first."""
    from zeroskip.config import as_options

    return {"goal": goal, "chip": dataclasses.asdict(chip), "products": products, "candidates": [
        {"parameters": dataclasses.asdict(own.config), **dataclasses.asdict(own.area), "cycles": own.cycles,
         "figure": figure(own, goal, products), "options": as_options(own.config)} for own in found]}


def fit(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A model folder, or a layer file.")],
    chip: Annotated[str | None, typer.Option("--chip", metavar="NAME", help=(
        f"ecp5-25f, ecp5-45f or ecp5-85f; default {DEFAULT_CHIP}."))] = None,
    luts: Annotated[int | None, typer.Option("--luts", metavar="N", help="Instead of a chip: its LUTs.")] = None,
    multipliers: Annotated[int | None, typer.Option("--multipliers", metavar="N", help="18 x 18.")] = None,
    memories: Annotated[int | None, typer.Option("--memories", metavar="N", help="Of 18 kbit.")] = None,
    goal: Annotated[str, typer.Option("--goal", metavar="NAME", help=(
        "cycles (fewest), per-lut or per-multiplier (most done for each)."))] = "cycles",
    images: Annotated[int, typer.Option("--images", metavar="N", help="The first N test images.")] = 1,
    data: Data = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
) -> int:
    """Print the best ten by area and cycle model, and the options that make the best one."""
    limits = the_chip(chip, luts, multipliers, memories)
    from zeroskip.config import as_options
    from zeroskip.counts import count
    from zeroskip.fit import GOALS
    from zeroskip.fit import fit as best_of

    if goal not in GOALS:
        raise UserError(f"--goal must be one of {', '.join(GOALS)}, not {goal!r}")
    apart({"--json": json_file}, source, data=data)
    if json_file is not None:
        writable(json_file)
    layers = load_layers(source, images, data)
    products = sum(int(count(layer)["macs_inside"]) for layer in layers.values())
    with progress("fit") as say, as_user_error(ValueError):
        found = best_of(layers, limits, goal, progress=say)
    rows = [[str(own.config.groups), str(own.config.lanes), str(own.config.pixels), str(own.config.output_units),
             f"{own.cycles:,}", f"{own.area.luts:,}", str(own.area.multipliers), str(own.area.memories),
             f"{figure(own, goal, products):.3g}"] for own in found]
    table(["groups", "lanes", "pixels", "units", "cycles", "LUTs", "multipliers", "memories", FIGURES[goal]], rows)
    typer.echo(f"zerokeep generate {as_options(found[0].config)}")
    if json_file is not None:
        write_json(json_file, document(found, goal, products, limits))
    return Status.DONE
