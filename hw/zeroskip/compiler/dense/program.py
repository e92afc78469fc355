"""From a plan to the dense array's streams and back from its answer."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from zeroskip.compiler.dense.layout import map_beats
from zeroskip.compiler.dense.plan import DensePlan, make_plan
from zeroskip.compiler.packed import Packed
from zeroskip.layer import Layer
from zeroskip.spec.axi import BEAT_BYTES
from zeroskip.spec.dense import DenseConfig
from zeroskip.spec.dense_program import LAYER, PARAMETER, TAP, Section, SectionData, encode, rows_of


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseProgram(Packed):
    """A program and the plan that it is made from."""

    plan: DensePlan


def pack_dense(layer: Layer, config: DenseConfig, *, gate: bool) -> DenseProgram:
    """Pack `layer` as one program; `gate`: products with a zero operand are gated, where the array can.

    Raises
    ------
    PackError
        See :func:`~zeroskip.compiler.dense.plan.make_plan`.
    """
    plan = make_plan(layer, config, gate=gate)
    return DenseProgram(plan=plan, program=encode(sections_of(plan)), map=map_beats(plan.layer, plan.layout),
                        result_beats=plan.result_beats, decode=lambda answer: decode_result(plan, answer))


def sections_of(plan: DensePlan) -> list[SectionData]:
    """The program's sections."""
    layer, registers = plan.layer, plan.registers()
    values = np.zeros((len(LAYER.widths), BEAT_BYTES), np.uint8)
    values[:, :4] = np.array([registers[name] for name in LAYER.widths], "<i4").view(np.uint8).reshape(-1, 4)
    scales = [{"bias": int(bias)} for bias in np.asarray(layer.bias)]
    if layer.multiplier is not None and layer.shift is not None:
        scales = [row | {"multiplier": int(multiplier), "shift": int(shift)}
                  for row, multiplier, shift in zip(scales, layer.multiplier, layer.shift, strict=True)]
    return [
        SectionData(Section.CONFIG, 0, values),
        SectionData(Section.TAPS, 0, rows_of(TAP, [asdict(tap) for tap in plan.taps])),
        SectionData(Section.PARAMETERS, 0, rows_of(PARAMETER, scales)),
        SectionData(Section.WEIGHTS, 0, weight_rows(layer, plan.config.filters)),
    ]


def weight_rows(layer: Layer, filters: int) -> np.ndarray:
    """The weights as beats: pass of `filters`, tap, channel, filter; uint8 (beats, 16)."""
    kh, kw = layer.kernel
    inside, outside = layer.channels // layer.groups, layer.filters // layer.groups
    full = np.zeros((-(-layer.filters // filters) * filters, layer.channels, kh, kw), np.int8)
    for group in range(layer.groups):
        rows = slice(group * outside, (group + 1) * outside)
        full[rows, group * inside : (group + 1) * inside] = layer.weight4[rows]
    steps = full.reshape(-1, filters, layer.channels, kh * kw).transpose(0, 3, 2, 1)
    flat = steps.reshape(-1).view(np.uint8)
    return np.pad(flat, (0, -len(flat) % BEAT_BYTES)).reshape(-1, BEAT_BYTES)


def decode_result(plan: DensePlan, beats: np.ndarray) -> np.ndarray:
    """The answer's beats, uint8 (result_beats, 16), as ``reference.run`` gives them."""
    layer = plan.layer
    images, filters, height, width = layer.output_shape
    rows, pixels = plan.config.filters, plan.config.pixels
    values = np.ascontiguousarray(beats).reshape(-1).view(layer.output_dtype if plan.requantise else "<i4")
    values = values.reshape(images, plan.blocks, plan.passes, -1)[..., : rows * pixels]
    values = values.reshape(images, plan.blocks, plan.passes, rows, pixels).transpose(0, 2, 3, 1, 4)
    values = values.reshape(images, plan.passes * rows, plan.blocks * pixels)[:, :filters, : height * width]
    out = values.reshape(images, filters, height, width)
    return np.ascontiguousarray(out[0, :, 0].T if plan.linear else out)
