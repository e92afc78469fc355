import json
import os
import struct
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from tests.sw.conftest import make_images

from zerokeep.cli import main
from zerokeep.errors import UserError
from zerokeep.study import runner
from zerokeep.study.plan import read_plan
from zerokeep.study.runner import LINES, run_study
from zeroskip.files.ledger import claim

STUDY = """
preset = "tiny"
images = 2
data = "{data}"

[training]
epochs = 1
seeds = [0, 1]

[recipe]
epochs = 1
threshold = "global"
filter_ratio = 0.25

[[grid]]
name = "levels"
network = "vgg-small"
criteria = ["zero-keep", "zeros-only"]
nzer_orig = [0.2]
seeds = [0, 1]

[[grid]]
name = "ratios"
network = "vgg-small"
criteria = ["l1"]
seeds = [2]
recipe = {{ zero_ratio = 0.5 }}
"""


@pytest.fixture(scope="module")
def data_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for stem, count, seed in (("train", 64, 1), ("t10k", 20, 2)):
        images, labels = make_images(count, seed)
        for kind, array in (("images-idx3", images[:, 0]), ("labels-idx1", labels)):
            head = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{stem}-{kind}-ubyte").write_bytes(head + array.astype(np.uint8).tobytes())
    return folder


@pytest.fixture
def study(tmp_path, data_folder):
    path = tmp_path / "study.toml"
    path.write_text(STUDY.format(data=data_folder))
    return path


@pytest.fixture
def in_this_process(monkeypatch):
    """Cells run in a thread: quick, and what a test puts in the place of a cell is seen."""
    @contextmanager
    def pool(workers, address):
        with ThreadPoolExecutor(1) as made:
            yield made

    monkeypatch.setattr(runner, "executor", pool)


def test_the_plan(study):
    plan = read_plan(study)
    assert [(cell.grid, cell.recipe.criterion, cell.recipe.seed, cell.base.seed) for cell in plan.cells] == [
        ("levels", "zero-keep", 0, 0), ("levels", "zeros-only", 0, 0), ("levels", "zero-keep", 1, 1),
        ("levels", "zeros-only", 1, 1), ("ratios", "l1", 2, 0),
    ]  # fmt: skip
    assert {cell.recipe.threshold for cell in plan.cells} == {"global"}
    assert [cell.recipe.nzer_orig for cell in plan.cells] == [0.2] * 4 + [None]
    assert plan.cells[-1].recipe.zero_ratio == 0.5
    assert [base.seed for base in plan.bases()] == [0, 1]
    assert len({cell.key for cell in plan.cells}) == 5
    assert [cell.key for cell in read_plan(study).cells] == [cell.key for cell in plan.cells]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("images = 2", "image = 2", "image is no key here; there is data, grid, images, preset, recipe, training"),
        ("images = 2", "images = 0", "images must be a whole number of at least 1, not 0"),
        ('preset = "tiny"', 'preset = "huge"', "preset 'huge' is none of tiny"),
        ("epochs = 1\nseeds", "epoch = 1\nseeds", "training.epoch is no key here"),
        ("epochs = 1\nthreshold", "epochs = -1\nthreshold", "grid 1: epochs must be a whole number of at least 0"),
        ('threshold = "global"', "treshold = 3", "grid 1: recipe.treshold is no key here"),
        ('criteria = ["l1"]', 'criteria = ["l3"]', "grid 2: unknown criterion 'l3'; there is zero-keep"),
        ('criteria = ["l1"]', "", "grid 2 lacks 'criteria'"),
        ('criteria = ["l1"]', 'criteria = "l1"', "grid 2: criteria must be a list, not 'l1'"),
        ("seeds = [2]", "seeds = []", "grid 2: seeds is empty"),
        ("seeds = [2]", "seeds = [-2]", "grid 2: seeds must be a whole number of at least 0, not -2"),
        ('network = "vgg-small"\ncriteria = ["l1"]', 'network = "x"\ncriteria = ["l1"]', "grid 2: network 'x' is"),
        ("[[grid]]", "[[grids]]", "grids is no key here"),
        ("[training]", "[training", "no TOML"),
    ],
)
def test_wrong_study_files(study, old, new, message):
    text = study.read_text()
    assert old in text
    study.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=r"the study file .*study\.toml") as caught:
        read_plan(study)
    assert message in str(caught.value)


def test_every_cell_has_its_line(study, tmp_path, in_this_process):
    plan, seen = read_plan(study), []
    lines = run_study(plan, tmp_path / "out", say=lambda done, of, text: seen.append((done, of)))
    assert [line["key"] for line in lines] == [cell.key for cell in plan.cells]
    assert seen[0] == (0, 5) and seen[-1] == (5, 5)
    first = lines[0]
    assert first["totals"]["nonzero"] == pytest.approx(0.2 * 65_808, rel=0.01)
    assert [row["filters"] for row in first["counts"]] == [12, 24, 48, 48, 10]
    assert first["accuracy"]["base"] == lines[1]["accuracy"]["base"]
    assert set(first["cycles"]) == {"preset", "images", "dense", "skip-weights", "skip-both"}
    assert 0 < first["cycles"]["skip-both"]["total"] < first["cycles"]["dense"]["total"]
    assert len(list((tmp_path / "out" / "bases").glob("*.safetensors"))) == 2
    assert first["base"]["sha256"] != lines[2]["base"]["sha256"]
    assert json.loads((tmp_path / "out" / LINES).read_text().splitlines()[0])["tool_versions"]["torch"]


