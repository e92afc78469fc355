"""The one exception that means: the user can mend this; and checks that raise it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from zeroskip.files.names import shown

MOST = 2**63 - 1


class UserError(Exception):
    """Bad input or an impossible request; its text is one clear sentence, fit to be shown without a traceback."""


def is_number(value: object) -> bool:
    """Whether it is a number that a float can be."""
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**300
    return whole or isinstance(value, float)


def check_ratio(name: str, value: float, *, below_one: bool = False) -> float:
    """A share of weights or filters, checked.

    Parameters
    ----------
    name
        What to call it in the message.
    value
        The share; 0 to 1 (NaN is refused).
    below_one
        Whether 1 itself is out of range (a layer needs a filter).

    Raises
    ------
    UserError
        `value` is no number, or out of range.
    """
    limit = "less than 1" if below_one else "1"
    if not is_number(value):
        raise UserError(f"{name} must be a number from 0 to {limit}, not {value!r:.60}")
    share = float(value)
    if not (0.0 <= share < 1.0 or (share == 1.0 and not below_one)):
        raise UserError(f"{name} must be from 0 to {limit}, not {value}")
    return share


def check_count(name: str, value: int, lowest: int) -> int:
    """A whole number of at least `lowest`; anything else is a UserError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise UserError(f"{name} must be a whole number of at least {lowest}, not {value!r}")
    if value > MOST:
        raise UserError(f"{name} must be less than 2**63, not {value!r:.60}")
    return value


def described(error: BaseException) -> str:
    """Its type and, where it has one, its text, in printable characters.

    >>> described(KeyError("x")), described(KeyboardInterrupt())
    ("KeyError: 'x'", 'KeyboardInterrupt')
    """
    text = shown(error, 300)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


@contextlib.contextmanager
def as_written(what: str) -> Iterator[None]:
    """Turn what comes of taking apart a value from a file that is not as we write it into a UserError.

    Parameters
    ----------
    what
        The file, and what writes it.
    """
    try:
        yield
    except UserError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
        raise UserError(f"{what} is not as it was written ({described(error)})") from None
