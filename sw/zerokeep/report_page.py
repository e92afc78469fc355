"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zerokeep import report_network
from zerokeep.report_figures import CURVES, LABELS, draw
from zeroskip.cycles.account import CLASSES
from zeroskip.files.names import shown
from zeroskip.spec.stall_reasons import STALL_REASONS

HARDWARE = {"dense": "dense", "gate": "dense, gated", "skip-both": "zero-skip"}
"""The engines whose resources are shown: each kind of hardware once."""
LONGEST = 40
"""Letters of a layer's name that are shown."""


def number(value: float | None, digits: int = 0) -> str:
    """With thousands separated; a dash where there is none.

    >>> number(1234.56), number(0.5, 2), number(None)
    ('1,235', '0.50', '–')
    """
    return "–" if value is None else f"{value:,.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.9141)
    '91.4 %'
    """
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def times(value: float | None, digits: int = 1) -> str:
    """A factor.

    >>> times(9.53)
    '9.5×'
    """
    return "–" if value is None else f"{value:,.{digits}f}×"


def ideal(products: int, multipliers: int) -> float:
    """Cycles in which so many multipliers compute so many products, without a gap."""
    return products / multipliers


def page(document: Mapping[str, Any]) -> str:
    """The page of a report's content.

    Raises
    ------
    ValueError, KeyError, TypeError
        The content is not what `zerokeep.report.document` gives.
    """
    import jinja2

    from cosim.measure import longest_stream

    environment = jinja2.Environment(loader=jinja2.PackageLoader("zerokeep"), autoescape=True, trim_blocks=True,
                                     lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    environment.filters |= {"number": number, "percent": percent, "times": times, "ideal": ideal,
                            "streams": longest_stream}
    named = {key: [layer | {"name": shown(layer["name"], LONGEST)} for layer in layers]
             for key, layers in (("layers", document["layers"]), ("unpruned", document["unpruned"]["layers"]))}
    document = dict(document) | {"layers": named["layers"],
                                 "unpruned": document["unpruned"] | {"layers": named["unpruned"]}}
    program = document["whole"]["program"]
    pictures = report_network.draw(program) if program else {}
    try:
        return environment.get_template("report.html.j2").render(
            document, labels=LABELS, curves=CURVES, hardware=HARDWARE, losses=STALL_REASONS, classes=CLASSES,
            figures=draw(document), program=pictures)
    except jinja2.UndefinedError as error:
        raise ValueError(str(error)) from None
