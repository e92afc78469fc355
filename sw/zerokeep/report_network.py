"""Pictures of a compiled network: what each lane does when, what lies where in the map memory, where cycles go.

All take the figures of a compiled network, as `zerokeep compile` writes them to ``NAME.json``. Those of time need its
cycles; `known` says whether they are there.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zerokeep.report_figures import _STYLE, ACCENT, GREY, GREY_DARK, GREY_LIGHT, INK, MUTED, as_svg
from zeroskip.files.names import shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASS_COLOURS = {
    "map": "#3f6fb0", "program": "#1f3d66", "instructions": GREY, "filling": "#a9c3e6", "looking": "#b5661b",
    "multiplying": ACCENT, "ending": "#8fc1bd", "stolen": "#c2476b", "blocked": "#e3a53f", "leaving": "#7a6a8c",
    "imbalance": "#f1d9a7", "release": GREY_DARK,
}
"""Classes of a lane's cycles, in the order in which most of a step's come."""
OTHER = INK
"""Of a class that is not among them."""
WIDTH = 7.6
BINS = 1600
"""Pieces of time in the picture of the lanes; what is in one is mixed."""
SMALL = 7.4
LETTER = 0.0092
"""Width of a small letter, as a share of the width of the axes."""
MOST_NAMED = 0.75
"""Share of the steps that must have room for their names, or none has its name."""
LINE = 0.05
"""Height of a line of them, as a share of the height of the picture of the memory."""
LONGEST = 24
"""Letters of a name."""


def known(document: Mapping[str, Any]) -> bool:
    """Whether the network's cycles are known."""
    return document["cycles"]["latency"] is not None


def draw(document: Mapping[str, Any]) -> dict[str, str]:
    """Every picture that there can be, as SVG for a page, by name; see ``report_figures.as_svg``."""
    import matplotlib

    makers = {"network_memory": memory}
    if known(document):
        makers |= {"network_lanes": lanes, "network_cycles": cycles}
    drawn = {}
    for name, maker in makers.items():
        with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):  # type: ignore[arg-type]
            drawn[name] = as_svg(maker(document), name)
    return drawn


