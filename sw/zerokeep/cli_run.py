"""``zerokeep run``: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerokeep.cli_common import Cache, Status, apart, cache_folder, say
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config
from zerokeep.cli_prune import (
    Criterion,
    Data,
    Distil,
    Epochs,
    FilterRatio,
    FirstZeroRatio,
    LinearZeroRatio,
    Model,
    NzerOrig,
    Precision,
    QatEpochs,
    Schedule,
    Seed,
    Shift,
    Threshold,
    ZeroRatio,
)
from zerokeep.cli_report import Boards, Energy
from zerokeep.errors import UserError
from zerokeep.recipe import Recipe

_DEFAULT = Recipe()


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("run", help="Prune, quantise, generate, simulate, synthesise and report, all in one go.")(run)


def run(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help=(
        "The output folder; what is finished there already is not done again."))] = Path("build/demo"),
    preset: Preset = None, multipliers: Multipliers = None, config: Config = None, model: Model = "vgg-small",
    train_epochs: Annotated[int | None, typer.Option("--train-epochs", metavar="N", help=(
        "Train the base network first, so many epochs, instead of loading weights."))] = None,
    data: Data = None, criterion: Criterion = _DEFAULT.criterion, threshold: Threshold = _DEFAULT.threshold,
    zero_ratio: ZeroRatio = _DEFAULT.zero_ratio,
    first_zero_ratio: FirstZeroRatio = _DEFAULT.first_zero_ratio,
    linear_zero_ratio: LinearZeroRatio = _DEFAULT.linear_zero_ratio,
    filter_ratio: FilterRatio = _DEFAULT.filter_ratio, nzer_orig: NzerOrig = _DEFAULT.nzer_orig,
    schedule: Schedule = _DEFAULT.schedule, epochs: Epochs = _DEFAULT.epochs, distil: Distil = _DEFAULT.distil,
    qat_epochs: QatEpochs = _DEFAULT.qat_epochs, shift: Shift = _DEFAULT.shift,
    precision: Precision = _DEFAULT.precision, seed: Seed = 0,
    images: Annotated[int, typer.Option("--images", metavar="N", help="Test images to simulate.")] = 4,
    simulator: Annotated[str, typer.Option("--simulator", metavar="NAME", help="verilator or icarus.")] = "verilator",
    cache: Cache = None,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Steps at a time.")] = 2,
    fresh: Annotated[bool, typer.Option("--fresh", help=(
        "Prune, although the network that the default recipe makes ships with the package."))] = False,
    board: Boards = None, energy: Energy = None,
) -> int:
    """Status 1 where the hardware was wrong; the report is written then, too."""
    recipe = Recipe(criterion=criterion, threshold=threshold, zero_ratio=zero_ratio, first_zero_ratio=first_zero_ratio,
                    linear_zero_ratio=linear_zero_ratio, filter_ratio=filter_ratio, nzer_orig=nzer_orig,
                    schedule=schedule, epochs=epochs, distil=distil, qat_epochs=qat_epochs, shift=shift,
                    precision=precision, seed=seed)
    from zerokeep.cli_report import print_summary
    from zerokeep.report import make
    from zerokeep.report_hardware import read_board, read_energy
    from zerokeep.run import Run, RunOptions, failures
    from zerokeep.run_progress import showing

    apart({"--out": out}, model, energy, config, *(board or ()), data=data)
    shape, _ = engine_config(preset, multipliers, config)
    for path in board or ():
        read_board(path)
    if energy is not None:
        read_energy(energy)
    job = Run(RunOptions(out=out, config=shape, model=model, train_epochs=train_epochs,
                         recipe=recipe, data=data, images=images, simulator=simulator, cache=cache_folder(cache),
                         workers=workers, fresh=fresh))
    steps = job.steps()
    with showing(steps) as show:
        results = job.do(steps, show)
    failed = failures(results)
    try:
        found = make(out, board or (), energy)
    except UserError:
        make(out)  # what took long is not lost with what was to stand beside it
        raise
    print_summary(found, out)
    for sentence in failed:
        say(f"zerokeep: {sentence}", error=True)
    return Status.WRONG if failed else Status.DONE
