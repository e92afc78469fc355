# amaranth: UnusedElaboratable=no
"""The two forms of a component side by side in Verilator: cells of the ECP5, and plain Amaranth."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from textwrap import dedent

from amaranth.back import verilog
from amaranth.lib import wiring

from cosim.netlist import models
from zeroskip.gateware.primitives.target import Target
from zeroskip.verilog import verilator_environment

CYCLES = 50_000
MAKE = ("CFG_CXXFLAGS_STD=-std=c++20 CFG_CXXFLAGS_COROUTINES=-fcoroutines CFG_LDLIBS_THREADS=-pthread "
        "VM_PARALLEL_BUILDS=0 OPT_FAST=-O0 OPT_GLOBAL=-O0")
_NAME = "component_form"
_RESULT = re.compile(r"^pair (\w+): (\d+) differences, (\d+) changes$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A component whose forms are compared.

    ``kind`` and ``sizes``: its class, and what that is given. ``legal`` is Verilog that makes random inputs legal.
    ``fault``: what is replaced in the Verilog of the cells, and by what, so that the forms differ.
    """

    name: str
    kind: Callable[..., wiring.Component]
    sizes: Mapping[str, int] = field(default_factory=dict)
    legal: str = ""
    fault: tuple[str, str] | None = None

    def make(self) -> wiring.Component:
        return self.kind(**self.sizes)

    def forms(self) -> dict[str, str]:
        """Verilog: the fault in the cells, and the plain form; the modules' names are the pair's and the form's."""
        forms = {form: convert(self.kind, self.sizes, f"{self.name}_{form}", cells=form == "cells")
                 for form in ("cells", "plain")}
        if self.fault is not None:
            old, new = self.fault
            assert old in forms["cells"], f"{self.name}: {old} is not in the cells"
            forms["cells"] = forms["cells"].replace(old, new)
        return forms


def ports(component: wiring.Component) -> dict[str, tuple[int, bool]]:
    """Width of each port, and whether it is an input."""
    return {"__".join(map(str, path)): (len(value), member.flow == wiring.In)
            for path, member, value in component.signature.flatten(component)}


@cache
def _converted(kind: Callable[..., wiring.Component], sizes: tuple[tuple[str, int], ...], cells: bool) -> str:
    return verilog.convert(kind(**dict(sizes)), name=_NAME, platform=Target(family="ecp5") if cells else None,
                           emit_src=False, strip_internal_attrs=True)


def convert(kind: Callable[..., wiring.Component], sizes: Mapping[str, int], name: str, *, cells: bool) -> str:
    """One form in Verilog: the module `name`, and those within it, whose names begin with that."""
    return _converted(kind, tuple(sizes.items()), cells).replace(_NAME, name)


def _random(name: str, width: int) -> str:
    """A random value: small and large numbers, and each bit's extremes, are as likely as any other."""
    words = ", ".join(["$urandom"] * (-(-width // 32)))
    return (f"case ($urandom % 8) 0: {name} = 0; 1: {name} = ~{width}'d0; 2: {name} = {width}'d1 << {width - 1}; "
            f"3: {name} = ~({width}'d1 << {width - 1}); 4: {name} = {width}'($urandom % 8); "
            f"default: {name} = {width}'({{{words}}}); endcase")


def _module(pair: Pair) -> str:
    """The forms, and a module that drives both and counts differences, and changes of what comes out."""
    known = ports(pair.make()) | {"rst": (1, True)}
    inputs = {name: width for name, (width, is_input) in known.items() if is_input}
    outputs = {name: width for name, (width, is_input) in known.items() if not is_input}
    given = ", ".join([".clk(clk)", *(f".{name}({name})" for name in inputs)])
    lines = [f"module {pair.name}_pair (input clk, output reg [31:0] differences, output reg [31:0] changes);",
             *(f"reg [{width - 1}:0] {name} = 0;" for name, width in inputs.items())]
    for form in ("cells", "plain"):
        lines += [f"wire [{width - 1}:0] {name}_{form};" for name, width in outputs.items()]
        joined = ", ".join(f"{name}_{form}" for name in outputs)
        lines += [f"{pair.name}_{form} {form} ({given}, {', '.join(f'.{name}({name}_{form})' for name in outputs)});",
                  f"wire [{sum(outputs.values()) - 1}:0] all_{form} = {{{joined}}};"]
    lines += [f"reg [{sum(outputs.values()) - 1}:0] last = 0;", "initial begin differences = 0; changes = 0; end",
              "always @(negedge clk) begin",
              "if (all_cells != all_plain) differences = differences + 1;",
              "if (all_cells != last) changes = changes + 1;", "last = all_cells;",
              *(_random(name, width) for name, width in inputs.items()), pair.legal, "end", "endmodule"]
    return "\n".join([*pair.forms().values(), *lines])


def compare(pairs: Iterable[Pair], folder: Path) -> dict[str, tuple[int, int]]:
    """Cycles in which the forms of each pair differ, and in which what comes out changes, of ``CYCLES``."""
    pairs = list(pairs)
    bench = [f"wire [31:0] differences_{pair.name}, changes_{pair.name};\n"
             f"{pair.name}_pair {pair.name} (clk, differences_{pair.name}, changes_{pair.name});" for pair in pairs]
    show = [f'$display("pair {pair.name}: %0d differences, %0d changes", differences_{pair.name}, '
            f"changes_{pair.name});" for pair in pairs]
    top = dedent("""\
        module bench;
        reg clk = 0;
        {bench}
        integer cycle;
        initial begin
          for (cycle = 0; cycle < {cycles}; cycle = cycle + 1) begin #1 clk = 1; #1 clk = 0; end
          #1 {show}
          $finish;
        end
        endmodule
        """).format(bench="\n".join(bench), cycles=CYCLES, show="\n".join(show))
    (folder / "bench.v").write_text("\n".join([models(), *map(_module, pairs), top]))
    command = ["verilator", "--binary", "--timing", "-Wno-fatal", "-Wno-lint", "-MAKEFLAGS", MAKE, "--Mdir",
               str(folder / "build"), "--top-module", "bench", str(folder / "bench.v")]
    built = subprocess.run(command, env=verilator_environment(folder), capture_output=True, text=True, check=False)
    assert built.returncode == 0, (built.stdout + built.stderr)[-4000:]
    done = subprocess.run([folder / "build" / "Vbench"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (int(differences), int(changes)) for name, differences, changes in _RESULT.findall(done.stdout)}
