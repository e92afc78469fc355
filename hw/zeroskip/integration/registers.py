"""The registers for C and for Python, from the one description in ``zeroskip.spec.axi``."""

from __future__ import annotations

from zeroskip.link import frame
from zeroskip.spec.axi import ERROR_AT, IDENTITY, REGISTERS
from zeroskip.spec.program import ERRORS

ERROR_MASK = 0xF


def c_header(name: str) -> str:
    """A C header: every register's byte offset with its meaning, the identity, and the bytes of the host link."""
    guard, prefix = f"{name.upper()}_REGISTERS_H", "ZEROKEEP"
    lines = [f"/* Registers of {name}, byte offsets on AXI4-Lite, 32 bits each. Generated: do not edit. */",
             f"#ifndef {guard}", f"#define {guard}", ""]
    for register in REGISTERS.values():
        lines += [f"/* {register.access}: {register.meaning} */",
                  f"#define {prefix}_{register.name.upper()}_OFFSET 0x{register.address:02x}u"]
    lines += ["", "/* what the register id reads as */", f"#define {prefix}_ID_VALUE 0x{IDENTITY:08x}u",
              f"#define {prefix}_CONTROL_RESET 0x1u", f"#define {prefix}_STATUS_BUSY 0x1u",
              f"#define {prefix}_STATUS_ERROR_SHIFT {ERROR_AT}u",
              f"#define {prefix}_STATUS_ERROR_MASK 0x{ERROR_MASK:x}u",
              "", "/* what that error means; 0: nothing is wrong with the program */"]
    lines += [f"/* {number}: {meaning} */" for number, meaning in ERRORS.items()]
    lines += ["", "/* the host link: bytes of a frame, flags, commands, answers */"]
    lines += [f"#define {prefix}_LINK_{key} 0x{value:02x}u" for key, value in (
        ("FLAG", frame.FLAG), ("ESCAPE", frame.ESCAPE), ("CHANGE", frame.CHANGE), ("LAST", frame.LAST),
        ("WAITS", frame.WAITS))]
    for kind in (frame.Command, frame.Status):
        lines += [f"#define {prefix}_LINK_{kind.__name__.upper()}_{own.name} {own.value}u" for own in kind]
    return "\n".join([*lines, "", f"#endif /* {guard} */"]) + "\n"


def python_map(name: str) -> str:
    """A Python module without imports: ``OFFSETS``, ``MEANINGS``, ``IDENTITY``; ``ERRORS`` and where they stand."""
    offsets = "".join(f"    {own.name!r}: 0x{own.address:02X},\n" for own in REGISTERS.values())
    meanings = "".join(f"    {own.name!r}: {f'{own.access}: {own.meaning}'!r},\n" for own in REGISTERS.values())
    errors = "".join(f"    {number}: {meaning!r},\n" for number, meaning in ERRORS.items())
    return (f'"""Registers of {name}, byte offsets on AXI4-Lite, 32 bits each. Generated: do not edit."""\n\n'
            f"IDENTITY = 0x{IDENTITY:08X}\nOFFSETS = {{\n{offsets}}}\nMEANINGS = {{\n{meanings}}}\n"
            f"STATUS_ERROR_SHIFT, STATUS_ERROR_MASK = {ERROR_AT}, 0x{ERROR_MASK:X}\nERRORS = {{\n{errors}}}\n")
