"""What stands beside a run in its report: boards, energy, break-even."""

import json

import numpy as np
import pytest
from tests.sw.report_records import results, write

from zerokeep.errors import UserError
from zerokeep.report import document, make
from zerokeep.report_hardware import break_even, read_board, read_energy, weights_digest
from zerokeep.report_page import page
from zeroskip.layer import Layer

MANIFEST = {
    "board": "ulx3s-85f", "device": "LFE5U-85F", "preset": "tiny", "kind": "zero-skip", "clock_mhz_asked": 25.0,
    "clock_mhz_reached": 51.5, "clock_mhz_by_seed": {"1": 49.0, "2": 51.5}, "seed": 2, "link": "a line",
}
PACKED = {cell: {"used": number, "available": 100 * number} for number, cell in enumerate(
    ("TRELLIS_COMB", "TRELLIS_FF", "MULT18X18D", "DP16KD"), 1)}
SHA = "0123456789abcdef"


def engine(total):
    return {"cycles": 100, "logic_pj": total / 2, "memory_pj": total / 2, "total_pj": total, "counted_45nm_pj": 7.0,
            "energy_delay": 1.5, "annotated": 0.99}


def energy(sha=SHA):
    engines = {"dense": engine(8e6), "gate": engine(6e6), "skip-both": engine(2e6)}
    point = {"dense": {"total_pj": 10.0}, "skip-both": {"total_pj": 4.0}}
    return {"network": "made-up", "weights_sha256": sha, "node": "a node", "multipliers": 4, "preset": "tiny",
            "images": 2, "period_ns": 10, "memory_table": {"source": "a table", "node_factor": 16.0},
            "layers": [{"name": "conv1", "engines": engines}], "whole": engines,
            "saved": {"skip-both against gate": {"total": 0.667, "logic": 0.6, "counted_45nm": 0.5,
                                                 "energy_delay": 0.9}},
            "densities": {"layer": "a small layer", "points": [
                {"density": 0.5, "engines": point},
                {"density": 1.0, "engines": point | {"skip-both": {"total_pj": 12.0}}}]}}


@pytest.fixture
def board(tmp_path):
    folder = tmp_path / "board"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps(MANIFEST))
    (folder / "resources.json").write_text(json.dumps({"after_packing": PACKED}))
    return folder


def test_a_board_is_read(board):
    found = read_board(board)
    assert found["used"] == {"LUT": [1, 100], "FF": [2, 200], "DSP": [3, 300], "BRAM": [4, 400]}
    assert found["clock_mhz_reached"] == 51.5
    (board / "manifest.json").write_text("{}")
    with pytest.raises(UserError, match=r"is no whole folder of 'zerokeep build'"):
        read_board(board)
    (board / "manifest.json").unlink()
    with pytest.raises(UserError, match=r"cannot read .*manifest\.json, expected in a folder of 'zerokeep build'"):
        read_board(board)


def test_energy_of_another_network_is_refused(tmp_path):
    file = tmp_path / "energy.json"
    file.write_text(json.dumps(energy()))
    assert read_energy(file, SHA)["whole"]["gate"]["total_pj"] == 6e6
    with pytest.raises(UserError, match=r"another network \(made-up, weights 0123456789ab\) than this run's \(ffff\)"):
        read_energy(file, "ffff")
    for text, message in (("[]", "is not a file of"), ("{}", "has no network: make it with"), ("{", "cannot read"),
                          (json.dumps({"network": 1}), "has no weights_sha256")):
        file.write_text(text)
        with pytest.raises(UserError, match=message):
            read_energy(file, SHA)


def test_a_digest_knows_every_weight():
    one = {"a": Layer(weight=np.ones((2, 3), np.int8))}
    other = {"a": Layer(weight=np.array([[1, 1, 1], [1, 1, 2]], np.int8))}
    assert weights_digest(one) == weights_digest(dict(one)) != weights_digest(other)
    assert weights_digest(one) != weights_digest({"b": one["a"]})


def test_break_even_by_hand():
    """Cycles: 5 times better at 10 % and as many at 50 %; twice the LUTs halve that."""
    points = [{"density": 0.1, "cycles": {"dense": 100, "skip-both": 20}},
              {"density": 0.5, "cycles": {"dense": 100, "skip-both": 100}},
              {"density": 0.9, "cycles": {"dense": 100, "skip-both": 200}}]
    found = break_even({"layer": "a layer", "points": points}, {"dense": {"LUT": 10}, "skip-both": {"LUT": 20}},
                       energy())
    assert found["curves"]["cycles"] == [(0.1, 5.0), (0.5, 1.0), (0.9, 0.5)]
    assert found["curves"]["per_lut"] == [(0.1, 2.5), (0.5, 0.5), (0.9, 0.25)]
    assert found["curves"]["energy"] == [(0.5, 2.5), (1.0, 10 / 12)]
    assert found["crossing"] == pytest.approx({"cycles": 0.5, "per_lut": 0.4, "energy": 0.95})
    assert set(break_even({"layer": "a layer", "points": points}, {}, None)["curves"]) == {"cycles"}


def test_the_page_shows_them(board):
    records = {name: {"result": result, "name": name, "title": name, "seconds": 1.0, "finished": "now"}
               for name, result in results().items()}
    plain = page(document(records))
    assert "<h2>Energy</h2>" not in plain and "<h2>Boards</h2>" not in plain
    assert "In cycles the dense array wins from 56 % on" in plain
    assert "In throughput per LUT the dense array wins from 34 % on" in plain
    full = page(document(records, [read_board(board)], energy()))
    for text in ("<h2>Energy</h2>", "4.00 µJ", "66.7 %", "ulx3s-85f", "51.5", "1 of 100",
                 "In energy the dense array wins from 95 % on"):
        assert text in full, text


def test_make_asks_for_the_runs_own_network(tmp_path):
    folder = write(tmp_path / "demo", results())
    file = tmp_path / "energy.json"
    file.write_text(json.dumps(energy()))
    with pytest.raises(UserError, match="model"):
        make(folder, energy=file)
    assert not (folder / "report.json").exists()
