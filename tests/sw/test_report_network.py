"""Pictures of a compiled network: they say what the figures say, at few steps and at many, without a warning."""

import copy
import io
import itertools
import re
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest

from zerokeep import model_folder, report_network
from zerokeep.shipped import FOLDERS
from zeroskip.cycles.account import CLASSES
from zeroskip.export import program_file
from zeroskip.export.compiled import compile_network
from zeroskip.export.figures import figures
from zeroskip.spec.config import PRESETS


@pytest.fixture(scope="module", name="vgg")
def _vgg():
    network = model_folder.read(FOLDERS / "vgg-small").network
    made = compile_network(PRESETS["large"], network, name="vgg-small")
    return figures(made, program_file.content(made.program), "large")


def repeated(document, times):
    """A network of so many times the steps, one after the other."""
    found, count = copy.deepcopy(document), len(document["steps"])
    length = document["cycles"]["latency"]
    found["steps"], found["maps"] = [], []
    for turn in range(times):
        for step in copy.deepcopy(document["steps"]):
            found["steps"].append(step | {"begin": step["begin"] + turn * length, "name": f"b{turn}.{step['name']}"})
        for own in copy.deepcopy(document["maps"]):
            if own["made_by_step"] is not None or not turn:
                made = None if own["made_by_step"] is None else own["made_by_step"] + turn * count
                found["maps"].append(own | {"made_by_step": made,
                                            "last_used_by_step": own["last_used_by_step"] + turn * count})
    found["cycles"]["latency"] = times * length
    found["cycles"]["classes"] = {name: times * own for name, own in document["cycles"]["classes"].items()}
    return found


def texts(figure):
    """All that is written in a figure, outside of its legend."""
    return [text.get_text() for axes in figure.axes for text in axes.texts if text.get_text()]


def drawn(figure):
    """The figure must be drawn for its ticks to be there, and for warnings to come."""
    figure.savefig(io.BytesIO(), format="png")
    return figure


@pytest.mark.parametrize("times", [1, 12])
def test_pictures_for_a_page(vgg, times):
    document = repeated(vgg, times)
    found = report_network.draw(document)
    assert list(found) == ["network_memory", "network_lanes", "network_cycles"]
    for name, svg in found.items():
        page = svg.replace("xlink:href", "href")
        assert ElementTree.fromstring(page).tag == "svg" and "http" not in svg and len(svg) < 300_000
        assert all(own.startswith(f"{name}-") for own in re.findall(r' id="([^"]*)"', svg))
    assert report_network.draw(document) == found


@pytest.mark.parametrize("preset", ["small", "fine"])
def test_few_and_many_lanes(preset):
    network = model_folder.read(FOLDERS / "vgg-small").network
    made = compile_network(PRESETS[preset], network, name="vgg-small")
    document = figures(made, program_file.content(made.program), preset)
    assert made.timing is not None and len(report_network.draw(document)) == 3
    (axes,) = drawn(report_network.lanes(document)).axes
    lanes = PRESETS[preset].lanes
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        f"lane {lane}" for lane in range(0, lanes, 1 if lanes <= 16 else 8)]


def test_the_time_of_each_lane_is_its_cycles_by_class(vgg):
    colours = report_network._classes(vgg)
    assert set(colours) == {name for name, count in vgg["cycles"]["classes"].items() if count}
    bins, latency = 50, vgg["cycles"]["latency"]
    found = report_network.shares(vgg, colours, bins)
    assert found.shape == (8, bins, len(colours)) and np.allclose(found.sum(axis=2), 1)
    for number, name in enumerate(colours):
        for lane in range(8):
            own = sum(step["lanes"][lane]["classes"][name] for step in vgg["steps"])
            assert np.isclose(found[lane, :, number].sum() * latency / bins, own)


def test_what_a_lane_does_lies_in_the_step_in_which_it_does_it(vgg):
    colours = report_network._classes(vgg)
    latency = vgg["cycles"]["latency"]
    found = report_network.shares(vgg, colours, latency)  # a piece is a cycle
    busy = found[:, :, list(colours).index("multiplying")]
    for step in vgg["steps"]:
        span = slice(step["begin"], step["begin"] + step["cycles"])
        assert np.allclose(busy[:, span].sum(axis=1), [lane["classes"]["multiplying"] for lane in step["lanes"]])


def test_every_class_has_a_colour_of_its_own():
    assert set(CLASSES) <= set(report_network.CLASS_COLOURS)
    assert len(set(report_network.CLASS_COLOURS.values())) == len(report_network.CLASS_COLOURS)


