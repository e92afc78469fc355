"""A LiteX SoC with a zero-skip engine: registers on its bus, two DMAs in, one out. It elaborates to Verilog.

``zerokeep generate --preset tiny --engine skip-both --integration --output build/verilog``, then
``python examples/litex/soc.py build/verilog/zerokeep_tiny_zero_skip.json`` (needs ``pip install litex``). The platform
is LiteX's simulation; on a board, take its platform and clock instead, everything else stays.
"""

import argparse
import contextlib
import json
from pathlib import Path

from litex.build.generic_platform import Pins, Subsignal
from litex.build.sim import SimPlatform
from litex.gen import ClockSignal, Instance, LiteXModule, ResetSignal
from litex.soc.cores.dma import WishboneDMAReader, WishboneDMAWriter
from litex.soc.integration.soc import SoCRegion
from litex.soc.integration.soc_core import SoCMini
from litex.soc.interconnect import axi, stream, wishbone
from migen import Signal
from migen.genlib.io import CRG

WORD_BITS = 32
REGION_BYTES = 0x1000
SERIAL = ("serial", 0, Subsignal("tx", Pins(1)), Subsignal("rx", Pins(1)))


class ZeroSkipEngine(LiteXModule):
    """The engine of a sidecar: ``bus`` has its registers, ``program`` and ``map`` go in, ``result`` comes out.

    Where beats of the result may come in any order, each has its number behind it, in a word of its own.
    """

    def __init__(self, platform, sidecar, folder):
        beat, number = 8 * sidecar["beat_bytes"], sidecar["number_bits"]
        self.beat_bits, self.result_bits = beat, beat + (WORD_BITS if number else 0)
        address = sidecar["ports"]["s_axil_araddr"]["width"]
        self.bus = axi.AXILiteInterface(data_width=WORD_BITS, address_width=32)
        self.program, self.map = (stream.Endpoint([("data", beat)]) for _ in range(2))
        self.result = stream.Endpoint([("data", self.result_bits)])
        ports = {"i_clk": ClockSignal(), "i_rst": ResetSignal()}
        for channel in ("aw", "w", "b", "ar", "r"):
            record = getattr(self.bus, channel)
            forward = "i" if channel in ("aw", "w", "ar") else "o"
            back = {"i": "o", "o": "i"}[forward]
            ports |= {f"{forward}_s_axil_{channel}valid": record.valid, f"{back}_s_axil_{channel}ready": record.ready}
            fields = {"aw": ["addr"], "ar": ["addr"], "w": ["data", "strb"], "b": ["resp"], "r": ["data", "resp"]}
            ports |= {f"{forward}_s_axil_{channel}{name}": getattr(record, name) for name in fields[channel]}
        ports |= {f"i_s_axil_{channel}addr": getattr(self.bus, channel).addr[:address] for channel in ("aw", "ar")}
        ports |= {"i_s_axil_awprot": 0, "i_s_axil_arprot": 0}
        for name, endpoint, forward, back in (("s_axis_program", self.program, "i", "o"),
                                              ("s_axis_map", self.map, "i", "o"),
                                              ("m_axis_result", self.result, "o", "i")):
            ports |= {f"{forward}_{name}_tdata": endpoint.data[:beat], f"{forward}_{name}_tvalid": endpoint.valid,
                      f"{back}_{name}_tready": endpoint.ready, f"{forward}_{name}_tlast": endpoint.last}
        if number:
            ports |= {"o_m_axis_result_tuser": self.result.data[beat : beat + number],
                      "o_m_axis_result_tkeep": Signal(sidecar["beat_bytes"])}  # bytes that do not count harm nobody
        missing = {port for port in sidecar["ports"] if port not in {key[2:] for key in ports}}
        assert not missing, f"ports of the engine that nothing is connected to: {missing}"
        self.specials += Instance(sidecar["top"], **ports)
        platform.add_source(str(folder / sidecar["verilog"]))  # for the tools of a board


class ZeroSkipSoC(SoCMini):
    """The engine on LiteX's bus, with a UART bridge for the host instead of a processor."""

    def __init__(self, platform, sidecar, folder, memory_bytes=0x8000):
        SoCMini.__init__(self, platform, clk_freq=int(1e6), with_uart=False, with_timer=False)
        self.crg = CRG(platform.request("sys_clk"), rst=platform.request("sys_rst"))
        self.add_uartbone("serial")
        self.add_ram("work", origin=0x4000_0000, size=memory_bytes)
        self.engine = ZeroSkipEngine(platform, sidecar, folder)
        self.bus.add_slave("engine", self.engine.bus, SoCRegion(origin=0x8000_0000, size=REGION_BYTES, cached=False))
        for name in ("program", "map"):
            port = wishbone.Interface(data_width=WORD_BITS, adr_width=30)
            reader = WishboneDMAReader(port, with_csr=True)
            wider = stream.Converter(WORD_BITS, self.engine.beat_bits)
            self.add_module(f"{name}_reader", reader)
            self.add_module(f"{name}_wider", wider)
            self.bus.add_master(name, port)
            self.comb += [reader.source.connect(wider.sink), wider.source.connect(getattr(self.engine, name))]
        port = wishbone.Interface(data_width=WORD_BITS, adr_width=30)
        self.result_writer = WishboneDMAWriter(port, with_csr=True)
        self.result_narrower = stream.Converter(self.engine.result_bits, WORD_BITS)
        self.bus.add_master("result", port)
        self.comb += [self.engine.result.connect(self.result_narrower.sink),
                      self.result_narrower.source.connect(self.result_writer.sink)]


def main():
    """Elaborate, and say where the Verilog is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sidecar", type=Path)
    parser.add_argument("--output", type=Path, default=Path("build/litex"))
    given = parser.parse_args()
    sidecar = json.loads(given.sidecar.read_text())
    platform = SimPlatform("SIM", [("sys_clk", 0, Pins(1)), ("sys_rst", 0, Pins(1)), SERIAL])
    soc = ZeroSkipSoC(platform, sidecar, given.sidecar.parent)
    soc.finalize()
    given.output.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(given.output):  # LiteX writes the contents of memories where it stands
        platform.get_verilog(soc, name="soc").write("soc.v")
    print(f"{given.output / 'soc.v'}, with {given.sidecar.parent / sidecar['verilog']} inside")


if __name__ == "__main__":
    main()
