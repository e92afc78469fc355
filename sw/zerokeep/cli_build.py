"""``zerokeep build``: a bitstream for a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerokeep.cli_common import Status, as_user_error, progress, write_json, writing


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("build", help="Build a bitstream for a board; a missed clock leaves none.")(build)


def build(
    board: Annotated[str, typer.Option("--board", metavar="NAME", help="ulx3s-85f.")] = "ulx3s-85f",
    preset: Annotated[str, typer.Option("--preset", metavar="NAME", help="Which array.")] = "tiny",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to.")] = Path("bitstreams"),
    clock: Annotated[float | None, typer.Option("--clock", metavar="MHZ", min=1.0, help=(
        "Clock to reach; default: the board's oscillator."))] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="Of the placer.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the manifest.")] = None,
) -> int:
    """Write ``FOLDER/BOARD-PRESET/``: bitstream, manifest and timing report."""
    from zeroskip import board as boards

    folder = output / f"{board}-{preset}"
    try:
        with progress("build") as say, as_user_error(ValueError), writing(output):
            say(f"{folder} (minutes)")
            manifest = boards.build(board, folder, preset=preset, seed=seed, clock_mhz=clock)
    except boards.TimingError as missed:
        typer.echo(f"zerokeep: {missed}; no bitstream was written", err=True)
        return Status.WRONG
    reached = ", ".join(f"{mhz:.1f} MHz" for mhz in manifest["clock_mhz_reached"].values())
    typer.echo(f"{folder}: {reached} reached, {manifest['clock_mhz_asked']:.1f} MHz asked for")
    if json_file is not None:
        write_json(json_file, manifest)
    return Status.DONE
