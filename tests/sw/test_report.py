import json
import math
import os
import re

import pytest
from tests.sw.report_records import no_program, program, results, write

from zerokeep.cli import main
from zerokeep.errors import UserError
from zerokeep.report import ENGINES, make, ratio, read_steps


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "demo", results())


def numbers(value):
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [number for each in value for number in numbers(each)]
    return [value] if isinstance(value, float) else []


def test_ratio_is_never_nan_or_infinite():
    assert ratio(6, 3) == 2
    assert [ratio(1, 0), ratio(None, 1), ratio(1, None), ratio(math.inf, 1), ratio(math.nan, 1)] == [None] * 5


def test_report_has_what_the_contract_names(folder):
    make(folder)
    found = json.loads((folder / "report.json").read_text())
    assert {"base", "pruned", "int8", "data", "test_images"} <= set(found["accuracy"])
    assert {"criterion", "zero_ratio", "filter_ratio", "epochs", "seed"} <= set(found["recipe"])
    assert found["nzer"] == 0.2 and found["nzer_orig"] == 0.15
    assert found["tool_versions"] == {"torch": "2.13.0", "onnx": None, "cocotb": "2.1.0", "pyosys": "0.70"}
    assert [layer["name"] for layer in found["layers"]] == ["conv1", "conv2"]
    for layer in found["layers"]:
        assert tuple(layer["engines"]) == ENGINES == ("dense", "gate", "skip-weights", "skip-both")
        for entry in layer["engines"].values():
            assert sum(entry["lanes"].values()) == entry["cycles"]["total"] * layer["multipliers"]
            assert {"bit_exact", "cycles", "utilisation", "speedup", "speedup_measured", "predicted"} <= set(entry)
    for name in ENGINES:
        assert {"LUT4", "FF", "DSP", "BRAM", "COMB"} <= set(found["resources"][name])
    assert all(math.isfinite(number) for number in numbers(found))


def test_cycles_of_the_whole_network(folder):
    found = make(folder)
    engines = found["network"]["engines"]
    assert engines["unpruned"]["cycles"]["end_to_end"] == 8 * 110 + 20
    assert engines["skip-both"]["cycles"]["end_to_end"] == 4 * 20 + 40
    assert engines["skip-both"]["cycles_per_image"] == 60
    assert engines["skip-both"]["speedup_over_unpruned"] == 900 / 120
    assert (engines["skip-both"]["cycles_each"], engines["skip-both"]["speedup_each"]) == (50, 450 / 50)
    assert engines["dense"]["cycles_each"] == engines["dense"]["cycles_per_image"] == 230
    assert engines["unpruned"]["speedup_each"] == 1
    assert engines["dense"]["end_to_end_by_layer"] == [120, 340]
    assert found["network"]["speedup_beyond_first_layer"] == 330 / 60
    assert found["layers"][1]["engines"]["skip-weights"]["speedup_measured"] == 330 / 120
    assert found["layers"][0]["ideal_speedup"] == {"skip-weights": 6_000 / 1_280, "skip-both": 6_000 / 640}


def test_the_network_as_one_program(folder):
    found = make(folder)
    whole = found["whole"]
    assert whole["why"] is None and whole["host"] == ["softmax"] and whole["program"] == program()
    assert {name: (own["load"], own["latency"], own["interval"], own["by_layer"])
            for name, own in whole["engines"].items()} == {
        "skip-weights": (33, 110, 90, 100), "skip-both": (33, 77, 50, 60)}
    assert found["bit_exact"] and found["runs"] == {"count": 12, "bit_exact": 12}
    page = (folder / "report.html").read_text()
    section = page.split("<h2>The whole network as one program</h2>")[1].split("</section>")[0]
    for text in ("<th>skip-both</th><td>33</td><td>77</td><td>50</td>", "softmax", "What each lane did when",
                 "What lies where in the map memory", "multiplying</dt>"):
        assert text in section, text
    assert section.count("<svg") == 3 and "50\ncycles for an image, whole, pooling included" in page


def test_one_image_has_a_latency_and_no_interval(tmp_path):
    made = results()
    for own in made["network"]["engines"].values():
        own |= {"interval": None, "predicted": {"latency": 1, "interval": None}}
    found = make(write(tmp_path / "demo", made))
    assert found["network"]["engines"]["skip-both"]["cycles_each"] == 77


def test_a_network_that_is_no_one_program_says_why(tmp_path):
    folder = write(tmp_path / "demo", results() | {"network": no_program("step <b> is too large")})
    found = make(folder)
    assert found["whole"] == {"why": "step <b> is too large", "engines": {}, "host": [], "program": None}
    assert found["network"]["engines"]["skip-both"]["cycles_each"] == 60
    assert found["throughput"]["skip-both"]["macs_per_cycle"] == 48_000 / 120
    page = (folder / "report.html").read_text()
    assert "step &lt;b&gt; is too large" in page and page.count("<svg") == 6
    assert "60\ncycles for an image, layer by layer with loading" in page


def test_the_network_with_a_wrong_answer(tmp_path, capsys):
    made = results()
    made["network"]["engines"]["skip-both"] |= {"bit_exact": False, "mismatches": 3}
    made["network"]["failed"] = ["network on skip-both: 3 of 20 values differ"]
    folder = write(tmp_path / "demo", made)
    assert main(["report", str(folder)]) == 1
    assert capsys.readouterr().err == "zerokeep: network on skip-both: 3 of 20 values differ\n"
    found = json.loads((folder / "report.json").read_text())
    assert found["bit_exact"] is False and found["runs"] == {"count": 12, "bit_exact": 11}


