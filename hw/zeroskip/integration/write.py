"""Writes all of it beside a generated design."""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path

from zeroskip.integration.axi_wrapper import axi_wrapper
from zeroskip.integration.fusesoc import bench, core_file
from zeroskip.integration.registers import c_header, python_map
from zeroskip.verilog import WAIVERS, GeneratedDesign, write_atomically


def write_integration(design: GeneratedDesign) -> list[Path]:
    """``TOP_axi.v``, ``TOP_registers.h``, ``TOP_registers.py``, ``TOP.core`` and what that needs; their paths."""
    sidecar = json.loads(design.sidecar.read_text(encoding="utf-8"))
    top, folder = design.top, design.verilog.parent
    texts = {
        f"{top}_axi.v": axi_wrapper(sidecar), f"{top}_tb.v": bench(sidecar),
        f"{top}_registers.h": c_header(top), f"{top}_registers.py": python_map(top),
        f"{top}.core": core_file(sidecar, importlib.metadata.version("zerokeep")),
        f"{top}.vlt": WAIVERS.read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        write_atomically(folder / name, text)
    return [folder / name for name in texts]
