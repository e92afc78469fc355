"""Configurations beside the presets: some parameters given, what must go with them derived."""

from __future__ import annotations

from dataclasses import replace

from zeroskip.config import ArrayConfig
from zeroskip.wire import BEAT_BYTES


def free_config(base: ArrayConfig, given: dict[str, int]) -> ArrayConfig:
    """`base` with the parameters `given`.

    Where groups, lanes or pixels are among them, those of these that are not are derived: ``output_units``, as many as
    divide the groups and give no more than 16 results a cycle; ``dense_filters`` and ``dense_pixels``, as square as can
    be, with at least as many filters as pixels where that fits.

    Raises
    ------
    TypeError, ValueError
        A parameter is out of range, or parameters do not go together; the message is a sentence.
    """
    shape = {name: given.get(name, getattr(base, name)) for name in ("groups", "lanes", "pixels")}
    if any(value < 1 for value in shape.values()) or all(getattr(base, name) == shape[name] for name in shape):
        return replace(base, **given)
    groups, multipliers = shape["groups"], shape["groups"] * shape["lanes"] * shape["pixels"]
    units = max(unit for unit in range(1, groups + 1)
                if groups % unit == 0 and (unit == 1 or unit * shape["pixels"] <= BEAT_BYTES))
    filters, pixels = _dense_shape(multipliers, given)
    return replace(base, **{"output_units": units, "dense_filters": filters, "dense_pixels": pixels} | given)


def _dense_shape(multipliers: int, given: dict[str, int]) -> tuple[int, int]:
    """Filters and pixels of the dense array."""
    shapes = [(multipliers // pixels, pixels) for pixels in (1, 2, 4, 8)
              if multipliers % pixels == 0 and _power(multipliers // pixels) and multipliers // pixels <= 16]
    shapes = [shape for shape in shapes if given.get("dense_filters", shape[0]) == shape[0]
              and given.get("dense_pixels", shape[1]) == shape[1]]
    if not shapes:
        raise ValueError(f"groups * lanes * pixels is {multipliers} multipliers; a dense array of that size has 1 to "
                         "16 filters and 1 to 8 pixels, both powers of two")
    return min(shapes, key=lambda shape: (abs(shape[0] - shape[1]), -shape[0]))


def _power(value: int) -> bool:
    return value & (value - 1) == 0