def test_maps_are_drawn_where_and_when_they_are(vgg):
    figure = drawn(report_network.memory(vgg))
    (axes,) = figure.axes
    frames = {(box.get_x(), box.get_y(), box.get_width(), box.get_height()) for box in axes.patches
              if not box.get_fill()}
    times = [step["begin"] for step in vgg["steps"]] + [vgg["cycles"]["latency"]]
    wanted = set()
    for own in vgg["maps"]:
        begin, end = times[own["made_by_step"] or 0], times[own["last_used_by_step"] + 1]
        wanted.add((begin, own["first_word"], end - begin, own["words"]))
    assert frames == wanted and {own["name"] for own in vgg["maps"]} <= set(texts(figure))
    assert axes.get_ylim() == (0, PRESETS["large"].map_words)


def test_the_memory_is_drawn_over_steps_where_cycles_are_not_known(vgg):
    document = copy.deepcopy(vgg)
    document["cycles"] |= {"latency": None, "interval": None, "classes": None}
    for step in document["steps"]:
        for key in ("begin", "cycles", "classes"):
            del step[key]
    assert list(report_network.draw(document)) == ["network_memory"]
    (axes,) = drawn(report_network.memory(document)).axes
    assert axes.get_xlim() == (0, len(document["steps"])) and axes.get_xlabel() == "steps; no cycles are known"


def test_bars_are_as_long_as_the_steps_and_say_how_long(vgg):
    figure = drawn(report_network.cycles(vgg))
    _, axes = figure.axes
    ends: dict[int, float] = {}
    for bar in axes.patches:
        row = round(bar.get_y() + bar.get_height() / 2)
        ends[row] = max(ends.get(row, 0), bar.get_x() + bar.get_width())
    assert np.allclose([ends[row] for row in range(len(vgg["steps"]))], [step["cycles"] for step in vgg["steps"]])
    shown = texts(figure)
    assert all(any(text.startswith(f"{step['cycles']:,} · ") for text in shown) for step in vgg["steps"])
    assert f"{vgg['cycles']['latency']:,}" in shown


def test_the_table_has_the_same_in_numbers(vgg):
    document = copy.deepcopy(vgg)
    document["steps"][0]["name"] = "<b>&\x1b"
    table = ElementTree.fromstring(report_network.cycle_table(document))
    rows = [[cell.text for cell in row] for row in table.iter("tr")]
    names = rows[0][2:]
    assert rows[0][:2] == ["step", "cycles"] and set(names) == set(report_network._classes(vgg))
    assert rows[1][0] == r"0  <b>&\x1b" and len(rows) == len(vgg["steps"]) + 2
    for row, step in zip(rows[1:], vgg["steps"], strict=False):
        assert row[1] == f"{step['cycles']:,}" and abs(sum(map(float, row[2:])) - 100) < 0.1 * len(names)
        assert row[2 + names.index("multiplying")] == f"{100 * step['classes']['multiplying'] / step['cycles'] / 8:.1f}"
    assert rows[-1][:2] == ["whole network", f"{vgg['cycles']['latency']:,}"]


@pytest.mark.parametrize("widths", [[1] * 5, [1] * 60, [100, 1, 1, 1, 100], [1, 1, 1, 1000], [1000, 1], [3]])
def test_labels_of_steps_do_not_cover_each_other(widths):
    names = [f"conv{number}" for number in range(len(widths))]
    edges = np.concatenate([[0], np.cumsum(widths)]) / sum(widths)
    found = report_network.step_labels(names, edges)
    assert found
    for (middle, text), (after, other) in itertools.pairwise(found):
        assert middle + len(text) / 2 * report_network.LETTER <= after - len(other) / 2 * report_network.LETTER
    for middle, text in found:
        number = int(text.split()[0])
        assert edges[number] <= middle <= edges[number + 1] and text in (str(number), f"{number} {names[number]}")
    if widths == [1] * 5:
        assert [text for _, text in found] == [f"{number} {name}" for number, name in enumerate(names)]
    if widths == [1] * 60:
        assert all(text.isdigit() for _, text in found) and len(found) >= 20


def test_names_of_any_letters_draw_without_a_warning(vgg):
    document = copy.deepcopy(vgg)
    for number, step in enumerate(document["steps"]):
        step["name"] = ("畳み込み", "$x_1$", "a" * 300, "\u202e\x00", "<&>")[number]
    for own in document["maps"]:
        own["name"] = "畳$_\n"
    with matplotlib.rc_context({"text.parse_math": False}):
        for maker in (report_network.lanes, report_network.memory, report_network.cycles):
            drawn(maker(document))
    assert len(report_network.draw(document)) == 3
