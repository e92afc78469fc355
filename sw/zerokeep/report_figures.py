"""The figures of the report's page, as SVG to stand in HTML: text stays text, in the page's own typeface."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCENT, ACCENT_LIGHT, INK, MUTED = "#0b6b67", "#8fc1bd", "#1d2327", "#68737a"
GREY, GREY_DARK, GREY_LIGHT, LINE = "#c3c9cd", "#98a2a8", "#e6e9eb", "#d5dadd"
COLOURS = {"unpruned": GREY_DARK, "dense": GREY, "gate": GREY_LIGHT, "skip-weights": ACCENT_LIGHT, "skip-both": ACCENT}
KINDS = {"multiplying": ACCENT, "gated": ACCENT_LIGHT, "bubble": "#f1d9a7", "imbalance": "#e3a53f",
         "blocked": "#b5661b", "stolen": "#c2476b", "waiting": "#3f6fb0", "tail": GREY, "drain": "#7a6a8c",
         "stalled": INK}
"""What the multipliers' slots go into, as the hardware counts them, in the order of the bars."""
LABELS = {"unpruned": "unpruned network, dense", "dense": "pruned, dense", "gate": "pruned, gate",
          "skip-weights": "pruned, skip-weights", "skip-both": "pruned, skip-both"}
_STYLE = {
    "svg.fonttype": "none", "font.size": 8.2, "text.color": INK, "axes.labelcolor": MUTED, "xtick.color": MUTED,
    "ytick.color": INK, "axes.edgecolor": LINE, "axes.linewidth": 0.8, "axes.spines.top": False,
    "axes.spines.right": False, "axes.spines.left": False, "xtick.major.size": 0, "ytick.major.size": 0,
    "hatch.linewidth": 0.6, "axes.axisbelow": True, "text.parse_math": False, "grid.color": LINE, "grid.linewidth": 0.6,
}
_WIDTH = 7.6


def as_svg(figure: Figure, name: str) -> str:
    """The figure as an ``<svg>`` element: no declarations, no metadata, no addresses, its typeface left to the page."""
    stream = io.StringIO()
    figure.savefig(stream, format="svg", transparent=True, bbox_inches="tight", pad_inches=0.03,
                   metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = stream.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", text)
    text = re.sub(r" font-family: [^;\"]*;?", "", text)
    text = re.sub(r'(<svg[^>]*?) height="[\d.]+pt"', r"\1", text)
    text = re.sub(r'(<svg[^>]*?) width="[\d.]+pt"', r'\1 role="img"', text)
    # All figures share one page: names of clip paths and markers begin with the figure's.
    text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{name}-", text)
    return text.strip()


def _figure(rows: int, columns: int, height: float, **options: Any) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


def draw(document: Mapping[str, Any]) -> dict[str, str]:
    """Every figure of the report by name; a figure without its figures is left out."""
    import matplotlib

    makers = {"network": _network, "layers": _layers, "kinds": _kinds, "weights": _weights,
              "break_even": _break_even}
    if document["resources"]:
        makers["resources"] = _resources
    if document["energy"]:
        makers["energy"] = _energy
    drawn = {}
    for name, maker in makers.items():
        with matplotlib.rc_context(_STYLE | {"svg.hashsalt": name}):  # type: ignore[arg-type]
            drawn[name] = as_svg(maker(document), name)
    return drawn


def _bare(axes: Axes) -> None:
    """No ticks and no frame but the base line of the bars."""
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)


def _network(document: Mapping[str, Any]) -> Figure:
    """Cycles per image of the whole network, one bar for each configuration, cut by layer."""
    engines, images = document["network"]["engines"], document["images"]
    figure, axes = _figure(1, 1, 2.3)
    names = [name for name in COLOURS if engines[name]["cycles_per_image"] is not None]
    longest = max([engines[name]["cycles_per_image"] for name in names], default=1)
    for row, name in enumerate(names):
        entry, left = engines[name], 0.0
        for cycles in entry["end_to_end_by_layer"]:
            axes.barh(row, cycles / images, left=left, height=0.68, color=COLOURS[name], edgecolor="white",
                      linewidth=0.8)
            left += cycles / images
        factor = entry["speedup_over_unpruned"]
        text = f"{left:,.0f}" + (f" · {factor:.1f}×" if factor is not None and name != "unpruned" else "")
        axes.text(left + longest * 0.01, row, text, va="center", color=INK,
                  fontweight="bold" if name == "skip-both" else "normal")
    axes.set_yticks(range(len(names)), [LABELS[name] for name in names])
    axes.set_xlim(0, longest * 1.12)
    axes.invert_yaxis()
    _bare(axes)
    return figure