def test_throughput_is_the_unpruned_networks_work(folder):
    skip, gate, base = (make(folder)["throughput"][name] for name in ("skip-both", "gate", "unpruned"))
    assert skip["macs_per_cycle"] == 24_000 / 50
    assert skip["per_multiplier"] == 24_000 / 50 / 64
    assert skip["per_1000_LUT"] == pytest.approx(24_000 / 50 / 2)
    assert gate["macs_per_cycle"] == 24_000 / 230
    assert base["per_1000_LUT"] == pytest.approx(48_000 / 900)
    assert skip["per_1000_LUT_over_unpruned"] == pytest.approx(450 / 50 / 2)
    assert skip["per_multiplier_over_unpruned"] == pytest.approx(450 / 50)


def test_a_run_that_gave_no_answer_is_null_and_said(tmp_path):
    made = results()
    entry = made["simulate-zero-skip"]["layers"][0]["engines"]["skip-both"]
    entry |= {"bit_exact": False, "cycles": dict.fromkeys(entry["cycles"]), "multiplications": None, "gated": None,
              "utilisation": None, "speedup": None, "lanes": dict.fromkeys(entry["lanes"])}
    made["simulate-zero-skip"]["failed"] = ["conv1 on skip-both: it hangs"]
    made["network"] = no_program()
    folder = write(tmp_path / "demo", made)
    found = make(folder)
    assert found["bit_exact"] is False
    assert found["runs"] == {"count": 10, "bit_exact": 9}
    assert found["network"]["engines"]["skip-both"]["cycles_per_image"] is None
    assert found["throughput"]["skip-both"]["per_1000_LUT"] is None
    page = (folder / "report.html").read_text()
    assert "conv1 on skip-both: it hangs" in page and "1 of 10 runs of a layer were wrong" in page


def test_page_needs_nothing_else(folder):
    make(folder)
    page = re.sub(r"data:image/png;base64,[\w+/=\s]+", "", (folder / "report.html").read_text())
    for sign in ("http", "//", "src=", "<link", "<script", "@import", "url(h"):
        assert sign not in page.replace("url(#", ""), sign
    assert page.count("<svg") == page.count("</svg>") == 9
    names = [word.split('"')[0] for word in page.split(' id="')[1:]]
    assert len(names) == len(set(names))


def test_page_shows_the_figures(folder):
    make(folder)
    page = (folder / "report.html").read_text()
    for text in ("9.0×", "90.5 %", "15.0 %", "12/12", "zerokeep run --seed 3", "made up", "2,000", "cocotb", "0.70",
                 "imbalance</dt>", "waits until results have left", "engine.lane</th><td>4</td><td>22</td>"):
        assert text in page, text
    assert "None" not in page and "NaN" not in page


def test_page_escapes_what_it_is_told(tmp_path):
    made = results()
    made["prune"]["accuracy"]["data"] = "<b>mine</b>"
    folder = write(tmp_path / "demo", made)
    make(folder)
    assert "&lt;b&gt;mine&lt;/b&gt;" in (folder / "report.html").read_text()


def test_verb_makes_it_again(folder, capsys):
    assert main(["report", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "int8 90.50%" in shown and "12 of 12 runs" in shown and "9.00" in shown
    first = (folder / "report.html").read_text()
    (folder / "report.html").unlink()
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_text() == first


def test_verb_says_that_the_hardware_was_wrong(tmp_path, capsys):
    made = results()
    made["simulate-dense"]["layers"][1]["engines"]["dense"]["bit_exact"] = False
    made["simulate-dense"]["failed"] = ["conv2 on dense: 3 of 10 values differ"]
    assert main(["report", str(write(tmp_path / "demo", made))]) == 1
    assert capsys.readouterr().err == "zerokeep: conv2 on dense: 3 of 10 values differ\n"


def test_what_is_no_run_is_refused(tmp_path, capsys):
    with pytest.raises(UserError, match=r"there is no folder .*nothing$"):
        read_steps(tmp_path / "nothing")
    assert main(["report", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"zerokeep: {tmp_path} is no folder of 'zerokeep run': it has no steps/run.json\n")


@pytest.mark.parametrize("missing", ["prune", "simulate-zero-skip", "network", "synth-dense"])
def test_an_unfinished_run_is_refused(folder, missing):
    (folder / "steps" / f"{missing}.json").write_text('{"result": {')
    with pytest.raises(UserError) as caught:
        read_steps(folder)
    assert str(caught.value) == (f"the run in {folder} is not finished: the step {missing} is missing; "
                                 "finish it with 'zerokeep run --seed 3'")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_is_one_sentence(folder, capsys, monkeypatch):
    def full(path, content):
        with open("/dev/full", "wb") as file:
            file.write(content)

    monkeypatch.setattr("zeroskip.files.writing.write_bytes", full)
    (folder / ".zerokeep.json").write_text('{"format": "zerokeep-files", "files": ["report.json", "report.html"]}')
    assert main(["report", str(folder)]) == 2
    assert capsys.readouterr().err == (
        f"zerokeep: cannot write {folder / 'report.json'}: No space left on device\n")
    assert not (folder / "report.json").exists()
