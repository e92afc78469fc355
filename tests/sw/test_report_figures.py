import re

import pytest
from tests.sw.report_records import engine, results, write

from zerokeep.report import make
from zerokeep.report_figures import KINDS, draw, spent


def test_spent_adds_up_to_all_the_time():
    entry = engine(total=115, load=0, macs_inside=1, multiplications=64 * 60, gated=64 * 20)
    shares = spent(entry, 64)
    assert list(shares) == list(KINDS)
    assert sum(shares.values()) == pytest.approx(1)
    assert {kind: round(share * 115) for kind, share in shares.items()} == {
        "products": 40, "gated": 20, "idle": 40, "wait": 10, "drain": 5, "stalled": 0}


def test_spent_where_nothing_was_measured():
    entry = {"cycles": {"total": None}, "multiplications": None, "gated": None}
    assert set(spent(entry, 64).values()) == {0.0}


def test_figures_are_plain_svg_and_the_same_every_time(tmp_path):
    document = make(write(tmp_path / "demo", results()))
    drawn = draw(document)
    assert set(drawn) == {"network", "layers", "kinds", "weights", "resources"}
    for name, text in drawn.items():
        assert text.startswith("<svg") and text.endswith("</svg>")
        assert not re.search(r"xmlns|font-family|metadata|<!--", text)
        assert all(found.startswith(f"{name}-") for found in re.findall(r'(?:id="|#)([a-z]\w+-\w+)"', text))
        references = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        for reference in {part for pair in references for part in pair if part}:
            assert f'id="{reference}"' in text
    assert drawn == draw(document)
    assert ">skip-both</text>" in drawn["kinds"] and ">conv2</text>" in drawn["layers"]
