"""How much memory what is read may take, asked before anything is read."""

from __future__ import annotations

import os
import re

import psutil

ENVIRONMENT = "ZEROKEEP_MEMORY_LIMIT"
"""The environment variable with the limit in bytes, which processes that are started take over."""
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE | re.ASCII)


class ReadError(ValueError):
    """A file that cannot be taken: the message names it, what was found and what was expected."""


def parse(text: str) -> int:
    """Bytes of a size such as ``512M``, ``1.5G`` or ``1000000``, in powers of 1,024.

    Raises
    ------
    ValueError
        It is no such size, or less than a byte.

    >>> parse("1.5G"), parse("64 kB"), parse("100")
    (1610612736, 65536, 100)
    """
    match = _SIZE.fullmatch(text.strip())
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size < 1:
        raise ValueError(f"a size must be a number of bytes, with K, M or G if need be, not {text!r}")
    return size


def set_limit(text: str) -> None:
    """Set the limit for this process and those that it starts; see `parse`."""
    os.environ[ENVIRONMENT] = str(parse(text))


def limit() -> int:
    """Bytes that what is read may take: what was set, else half of what is free now."""
    text = os.environ.get(ENVIRONMENT)
    return parse(text) if text else int(psutil.virtual_memory().available) // 2


def check(size: int, what: str) -> None:
    """Refuse what takes more than the limit.

    Raises
    ------
    ReadError
        It does; the message has both sizes.
    """
    if size > (most := limit()):
        raise ReadError(f"{what}: found {in_words(size)} to be read, the memory limit is {in_words(most)} "
                        "(by default half of what is free; --memory-limit sets it)")


def in_words(size: int) -> str:
    """A size with a unit.

    >>> in_words(999), in_words(4 << 30), in_words(10**30)
    ('999 bytes', '4.0 GB', 'more than 1,000 TB')
    """
    for unit, name in ((1 << 10, "bytes"), (1 << 20, "KB"), (1 << 30, "MB"), (1 << 40, "GB"), (1 << 50, "TB")):
        if size < unit:
            return f"{size} bytes" if name == "bytes" else f"{size / (unit >> 10):.1f} {name}"
    return "more than 1,000 TB"
