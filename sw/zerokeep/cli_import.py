"""``zerokeep import``: an ONNX file as a model folder."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_common import Force, Status, apart, progress, say, writable, write_json
from zerokeep.cli_prune import Data


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("import", help="An ONNX file as a model folder: taken as it is, or quantised where it is of floats.")(
        import_model)


def import_model(
    source: Annotated[Path, typer.Argument(metavar="MODEL.onnx", help=(
        "A quantised model (QDQ or QONNX, symmetric), or one of floats; to prune it: zerokeep prune --model."))],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="The model folder.")] =
        Path("build/imported"),
    data: Data = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures.")] = None,
    force: Force = False,
) -> int:
    """Write the folder and say what it is."""
    apart({"--out": out, "--json": json_file}, source, data=data)
    if json_file is not None:
        writable(json_file)
    from zerokeep import model_folder, onnx_read

    model_folder.check_writable(out)
    file = onnx_read.read(source)
    with progress("import") as told:
        info = (_quantised(source, file, data, out, force) if file.is_quantised else
                _floats(source, data, out, told, force))
    shares = {name: share for name, share in info["accuracy"].items() if name in ("base", "int8") and share is not None}
    found = ", ".join(f"{name} {share:.2%}" for name, share in shares.items()) or "not measured: give --data"
    kind = "quantised already" if file.is_quantised else "of floats, quantised now"
    typer.echo(f"{kind}: {len(info['steps'])} steps, "
               f"{info['totals']['nonzero']:,} of {info['totals']['weights']:,} weights not zero; accuracy: {found}")
    if info["host"]:
        say(f"left to the host, after the last step: {', '.join(info['host'])}")
    say(f"model folder: {out}")
    if json_file is not None:
        write_json(json_file, {key: value for key, value in info.items() if key not in ("files", "steps")})
    return Status.DONE


def _floats(source: Path, data: str | None, out: Path, told: Any, force: bool) -> dict[str, Any]:
    """A model of floats, calibrated on the data."""
    from zerokeep.pipeline import prune_model
    from zerokeep.recipe import Recipe
    from zerokeep.user_code import open_data, open_model

    return prune_model(open_model(str(source)), open_data(data), Recipe.unpruned(), out,
                       lambda text, share: told(f"{text} ({share:.0%})"), command=_command(source), force=force)


def _command(source: Path) -> str:
    return f"zerokeep import {shlex.quote(str(source))}"


def _quantised(source: Path, file: Any, data: str | None, out: Path, force: bool) -> dict[str, Any]:
    """A quantised model as it is; its accuracy only where data are given."""
    from zerokeep import integer, model_folder, onnx_export
    from zerokeep.counts import layer_counts, totals
    from zerokeep.onnx_quantised import to_network
    from zerokeep.pipeline import tool_versions
    from zerokeep.user_code import open_data

    network = to_network(file)
    accuracy: dict[str, Any] = {"base": None, "pruned": None, "int8": None}
    if data is not None:
        found = open_data(data).fitted(network.input_shape)
        found.check_answers(network.shapes()[network.steps[-1].name])
        accuracy |= {"int8": integer.accuracy(network, found.test_images, found.test_labels), "data": found.name,
                     "test_images": len(found.test_images)}
    rows = layer_counts(network, {})
    info = {"base": {"model": network.name, "source": str(source)}, "accuracy": accuracy, "counts": rows,
            "totals": totals(rows), "command": _command(source), "tool_versions": tool_versions()}
    return model_folder.write(out, network, onnx_export.build(network).SerializeToString(), info, force=force)
