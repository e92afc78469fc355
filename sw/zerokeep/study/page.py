"""A study's lines as a page of tables and two plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from zerokeep.errors import UserError
from zerokeep.study.statistics import Line, summary
from zerokeep.study.tables import (
    REFERENCE,
    accuracy,
    at_equal_cycles,
    beside_zeros_alone,
    comparison,
    cycles,
    filters_left,
    filters_that_may_go,
    levels,
    nonzeros,
    select,
    way,
    ways,
)
from zeroskip.files.ledger import claim
from zeroskip.files.writing import whole_file, write_text

COLOURS = ("#0b6b5f", "#c2410c", "#1d4ed8", "#a16207", "#7c3aed", "#64748b", "#db2777", "#111827")
MARKERS = "osD^vPX*"
PLOTS = {"nonzeros": (nonzeros, "non-zero weights"), "cycles": (cycles, "cycles an image")}
"""Accuracy over what, by the end of the file's name."""
INT8_BAR = 0.3
"""Points that quantising may cost."""


def write_page(lines: Sequence[Line], folder: Path, stem: str) -> list[Path]:
    """Write ``STEM.md`` and its plots into `folder`; their paths.

    Parameters
    ----------
    lines
        Of one network, as ``run_study`` gives them.
    folder
        Made where it is not there.
    stem
        The beginning of the files' names.

    Raises
    ------
    UserError
        Two grids have the same criterion at the same level and seed.
    """
    swept = _swept(lines)
    plots = {folder / f"{stem}-{name}.png": plot for name, plot in (PLOTS if swept else {}).items()}
    pictures = [f"![Accuracy over {label}]({path.name})\n" for path, (_, label) in plots.items()]
    text = "\n".join([f"# {stem}: {len(lines)} cells\n", _about(lines), *pictures, *_sections(lines, swept)])
    claim(folder, [f"{stem}.md", *(path.name for path in plots)])
    for path, (along, label) in plots.items():
        _plot(swept, along, label, path)
    write_text(folder / f"{stem}.md", text)
    return [folder / f"{stem}.md", *plots]


def _swept(lines: Sequence[Line]) -> list[Line]:
    """The lines of the grids that have several levels of non-zeros; one for each way, level and seed."""
    grids = dict.fromkeys(line["grid"] for line in lines)
    swept = [line for grid in grids if len(levels(own := select(lines, grid=grid))) > 1 for line in own]
    seen: dict[object, Line] = {}
    for line in swept:
        other = seen.setdefault((way(line), line["nzer_orig_asked"], line["seed"]), line)
        if other is not line:
            raise UserError(f"grids {other['grid']!r} and {line['grid']!r} both have {way(line)} at "
                            f"{line['nzer_orig_asked']:g}, seed {line['seed']}: compare each by itself")
    return swept


def _about(lines: Sequence[Line]) -> str:
    first = lines[0]
    bases = {line["base"]["sha256"]: 100 * line["accuracy"]["base"] for line in lines}
    shares = ", ".join(f"{share:.2f} %" for share in bases.values())
    own = first["cycles"]
    below = [100 * (line["accuracy"]["pruned"] - line["accuracy"]["int8"]) for line in lines]
    far = sum(points > INT8_BAR for points in below)
    return (f"{first['network']} on {first['data']['name']}: {first['data']['train_images']:,} training and "
            f"{first['data']['test_images']:,} test images, {len(bases)} base networks ({shares}). Accuracy is that of "
            "the int8 network; ± is the standard deviation over seeds; p is Student's t over pairs of the same seed "
            f"and base, two-sided. Cycles are predicted for `skip-both` on `{own['preset']}`, {own['images']} images "
            "at a time, all layers, weights included.\n\n"
            f"The int8 network lies at most {max(below):.2f} points below the pruned one of floats "
            f"(mean {summary(below).mean:.2f}); {far} of {len(lines)} cells lie more than {INT8_BAR} below.\n")


def _sections(lines: Sequence[Line], swept: Sequence[Line]) -> list[str]:
    parts = []
    for grid in dict.fromkeys(line["grid"] for line in lines):
        own = select(lines, grid=grid)
        if not levels(own):
            parts += [f"## {grid}: at an equal filter ratio\n", comparison(own)]
    for level in levels(swept):
        own = select(swept, nzer_orig_asked=level)
        parts += [f"## At equal non-zeros: {level:g} of the unpruned network\n", comparison(own),
                  "Filters left, and non-zeros in them:\n", filters_left(own)]
    if found := at_equal_cycles(swept):
        parts += ["## At equal cycles\n", found]
    if found := beside_zeros_alone(lines):
        parts += ["## Zeros alone beside the recipe\n", found]
    for level in levels(lines):
        if len({line["recipe"]["filter_ratio"] for line in select(lines, nzer_orig_asked=level)}) > 1:
            parts += [f"## How many filters may go, at {level:g}\n", filters_that_may_go(lines, level)]
    return parts


def _plot(lines: Sequence[Line], along: object, label: str, path: Path) -> None:
    """Accuracy over something, a line for each criterion, bars for the spread over seeds."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import matplotlib.ticker

    assert callable(along)
    matplotlib.rcParams["text.parse_math"] = False  # names from files are no formulas
    figure, axes = plt.subplots(figsize=(8, 4.8), layout="constrained")
    for number, (name, own) in enumerate(ways(lines).items()):
        points = [(summary([along(line) for line in group]).mean, summary([accuracy(line) for line in group]))
                  for level in levels(own) if (group := select(own, nzer_orig_asked=level))]
        axes.errorbar([x for x, _ in points], [y.mean for _, y in points], yerr=[y.spread for _, y in points],
                      label=name, color=COLOURS[number % len(COLOURS)], marker=MARKERS[number % len(MARKERS)],
                      markersize=5, capsize=3, linewidth=2.2 if name == REFERENCE else 1.2)
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(matplotlib.ticker.LogLocator(subs=(1, 2, 3, 5, 7)))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes.set_xlabel(label)
    axes.set_ylabel("accuracy in int8, %")
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    with whole_file(path) as file:
        figure.savefig(file, format="png", dpi=120)
    plt.close(figure)
