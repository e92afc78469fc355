"""A compiled network as text for people: what it makes of each step, where maps lie, and every instruction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zeroskip.cycles.account import CLASSES
from zeroskip.export.compiled import Compiled
from zeroskip.export.disassembly import instructions, text
from zeroskip.export.figures import total
from zeroskip.files.names import shown

LONGEST = 28
"""Letters of a name in a table."""


def listing(compiled: Compiled, figures: Mapping[str, Any]) -> str:
    """The text, from a compiled network and its ``figures``."""
    makers: dict[str, Callable[[], list[str]]] = {
        "Configuration": lambda: _configuration(figures), "Program": lambda: _program(figures),
        "Memory": lambda: _memory(figures), "Cycles": lambda: _cycles(figures), "Streams": lambda: _streams(figures),
        "Maps": lambda: _maps(figures), "Steps": lambda: _steps(figures), "Jobs by lane": lambda: _lanes(figures),
        "Instructions": lambda: _instructions(compiled, figures)}
    parts = [f"{compiled.name}, compiled by zerokeep for the engine {compiled.engine}"]
    for title, maker in makers.items():
        parts.append("\n".join([title, "-" * len(title), *maker()]))
    return "\n\n".join(parts) + "\n"


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lines of a table: a column of numbers to the right, one of text to the left.

    >>> table(["name", "words"], [["a", 1200], ["conv", 3]])
    ['name  words', 'a     1,200', 'conv      3']
    """
    cells = [[_cell(value) for value in row] for row in rows]
    right = [all(isinstance(row[n], (int, type(None))) for row in rows) for n in range(len(columns))]
    widths = [max(len(row[n]) for row in [list(columns), *cells]) for n in range(len(columns))]
    return ["  ".join(cell.rjust(width) if end else cell.ljust(width)
                      for cell, width, end in zip(row, widths, right, strict=True)).rstrip()
            for row in [list(columns), *cells]]


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else shown(value)


def _named(name: str) -> str:
    return shown(name, LONGEST)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / max(1, whole):.1f} %"


def _configuration(figures: Mapping[str, Any]) -> list[str]:
    own = figures["configuration"]
    named = f"{own['name']}: " if "name" in own else ""
    size = figures["configuration"]["engine"]
    return [f"{named}{size['lanes']} lanes of {size['vector']} multipliers, {figures['multipliers']} in all",
            ", ".join(f"{name} = {str(value).lower()}" for name, value in size.items())]


def _program(figures: Mapping[str, Any]) -> list[str]:
    own = figures["program"]
    lines = [f"{own['beats']:,} beats of {own['beat_bytes']} bytes, {own['bytes']:,} bytes; SHA-256 {own['sha256']}"]
    if len(own["packets"]) > 1:
        first, *parts = own["packets"]
        lines.append(f"in {len(own['packets'])} packets: the program, {first:,} beats, once; then for every image its "
                     f"{len(parts)} parts again, {sum(parts):,} beats in all")
    if figures["host"]:
        lines.append(f"left to the host after the answer: {', '.join(_named(name) for name in figures['host'])}")
    return lines


def _memory(figures: Mapping[str, Any]) -> list[str]:
    own = figures["memory"]
    lists, code, area = own["lists"], own["instructions"], own["map"]
    rows = [["lists, the fullest lane", max(lists["words"]), lists["of"]],
            ["instructions, the fullest lane", max(code["words"]), code["of"]],
            ["map, most at a time", area["most_at_a_time"], area["of"]],
            ["map, ever touched", area["touched"], area["of"]]]
    lines = table(["memory", "words used", "of", "share"], [[*row, _share(row[1], row[2])] for row in rows])
    lines.append(f"words of lists by lane: {' '.join(map(str, lists['words']))}")
    lines.append(f"instructions by lane, {code['tables']} words of tables among them: "
                 f"{' '.join(map(str, code['words']))}")
    return lines


def _cycles(figures: Mapping[str, Any]) -> list[str]:
    own = figures["cycles"]
    lines = [f"load: {own['load']:,} cycles, once"]
    if own["latency"] is None:
        return [*lines, f"not known: {own['why']}"]
    lines += [f"latency of an image: {own['latency']:,} cycles, from its first beat to the last of its answer",
              f"interval: {own['interval']:,} cycles from answer to answer when images come back to back", "",
              "what the lanes' cycles of an image go into:"]
    whole = sum(own["classes"].values())
    rows = [[name, cycles, _share(cycles, whole), CLASSES[name]] for name, cycles in own["classes"].items()]
    return lines + table(["class", "cycles", "share", "meaning"], rows)


