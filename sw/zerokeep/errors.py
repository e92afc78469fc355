"""The one exception that means: the user can mend this."""


class UserError(Exception):
    """Bad input or an impossible request; its text is one clear sentence, fit to be shown without a traceback."""


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
    try:
        share = float(value)
    except (TypeError, ValueError):
        raise UserError(f"{name} must be a number from 0 to {limit}, not {value!r}") from None
    if not (0.0 <= share < 1.0 or (share == 1.0 and not below_one)):
        raise UserError(f"{name} must be from 0 to {limit}, not {value}")
    return share


def check_count(name: str, value: int, lowest: int) -> int:
    """A whole number of at least `lowest`; anything else is a UserError that names it."""
    if isinstance(value, bool) or not isinstance(value, int) or value < lowest:
        raise UserError(f"{name} must be a whole number of at least {lowest}, not {value!r}")
    return value