def _layers(document: Mapping[str, Any]) -> Figure:
    """Speed-up of each layer over a perfect dense array, with the ideal bounds as marks."""
    figure, axes = _figure(1, 1, 2.7)
    layers, names = document["layers"], ("dense", "gate", "skip-weights", "skip-both")
    width = 0.2
    top = 1.08 * max([value for layer in layers for value in layer["ideal_speedup"].values() if value], default=1)
    for place, name in enumerate(names):
        for number, layer in enumerate(layers):
            value, x = layer["engines"][name]["speedup"], number + (place - 1.5) * width
            bound = layer["ideal_speedup"].get(name)
            axes.bar(x, value or 0, width * 0.92, color=COLOURS[name], label=name if number == 0 else None,
                     edgecolor=GREY if name == "gate" else "none", linewidth=0.6)
            if bound is not None:
                axes.plot([x - width * 0.46, x + width * 0.46], [bound, bound], color=INK, linewidth=1.3,
                          solid_capstyle="butt", label="ideal bound" if (number, place) == (0, 2) else None)
            if value is not None:
                _label(axes, x, value, bound, top, strong=name == "skip-both")
    axes.set_ylim(0, top)
    axes.axhline(1, color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_xticks(range(len(layers)), [layer["name"] for layer in layers])
    axes.tick_params(axis="x", labelcolor=INK)
    axes.set_ylabel("times a perfect dense array")
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.grid(axis="y")
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda number: labels[number] == "ideal bound")
    axes.legend([handles[n] for n in order], [labels[n] for n in order], ncols=5,
                frameon=False, loc="lower left", bbox_to_anchor=(-0.01, 1.0), handlelength=1.2, columnspacing=1.4)
    return figure


def _label(axes: Axes, x: float, value: float, bound: float | None, top: float, *, strong: bool) -> None:
    """A bar's figure: inside a tall bar, else above it and above a mark that would cross it."""
    room = 0.08 * top
    if value > 2 * room:
        axes.text(x, value - 0.012 * top, f"{value:.1f}", ha="center", va="top", fontsize=7.2,
                  color="white" if strong else INK)
        return
    y = max(1.0, bound if bound is not None and value < bound < value + room else value)  # off the line at 1
    axes.text(x, y + 0.008 * top, f"{value:.1f}", ha="center", va="bottom", fontsize=7.2, color=INK)


def spent(engine: Mapping[str, Any]) -> dict[str, float]:
    """Shares of an engine's slots, by the keys of ``KINDS``; all 0 where nothing was measured."""
    slots = {kind: engine["lanes"][kind] or 0 for kind in KINDS}
    whole = max(1, sum(slots.values()))
    return {kind: count / whole for kind, count in slots.items()}


def _kinds(document: Mapping[str, Any]) -> Figure:
    """What the multipliers' time went into, for each layer on each engine."""
    layers = document["layers"]
    figure, panels = _figure(1, len(layers), 1.9, sharey=True, squeeze=False)
    names = ("dense", "gate", "skip-weights", "skip-both")
    for column, (axes, layer) in enumerate(zip(panels[0], layers, strict=True)):
        for row, name in enumerate(names):
            left = 0.0
            for kind, share in spent(layer["engines"][name]).items():
                axes.barh(row, share, left=left, height=0.66, color=KINDS[kind],
                          label=kind.replace("_", " ") if (row, column) == (0, 0) else None)
                left += share
        axes.set_title(layer["name"], fontsize=8.2, color=INK, loc="left")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlim(0, 1)
        _bare(axes)
    panels[0][0].invert_yaxis()
    figure.legend(ncols=5, frameon=False, loc="outside lower right", handlelength=1.2, columnspacing=1.4)
    return figure


def _weights(document: Mapping[str, Any]) -> Figure:
    """What is left of each layer's weights: of all before pruning, those in kept filters, and the non-zero ones."""
    layers = document["layers"]
    figure, axes = _figure(1, 1, 0.35 + 0.32 * len(layers))
    most = max(layer["weights_before"] for layer in layers)
    for row, layer in enumerate(layers):
        for key, colour in (("weights_before", GREY_LIGHT), ("weights", GREY), ("nonzero", ACCENT)):
            labels = {"weights_before": "removed with filters", "weights": "kept, zero", "nonzero": "kept, non-zero"}
            axes.barh(row, layer[key], height=0.66, color=colour, label=labels[key] if row == 0 else None)
        axes.text(layer["weights_before"] + most * 0.01, row,
                  f"{layer['nonzero']:,} of {layer['weights_before']:,}", va="center", color=INK)
    axes.set_yticks(range(len(layers)), [layer["name"] for layer in layers])
    axes.set_xlim(0, most * 1.2)
    axes.invert_yaxis()
    _bare(axes)
    axes.legend(frameon=False, loc="upper right", handlelength=1.2)
    return figure


