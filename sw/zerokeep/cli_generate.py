"""``zerokeep generate``: Verilog of a configuration, with its sidecar."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from zerokeep.cli_common import Status, apart, progress, writable, write_json, writing
from zerokeep.cli_config import Config, Multipliers, Preset, engine_config, named_engines

Engines = Annotated[list[str] | None, typer.Option(
    "--engine", metavar="NAME", help=(
        "dense, gate, skip-weights or skip-both, or auto for the faster of dense and skip-both; again for more; "
        "default: all four."))]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("generate", help="Write the Verilog of a configuration and a JSON sidecar.")(generate)


def generate(
    engine: Engines = None, preset: Preset = None, multipliers: Multipliers = None, config: Config = None,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to.")] = Path("build/verilog"),
    lint: Annotated[bool, typer.Option("--lint", help="Check the Verilog with verilator -Wall.")] = False,
    integration: Annotated[bool, typer.Option("--integration", help=(
        "Write a wrapper with aclk and aresetn, registers for C and Python, and a FuseSoC core, too."))] = False,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="List what was written.")] = None,
) -> int:
    """Write one Verilog file and one sidecar for each kind of hardware that the engines need.

    A message of the lint is a fault of the program.
    """
    from zeroskip import verilog
    from zeroskip.files.ledger import claim
    from zeroskip.integration.write import file_names, write_integration
    from zeroskip.spec.engines import KINDS, choices

    shape, name_of = engine_config(preset, multipliers, config)
    engines = choices(named_engines(engine, shape))
    kinds = list(dict.fromkeys(KINDS[name] for name in engines))
    tops = [verilog.design_name(shape, kind, name_of) for kind in kinds]
    names = [name for top in tops for name in (f"{top}.v", f"{top}.json", *(file_names(top) if integration else ()))]
    apart({"--json": json_file} | {f"--output, {name}": output / name for name in names}, config)
    with writing(output):
        claim(output, names)
    if json_file is not None:
        writable(json_file)
    written: list[dict[str, Any]] = []
    messages: list[str] = []
    with progress("generate") as say:
        for kind in kinds:
            say(kind)
            with writing(output):
                design = verilog.generate(shape, kind, output, verilog.design_name(shape, kind, name_of))
                more = write_integration(design) if integration else []
            written.append({"kind": kind, "top": design.top, "verilog": str(design.verilog),
                            "sidecar": str(design.sidecar), "sha256": design.digest,
                            "integration": [str(path) for path in more]})
            messages += verilog.lint(design.verilog, design.top) if lint else []
    for entry in written:
        typer.echo("  ".join([entry["verilog"], entry["sidecar"], *entry["integration"]]))
    if json_file is not None:
        write_json(json_file, {"designs": written, "lint": messages if lint else None})
    if messages:
        raise RuntimeError(f"{len(messages)} messages of the lint of what was generated, such as {messages[0]}")
    return Status.DONE
