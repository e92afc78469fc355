"""For which family of FPGAs components are elaborated."""

from __future__ import annotations

from dataclasses import dataclass

ECP5 = "ecp5"
FAMILIES = (ECP5, "gowin", "ice40", "xilinx7")
"""Families that have a name. Only ECP5 has cells in this package: on the others components are behavioural."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A family of FPGAs, given as the ``platform`` of an elaboration.

    ``amaranth.back.verilog.convert(component, platform=Target(family="ecp5"))`` instantiates cells; without a platform
    components are behavioural.

    Parameters
    ----------
    family
        One of ``FAMILIES``.

    Raises
    ------
    ValueError
        No such family is known.
    """

    family: str

    def __post_init__(self) -> None:
        if self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {self.family!r}")


def has_ecp5_cells(platform: object) -> bool:
    """Whether an elaboration for `platform` instantiates cells of the ECP5.

    >>> has_ecp5_cells(Target(family="ecp5")), has_ecp5_cells(Target(family="ice40")), has_ecp5_cells(None)
    (True, False, False)
    """
    return isinstance(platform, Target) and platform.family == ECP5
