import re

import pytest
from tests.sw.report_records import engine, results, write

from cosim.account import CLASSES
from cosim.measure import nothing_measured
from zerokeep.report import make
from zerokeep.report_figures import KINDS, draw, spent


def test_spent_adds_up_to_all_the_time():
    entry = engine(total=115, load=0, macs_inside=1, multiplications=64 * 60, gated=64 * 20)
    shares = spent(entry)
    assert list(shares) == list(KINDS) and set(KINDS) == set(CLASSES)
    assert sum(shares.values()) == pytest.approx(1)
    assert {kind: round(share * 115) for kind, share in shares.items()} == {
        "multiplying": 40, "gated": 20, "bubble": 35, "waiting": 10, "drain": 5, "tail": 5, "imbalance": 0,
        "blocked": 0, "stolen": 0, "stalled": 0}
    assert len(set(KINDS.values())) == len(KINDS)


def test_spent_where_nothing_was_measured():
    assert set(spent(nothing_measured()).values()) == {0.0}


def test_figures_are_plain_svg_and_the_same_every_time(tmp_path):
    document = make(write(tmp_path / "demo", results()))
    drawn = draw(document)
    assert set(drawn) == {"network", "layers", "kinds", "weights", "resources", "break_even"}
    for name, text in drawn.items():
        assert text.startswith("<svg") and text.endswith("</svg>")
        assert not re.search(r"xmlns|font-family|metadata|<!--", text)
        assert all(found.startswith(f"{name}-") for found in re.findall(r'(?:id="|#)([a-z]\w+-\w+)"', text))
        references = set(re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text))
        for reference in {part for pair in references for part in pair if part}:
            assert f'id="{reference}"' in text
    assert drawn == draw(document)
    assert all(f">{name.replace('_', ' ')}</text>" in drawn["kinds"] for name in CLASSES)
    assert ">skip-both</text>" in drawn["kinds"] and ">conv2</text>" in drawn["layers"]
