"""``zerokeep compile``: a model folder or a layer file as a program, with a C header and a listing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from zerokeep.cli_common import Status, apart, as_user_error, progress, say, table, writable, write_json, writing
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config
from zerokeep.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from zerokeep.network import Network
    from zeroskip.compiler.network import QuantisedNetwork
    from zeroskip.export.compiled import Compiled

KINDS = (".bin", ".h", ".txt", ".json")
"""The program, the C header, the listing, the figures."""
LONGEST_NAME = 60
Engine = Annotated[str, typer.Option("--engine", metavar="NAME", help=(
    "skip-weights, whose cycles are known beforehand, or skip-both, which looks ahead at activations."))]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compile", help="Compile a model folder or a layer file to a program, a C header and a listing.")(
        compile_)


def file_name(source: Path) -> str:
    """What the files are called after a source: its name, in letters that any file system and make takes.

    >>> file_name(Path("runs/vgg small")), file_name(Path("x/conv1.npz"))
    ('vgg_small', 'conv1')
    """
    name = Path(os.path.abspath(source)).name
    found = re.sub(r"[^A-Za-z0-9_.-]", "_", name.removesuffix(".npz")).lstrip(".-")
    return found[:LONGEST_NAME] or "network"


def load(source: Path, name: str) -> tuple[Network, np.ndarray | None]:
    """The network of a model folder, or of a layer file alone, with the latter's first image.

    Raises
    ------
    UserError, LayerError
        The source is missing or damaged.
    """
    import dataclasses

    from zerokeep import model_folder
    from zerokeep.network import Network
    from zerokeep.step import Step
    from zeroskip.layer import Layer

    if source.is_dir():
        return model_folder.read(source).network, None
    layer = Layer.load(source)
    image = layer.input4[0]
    bare, inputs = dataclasses.replace(layer, input=None), ("input",)
    steps: list[Step] = []
    if layer.is_linear:
        steps.append(Step(name="flatten", op="flatten", inputs=inputs, scale=1.0))
        inputs = ("flatten",)
    steps.append(Step(name=name, op="linear" if layer.is_linear else "conv", inputs=inputs, scale=1.0, layer=bare))
    channels, rows, columns = image.shape
    return Network(name=name, input_shape=(channels, rows, columns), input_scale=1.0, steps=tuple(steps),
                   input_dtype=str(image.dtype)), image


def compile_(
    source: Annotated[Path, typer.Argument(metavar="FOLDER|LAYER.npz", help="A model folder or a layer file.")],
    out: Out, preset: Preset = None, multipliers: Multipliers = None, config: Config = None,
    engine: Engine = "skip-weights",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
) -> int:
    """Compile, write the files all together, and show the steps."""
    from zeroskip.compiler.lower import UnsupportedError
    from zeroskip.compiler.places import PlanError
    from zeroskip.export.compiled import ENGINES, EngineError, compile_network
    from zeroskip.files.ledger import claim

    if engine not in ENGINES:
        raise UserError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r:.60}")
    name = file_name(source)
    names = [name + kind for kind in KINDS]
    apart({"--json": json_file} | {f"--out, {own}": out / own for own in names}, source, config)
    shape, configuration = engine_config(preset, multipliers, config)
    with progress("compile") as show:
        show("read")
        network, image = load(source, name)
        show(f"{len(network.steps)} steps")
        with as_user_error(UnsupportedError, PlanError, EngineError):
            compiled = compile_network(shape, cast("QuantisedNetwork", network), name=name, engine=engine, image=image,
                                       host=network.host)
        figures, contents = _contents(compiled, configuration)
    if json_file is not None:
        writable(json_file)
    with writing(out):
        claim(out, names)
        _write(out, contents)
    if json_file is not None:
        write_json(json_file, figures)
    _print(figures, [str(out / own) for own in names])
    return Status.DONE


def _contents(compiled: Compiled, configuration: str | None) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The figures, and the content of every file."""
    import json

    from zeroskip.export import program_file
    from zeroskip.export.c_header import header
    from zeroskip.export.figures import figures
    from zeroskip.export.listing import listing

    program = program_file.content(compiled.program)
    found = figures(compiled, program, configuration)
    parts = [program, header(compiled, program).encode(), listing(compiled, found).encode(),
             (json.dumps(found, indent=1, allow_nan=False) + "\n").encode()]
    return found, {compiled.name + kind: part for kind, part in zip(KINDS, parts, strict=True)}


def _write(out: Path, contents: Mapping[str, bytes]) -> None:
    """Write all files under other names, then move them to their places: a full disk leaves the earlier ones."""
    from zeroskip.files.writing import place_of, temporary_folder, write_bytes

    folder = place_of(out)
    with temporary_folder(folder) as fresh:
        for name, content in contents.items():
            write_bytes(fresh / name, content)
        for name in contents:
            os.replace(fresh / name, folder / name)


def _print(figures: Mapping[str, Any], paths: list[str]) -> None:
    rows = []
    for step in figures["steps"]:
        classes = step.get("classes")
        busy = "-" if classes is None else f"{100 * classes['multiplying'] / max(1, sum(classes.values())):.1f}"
        rows.append([step["name"], step["mode"], f"{step['filters']}", f"{step['taps']:,}",
                     f"{step['cycles']:,}" if classes else "-", busy])
    table(["step", "way out", "filters", "entries", "cycles", "% multiplying"], rows)
    memory, cycles = figures["memory"], figures["cycles"]
    lists, code, area = memory["lists"], memory["instructions"], memory["map"]
    say(f"lists {max(lists['words']):,} of {lists['of']:,} words, instructions {max(code['words']):,} of "
        f"{code['of']:,}, map {area['most_at_a_time']:,} of {area['of']:,} words at a time")
    known = (f"latency {cycles['latency']:,} cycles, interval {cycles['interval']:,}" if cycles["latency"] is not None
             else f"latency not known: {cycles['why']}")
    say(f"load {cycles['load']:,} cycles, {known}")
    for name in figures["host"]:
        say(f"left to the host: {name}")
    say("  ".join(paths))
