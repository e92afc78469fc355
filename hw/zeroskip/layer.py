"""One quantised layer: the arrays of a layer file, checked."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zeroskip.files.memory import check as check_memory
from zeroskip.files.names import shown
from zeroskip.files.npz import Npz
from zeroskip.files.reading import ReadError
from zeroskip.files.writing import write_npz
from zeroskip.layer_checks import LayerError, check_headers, describe, integers, pair, require, text
from zeroskip.ranges import DILATION, KERNEL, MOST_CHANNELS, MOST_FILTERS, MOST_SIDE, PADDING, STRIDE

KEYS = ("weight", "input", "bias", "stride", "padding", "groups", "multiplier", "shift", "clamp", "output_dtype",
        "rounding", "dilation", "padding_end")
TEXTS = ("output_dtype", "rounding")
"""Keys whose values are text."""
ROUNDINGS = ("up", "even")
"""Where a half goes: to the larger integer, or to the even one."""
OUTPUT_RANGE = {"uint8": (0, 255), "int8": (-128, 127)}
MULTIPLIER_RANGE = (1, 65535)
SHIFT_RANGE = (1, 40)


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
        Pairs (vertical, horizontal); `padding` is that above and on the left.
    groups
        Number of convolution groups; divides I and O.
    multiplier, shift
        Requantisation per output channel, int64 (O,), 1..65535 and 1..40; both or neither.
    clamp
        (lo, hi) inside the range of the output type.
    output_dtype
        ``"uint8"`` or ``"int8"``.
    rounding
        Of the requantisation: ``"up"``, half up, or ``"even"``, half to even.
    dilation
        From one tap of the kernel to the next, (vertical, horizontal).
    padding_end
        (below, on the right); default as `padding`, and not moved by a ``replace`` of that.

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
    rounding: str = "up"
    dilation: tuple[int, int] = (1, 1)
    padding_end: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        """Check every field and bring it to its canonical type."""
        put = object.__setattr__
        weight = np.asarray(self.weight)
        require(
            weight.dtype == np.int8 and weight.ndim in (2, 4) and weight.size > 0,
            "weight", describe(weight), "int8 (O, I / groups, KH, KW) or (O, I), not empty",
        )
        put(self, "weight", weight)
        self._check_sizes()
        filters = weight.shape[0]
        put(self, "groups", int(integers("groups", self.groups, (), 1, filters)))
        require(filters % self.groups == 0, "groups", self.groups, f"a divisor of the {filters} filters")
        self._check_window()
        bias = np.zeros(filters, np.int32) if self.bias is None else np.asarray(self.bias)
        require(bias.dtype == np.int32 and bias.shape == (filters,), "bias", describe(bias), f"int32 ({filters},)")
        put(self, "bias", bias)
        self._check_requantisation(filters)
        if self.input is not None:
            put(self, "input", self._checked_input(np.asarray(self.input)))

    def _check_sizes(self) -> None:
        found, largest = describe(self.weight), max(self.kernel)
        require(self.filters <= MOST_FILTERS, "weight", found, f"at most {MOST_FILTERS:,} filters")
        require(self.weight.shape[1] <= MOST_CHANNELS, "weight", found, f"at most {MOST_CHANNELS:,} channels")
        require(largest <= KERNEL[1], "weight", found, f"a kernel of at most {KERNEL[1]} x {KERNEL[1]}")

    def _check_window(self) -> None:
        put = object.__setattr__
        put(self, "stride", pair("stride", self.stride, STRIDE))
        put(self, "padding", pair("padding", self.padding, PADDING))
        put(self, "dilation", pair("dilation", self.dilation, DILATION))
        end = self.padding if self.padding_end is None else self.padding_end
        put(self, "padding_end", pair("padding_end", end, PADDING))
        require(max(self.extent) <= KERNEL[1], "dilation", f"{self.dilation} of a kernel of {self.kernel}",
                 f"a dilated kernel of at most {KERNEL[1]} x {KERNEL[1]}")
        if self.is_linear:
            plain = self.stride == (1, 1) and self.padding == (0, 0) and self.groups == 1
            require(plain, "stride, padding, groups", (self.stride, self.padding, self.groups),
                     "(1, 1), (0, 0) and 1 for a linear layer")
            require(self.dilation == (1, 1) and self.padding_end == (0, 0), "dilation, padding_end",
                     (self.dilation, self.padding_end), "(1, 1) and (0, 0) for a linear layer")

    def _check_requantisation(self, filters: int) -> None:
        put = object.__setattr__
        require(self.rounding in ROUNDINGS, "rounding", repr(self.rounding), "'up' or 'even'")
        require(self.output_dtype in OUTPUT_RANGE, "output_dtype", repr(self.output_dtype), "'uint8' or 'int8'")
        both = (self.multiplier is None) == (self.shift is None)
        require(both, "multiplier, shift", "one without the other", "both or neither")
        if self.multiplier is not None:
            put(self, "multiplier", integers("multiplier", self.multiplier, (filters,), *MULTIPLIER_RANGE))
            put(self, "shift", integers("shift", self.shift, (filters,), *SHIFT_RANGE))
        low, high = OUTPUT_RANGE[self.output_dtype]
        given = (low, high) if self.clamp is None else self.clamp
        least, most = (int(v) for v in integers("clamp", given, (2,), low, high))
        require(least <= most, "clamp", (least, most), "lo <= hi")
        put(self, "clamp", (least, most))

    def _checked_input(self, value: np.ndarray) -> np.ndarray:
        channels = self.channels
        shape = f"(N, {channels})" if self.is_linear else f"(N, {channels}, H, W)"
        ok = value.dtype in (np.uint8, np.int8) and value.ndim == self.weight.ndim and value.size > 0
        ok = ok and value.shape[1] == channels
        require(ok, "input", describe(value), f"uint8 or int8 {shape}, not empty")
        require(channels <= MOST_CHANNELS, "input", describe(value), f"at most {MOST_CHANNELS:,} channels")
        if not self.is_linear:
            for size, extent, dilation, pads, name in zip(value.shape[2:], self.extent, self.dilation, self.pads, "HW",
                                                          strict=True):
                require(size <= MOST_SIDE, "input", f"{name} = {size}", f"at most {MOST_SIDE:,}")
                around = " and ".join(map(str, dict.fromkeys(pads)))
                require(size + sum(pads) >= extent, "input", f"{name} = {size} with padding {around}",
                         f"at least the {'dilated ' if dilation > 1 else ''}kernel's {extent}")
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
    def extent(self) -> tuple[int, int]:
        """Rows and columns from the kernel's first tap to its last, both counted: the dilated kernel's sides."""
        (kh, kw), (dy, dx) = self.kernel, self.dilation
        return (kh - 1) * dy + 1, (kw - 1) * dx + 1

    @property
    def pads(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((above, below), (left, right))."""
        assert self.padding_end is not None
        return (self.padding[0], self.padding_end[0]), (self.padding[1], self.padding_end[1])

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
        assert self.padding_end is not None
        return replace(self, weight=np.ascontiguousarray(self.weight.transpose(0, 1, 3, 2)), input=data,
                       stride=self.stride[::-1], padding=self.padding[::-1], dilation=self.dilation[::-1],
                       padding_end=self.padding_end[::-1])

    def output_sides(self, height: int, width: int) -> tuple[int, int]:
        """(OH, OW) of a map of that size; one of them is below 1 where the padded map is smaller than the kernel."""
        (eh, ew), (sy, sx), (down, across) = self.extent, self.stride, self.pads
        return (height + sum(down) - eh) // sy + 1, (width + sum(across) - ew) // sx + 1

    def unusual(self) -> dict[str, str | tuple[int, int]]:
        """Of `rounding`, `dilation` and `padding_end` what is not the default: files have no more than that."""
        defaults = {"rounding": "up", "dilation": (1, 1), "padding_end": self.padding}
        return {key: getattr(self, key) for key, value in defaults.items() if getattr(self, key) != value}

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """(N, O, OH, OW); a linear layer's OH and OW are 1."""
        count, _, height, width = self.input4.shape
        return count, self.filters, *self.output_sides(height, width)

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
                check_headers(archive.headers, ("weight", "input") if need_input else ("weight",), KEYS)
                fields: dict[str, Any] = {key: archive.read(key) for key in archive.headers}
        except ReadError as error:
            raise LayerError(str(error)) from None
        except LayerError as error:
            raise LayerError(f"{shown(path)}: {error}") from None
        try:
            fields |= {key: text(key, fields[key]) for key in TEXTS if key in fields}
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
        fields |= {key: np.array(value) for key, value in self.unusual().items()}
        write_npz(path, fields)
