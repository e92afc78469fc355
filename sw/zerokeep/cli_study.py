"""``zerokeep study``: many recipes on many networks, in parallel, to be gone on with."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from zerokeep.cli_common import Status, apart, progress, writing
from zerokeep.errors import UserError, as_written, check_count

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("compare", help="Tables, paired tests and plots of a study's lines.")(compare)
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
    apart({"--out": out}, source, data=plan.data)
    with progress("study") as told:
        lines = run_study(plan, out, workers=workers, address=cluster,
                          say=lambda done, of, text: told(f"{done} of {of} cells ({text})"))
    typer.echo(f"{len(lines)} cells: {out / LINES}")
    return Status.DONE


def compare(
    sources: Annotated[list[Path], typer.Argument(metavar="CELLS.jsonl...", help="Lines of studies of one network.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="For the page and its plots.")] =
        Path("build/study"),
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What the files are called.")] = "study",
) -> int:
    """Write the page and say where it is."""
    from zerokeep.study.page import PLOTS, write_page
    from zerokeep.study.runner import read_lines

    if _NAME.fullmatch(name) is None:
        raise UserError(f"--name must be letters, digits, dots and dashes, not {name!r}")
    missing = [path for path in sources if not path.is_file()]
    if missing:
        raise UserError(f"there is no file {missing[0]}")
    apart({f"--out, {own}": out / own for own in (f"{name}.md", *(f"{name}-{plot}.png" for plot in PLOTS))}, *sources)
    lines = list({line["key"]: line for path in sources for line in read_lines(path)}.values())
    with as_written(f"a line of {' or '.join(map(str, sources))}"):
        networks = sorted({str(line["network"]) for line in lines})
    if len(networks) != 1:
        raise UserError(f"the lines are of {len(networks)} networks ({', '.join(networks)}), expected one")
    with writing(out), as_written(f"a line of {' or '.join(map(str, sources))}"):
        for path in write_page(lines, out, name):
            typer.echo(path)
    return Status.DONE
