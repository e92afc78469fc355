"""How often each net switches: gate-level simulation by Verilator, which writes SAIF, and what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zeroskip.files.process import Completed, run
from zeroskip.files.reading import read_text
from zeroskip.verilog import ToolError, verilator

PERIOD_NS = 10
SAIF_BYTES = 1 << 30
"""The most that what a simulation wrote may have."""
DUT = "dut"
_NET = re.compile(r"\((\S+) \(T0 \d+\) \(T1 (\d+)\) .*?\(TC (\d+)\)\)")
_BENCH = """`timescale 1ns / 1ps
module bench;
  reg clk = 0, rst = 1;
  reg [{last}:0] stimulus [0:{count} - 1];
  reg [{last}:0] word = 0;
  integer at;
{wires}  {top} {dut} (.clk(clk), .rst(rst), {ports});
  always #{half} clk = ~clk;
  initial begin
    $readmemh("stimulus.hex", stimulus);
    repeat (4) @(negedge clk);
    rst = 0;
    $dumpfile("activity.saif");
    $dumpvars(0, {dut});
    for (at = 0; at < {count}; at = at + 1) begin
      word = stimulus[at];
      @(negedge clk);
    end
    $finish;
  end
endmodule
"""
_VERILATE = ("--binary", "--timing", "--trace-saif", "--trace-underscore", "-Wno-fatal", "-Wno-lint", "-Wno-style",
             "-CFLAGS", "-fcoroutines", "-MAKEFLAGS", "VM_PARALLEL_BUILDS=0 OPT_FAST=-Og",
             "--top-module", "bench")


@dataclass(frozen=True)
class Activity:
    """Of each net: changes, and the share of the time that it was high; over so many cycles."""

    nets: dict[str, tuple[int, float]]
    cycles: int


def read_saif(text: str, cycles: int) -> Activity:
    """The nets of the instance ``dut``; those inside of its cells are left out.

    Raises
    ------
    ToolError
        There is none, or no time passed.
    """
    duration = re.search(r"\(DURATION (\d+)\)", text)
    start = text.find(f"(INSTANCE {DUT}")
    if duration is None or int(duration.group(1)) == 0 or start < 0:
        raise ToolError(f"the simulation's activity has no instance {DUT}, or no time passed")
    inside = text.find("(INSTANCE", start + 1)
    nets = {name.replace("\\", ""): (int(changes), int(high) / int(duration.group(1)))
            for name, high, changes in _NET.findall(text[start : inside if inside > 0 else len(text)])}
    return Activity(nets, cycles)


class OpenLoop:
    """A netlist in simulation that takes a word of inputs in every cycle, whatever it answers.

    Parameters
    ----------
    simulation
        Verilog of the netlist, as :func:`cosim.energy.netlist.simulation` makes it.
    top
        The design, with ``clk`` and ``rst``.
    inputs, outputs
        Bits of each other port, in order: the first input is in the lowest bits of the word.
    count
        Cycles of a run.
    folder
        A workplace, to build in.

    Raises
    ------
    ToolError
        It cannot be built.
    """

    def __init__(self, simulation: str, top: str, *, inputs: dict[str, int], outputs: dict[str, int],
                 count: int, folder: Path) -> None:
        self._folder, self._count, self._bits = folder, count, sum(inputs.values())
        place, ports = 0, []
        for name, bits in inputs.items():
            ports.append(f".{name}(word[{place + bits - 1}:{place}])")
            place += bits
        wires = "".join(f"  wire [{bits - 1}:0] {name};\n" for name, bits in outputs.items())
        ports += [f".{name}({name})" for name in outputs]
        (folder / "bench.v").write_text(_BENCH.format(
            last=place - 1, count=count, wires=wires, top=top, dut=DUT, half=PERIOD_NS // 2, ports=", ".join(ports)))
        (folder / "simulation.v").write_text(simulation)
        _check(verilator([*_VERILATE, "--Mdir", "obj", "bench.v", "simulation.v"], folder), "verilator")

    def run(self, words: Sequence[int]) -> Activity:
        """What the nets did while these words came, one in each cycle.

        Raises
        ------
        ValueError
            There are more or fewer words than the bench was made for.
        ToolError
            The simulation failed.
        """
        if len(words) != self._count:
            raise ValueError(f"{len(words)} words, expected {self._count}")
        digits = -(-self._bits // 4)
        (self._folder / "stimulus.hex").write_text("".join(f"{word:0{digits}x}\n" for word in words))
        _check(run([str(self._folder / "obj" / "Vbench")], folder=self._folder), "the simulation")
        return read_saif(read_text(self._folder / "activity.saif", SAIF_BYTES), self._count)


def _check(done: Completed, name: str) -> None:
    if done.status:
        raise ToolError(f"{name} {done.why()}")
