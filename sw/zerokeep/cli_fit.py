"""``zerokeep fit``: the array that suits a model folder and a chip best."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerokeep.cli_common import Status, apart, as_user_error, progress, table, writable, write_json, writing
from zerokeep.cli_prune import Data
from zerokeep.cli_simulate import load_pictures
from zerokeep.errors import UserError, check_count

if TYPE_CHECKING:
    import numpy as np

    from zerokeep.network import Network
    from zeroskip.area import Area
    from zeroskip.fit import Candidate

DEFAULT_CHIP = "ecp5-85f"
FIGURES = {"cycles": "products/cycle", "per-lut": "... per 1,000 LUTs", "per-multiplier": "... per multiplier"}
"""What is shown for a goal: products of the layers, zeros counted and padding not, for each cycle and what it costs."""
SHOWN = ("lanes", "vector", "look", "ways", "map_words", "list_words", "instructions")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("fit", help="Choose lanes, vector, look-ahead and memories for a network, a chip and a goal.")(fit)


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
    return {"goal": goal, "chip": dataclasses.asdict(chip), "products": products, "candidates": [
        {"parameters": dataclasses.asdict(own.config), **dataclasses.asdict(own.area), "cycles": own.cycles,
         "figure": figure(own, goal, products)} for own in found]}


def the_work(source: Path, data: str | None) -> tuple[Network, np.ndarray, int]:
    """A network, the codes of an image, and the products of its layers for it, padding left out.

    Raises
    ------
    UserError, LayerError
        The source is missing or damaged.
    """
    from zerokeep import integer
    from zerokeep.cli_compile import load
    from zeroskip.counts import count

    if source.is_dir():
        model, pictures = load_pictures(source, 1, data)
        network, codes = model.network, integer.encode(model.network, pictures)
    else:
        network, image = load(source, source.stem)
        assert image is not None
        codes = image[None]
    return network, codes, sum(int(count(layer)["macs_inside"]) for _, layer in integer.layer_inputs(network, codes))


def fit(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|LAYER.npz", help="A model folder, or a layer file.")],
    chip: Annotated[str | None, typer.Option("--chip", metavar="NAME", help=(
        f"ecp5-25f, ecp5-45f or ecp5-85f; default {DEFAULT_CHIP}."))] = None,
    luts: Annotated[int | None, typer.Option("--luts", metavar="N", help="Instead of a chip: its LUTs.")] = None,
    multipliers: Annotated[int | None, typer.Option("--multipliers", metavar="N", help="18 x 18.")] = None,
    memories: Annotated[int | None, typer.Option("--memories", metavar="N", help="Of 18 kbit.")] = None,
    goal: Annotated[str, typer.Option("--goal", metavar="NAME", help=(
        "cycles (fewest), per-lut or per-multiplier (most done for each)."))] = "cycles",
    data: Data = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help=(
        "Write the best configuration, for --config of every other verb."))] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
) -> int:
    """Print the best ten by area and cycle model: cycles from answer to answer of the network as one program."""
    limits = the_chip(chip, luts, multipliers, memories)
    from zeroskip.compiler.lower import UnsupportedError
    from zeroskip.fit import GOALS
    from zeroskip.fit import fit as best_of
    from zeroskip.spec import config_file
    from zeroskip.spec.config_file import ConfigFile

    if goal not in GOALS:
        raise UserError(f"--goal must be one of {', '.join(GOALS)}, not {goal!r}")
    apart({"--json": json_file, "--out": out}, source, data=data)
    for path in (json_file, out):
        if path is not None:
            writable(path)
    network, codes, products = the_work(source, data)
    with progress("fit") as say, as_user_error(ValueError, UnsupportedError):
        found = best_of(network, codes, limits, goal, progress=say)
    rows = [[*(f"{getattr(own.config, name):,}" for name in SHOWN), f"{own.cycles:,}", f"{own.area.luts:,}",
             str(own.area.multipliers), str(own.area.memories), f"{figure(own, goal, products):.3g}"] for own in found]
    table([*SHOWN, "cycles", "LUTs", "multipliers", "memories", FIGURES[goal]], rows)
    if out is not None:
        with writing(out):
            config_file.write(out, ConfigFile(engine=found[0].config))
        typer.echo(f"{out}: the first one, for --config of every verb")
    if json_file is not None:
        write_json(json_file, document(found, goal, products, limits))
    return Status.DONE
