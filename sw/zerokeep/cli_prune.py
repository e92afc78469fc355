"""``zerokeep prune``: a pruned, fine-tuned, quantised model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_common import Status, progress, table, writable, write_json
from zerokeep.recipe import CRITERIA, Recipe

_DEFAULT = Recipe()

Model = Annotated[str, typer.Option("--model", metavar="NAME|FILE", help=(
    "A network with shipped weights (vgg-small), or a file of weights from 'zerokeep train'."))]
Data = Annotated[Path | None, typer.Option("--data", metavar="FOLDER", help=(
    "The four files of Fashion-MNIST; default: Debian's package where installed, else the shipped subset."))]
Criterion = Annotated[str, typer.Option("--criterion", metavar="NAME", help=(
    "; ".join(f"{name}: {text}" for name, text in CRITERIA.items()) + "."))]
ZeroRatio = Annotated[float, typer.Option("--zero-ratio", metavar="R", help="Share of a layer's weights set to zero.")]
FirstZeroRatio = Annotated[float, typer.Option("--first-zero-ratio", metavar="R", help=(
    "The same for the first convolution, where smaller."))]
LinearZeroRatio = Annotated[float, typer.Option("--linear-zero-ratio", metavar="R", help=(
    "The same for linear layers, where smaller."))]
FilterRatio = Annotated[float, typer.Option("--filter-ratio", metavar="R", help="Share of the filters removed.")]
Epochs = Annotated[int | None, typer.Option("--epochs", metavar="N", help=(
    "Passes of fine-tuning; default: as many as see no more than 60,000 images (1 with the full set)."))]
Distil = Annotated[bool, typer.Option("--distil/--no-distil", help="Fine-tune on the base network's answers, too.")]
Seed = Annotated[int, typer.Option("--seed", metavar="S", help="Of everything random.")]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("prune", help="Prune, fine-tune and quantise a base network into a model folder.")(prune)


def prune(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The model folder.")] =
        Path("build/model"),
    model: Model = "vgg-small", data: Data = None, criterion: Criterion = _DEFAULT.criterion,
    zero_ratio: ZeroRatio = _DEFAULT.zero_ratio, first_zero_ratio: FirstZeroRatio = _DEFAULT.first_zero_ratio,
    linear_zero_ratio: LinearZeroRatio = _DEFAULT.linear_zero_ratio,
    filter_ratio: FilterRatio = _DEFAULT.filter_ratio, epochs: Epochs = None, distil: Distil = True, seed: Seed = 0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
) -> int:
    """Write the model folder and print what is left of each layer."""
    if json_file is not None:
        writable(json_file)
    recipe = Recipe(criterion=criterion, zero_ratio=zero_ratio, first_zero_ratio=first_zero_ratio,
                    linear_zero_ratio=linear_zero_ratio, filter_ratio=filter_ratio, epochs=epochs, distil=distil,
                    seed=seed)
    from zerokeep import model_folder
    from zerokeep.data import load
    from zerokeep.models import load_base
    from zerokeep.pipeline import prune_model

    model_folder.check_writable(out)
    with progress("prune") as say:
        info = prune_model(load_base(model), load(data), recipe, out,
                           lambda text, share: say(f"{text} ({share:.0%})"))
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
    typer.echo(f"NZER {info['nzer']:.4f}, NZER_ORIG {info['nzer_orig']:.4f}; accuracy: {shares}")
