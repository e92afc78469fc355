import errno
import json
import threading
import time
from pathlib import Path

import pytest

from zerokeep.errors import UserError
from zerokeep.run_steps import Step, Stopped, read_record, run_steps, source_digest


class Silent:
    """A display that remembers which steps were finished, and which of them again."""

    def __init__(self):
        self.finished = []

    def start(self, step):
        pass

    def say(self, step, text, share):
        pass

    def finish(self, step, seconds, *, again):
        self.finished.append((step.name, again))


class Plan:
    """Three steps, the third of which takes the results of the others; counts what is really done."""

    def __init__(self, folder: Path):
        self.folder, self.done, self.inputs = folder, [], {"a": 1, "b": 1, "c": 1}
        self.results = {"a": {"value": 1}, "b": {"value": 2}}
        self.gone = set()

    def _action(self, name):
        def action(say, results):
            self.done.append(name)
            say("working", 0.5)
            return self.results.get(name) or {"sum": sum(result["value"] for result in results.values())}

        return action

    def run(self, workers=1):
        steps = [Step(name=name, title=name, action=self._action(name), inputs={"given": self.inputs[name]},
                      after=("a", "b") if name == "c" else (), whole=lambda result, name=name: name not in self.gone)
                 for name in "abc"]
        self.done, show = [], Silent()
        found = run_steps(steps, self.folder, show, workers=workers)
        assert [name for name, again in show.finished if not again] == self.done
        return found


@pytest.fixture
def plan(tmp_path):
    return Plan(tmp_path / "out")


def test_results_go_on_and_nothing_is_done_twice(plan):
    first = plan.run()
    assert (plan.done, first["c"]) == (["a", "b", "c"], {"sum": 3})
    assert plan.run() == first
    assert plan.done == []


def test_changed_input_does_the_step_again_and_those_after_it_only_if_its_result_changed(plan):
    plan.run()
    plan.inputs["b"] = 2
    plan.run()
    assert plan.done == ["b"]
    plan.inputs["b"], plan.results["b"] = 3, {"value": 5}
    assert plan.run()["c"] == {"sum": 6}
    assert plan.done == ["b", "c"]


def test_a_fingerprint_stands_for_the_result(plan):
    plan.results["a"] = {"value": 1, "seconds": 10, "fingerprint": "same"}
    plan.run()
    plan.inputs["a"], plan.results["a"] = 2, {"value": 1, "seconds": 11, "fingerprint": "same"}
    plan.run()
    assert plan.done == ["a"]


def test_lost_files_failures_and_damaged_records_are_done_again(plan):
    plan.results["b"] = {"value": 2, "failed": ["it was wrong"]}
    plan.run()
    plan.gone.add("a")
    assert plan.run()["b"]["failed"] == ["it was wrong"]
    assert plan.done == ["a", "b"]
    plan.gone.clear()
    (plan.folder / "steps" / "a.json").write_text('{"key": ')
    plan.run()
    assert plan.done == ["a", "b"]


def test_cut_off_and_run_again(tmp_path):
    done, broken = [], True

    def action(name):
        def act(say, results):
            if name == "b" and broken:
                raise KeyError("cut off")
            done.append(name)
            return {}

        return act

    steps = [Step(name=name, title=name, action=action(name)) for name in "abc"]
    with pytest.raises(KeyError):
        run_steps(steps, tmp_path, Silent(), workers=1)
    assert done == ["a"]
    broken = False
    run_steps(steps, tmp_path, Silent(), workers=1)
    assert done == ["a", "b", "c"]


def test_what_is_no_json_leaves_no_record(tmp_path):
    step = Step(name="a", title="a", action=lambda say, results: {"share": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        run_steps([step], tmp_path, Silent())
    assert read_record(tmp_path, "a") is None
    assert list((tmp_path / "steps").iterdir()) == []


def test_two_at_a_time_but_not_those_that_wait(tmp_path):
    running, seen, most, lock = set(), [], [0], threading.Lock()

    def action(name):
        def act(say, results):
            with lock:
                running.add(name)
                seen.append(frozenset(running))
                most[0] = max(most[0], len(running))
            time.sleep(0.05)
            with lock:
                running.discard(name)
            return {}

        return act

    steps = [Step(name=name, title=name, action=action(name), waits_for=("a",) if name == "d" else ())
             for name in "abcde"]
    results = run_steps(steps, tmp_path, Silent(), workers=2)
    assert list(results) == list("abcde")
    assert most[0] == 2
    assert not any({"a", "d"} <= together for together in seen)


def test_a_failure_stops_the_other_step(tmp_path):
    stopped, begun = threading.Event(), threading.Event()

    def long(say, results):
        begun.set()
        try:
            for _ in range(1000):
                say("working")
                time.sleep(0.01)
        except Stopped:
            stopped.set()
            raise
        return {}

    def fail(say, results):
        begun.wait()
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        run_steps([Step(name="long", title="long", action=long), Step(name="fail", title="fail", action=fail)],
                  tmp_path, Silent())
    assert stopped.is_set()
    assert read_record(tmp_path, "long") is None


@pytest.mark.parametrize(("number", "text"), [(errno.ENOSPC, "No space left on device"),
                                              (errno.EACCES, "Permission denied")])
def test_full_and_unwritable_folders_are_the_users(tmp_path, number, text):
    def full(say, results):
        raise OSError(number, text, "somewhere/file")

    with pytest.raises(UserError, match=f"^cannot write somewhere/file: {text}$"):
        run_steps([Step(name="a", title="a", action=full)], tmp_path, Silent())


def test_other_errors_of_the_system_are_the_programs(tmp_path):
    def lost(say, results):
        raise FileNotFoundError(errno.ENOENT, "gone", "x")

    with pytest.raises(FileNotFoundError):
        run_steps([Step(name="a", title="a", action=lost)], tmp_path, Silent())


def test_record_says_when_and_how_long(plan):
    plan.run()
    record = json.loads((plan.folder / "steps" / "a.json").read_text())
    assert set(record) == {"name", "title", "key", "seconds", "finished", "result"}
    assert record["result"] == {"value": 1} and record["seconds"] >= 0 and record["finished"].endswith("+00:00")


def test_source_digest_follows_the_sources(tmp_path, monkeypatch):
    package = tmp_path / "apackage"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "part.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = source_digest("apackage")
    assert source_digest("apackage") == first != source_digest("zeroskip")
    (package / "part.py").write_text("x = 2\n")
    assert source_digest("apackage") != first
