"""``zerokeep study``: many recipes on many networks, in parallel, to be gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerokeep.cli_common import Status, progress
from zerokeep.errors import check_count


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("study", help="Networks x criteria x levels x seeds, a JSON line each; what is done stays done.")(study)


def study(
    source: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What to do; docs/study.md has the keys.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help=(
        "Base networks and cells.jsonl; cells that are there are not done again."))] = Path("build/study"),
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Processes on this machine.")] = 2,
    cluster: Annotated[str | None, typer.Option("--cluster", metavar="ADDRESS", help=(
        "The scheduler of a Dask cluster instead, such as tcp://host:8786."))] = None,
) -> int:
    """Do what is left, and say where the lines are."""
    check_count("--workers", workers, 1)
    from zerokeep.study.plan import read_plan
    from zerokeep.study.runner import LINES, run_study

    plan = read_plan(source)
    with progress("study") as say:
        lines = run_study(plan, out, workers=workers, address=cluster,
                          say=lambda done, of, text: say(f"{done} of {of} cells ({text})"))
    typer.echo(f"{len(lines)} cells: {out / LINES}")
    return Status.DONE
