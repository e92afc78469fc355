import io

from zerokeep.run_progress import showing
from zerokeep.run_steps import Step

STEPS = [Step(name=name, title=f"Step {name}", action=lambda say, results: {}) for name in "ab"]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def show_all(stream):
    with showing(STEPS, stream) as show:
        show.start(STEPS[0])
        show.say(STEPS[0], "thinking hard", 0.5)
        show.say(STEPS[0], "still thinking", None)
        show.finish(STEPS[0], 2.34, again=False)
        show.finish(STEPS[1], 9.0, again=True)
    return stream.getvalue()


def test_plain_lines_where_there_is_no_terminal():
    assert show_all(io.StringIO()) == (
        "        Step a ...\n[ 1/ 2] Step a: 2.3 s\n[ 2/ 2] Step b: done before\n")


def test_rows_on_a_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    shown = show_all(Terminal())
    for text in ("Step a", "2.3 s", "Step b", "done before"):
        assert text in shown
