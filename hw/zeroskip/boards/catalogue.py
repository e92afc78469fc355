"""The boards that bitstreams can be built for. Pins come from amaranth-boards, none is typed here."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from amaranth.vendor import LatticeECP5Platform
from amaranth_boards.resources import UARTResource


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board.

    Parameters
    ----------
    module, platform
        Of amaranth-boards: the module and the class of the platform.
    baud
        Of the serial line, in bits a second.
    header
        Where the board has no UART of its own: receive and transmit pin of the connector ``io``, by the names that are
        printed beside them.
    link
        What the line is, in words.
    flasher
        What openFPGALoader calls the board.
    """

    module: str
    platform: str
    baud: int
    link: str
    flasher: str
    header: tuple[str, str] | None = None


BOARDS = {
    "ulx3s-85f": Board(module="amaranth_boards.ulx3s", platform="ULX3S_85F_Platform", baud=1_000_000,
                       link="the FT231X on the board's USB port US1", flasher="ulx3s"),
    "orangecrab-25f": Board(module="amaranth_boards.orangecrab_r0_2", platform="OrangeCrabR0_2_25FPlatform",
                            baud=1_000_000, header=("0", "1"), flasher="orangeCrab",
                            link="a USB serial adapter of 3.3 V on the header: its TX to pin 0, its RX to pin 1"),
}


def find(name: str) -> Board:
    """The board of that name.

    Raises
    ------
    ValueError
        There is no such board; the message has those that there are.
    """
    if name not in BOARDS:
        raise ValueError(f"board: found {name!r}, expected one of {', '.join(BOARDS)}")
    return BOARDS[name]


def load_platform(board: Board) -> LatticeECP5Platform:
    """The platform of a board, with a resource ``uart``."""
    platform = getattr(importlib.import_module(board.module), board.platform)()
    if board.header is not None:
        from amaranth.build import Attrs

        receive, transmit = board.header
        platform.add_resources([UARTResource(0, rx=receive, tx=transmit, conn=("io", 0),
                                             attrs=Attrs(IO_TYPE="LVCMOS33"))])
    return platform


def divisor(clock_hz: float, baud: int) -> int:
    """Clock cycles of a bit.

    Raises
    ------
    ValueError
        The clock cannot make that rate within 2 %.
    """
    found = round(clock_hz / baud)
    if not found or abs(clock_hz / found / baud - 1) > 0.02:
        raise ValueError(f"baud: a clock of {clock_hz / 1e6:g} MHz cannot make {baud} within 2 %")
    return found
