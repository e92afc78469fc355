"""One quantised layer: the arrays of a layer file, checked."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zeroskip.files.memory import check as check_memory
from zeroskip.files.names import shown
from zeroskip.files.npz import Header, Npz
from zeroskip.files.reading import ReadError
from zeroskip.files.writing import write_npz
from zeroskip.ranges import KERNEL, MOST_CHANNELS, MOST_FILTERS, MOST_NUMBERS, MOST_SIDE, PADDING, STRIDE

KEYS = ("weight", "input", "bias", "stride", "padding", "groups", "multiplier", "shift", "clamp", "output_dtype")
OUTPUT_RANGE = {"uint8": (0, 255), "int8": (-128, 127)}
MULTIPLIER_RANGE = (1, 65535)
SHIFT_RANGE = (1, 40)



class LayerError(ValueError):
    """A layer that is not as the format says: the message names the key, what was found and what is expected."""


def _describe(value: np.ndarray) -> str:
    return f"{value.dtype} {value.shape}"


def _require(ok: bool, key: str, found: object, expected: str) -> None:
    if not ok:
        raise LayerError(f"{key}: found {found}, expected {expected}")


def _integers(key: str, value: object, shape: tuple[int, ...], low: int, high: int) -> np.ndarray:
    """Any integer array of `shape` with values in `low`..`high`, as int64."""
    array = np.asarray(value)
    _require(array.dtype.kind in "iu" and array.shape == shape, key, _describe(array), f"integers of shape {shape}")
    bad = array[(array < low) | (array > high)]
    _require(bad.size == 0, key, f"value {bad.flat[0] if bad.size else ''}", f"values in {low}..{high}")
    return array.astype(np.int64)


def _check_headers(headers: Mapping[str, Header], needed: Collection[str]) -> None:
    """What can be said of a file's arrays before they are read."""
    for key in headers:
        _require(key in KEYS, f"key {shown(key, 80)}", "an unknown key", f"only {', '.join(KEYS)}")
    for key in needed:
        _require(key in headers, key, "nothing", "this key in the file")
    for key, header in headers.items():
        _require(math.prod(header.shape) <= MOST_NUMBERS, key, header, f"at most {MOST_NUMBERS:,} numbers")


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A convolution or linear layer in integers, with or without its input.

    Parameters
    ----------
    weight
        int8, (O, I / groups, KH, KW) for a convolution, (O, I) for a linear layer.
    input
        uint8 or int8, (N, I, H, W) or (N, I); ``None`` where the layer stands in a model folder.
    bias
        int32 (O,); default 0.
    stride, padding
        Pairs (vertical, horizontal).
    groups
        Number of convolution groups; divides I and O.
    multiplier, shift
        Requantisation per output channel, int64 (O,), 1..65535 and 1..40; both or neither.
    clamp
        (lo, hi) inside the range of the output type.
    output_dtype
        ``"uint8"`` or ``"int8"``.

    Raises
    ------
    LayerError
        The key, what was found and what is expected.
    """

    weight: np.ndarray
    input: np.ndarray | None = None
    bias: np.ndarray | None = None
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    groups: int = 1
    multiplier: np.ndarray | None = None
    shift: np.ndarray | None = None
    clamp: tuple[int, int] | None = None
    output_dtype: str = "uint8"

    def __post_init__(self) -> None:
        """Check every field and bring it to its canonical type."""
        put = object.__setattr__
        weight = np.asarray(self.weight)
        _require(
            weight.dtype == np.int8 and weight.ndim in (2, 4) and weight.size > 0,
            "weight", _describe(weight), "int8 (O, I / groups, KH, KW) or (O, I), not empty",
        )
        put(self, "weight", weight)
        self._check_sizes()
        filters = weight.shape[0]
        put(self, "stride", tuple(int(v) for v in _integers("stride", self.stride, (2,), *STRIDE)))
        put(self, "padding", tuple(int(v) for v in _integers("padding", self.padding, (2,), *PADDING)))
        put(self, "groups", int(_integers("groups", self.groups, (), 1, filters)))
        _require(filters % self.groups == 0, "groups", self.groups, f"a divisor of the {filters} filters")
        if self.is_linear:
            plain = self.stride == (1, 1) and self.padding == (0, 0) and self.groups == 1
            _require(plain, "stride, padding, groups", (self.stride, self.padding, self.groups),
                     "(1, 1), (0, 0) and 1 for a linear layer")
        bias = np.zeros(filters, np.int32) if self.bias is None else np.asarray(self.bias)
        _require(bias.dtype == np.int32 and bias.shape == (filters,), "bias", _describe(bias), f"int32 ({filters},)")
        put(self, "bias", bias)
        self._check_requantisation(filters)
        if self.input is not None:
            put(self, "input", self._checked_input(np.asarray(self.input)))

    def _check_sizes(self) -> None:
        found, largest = _describe(self.weight), max(self.kernel)
        _require(self.filters <= MOST_FILTERS, "weight", found, f"at most {MOST_FILTERS:,} filters")
        _require(self.weight.shape[1] <= MOST_CHANNELS, "weight", found, f"at most {MOST_CHANNELS:,} channels")
        _require(largest <= KERNEL[1], "weight", found, f"a kernel of at most {KERNEL[1]} x {KERNEL[1]}")

    def _check_requantisation(self, filters: int) -> None:
        put = object.__setattr__
        _require(self.output_dtype in OUTPUT_RANGE, "output_dtype", repr(self.output_dtype), "'uint8' or 'int8'")
        both = (self.multiplier is None) == (self.shift is None)
        _require(both, "multiplier, shift", "one without the other", "both or neither")
        if self.multiplier is not None:
            put(self, "multiplier", _integers("multiplier", self.multiplier, (filters,), *MULTIPLIER_RANGE))
            put(self, "shift", _integers("shift", self.shift, (filters,), *SHIFT_RANGE))
        low, high = OUTPUT_RANGE[self.output_dtype]
        given = (low, high) if self.clamp is None else self.clamp
        least, most = (int(v) for v in _integers("clamp", given, (2,), low, high))
        _require(least <= most, "clamp", (least, most), "lo <= hi")
        put(self, "clamp", (least, most))

    def _checked_input(self, value: np.ndarray) -> np.ndarray:
        channels = self.channels
        shape = f"(N, {channels})" if self.is_linear else f"(N, {channels}, H, W)"
        ok = value.dtype in (np.uint8, np.int8) and value.ndim == self.weight.ndim and value.size > 0
        ok = ok and value.shape[1] == channels
        _require(ok, "input", _describe(value), f"uint8 or int8 {shape}, not empty")
        _require(channels <= MOST_CHANNELS, "input", _describe(value), f"at most {MOST_CHANNELS:,} channels")
        if not self.is_linear:
            for size, kernel, pad, name in zip(value.shape[2:], self.kernel, self.padding, "HW", strict=True):
                _require(size <= MOST_SIDE, "input", f"{name} = {size}", f"at most {MOST_SIDE:,}")
                _require(size + 2 * pad >= kernel, "input", f"{name} = {size} with padding {pad}",
                         f"at least the kernel's {kernel}")
        return value

    @property
    def is_linear(self) -> bool:
        """Whether the weight is a matrix."""
        return self.weight.ndim == 2

    @property
    def kernel(self) -> tuple[int, int]:
        """(KH, KW); (1, 1) for a linear layer."""
        return (1, 1) if self.is_linear else (self.weight.shape[2], self.weight.shape[3])

    @property
    def filters(self) -> int:
        """O, the number of output channels."""
        return self.weight.shape[0]

    @property
    def channels(self) -> int:
        """I, the number of input channels of all groups together."""
        return self.weight.shape[1] * self.groups

    def needed_input(self) -> np.ndarray:
        """The input, or a LayerError where there is none."""
        if self.input is None:
            raise LayerError("input: found nothing, expected uint8 or int8 (N, I, H, W) or (N, I)")
        return self.input

    @property
    def input4(self) -> np.ndarray:
        """The input as (N, I, H, W); a linear layer's has one pixel."""
        data = self.needed_input()
        return data[:, :, None, None] if self.is_linear else data

    @property
    def weight4(self) -> np.ndarray:
        """The weight as (O, I / groups, KH, KW)."""
        return self.weight[:, :, None, None] if self.is_linear else self.weight

    def as_convolution(self) -> Layer:
        """A linear layer as a 1x1 convolution over one image, whose columns are the images; a convolution unchanged."""
        if not self.is_linear:
            return self
        data = None if self.input is None else np.ascontiguousarray(self.input.T)[None, :, None, :]
        return replace(self, weight=self.weight4, input=data)

    def transposed(self) -> Layer:
        """A convolution with rows and columns exchanged; so are those of its result."""
        data = None if self.input is None else np.ascontiguousarray(self.input.transpose(0, 1, 3, 2))
        return replace(self, weight=np.ascontiguousarray(self.weight.transpose(0, 1, 3, 2)), input=data,
                       stride=self.stride[::-1], padding=self.padding[::-1])

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """(N, O, OH, OW); a linear layer's OH and OW are 1."""
        count, _, height, width = self.input4.shape
        (kh, kw), (sy, sx), (py, px) = self.kernel, self.stride, self.padding
        return count, self.filters, (height + 2 * py - kh) // sy + 1, (width + 2 * px - kw) // sx + 1

    @property
    def work_bytes(self) -> int:
        """Bytes that computing its result takes: what each weight of a filter sees, of one image, in float64."""
        count, filters, height, width = self.output_shape
        seen = self.channels * math.prod(self.kernel)
        return 8 * height * width * (seen + filters * (count + 1))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, need_input: bool = True) -> Layer:
        """Read a layer file (``.npz``, no pickles).

        Raises
        ------
        LayerError
            The file cannot be read, or a key is missing, unknown or wrong; the message starts with the file's name.
        """
        try:
            with Npz(path) as archive:
                _check_headers(archive.headers, ("weight", "input") if need_input else ("weight",))
                fields: dict[str, Any] = {key: archive.read(key) for key in archive.headers}
        except ReadError as error:
            raise LayerError(str(error)) from None
        except LayerError as error:
            raise LayerError(f"{shown(path)}: {error}") from None
        try:
            if "output_dtype" in fields:
                kind = fields["output_dtype"]
                _require(kind.dtype.kind in "US" and kind.shape == (), "output_dtype", _describe(kind), "a string")
                text = kind.item()
                fields["output_dtype"] = text.decode(errors="replace") if isinstance(text, bytes) else text
            layer = cls(**fields)
            if layer.input is not None:
                check_memory(layer.work_bytes, "the layer")
            return layer
        except (LayerError, ReadError) as error:
            raise LayerError(f"{shown(path)}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the layer file; a temporary name first, so that nothing is left half-written."""
        fields: dict[str, np.ndarray] = {
            "weight": self.weight, "bias": np.asarray(self.bias), "stride": np.array(self.stride),
            "padding": np.array(self.padding), "groups": np.array(self.groups), "clamp": np.array(self.clamp),
            "output_dtype": np.array(self.output_dtype),
        }
        if self.input is not None:
            fields["input"] = self.input
        if self.multiplier is not None and self.shift is not None:
            fields |= {"multiplier": self.multiplier, "shift": self.shift}
        write_npz(path, fields)
