"""``zerokeep train``: a base network from nothing but a seed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from zerokeep.cli_common import Status, apart, progress, writable, write_json
from zerokeep.cli_prune import Data, Precision, Seed


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("train", help="Train a base network from a seed.")(train)


def train(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The weights (safetensors).")] =
        Path("build/vgg-small.safetensors"),
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="vgg-small, resnet20 or vgg16.")] = "vgg-small",
    data: Data = None,
    epochs: Annotated[int, typer.Option("--epochs", metavar="N", help="Passes; a minute or two each.")] = 10,
    precision: Precision = "float32", seed: Seed = 0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
) -> int:
    """Write the weights and print the accuracy on the test images."""
    from zerokeep.models import build
    from zerokeep.train import train as train_base
    from zerokeep.user_code import open_data

    build(model)
    apart({"--out": out, "--json": json_file}, data=data)
    writable(out)
    if json_file is not None:
        writable(json_file)
    with progress("train") as say:
        base = train_base(model, open_data(data), seed=seed, epochs=epochs, precision=precision, out=out,
                          progress=lambda text, share: say(f"{text} ({share:.0%})"))
    found = dict(base.metadata)
    typer.echo(f"accuracy {found['accuracy']:.2%} on {found['test_images']:,} images ({found['data']})")
    typer.echo(f"weights: {out}")
    if json_file is not None:
        write_json(json_file, found)
    return Status.DONE
