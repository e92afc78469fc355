"""Power of a few cells against the library's own tables, by hand: what OpenSTA is told, and what is mended of it."""

import pytest
from tests.sim.test_energy import needs_tools

from cosim.energy.activity import Activity
from cosim.energy.library import VOLTS, cells
from cosim.energy.netlist import instances
from cosim.energy.power import measure, with_sources

NETLIST = """/* a comment */

module top(clk, a, \\b.c , y,
z);
  input clk;
  wire clk;
  input a;
  wire a;
  input [1:0] \\b.c ;
  wire [1:0] \\b.c ;
  output y;
  wire y;
  output z;
  wire z;
  wire q;
  wire \\t.gated ;
  INVX1 _1_ (
    .A(a),
    .Y(y)
  );
  DFFPOSX1 _2_ (
    .CLK(clk),
    .D(\\b.c [1]),
    .Q(q)
  );
  DFFPOSX1 _3_ (
    .CLK(\\t.gated ),
    .D(q),
    .Q(z)
  );
endmodule
"""
"""An inverter between two ports, two registers in a row; the clock of the second one may be stopped."""
CYCLES = 100
FEMTO = 1e-3
CLOCK_FJ, DATA_FJ = (117, 0.035), (67, 0.05)
"""Of DFFPOSX1 by its tables, rise and fall of the clock, and the mean of both at D; picojoules, and how near."""


@pytest.fixture
def spent(tmp_path):
    file = tmp_path / "netlist.v"
    file.write_text(NETLIST)

    def of(*, open_share=1.0, unknown=(), **changes):
        nets = dict.fromkeys(("a", "y", "z", "q", "b.c[1]"), (0, 0.5)) | {
            "clk": (2 * CYCLES, 0.5), "t.gated": (round(2 * CYCLES * open_share), 0.5)}
        nets |= {name.replace("b_c", "b.c[1]"): (count, 0.5) for name, count in changes.items()}
        known = {name: own for name, own in nets.items() if name not in unknown}
        return measure(file, "top", Activity(known, CYCLES))

    return of


@needs_tools
def test_a_clock_costs_its_pin_and_the_inside_once(spent):
    idle = spent()
    assert idle.annotated == 1.0
    assert idle.clock == pytest.approx(2 * 0.0279235 * VOLTS**2)
    assert idle.sequential == pytest.approx(2 * CLOCK_FJ[0] * FEMTO, rel=2 * CLOCK_FJ[1])
    assert idle.combinational < 1e-5
    assert idle.by_part == {"": (2, pytest.approx(idle.clock + idle.sequential, rel=1e-3))}


@needs_tools
def test_a_gate_that_is_closed_stops_one_register(spent):
    idle, half, closed = spent(), spent(open_share=0.5), spent(open_share=0.0)
    assert closed.clock == pytest.approx(idle.clock / 2)
    assert closed.sequential == pytest.approx(idle.sequential / 2, rel=1e-3)
    assert half.sequential == pytest.approx((idle.sequential + closed.sequential) / 2)


@needs_tools
def test_an_inverter_behind_a_port_costs_the_mean_of_rise_and_fall(spent):
    """One change a cycle; nothing hangs on it: about 23.4 fJ for a rise, 9.2 for a fall, by its tables."""
    idle, busy = spent(), spent(a=CYCLES, y=CYCLES)
    assert busy.combinational == pytest.approx((23.4 + 9.2) / 2 * FEMTO, rel=0.05)
    assert busy.sequential == pytest.approx(idle.sequential)


@needs_tools
def test_data_from_a_port_or_a_register_is_counted(spent):
    idle = spent().sequential
    assert spent(b_c=CYCLES).sequential - idle == pytest.approx(DATA_FJ[0] * FEMTO, rel=DATA_FJ[1])
    wire = cells()["DFFPOSX1"].loads["D"] * VOLTS**2 / 2
    output = spent(z=CYCLES).sequential - idle  # nothing hangs on it
    assert output == pytest.approx((41 + 65) / 2 * FEMTO, rel=0.15)
    assert spent(q=CYCLES).sequential - idle == pytest.approx(output + wire + DATA_FJ[0] * FEMTO, rel=0.05)


@needs_tools
def test_nets_without_activity_lower_the_share(spent):
    """Eight pins; two of them are at `q`, one at `z`."""
    assert spent(unknown=["q"]).annotated == pytest.approx(6 / 8)
    assert spent(unknown=["q", "z"]).annotated == pytest.approx(5 / 8)


@needs_tools
def test_what_no_cell_drives_gets_a_source():
    text, sources = with_sources(NETLIST, "top", list(instances(NETLIST, cells())), cells())
    assert sorted(net.strip() for net in sources.values()) == ["\\b.c [1]", "\\t.gated", "a"]
    assert "module top(clk, y, z);" in text and "input a" not in text and "wire a;" in text
    assert text.count("DFFPOSX1 source_") == 3
    _, fewer = with_sources(NETLIST.replace("endmodule", "  assign a = y;\nendmodule"), "top",
                            list(instances(NETLIST, cells())), cells())
    assert len(fewer) == 2
