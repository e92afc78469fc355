"""For which targets components are cells."""

from __future__ import annotations

import pytest

from zeroskip.gateware.primitives.target import FAMILIES, Target, has_ecp5_cells


@pytest.mark.parametrize("family", FAMILIES)
def test_only_ecp5_has_cells(family):
    assert has_ecp5_cells(Target(family=family)) == (family == "ecp5")


@pytest.mark.parametrize("platform", [None, "ecp5", object()])
def test_what_is_no_target_has_none(platform):
    assert not has_ecp5_cells(platform)


def test_unknown_family():
    with pytest.raises(ValueError, match=r"^family must be one of ecp5, gowin, ice40, xilinx7, not 'ecp6'$"):
        Target(family="ecp6")