def _streams(figures: Mapping[str, Any]) -> list[str]:
    given, made = figures["input"], figures["result"]
    banks, sums = figures["program"]["beat_bytes"], made["dtype"] == "int32"
    value, size = ("a sum", " * 4, the low byte first") if sums else ("a code", "")
    text = f"""\
image: {_shape(given)} in {given['beats']:,} beats, into the words from {given['first_word']} on
    the code of a channel c, row r and column x is byte
    {_place(given)}
    of its beats, all others are zeros; the next image may come in after step {given['free_after_step']}
answer: {_shape(made)} in {made['words']:,} words of {banks} bytes, which come in any order, each with its number
    {value} is at byte
    c * {made['words_of_a_channel'] * banks} + (r * {made['pitch']} + x){size}"""
    return text.splitlines()


def _place(given: Mapping[str, Any]) -> str:
    """The byte of a code in an image's beats."""
    (py, px), begin = given["phases"], f"{given['lead']} + c * {given['channel']}"
    if (py, px) == (1, 1):
        return f"{begin} + r * {given['pitch']} + x"
    return f"{begin} + (r % {py} * {px} + x % {px}) * {given['plane']} + r / {py} * {given['pitch']} + x / {px}"


def _shape(own: Mapping[str, Any]) -> str:
    return f"{' x '.join(map(str, own['shape']))} {own['dtype']}"


def _maps(figures: Mapping[str, Any]) -> list[str]:
    rows = []
    for own in figures["maps"]:
        made = "input" if own["made_by_step"] is None else own["made_by_step"]
        last = own["first_word"] + own["words"] - 1
        low, high = own["halves"]
        rows.append([_named(own["name"]), _shape(own), f"{own['first_word']}..{last}", own["words"],
                     "both" if low and high else "lower" if low else "upper", own["pitch"],
                     " x ".join(map(str, own["phases"])), own["lead"], own["plane"],
                     f"{made}..{own['last_used_by_step']}", ", ".join(map(_named, own["shares_words_with"])) or "-"])
    head = ["map", "codes", "words", "of them", "half", "pitch", "phases", "lead", "plane", "lives", "shares words"]
    return [
        "Rows lie `pitch` positions apart, planes `plane` positions; `lead` zeros come first. A map lives from the",
        "step that makes it to the last one that reads it.", "", *table(head, rows)]


def _steps(figures: Mapping[str, Any]) -> list[str]:
    rows = []
    for own in figures["steps"]:
        lanes = own["lanes"]
        share = None
        if "classes" in own:
            share = _share(own["classes"]["multiplying"], sum(own["classes"].values()))
        rows.append([own["number"], _named(own["name"]), own["mode"], ", ".join(map(_named, own["reads"])),
                     _named(own["writes"]), f"{own['filters']} x {own['raster'][0]} x {own['raster'][1]}",
                     own["vectors_of_a_plane"], own["taps"], total(lanes, "jobs"), total(lanes, "list_words"),
                     own.get("begin"), own.get("cycles"), share or "-", own["does"]])
    return table(["step", "name", "way out", "reads", "writes", "results", "vectors", "entries", "jobs", "list words",
                  "begins", "cycles", "multiplying", "what leaves"], rows)


def _lanes(figures: Mapping[str, Any]) -> list[str]:
    rows = []
    for step in figures["steps"]:
        for lane, own in enumerate(step["lanes"]):
            classes = own.get("classes")
            rows.append([_named(step["name"]) if lane == 0 else "", lane, own["jobs"], own["vectors"], own["lists"],
                         own["list_words"], own["entries"], own["issued"], own["filled"],
                         *([classes[name] for name in CLASSES] if classes else [])])
    head = ["step", "lane", "jobs", "vectors", "lists", "words", "entries", "entries x vectors", "filled"]
    return table([*head, *(CLASSES if figures["cycles"]["latency"] is not None else ())], rows)


def _instructions(compiled: Compiled, figures: Mapping[str, Any]) -> list[str]:
    names = {-1: "before the first image"} | {own["number"]: f"step {own['number']}, {_named(own['name'])}"
                                              for own in figures["steps"]}
    lines: list[str] = []
    if compiled.program.parts:
        lines += ["those that come with the program itself; the parts bring the others", ""]
    for lane, words in enumerate(compiled.decoded.instructions):
        lines += ["", f"lane {lane}"] if lane else ["lane 0"]
        step = None
        for own in instructions(compiled.config, words):
            if own.step != step:
                step = own.step
                lines.append(f"  {names.get(step, f'step {step}')}")
            lines.append(f"  {own.address:6}  {text(compiled.decoded, lane, own)}")
    if compiled.program.tables:
        lines += ["", f"tables of codes, in every lane, at {', '.join(map(str, sorted(compiled.program.tables)))}"]
    return lines
