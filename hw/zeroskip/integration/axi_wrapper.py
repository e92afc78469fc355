"""The same engine with AXI's own names for clock and reset: ``aclk`` and ``aresetn``, which is low while it resets."""

from __future__ import annotations

import re
from typing import Any

_BUS = re.compile(r"([sm]_axi[sl]\w*?)_[a-z]+$")
_CLOCKED = {"clk": "aclk", "rst": "~aresetn"}


def axi_wrapper(sidecar: dict[str, Any]) -> str:
    """Verilog of the module ``TOP_axi`` around the top that a sidecar describes.

    The clock carries the attributes by which Vivado's IP packager associates buses and reset with it; other tools pass
    over them.
    """
    top, ports = sidecar["top"], sidecar["ports"]
    outside = {name: port for name, port in ports.items() if name not in _CLOCKED}
    buses = dict.fromkeys(match.group(1) for name in outside if (match := _BUS.match(name)))
    associated = f"ASSOCIATED_BUSIF {':'.join(buses)}, ASSOCIATED_RESET aresetn"
    declared = [f'  (* X_INTERFACE_PARAMETER = "{associated}" *)\n  input aclk',
                '  (* X_INTERFACE_PARAMETER = "POLARITY ACTIVE_LOW" *)\n  input aresetn']
    declared += [f"  {port['direction']} {_range(port['width'])}{name}" for name, port in outside.items()]
    joined = [f"    .{name}({signal})" for name, signal in _CLOCKED.items()] + [f"    .{own}({own})" for own in outside]
    return (f"// {top} with AXI's names for clock and reset. Generated: do not edit.\n"
            f"module {top}_axi (\n" + ",\n".join(declared) + "\n);\n"
            f"  {top} engine (\n" + ",\n".join(joined) + "\n  );\nendmodule\n")


def _range(width: int) -> str:
    return f"[{width - 1}:0] " if width > 1 else ""
