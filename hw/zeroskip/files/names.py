"""Text from files, as it may be shown: no character that moves a cursor, changes a colour or hides another."""

from __future__ import annotations

MOST = 2000
"""Characters of a message that are shown."""


def shown(text: object, most: int = MOST) -> str:
    r"""One line of printable characters; others as escapes of Python's, the middle left out where it is too long.

    Parameters
    ----------
    text
        Anything; its ``str``. Runs of blanks and ends of lines become one blank.
    most
        Characters of the result, at least 16.

    >>> shown("conv\x1b[2J\n1")
    'conv\\x1b[2J 1'
    >>> shown("a" * 100, most=16)
    'aaaaa ... aaaaaa'
    """
    try:
        line = " ".join(str(text).split())
    except Exception as error:  # what it is of may be a user's class
        line = f"({type(text).__name__} that cannot be shown: {type(error).__name__})"
    if len(line) > most:  # before it is escaped, which may make it ten times as long
        head = (most - 5) // 2
        line = f"{line[:head]} ... {line[len(line) - (most - 5 - head):]}"
    return "".join(letter if letter.isprintable() else escape(letter) for letter in line)


def escape(letter: str) -> str:
    r"""A character as Python writes it.

    >>> escape("\u202e"), escape("\x00")
    ('\\u202e', '\\x00')
    """
    return letter.encode("unicode_escape", "backslashreplace").decode("ascii")
