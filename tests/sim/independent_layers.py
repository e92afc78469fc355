"""Random layer files and their results, computed by PyTorch alone: nothing of the package under test is used.

``python tests/sim/independent_layers.py FOLDER [--seed S]`` writes
``NN_name.npz`` (the layer) and ``NN_name.expected.npy``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch


@dataclass(frozen=True, kw_only=True)
class Case:
    """One layer to make: `shape` is (N, I, H, W); `special` names what is unusual about it.

    `padding_end` is the padding below and to the right, where it differs from `padding`.
    """

    name: str
    filters: int
    shape: tuple[int, int, int, int]
    kernel: tuple[int, int] = (3, 3)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (1, 1)
    padding_end: tuple[int, int] | None = None
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    signed: bool = False
    raw: bool = False
    linear: bool = False
    special: str = ""


CASES = (
    Case(name="plain", filters=8, shape=(1, 16, 8, 8)),
    Case(name="odd_counts", filters=7, shape=(1, 5, 9, 7)),
    Case(name="many_channels", filters=13, shape=(1, 37, 6, 5), kernel=(1, 1), padding=(0, 0)),
    Case(name="kernel5", filters=6, shape=(1, 3, 9, 10), kernel=(5, 5), padding=(2, 2)),
    Case(name="kernel1x3", filters=5, shape=(1, 4, 5, 8), kernel=(1, 3), padding=(0, 1)),
    Case(name="kernel5x1_stride1x2", filters=9, shape=(1, 6, 8, 9), kernel=(5, 1), stride=(1, 2), padding=(2, 0)),
    Case(name="stride2", filters=11, shape=(1, 9, 11, 13), stride=(2, 2)),
    Case(name="stride2_no_padding", filters=4, shape=(1, 18, 9, 9), stride=(2, 2), padding=(0, 0)),
    Case(name="padding2", filters=6, shape=(1, 2, 5, 6), padding=(2, 2)),
    Case(name="int8_map", filters=10, shape=(1, 12, 7, 7), signed=True),
    Case(name="int8_map_5x5_stride2", filters=5, shape=(1, 7, 10, 8), kernel=(5, 5), stride=(2, 2), padding=(2, 1),
         signed=True, raw=True),
    Case(name="zero_filter", filters=6, shape=(1, 8, 6, 6), special="zero filter"),
    Case(name="zero_layer", filters=6, shape=(1, 8, 6, 6), special="zero weights"),
    Case(name="zero_image", filters=6, shape=(2, 8, 5, 6), special="zero image"),
    Case(name="minus_128", filters=6, shape=(1, 8, 5, 5), signed=True, special="minus 128"),
    Case(name="linear", filters=10, shape=(1, 70, 1, 1), kernel=(1, 1), padding=(0, 0), linear=True, raw=True),
    Case(name="linear_batch", filters=19, shape=(5, 33, 1, 1), kernel=(1, 1), padding=(0, 0), linear=True),
    Case(name="grouped", filters=12, shape=(1, 8, 7, 6), groups=4),
    Case(name="depthwise", filters=20, shape=(1, 20, 8, 6), groups=20, stride=(2, 1)),
    Case(name="kernel7", filters=3, shape=(1, 3, 9, 8), kernel=(7, 7), padding=(3, 3)),
    Case(name="kernel11", filters=2, shape=(1, 2, 12, 11), kernel=(11, 11), padding=(1, 2)),
    Case(name="stride3x4", filters=5, shape=(2, 4, 10, 13), stride=(3, 4)),
    Case(name="padding_uneven", filters=4, shape=(1, 5, 6, 5), padding=(0, 3), padding_end=(4, 1)),
    Case(name="dilated", filters=4, shape=(1, 5, 9, 10), padding=(2, 0), dilation=(2, 3)),
    Case(name="dilated_stride_signed", filters=4, shape=(1, 5, 11, 10), stride=(2, 3), padding=(1, 2), dilation=(3, 2),
         signed=True),
    Case(name="images", filters=9, shape=(3, 10, 6, 7), raw=True),
)


def make(case: Case, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The arrays of the layer file, and the result by PyTorch's convolution in float64 (exact here)."""
    rng = np.random.default_rng([seed, CASES.index(case)])
    density = rng.uniform(0.1, 0.9, 2)
    weight = rng.integers(-128, 128, (case.filters, case.shape[1] // case.groups, *case.kernel)).astype(np.int8)
    weight[rng.random(weight.shape) > density[0]] = 0
    data = rng.integers(-128 if case.signed else 0, 128 if case.signed else 256, case.shape)
    data[rng.random(data.shape) > density[1]] = 0
    if case.special == "zero filter":
        weight[rng.integers(case.filters)] = 0
    elif case.special == "zero weights":
        weight[:] = 0
    elif case.special == "zero image":
        data[0] = 0
    elif case.special == "minus 128":
        weight[weight != 0] = -128
        data[data != 0] = -128
    data = data.astype(np.int8 if case.signed else np.uint8)
    bias = rng.integers(-5000, 5000, case.filters).astype(np.int32)
    (top, left), (bottom, right) = case.padding, case.padding_end or case.padding
    padded = torch.nn.functional.pad(torch.from_numpy(data.astype(np.float64)), (left, right, top, bottom))
    sums = torch.nn.functional.conv2d(
        padded, torch.from_numpy(weight.astype(np.float64)), torch.from_numpy(bias.astype(np.float64)),
        stride=case.stride, dilation=case.dilation, groups=case.groups)
    sums = sums.to(torch.int64)
    fields = {"weight": weight, "input": data, "bias": bias, "stride": np.array(case.stride),
              "padding": np.array(case.padding), "groups": np.array(case.groups)}
    if case.padding_end is not None:
        fields["padding_end"] = np.array(case.padding_end)
    if case.dilation != (1, 1):
        fields["dilation"] = np.array(case.dilation)
    if case.linear:
        fields = {"weight": weight[:, :, 0, 0], "input": data[:, :, 0, 0], "bias": bias}
    result = sums.to(torch.int32)
    if not case.raw:
        result = _requantise(sums, case, rng, fields)
    return fields, (result[:, :, 0, 0] if case.linear else result).numpy()


def _requantise(sums: torch.Tensor, case: Case, rng: np.random.Generator,
                fields: dict[str, np.ndarray]) -> torch.Tensor:
    """Choose factors that use the range of the output type and saturate now and then; apply them."""
    multiplier = rng.integers(1, 65536, case.filters)
    largest = sums.abs().amax(dim=(0, 2, 3)).clamp(min=1).numpy()
    places = np.log2(largest * multiplier / rng.uniform(100, 400, case.filters))
    shift = np.clip(np.ceil(places), 1, 40).astype(np.int64)
    kind = "int8" if rng.random() < 0.5 else "uint8"
    low, high = (-128, 127) if kind == "int8" else (0, 255)
    fields |= {"multiplier": multiplier, "shift": shift, "output_dtype": np.array(kind)}
    m, s = (torch.from_numpy(v)[None, :, None, None] for v in (multiplier, shift))
    scaled = torch.bitwise_right_shift(sums * m + torch.bitwise_left_shift(torch.ones_like(s), s - 1), s)
    return scaled.clamp(low, high).to(torch.int8 if kind == "int8" else torch.uint8)


def write(folder: Path, seed: int) -> list[Path]:
    """Write every case; the layer files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, case in enumerate(CASES):
        fields, expected = make(case, seed)
        paths.append(folder / f"{number:02}_{case.name}.npz")
        np.savez(paths[-1], **fields)
        np.save(paths[-1].with_suffix(".expected.npy"), expected)
    return paths


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for path in write(arguments.folder, arguments.seed):
        print(path)
