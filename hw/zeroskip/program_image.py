"""The zero-skip array's configuration as sections of its program, and which layers it knows."""

from __future__ import annotations

import numpy as np
from amaranth.hdl import Shape

from zeroskip.compiler.packed import PackError, need
from zeroskip.layer import Layer
from zeroskip.program import GROUP_BASES, ConfigRegisters, GroupRegisters
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.wire import Config, Section, SectionData


def check_supported(layer: Layer) -> None:
    """Refuse a layer with what the zero-skip array does not do: dilation, uneven padding, half to even.

    Raises
    ------
    PackError
        It has that, and is the host's.
    """
    has = {"rounding": "up", "dilation": (1, 1), "padding_end": layer.padding}
    lacking = [f"{key}: the layer needs {value}, the array has {has[key]}" for key, value in layer.unusual().items()
               if key != "rounding" or layer.multiplier is not None]
    if lacking:
        raise PackError("; ".join(lacking))


def _register(number: int) -> tuple[str, Shape]:
    """Name and shape of a configuration register."""
    for name, base in GROUP_BASES.items():
        if base <= number < base + 32:
            return f"{name}[{number - base}]", Shape.cast(GroupRegisters[name].shape)
    name = Config(number).name.lower()
    return name, Shape.cast(ConfigRegisters[name].shape)


def config_sections(registers: dict[int, int]) -> list[SectionData]:
    """The configuration, one section for each run of register numbers.

    Raises
    ------
    PackError
        A value does not fit its register.
    """
    sections: list[SectionData] = []
    for number, value in sorted(registers.items()):
        name, shape = _register(number)
        need(f"configuration register {name}", value, 2 ** (shape.width - shape.signed) - 1)
        row = np.zeros((1, BEAT_BYTES), np.uint8)
        row[0, :4] = np.array([value & 0xFFFFFFFF], "<u4").view(np.uint8)
        if sections and sections[-1].address + len(sections[-1].rows) == number:
            rows = np.concatenate([sections.pop().rows, row])
            sections.append(SectionData(Section.CONFIG, 0, number + 1 - len(rows), rows))
        else:
            sections.append(SectionData(Section.CONFIG, 0, number, row))
    return sections


def read_config(sections: list[SectionData]) -> dict[int, int]:
    """Undo `config_sections` on a decoded program: values (signed 32 bits) by register."""
    return {section.address + at: int(value) for section in sections if section.kind == Section.CONFIG
            for at, value in enumerate(np.ascontiguousarray(section.rows[:, :4]).view("<i4").ravel())}
