"""``zerokeep prune``: a pruned, fine-tuned, quantised model folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_common import Force, Status, apart, progress, table, writable, write_json
from zerokeep.criteria import CRITERIA
from zerokeep.recipe import PRECISIONS, SCHEDULES, THRESHOLDS, Recipe

_DEFAULT = Recipe()

Model = Annotated[str, typer.Option("--model", metavar="NAME|FILE|MODULE:FACTORY", help=(
    "A network with shipped weights (vgg-small), a file of weights from 'zerokeep train', or a function of yours "
    "that gives a trained torch.nn.Module."))]
Data = Annotated[str | None, typer.Option("--data", metavar="FOLDER|MODULE:LOADERS", help=(
    "The four files of Fashion-MNIST (default: Debian's package where installed, else the shipped subset), or a "
    "function of yours that gives (train, test), each yielding (images, labels)."))]


def _names(choices: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {text}" for name, text in choices.items()) + "."


Criterion = Annotated[str, typer.Option("--criterion", metavar="NAME", help=_names(
    {name: own.text for name, own in CRITERIA.items()}))]
Threshold = Annotated[str, typer.Option("--threshold", metavar="NAME", help=(
    "Which weights become zero; " + _names(THRESHOLDS)))]
ZeroRatio = Annotated[float, typer.Option("--zero-ratio", metavar="R", help=(
    "Share of the weights set to zero; for --threshold deviation, the multiple."))]
FirstZeroRatio = Annotated[float, typer.Option("--first-zero-ratio", metavar="R", help=(
    "For --threshold layer: at most so much of the first convolution."))]
LinearZeroRatio = Annotated[float, typer.Option("--linear-zero-ratio", metavar="R", help=(
    "For --threshold layer: at most so much of linear layers."))]
FilterRatio = Annotated[float, typer.Option("--filter-ratio", metavar="R", help="Share of the filters removed.")]
NzerOrig = Annotated[float | None, typer.Option("--nzer-orig", metavar="R", help=(
    "Find the zero ratio that leaves this share of the unpruned network's weights."))]
Schedule = Annotated[str, typer.Option("--schedule", metavar="NAME", help=_names(SCHEDULES))]
Epochs = Annotated[int | None, typer.Option("--epochs", metavar="N", help=(
    "Passes of fine-tuning; default: as many as see no more than 720,000 images (12 with the full set; at most 40)."))]
Distil = Annotated[bool, typer.Option("--distil/--no-distil", help="Fine-tune on the base network's answers, too.")]
QatEpochs = Annotated[int, typer.Option("--qat-epochs", metavar="N", help=(
    "Passes after that with weights and activations rounded as the integers will be."))]
Shift = Annotated[int, typer.Option("--shift", metavar="N", help="Pixels by which images are moved in fine-tuning.")]
Precision = Annotated[str, typer.Option("--precision", metavar="NAME", help=(
    "Of multiplications in fine-tuning: " + " or ".join(PRECISIONS) + ", twice as fast where the processor has it."))]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="Of everything random.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("prune", help="Prune, fine-tune and quantise a base network into a model folder.")(prune)


def prune(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The model folder.")] =
        Path("build/model"),
    model: Model = "vgg-small", data: Data = None, criterion: Criterion = _DEFAULT.criterion,
    threshold: Threshold = _DEFAULT.threshold, zero_ratio: ZeroRatio = _DEFAULT.zero_ratio,
    first_zero_ratio: FirstZeroRatio = _DEFAULT.first_zero_ratio,
    linear_zero_ratio: LinearZeroRatio = _DEFAULT.linear_zero_ratio,
    filter_ratio: FilterRatio = _DEFAULT.filter_ratio, nzer_orig: NzerOrig = _DEFAULT.nzer_orig,
    schedule: Schedule = _DEFAULT.schedule, epochs: Epochs = _DEFAULT.epochs, distil: Distil = _DEFAULT.distil,
    qat_epochs: QatEpochs = _DEFAULT.qat_epochs, shift: Shift = _DEFAULT.shift,
    precision: Precision = _DEFAULT.precision, seed: Seed = 0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
    force: Force = False,
) -> int:
    """Write the model folder and print what is left of each layer."""
    apart({"--out": out, "--json": json_file}, model, data=data)
    if json_file is not None:
        writable(json_file)
    recipe = Recipe(criterion=criterion, threshold=threshold, zero_ratio=zero_ratio, first_zero_ratio=first_zero_ratio,
                    linear_zero_ratio=linear_zero_ratio, filter_ratio=filter_ratio, nzer_orig=nzer_orig,
                    schedule=schedule, epochs=epochs, distil=distil, qat_epochs=qat_epochs, shift=shift,
                    precision=precision, seed=seed)
    from zerokeep import model_folder
    from zerokeep.pipeline import prune_model
    from zerokeep.user_code import open_data, open_model

    model_folder.check_writable(out)
    with progress("prune") as say:
        info = prune_model(open_model(model), open_data(data), recipe, out,
                           lambda text, share: say(f"{text} ({share:.0%})"), force=force)
    _print(info)
    typer.echo(f"model folder: {out}")
    if json_file is not None:
        write_json(json_file, {key: value for key, value in info.items() if key not in ("files", "steps")})
    return Status.DONE


def _print(info: dict[str, Any]) -> None:
    rows = [[row["name"], f"{row['filters']} of {row['filters_before']}",
             f"{row['weights']:,} of {row['weights_before']:,}", f"{row['nonzero']:,}", f"{row['nzer_orig']:.2%}"]
            for row in info["counts"]]
    table(["layer", "filters", "weights", "non-zero", "of the unpruned"], rows)
    shares = ", ".join(f"{name} {info['accuracy'][name]:.2%}" for name in ("base", "pruned", "int8"))
    if info["host"]:
        typer.echo(f"left to the host, after the last step: {', '.join(info['host'])}")
    typer.echo(f"NZER {info['nzer']:.4f}, NZER_ORIG {info['nzer_orig']:.4f}; accuracy: {shares}")