def fake(cell, weights, data, name):
    return {"key": cell.key, "grid": cell.grid, "weights": len(weights)}


def test_what_is_done_is_not_done_again(study, tmp_path, in_this_process, monkeypatch):
    """A run that failed half-way, and one that was cut off while it wrote a line, go on where they were."""
    plan, out, done = read_plan(study), tmp_path / "out", []

    def some(cell, *more):
        if len(done) == 3:
            raise UserError("the power went")
        done.append(cell.key)
        return fake(cell, *more)

    monkeypatch.setattr(runner, "train_base", lambda spec, data: b"weights")
    monkeypatch.setattr(runner, "run_cell", some)
    with pytest.raises(UserError, match="the power went"):
        run_study(plan, out)
    assert len((out / LINES).read_text().splitlines()) == 3
    with open(out / LINES, "a") as file:
        file.write('{"key": "cut')
    monkeypatch.setattr(runner, "train_base", lambda spec, data: pytest.fail("trained twice"))
    monkeypatch.setattr(runner, "run_cell", lambda cell, *more: done.append(cell.key) or fake(cell, *more))
    assert len(run_study(plan, out)) == 5
    assert sorted(done) == sorted(cell.key for cell in plan.cells)
    assert len((out / LINES).read_text().splitlines()) == 5
    assert len(run_study(plan, out)) == 5
    assert len(done) == 5


def test_a_damaged_line_is_named(study, tmp_path, in_this_process):
    claim(tmp_path / "out", (LINES,))
    (tmp_path / "out" / LINES).write_text('{"key": "a"}\nnonsense\n{"key": "b"}\n')
    with pytest.raises(UserError, match=r"cells\.jsonl, line 2, is no line of a study"):
        run_study(read_plan(study), tmp_path / "out")


@pytest.mark.parametrize(("name", "content"), [("thesis.txt", "x"), (LINES, "my cells")])
def test_other_peoples_files_are_left_alone(study, tmp_path, in_this_process, name, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text(content)
    with pytest.raises(UserError, match="and zerokeep did not begin that folder"):
        run_study(read_plan(study), tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == content and len(list((tmp_path / "out").iterdir())) == 1


def test_a_last_line_that_is_no_study_s_is_not_cut_off(study, tmp_path, in_this_process):
    claim(tmp_path / "out", (LINES,))
    (tmp_path / "out" / LINES).write_text("my cells")
    with pytest.raises(UserError, match=r"line 1, is no line of a study"):
        run_study(read_plan(study), tmp_path / "out")
    assert (tmp_path / "out" / LINES).read_text() == "my cells"


def test_a_grid_too_large_is_refused(study):
    text = study.read_text()
    study.write_text(text.replace("seeds = [0", f"seeds = [{', '.join(map(str, range(1, 60_000)))}, 0"))
    with pytest.raises(UserError, match="cells, expected at most 100,000"):
        read_plan(study)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "smoke://signals:1"])
def test_no_cluster(study, tmp_path, monkeypatch, capsys, address):
    monkeypatch.setattr(runner, "PATIENCE", 1)
    assert main(["study", str(study), "-o", str(tmp_path / "out"), "--cluster", address]) == 2
    assert f"no Dask scheduler answers at {address}" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")
def test_on_a_cluster(study, tmp_path, monkeypatch):
    """The same cells through a real scheduler and a worker, in this process."""
    from distributed import LocalCluster

    monkeypatch.setattr(runner, "train_base", lambda spec, data: b"weights")
    monkeypatch.setattr(runner, "run_cell", fake)
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, protocol="tcp",
                      dashboard_address=None) as cluster:
        lines = run_study(read_plan(study), tmp_path / "out", address=cluster.scheduler_address)
    assert [line["weights"] for line in lines] == [7] * 5


def test_processes(study, tmp_path, capsys):
    """The command as a user has it, in processes of its own; a second time there is nothing to do."""
    text = study.read_text()
    study.write_text(text[: text.index("[[grid]]\nname = \"ratios\"")].replace("seeds = [0, 1]", "seeds = [0]"))
    assert main(["study", str(study), "-o", str(tmp_path / "out"), "--workers", "1"]) == 0
    assert "2 cells: " in capsys.readouterr().out
    kept = (tmp_path / "out" / LINES).read_bytes()
    assert main(["study", str(study), "-o", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / LINES).read_bytes() == kept


def test_workers_end_with_the_process_that_was_killed(tmp_path):
    """A worker says when it began, its parent is killed, and the worker is gone."""
    code = (
        "import os, sys, time\n"
        "from zerokeep.study import runner\n"
        "def work(path):\n"
        "    open(path, 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)\n"
        "if __name__ == '__main__':\n"
        "    with runner.executor(1, None) as pool:\n"
        "        pool.submit(work, sys.argv[1]).result()\n"
    )
    (tmp_path / "killed.py").write_text(code)
    parent = subprocess.Popen([sys.executable, str(tmp_path / "killed.py"), str(tmp_path / "pid")])
    wait_until(lambda: (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text())
    worker = int((tmp_path / "pid").read_text())
    os.kill(worker, 0)
    parent.kill()
    parent.wait()
    wait_until(lambda: not alive(worker))


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_until(holds, seconds=60):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.1)