def _resources(document: Mapping[str, Any]) -> Figure:
    """LUTs, flip-flops, multipliers and block memories of the dense, gated and zero-skip arrays, side by side."""
    resources = document["resources"]
    shown = [("LUT", "LUTs (as counted below)"), ("FF", "flip-flops"), ("DSP", "multipliers"),
             ("BRAM", "block memories")]
    figure, panels = _figure(1, len(shown), 1.5, sharey=True)
    names: Sequence[str] = [name for name in ("dense", "gate", "skip-both") if name in resources]
    for axes, (key, title) in zip(panels, shown, strict=True):
        values = [resources[name].get(key) or 0 for name in names]
        axes.barh(range(len(names)), values, height=0.66, color=[COLOURS[name] for name in names], edgecolor=[
            GREY if name == "gate" else "none" for name in names], linewidth=0.6)
        for row, value in enumerate(values):
            axes.text(value + max(values) * 0.03, row, f"{value:,}", va="center", color=INK)
        axes.set_title(title, fontsize=8.2, color=INK, loc="left")
        axes.set_xlim(0, max(*values, 1) * 1.35)
        axes.set_yticks(range(len(names)), ["zero-skip" if name == "skip-both" else name for name in names])
        _bare(axes)
    panels[0].invert_yaxis()
    return figure


def _energy(document: Mapping[str, Any]) -> Figure:
    """Energy of an image on each engine: gates, and memories."""
    energy = document["energy"]
    figure, axes = _figure(1, 1, 1.7)
    names = [name for name in COLOURS if name in energy["whole"]]
    longest = max(energy["whole"][name]["total_pj"] for name in names)
    for row, name in enumerate(names):
        own, left = energy["whole"][name], 0.0
        for key, colour in (("logic_pj", ACCENT), ("memory_pj", GREY)):
            axes.barh(row, own[key], left=left, height=0.66, color=colour,
                      label={"logic_pj": "gates", "memory_pj": "memories"}[key] if row == 0 else None)
            left += own[key]
        axes.text(left + longest * 0.01, row, f"{left / energy['images'] / 1e6:,.2f} µJ", va="center", color=INK,
                  fontweight="bold" if name == "skip-both" else "normal")
    axes.set_yticks(range(len(names)), [LABELS[name] for name in names])
    axes.set_xlim(0, longest * 1.14)
    axes.invert_yaxis()
    _bare(axes)
    axes.legend(frameon=False, loc="lower right", handlelength=1.2)
    return figure


CURVES = {"cycles": ("in cycles", ACCENT), "per_lut": ("in throughput per LUT", "#b5661b"),
          "energy": ("in energy", "#3f6fb0")}


def _break_even(document: Mapping[str, Any]) -> Figure:
    """How many times better skipping both is than the dense array, over the density; where it stops being so."""
    figure, axes = _figure(1, 1, 2.6)
    for name, curve in document["break_even"]["curves"].items():
        label, colour = CURVES[name]
        axes.plot([100 * density for density, _ in curve], [ratio for _, ratio in curve], color=colour, marker="o",
                  markersize=3.2, linewidth=1.4, label=label)
        end = document["break_even"]["crossing"][name]
        if end is not None:
            axes.plot([100 * end, 100 * end], [0, 1], color=colour, linewidth=0.9, linestyle=(0, (2, 2)))
            axes.text(100 * end + 0.7, 0.24, f"{end:.0%}", color=colour, va="bottom", fontweight="bold")
    axes.axhline(1, color=MUTED, linewidth=0.7, linestyle=(0, (4, 3)))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}×")
    axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.set_ylim(0.2, None)
    axes.set_xlim(0, 102)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.set_xlabel("density of non-zeros, of weights and activations alike")
    axes.set_ylabel("better than dense")
    axes.tick_params(axis="y", labelcolor=MUTED)
    axes.grid(axis="y")
    axes.legend(frameon=False, loc="upper right", handlelength=1.4)
    return figure
