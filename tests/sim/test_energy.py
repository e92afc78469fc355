"""Energy on gates: what the tools are told and what is read from them; the multiplier's curve has its shape."""

import pytest

from cosim.energy import library, multiplier
from cosim.energy.activity import read_saif
from cosim.energy.library import cells, find
from cosim.energy.netlist import instances
from zeroskip.verilog import ToolError

SAIF = """(SAIFILE (DURATION 1000)
 (INSTANCE bench (NET (clk (T0 500) (T1 500) (TZ 0) (TX 0) (TB 0) (TC 99)))
  (INSTANCE dut
   (NET
    (a\\[3\\] (T0 250) (T1 750) (TZ 0) (TX 0) (TB 0) (TC 4))
    (_01_ (T0 1000) (T1 0) (TZ 0) (TX 0) (TB 0) (TC 0)))
   (INSTANCE _02_ (NET (A (T0 0) (T1 1000) (TZ 0) (TX 0) (TB 0) (TC 7)))))))
"""
NETLIST = """module top(a, y);
  wire \\a.b ;
  NAND2X1 _02_ (
    .A(a[3]),
    .B(1'h1),
    .Y(\\a.b )
  );
  other _03_ (
    .A(a)
  );
endmodule
"""


def there():
    try:
        return bool(find())
    except ToolError:
        return False


needs_tools = pytest.mark.skipif(not there(), reason="needs Debian's opensta and qflow-tech-osu018")


def test_what_is_missing_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(library, "LIBERTY", tmp_path / "none.lib")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError, match=r"opensta and qflow-tech-osu018 not found.*apt-get install"):
        find()


def test_only_the_nets_of_the_design_count():
    activity = read_saif(SAIF, 10)
    assert activity.nets == {"a[3]": (4, 0.75), "_01_": (0, 0.0)}
    with pytest.raises(ToolError, match="no instance dut"):
        read_saif(SAIF.replace("dut", "other"), 10)


@needs_tools
def test_a_netlist_is_read():
    (found,) = instances(NETLIST, cells())
    assert (found.kind, found.name, found.pins) == ("NAND2X1", "_02_", {"A": "a[3]", "B": "1'h1", "Y": "\\a.b "})


@needs_tools
def test_the_library_by_hand():
    known = cells()
    assert known["DFFPOSX1"].area == 96
    assert known["DFFPOSX1"].loads == {"CLK": 0.0279235, "D": 0.00882947}
    assert known["FAX1"].functions == {"YC": "(((A B)+(B C))+(C A))", "YS": "((A^B)^C)"}
    assert (known["NAND2X1"].state, known["DFFPOSX1"].state, known["LATCH"].state) == (None, "rise", "high")


@needs_tools
def test_zeros_save_energy_and_cost_little(tmp_path, monkeypatch):
    monkeypatch.setattr(multiplier, "CYCLES", 400)
    found = {curve.name: curve for curve in multiplier.curves(tmp_path, shares=(0.0, 0.5, 0.9), seed=2)}
    plain = found["plain"]
    for name, curve in found.items():
        assert curve.annotated == 1.0
        assert list(curve.energy) == sorted(curve.energy, reverse=True)
        assert 5 < curve.energy[-1] < curve.energy[0] < 100  # picojoules: a wrong unit is a factor of a thousand
        if name != "plain":
            assert curve.energy[0] > plain.energy[0]  # what finds zeros costs where there are none
            assert curve.energy[1] < plain.energy[1]
            assert curve.energy[2] < 0.8 * plain.energy[2]
    assert found["is told zeros"].area < 1.10 * plain.area
    assert found["is told zeros"].area < found["finds zeros"].area < 1.10 * plain.area