def _figure(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _name(name: str) -> str:
    """A name in letters that every typeface has."""
    return shown(name, LONGEST).encode("latin-1", "replace").decode("latin-1")


def _classes(document: Mapping[str, Any]) -> dict[str, str]:
    """Colours of the classes that have cycles in this network, in the order in which they are drawn."""
    have = [name for name, count in document["cycles"]["classes"].items() if count]
    order = list(CLASS_COLOURS)
    have.sort(key=lambda name: order.index(name) if name in order else len(order))
    return {name: CLASS_COLOURS.get(name, OTHER) for name in have}


def _times(document: Mapping[str, Any]) -> tuple[np.ndarray, str]:
    """When each step begins, and when the last one ends; in steps where cycles are not known."""
    steps = document["steps"]
    if not known(document):
        return np.arange(len(steps) + 1), "step"
    return np.array([*(step["begin"] for step in steps), document["cycles"]["latency"]]), "cycle"


def _label_steps(axes: Axes, document: Mapping[str, Any], times: np.ndarray) -> None:
    """Above the axes the steps' numbers, where there is room; and their names, if most have room for that."""
    from matplotlib.transforms import blended_transform_factory

    place = blended_transform_factory(axes.transData, axes.transAxes)
    for middle, text in step_labels([_name(step["name"]) for step in document["steps"]], times / times[-1]):
        axes.text(middle * times[-1], 1.015, text, transform=place, ha="center", va="bottom", fontsize=SMALL,
                  color=INK)


def step_labels(names: Sequence[str], edges: np.ndarray) -> list[tuple[float, str]]:
    """Where on an axis from 0 to 1 each step's label stands, and what it says; none covers another.

    `edges`: where each step begins, and the last one ends.
    """
    middles, placed, reached = (edges[:-1] + edges[1:]) / 2, [], 0.0
    for number, middle in enumerate(middles):
        if middle - _half(str(number)) >= reached or number == 0:
            placed.append(number)
            reached = middle + _half(str(number))
    found, low, named = [], 0.0, 0
    for at, number in enumerate(placed):
        text = f"{number} {names[number]}"
        high = middles[placed[at + 1]] - _half(str(placed[at + 1])) if at + 1 < len(placed) else 1.03
        spot = min(max(middles[number], low + _half(text)), high - _half(text))
        if spot - low < _half(text) - 1e-9 or not edges[number] <= spot <= edges[number + 1]:
            text, spot = str(number), middles[number]
        named += text != str(number)
        found.append((float(spot), text))
        low = spot + _half(text)
    few = named < MOST_NAMED * len(placed)
    return [(float(middles[number]), str(number)) for number in placed] if few else found


def _half(text: str) -> float:
    """Half the width of a label and of the gap to the next one, as a share of the axes' width."""
    return (len(text) / 2 + 0.6) * LETTER


def _legend(figure: Figure, colours: Mapping[str, str], ncols: int = 6) -> None:
    from matplotlib.patches import Patch

    figure.legend(handles=[Patch(color=colour, label=name) for name, colour in colours.items()], ncols=ncols,
                  frameon=False, loc="outside lower center", handlelength=1.2, columnspacing=1.4)


def _cycle_axis(axes: Axes, times: np.ndarray, unit: str) -> None:
    axes.set_xlim(0, times[-1])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("cycles since the first beat of the image" if unit == "cycle" else "steps; no cycles are known")


def shares(document: Mapping[str, Any], colours: Mapping[str, str], bins: int) -> np.ndarray:
    """What each lane does in each piece of time, shares (lanes, bins, classes), in the order of `colours`."""
    count, names = len(document["steps"][0]["lanes"]), list(colours)
    found = np.zeros((count, bins, len(names)))
    edges = np.linspace(0, document["cycles"]["latency"], bins + 1)
    for lane in range(count):
        spent = np.array([[step["lanes"][lane]["classes"][name] for name in names] for step in document["steps"]])
        ends = np.concatenate([[0], np.cumsum(spent.ravel())])
        for number in range(len(names)):
            own = np.zeros_like(spent)
            own[:, number] = spent[:, number]
            found[lane, :, number] = np.diff(np.interp(edges, ends, np.concatenate([[0], np.cumsum(own.ravel())])))
    return found / (edges[1] - edges[0])


def lanes(document: Mapping[str, Any]) -> Figure:
    """What each lane does when: one row for each, by class; cycles of a class lie together in a step."""
    from matplotlib.colors import to_rgb

    colours, (times, unit) = _classes(document), _times(document)
    mixed = shares(document, colours, BINS) @ np.array([to_rgb(colour) for colour in colours.values()])
    count = len(mixed)
    figure, axes = _figure(0.95 + min(3.4, max(0.4, 0.21 * count)))
    axes.imshow(mixed.clip(0, 1), aspect="auto", interpolation="none", extent=(0, times[-1], count - 0.5, -0.5))
    for begin in times[1:-1]:
        axes.axvline(begin, color="white", linewidth=1.0 if len(times) < 20 else 0.5)
    if count <= 16:
        for lane in range(1, count):
            axes.axhline(lane - 0.5, color="white", linewidth=1.4)
    every = 1 if count <= 16 else 8
    axes.set_yticks(range(0, count, every), [f"lane {lane}" for lane in range(0, count, every)])
    axes.spines["bottom"].set_visible(False)
    _label_steps(axes, document, times)
    _cycle_axis(axes, times, unit)
    axes.set_xlabel("cycles since the first beat of the image; in a step, those of a class are drawn together")
    _legend(figure, colours)
    return figure


MAP_COLOURS = {"written": "#b9dad7", "read": "#5fa6a1", "input": "#a9c3e6"}
"""Of a map in the memory: while it is made, while it is kept for those that read it, and if it came in."""


def memory(document: Mapping[str, Any]) -> Figure:
    """What lies where in the map memory over time: each map from the step that makes it to the last that reads it."""
    from matplotlib.patches import Rectangle

    times, unit = _times(document)
    words = document["memory"]["map"]["of"]
    figure, axes = _figure(3.6)
    boxes = _boxes(document, times)
    for own, (begin, low, end, high) in zip(document["maps"], boxes, strict=True):
        made = own["made_by_step"]
        ready = begin if made is None else times[made + 1]
        kept = MAP_COLOURS["input" if made is None else "read"]
        axes.add_patch(Rectangle((begin, low), ready - begin, high - low, color=MAP_COLOURS["written"], linewidth=0))
        axes.add_patch(Rectangle((ready, low), end - ready, high - low, color=kept, linewidth=0))
        axes.add_patch(Rectangle((begin, low), end - begin, high - low, fill=False, edgecolor="white", linewidth=0.8))
    _label_maps(axes, [_name(own["name"]) for own in document["maps"]], boxes, (times[-1], words))
    for begin in times[1:-1]:
        axes.axvline(begin, color=GREY_LIGHT, linewidth=0.5, zorder=0)
    axes.axhline(words / 2, color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.text(times[-1], words / 2, " halves", va="center", ha="left", fontsize=SMALL, color=MUTED)
    axes.set_ylim(0, words)
    axes.set_yticks(np.linspace(0, words, 5), [f"{place:,.0f}" for place in np.linspace(0, words, 5)])
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.set_ylabel("word of the map memory")
    _label_steps(axes, document, times)
    _cycle_axis(axes, times, unit)
    _legend(figure, {"came in": MAP_COLOURS["input"], "being made": MAP_COLOURS["written"],
                     "made, and needed": MAP_COLOURS["read"]})
    return figure


Box = tuple[float, float, float, float]
"""Left, low, right, high: cycles and words."""


def _boxes(document: Mapping[str, Any], times: np.ndarray) -> list[Box]:
    """Where each map is drawn."""
    return [(times[own["made_by_step"] or 0], own["first_word"], times[own["last_used_by_step"] + 1],
             own["first_word"] + own["words"]) for own in document["maps"]]


def _label_maps(axes: Axes, names: Sequence[str], boxes: Sequence[Box], size: tuple[float, float]) -> None:
    """The name of each map in it, along or upwards, or above or below it where nothing else is."""
    across, line = size[0] * LETTER, size[1] * LINE
    taken = list(boxes)
    for text, (left, low, right, high) in zip(names, boxes, strict=True):
        half = (len(text) / 2 + 0.3) * across
        x, y = (left + right) / 2, (low + high) / 2
        x_free = min(max(x, half), size[0] - half)
        outside = [(x_free, low + (high - low) + line / 2), (x_free, low - line / 2)]
        if 2 * half <= right - left and line * 0.8 <= high - low:
            spot, turn = (x, y), 0
        elif (len(text) + 1) * line * 0.5 <= high - low and 2 * across <= right - left:
            spot, turn = (x, y), 90
        else:
            free = [own for own in outside if _free((own[0] - half, own[1] - line / 2, own[0] + half,
                                                     own[1] + line / 2), taken, size)]
            if not free:
                continue
            spot, turn = free[0], 0
            taken.append((spot[0] - half, spot[1] - line / 2, spot[0] + half, spot[1] + line / 2))
        axes.text(*spot, text, ha="center", va="center", fontsize=SMALL, color=INK, rotation=turn)


def _free(box: Box, taken: Sequence[Box], size: tuple[float, float]) -> bool:
    """Whether a box lies in the picture and over nothing that is there."""
    left, low, right, high = box
    if left < 0 or low < 0 or right > size[0] or high > size[1]:
        return False
    return not any(left < other[2] and other[0] < right and low < other[3] and other[1] < high for other in taken)


def cycles(document: Mapping[str, Any]) -> Figure:
    """Cycles of each step by class, the mean of the lanes, and those of the whole network in shares."""
    from matplotlib.figure import Figure

    steps, colours, count = document["steps"], _classes(document), len(document["steps"][0]["lanes"])
    figure = Figure(figsize=(WIDTH, 1.2 + 0.17 * len(steps)), layout="constrained")
    whole, axes = figure.subplots(2, 1, height_ratios=(1.6, len(steps) + 0.6))
    longest = max(step["cycles"] for step in steps)
    for row, step in enumerate(steps):
        left = 0.0
        for name, colour in colours.items():
            size = step["classes"].get(name, 0) / count
            if size:
                axes.barh(row, size, left=left, height=0.78, color=colour)
            left += size
        busy = step["classes"].get("multiplying", 0) / max(1, sum(step["classes"].values()))
        axes.text(left + longest * 0.01, row, f"{step['cycles']:,} · {busy:.0%}{'' if row else ' multiplying'}",
                  va="center", fontsize=SMALL, color=INK)
    axes.set_yticks(range(len(steps)), [f"{row}  {_name(step['name'])}" for row, step in enumerate(steps)])
    axes.set_xlim(0, longest * 1.16)
    axes.set_ylim(len(steps) - 0.5, -0.5)
    axes.set_xlabel("cycles, mean of the lanes")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.tick_params(axis="y", labelsize=SMALL)
    _whole(whole, document, colours)
    _legend(figure, colours)
    return figure


def _whole(axes: Axes, document: Mapping[str, Any], colours: Mapping[str, str]) -> None:
    """The network's bar, with the shares that there is room for."""
    spent, left = document["cycles"]["classes"], 0.0
    total = max(1, sum(spent.values()))
    for name, colour in colours.items():
        share = spent[name] / total
        axes.barh(0, share, left=left, height=0.8, color=colour, edgecolor="white", linewidth=0.5)
        if share > 0.04:
            dark = name in ("multiplying", "map", "program", "looking", "leaving", "stolen")
            axes.text(left + share / 2, 0, f"{share:.1%}", ha="center", va="center", fontsize=SMALL,
                      color="white" if dark else INK)
        left += share
    axes.set_xlim(0, 1.16 / 1.08)
    axes.set_yticks([0], ["whole network"])
    axes.text(1.005, 0, f"{document['cycles']['latency']:,}", va="center", fontsize=SMALL, color=INK)
    axes.tick_params(axis="y", labelsize=SMALL)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def cycle_table(document: Mapping[str, Any]) -> str:
    """The same in numbers, an HTML table: cycles of each step, and the share of each class in percent."""
    names = list(_classes(document))
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ("step", "cycles", *names))
    rows = [_row(f"{number}  {shown(step['name'], LONGEST)}", step["cycles"], step["classes"], names)
            for number, step in enumerate(document["steps"])]
    rows.append(_row("whole network", document["cycles"]["latency"], document["cycles"]["classes"], names))
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n" + "\n".join(rows) + "\n</tbody>\n</table>"


def _row(title: str, total: int, classes: Mapping[str, int], names: Sequence[str]) -> str:
    whole = max(1, sum(classes.values()))
    cells = "".join(f"<td>{100 * classes[name] / whole:.1f}</td>" for name in names)
    return f"<tr><th>{html.escape(title)}</th><td>{total:,}</td>{cells}</tr>"
