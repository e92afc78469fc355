"""Writes all of it beside a generated design."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from zeroskip.files.writing import write_text
from zeroskip.integration.axi_wrapper import axi_wrapper
from zeroskip.integration.fusesoc import bench, core_file
from zeroskip.integration.registers import c_header, python_map
from zeroskip.verilog import WAIVERS, GeneratedDesign


def write_integration(design: GeneratedDesign) -> list[Path]:
    """``TOP_axi.v``, ``TOP_registers.h``, ``TOP_registers.py``, ``TOP.core`` and what that needs; their paths."""
    sidecar = json.loads(design.sidecar.read_text(encoding="utf-8"))
    top, folder = design.top, design.verilog.parent
    texts = (axi_wrapper(sidecar), bench(sidecar), c_header(top), python_map(top),
             core_file(sidecar, importlib.metadata.version("zerokeep")), WAIVERS.read_text(encoding="utf-8"))
    names = file_names(top)
    for name, text in zip(names, texts, strict=True):
        write_text(folder / name, text)
    return [folder / name for name in names]


def file_names(top: str) -> tuple[str, ...]:
    """What `write_integration` writes beside a design of that top."""
    return (f"{top}_axi.v", f"{top}_tb.v", f"{top}_registers.h", f"{top}_registers.py", f"{top}.core", f"{top}.vlt")
