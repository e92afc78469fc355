"""``zerokeep report``: the report of a finished run, made again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from zerokeep.cli_common import Status, apart, say, table, writable
from zerokeep.errors import as_written

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("report", help="Make report.json and report.html again from the folder of a run.")(report)


def print_summary(found: Mapping[str, Any], folder: Path) -> None:
    """The headline figures, the cycles of the whole network, and where the report lies."""
    accuracy, network = found["accuracy"], found["network"]
    shares = [f"{name} {accuracy[name]:.2%}" for name in ("base", "pruned", "int8")]
    typer.echo(f"accuracy: {', '.join(shares)} ({accuracy['test_images']:,} images, {accuracy['data']})")
    if found["shipped"]:
        here = found["accuracy_here"]
        typer.echo(f"the pruned network ships ({found['shipped']}); here int8 {here['int8']:.2%} "
                   f"({here['test_images']:,} images, {here['data']})")
    typer.echo(f"non-zero weights: {found['nzer_orig']:.2%} of the unpruned network's")
    rows = []
    for name, entry in network["engines"].items():
        per_lut = found["throughput"][name]["per_1000_LUT_over_unpruned"]
        rows.append([name if name in found["layers"][0]["engines"] else "unpruned network on dense",
                     _figure(entry["cycles_each"], ",.0f"), _figure(entry["speedup_each"], ".2f"),
                     _figure(per_lut, ".2f")])
    table(["engine", "cycles per image", "speed-up", "per LUT"], rows)
    runs = found["runs"]
    if found["whole"]["why"] is None:
        typer.echo(f"{' and '.join(found['whole']['engines'])}: the whole network as one program, from answer to "
                   "answer; the others layer by layer, with loading")
    typer.echo(f"bit-exact: {runs['bit_exact']} of {runs['count']} runs of a layer or of the network")
    typer.echo(f"report: {folder / 'report.html'}")


def _figure(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


Boards = Annotated[list[Path] | None, typer.Option("--board", metavar="FOLDER", help=(
    "Show a build of 'zerokeep build', too; again for more."))]
Energy = Annotated[Path | None, typer.Option("--energy", metavar="FILE", help=(
    "Show what 'zerokeep energy --json FILE' measured on this network, too."))]


def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The output folder of 'zerokeep run'.")],
    board: Boards = None, energy: Energy = None,
) -> int:
    """Status 1 where the hardware was wrong in the run."""
    from zerokeep.report import DOCUMENT, make, read_steps

    read_steps(folder)
    apart({"the report": folder / DOCUMENT}, energy, *(board or ()))
    writable(folder / DOCUMENT)
    found = make(folder, board or (), energy)
    with as_written(f"the run in {folder}"):
        print_summary(found, folder)
        for sentence in found["failed"]:
            say(f"zerokeep: {sentence}", error=True)
    return Status.DONE if found["bit_exact"] else Status.WRONG
