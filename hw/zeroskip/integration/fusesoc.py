"""A FuseSoC core description of a generated engine, with targets to lint, to simulate and to synthesise it."""

from __future__ import annotations

from typing import Any


def core_file(sidecar: dict[str, Any], version: str) -> str:
    """The text of ``TOP.core`` (CAPI2): the Verilog and its wrapper, and the targets ``lint``, ``sim``, ``synth``.

    ``lint`` runs ``verilator --lint-only -Wall`` with the waivers beside it; ``sim`` builds the engine with Verilator
    and runs the test bench beside it, which reads the identity register; ``synth`` is yosys for an ECP5.
    """
    top = sidecar["top"]
    return f"""CAPI=2:
name: zerokeep:engines:{top}:{version}
description: a zerokeep engine behind AXI4-Stream and AXI4-Lite

filesets:
  rtl:
    files: [{top}.v, {top}_axi.v]
    file_type: verilogSource
  waivers:
    files: [{top}.vlt]
    file_type: vlt
  bench:
    files: [{top}_tb.v]
    file_type: verilogSource

targets:
  default: &default
    filesets: [rtl]
    toplevel: {top}_axi
  lint:
    <<: *default
    description: verilator -Wall
    filesets: [waivers, rtl]
    flow: lint
    flow_options:
      tool: verilator
      verilator_options: [-Wall]
  sim:
    <<: *default
    description: read the identity register in simulation
    filesets: [waivers, rtl, bench]
    toplevel: {top}_tb
    flow: sim
    flow_options:
      tool: verilator
      mode: binary
      verilator_options: [--timing, -Wno-fatal, -CFLAGS, -fcoroutines, -MAKEFLAGS, CFG_CXXFLAGS_PCH_I=-include]
  synth:
    <<: *default
    description: cells of an ECP5, by yosys
    flow: generic
    flow_options:
      tool: yosys
      arch: ecp5
"""


def bench(sidecar: dict[str, Any]) -> str:
    """A Verilog test bench ``TOP_tb``: out of reset, one AXI4-Lite read of the register ``id``, right or ``$fatal``."""
    top, ports = sidecar["top"], sidecar["ports"]
    inputs = {name: port["width"] for name, port in ports.items()
              if port["direction"] == "input" and name not in ("clk", "rst")}
    outputs = {name: port["width"] for name, port in ports.items() if port["direction"] == "output"}
    registers = "".join(f"  reg [{width - 1}:0] {name} = 0;\n" for name, width in inputs.items())
    wires = "".join(f"  wire [{width - 1}:0] {name};\n" for name, width in outputs.items())
    joined = ", ".join(f".{name}({name})" for name in ("aclk", "aresetn", *inputs, *outputs))
    return f"""// Reads the register id of {top}_axi. Generated: do not edit.
`timescale 1ns / 1ps
module {top}_tb;
  reg aclk = 0, aresetn = 0;
{registers}{wires}  {top}_axi dut ({joined});
  always #5 aclk = ~aclk;
  // Driven and looked at on the falling edge, where nothing else changes.
  initial begin
    repeat (4) @(negedge aclk);
    aresetn = 1;
    s_axil_arvalid = 1;
    while (!s_axil_arready) @(negedge aclk);
    @(negedge aclk);
    s_axil_arvalid = 0;
    while (!s_axil_rvalid) @(negedge aclk);
    if (s_axil_rdata !== 32'h{sidecar["identity"]:08x} || s_axil_rresp !== 0)
      $fatal(1, "register id: found %h, expected {sidecar["identity"]:08x}", s_axil_rdata);
    $display("{top}: register id is %h", s_axil_rdata);
    $finish;
  end
  initial #100000 $fatal(1, "no answer");
endmodule
"""
