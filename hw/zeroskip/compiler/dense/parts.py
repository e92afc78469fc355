"""Layers that the dense array's memories do not hold: parts of the filters one after the other, tiles of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeroskip.compiler.dense.layout import lay_out
from zeroskip.compiler.dense.program import pack_dense
from zeroskip.compiler.dense.row_tiles import row_tiles, untile
from zeroskip.compiler.packed import PackedLayer, PackError, check_accumulators, whole
from zeroskip.layer import Layer
from zeroskip.spec.dense import DenseConfig


def pack_dense_parts(layer: Layer, config: DenseConfig, *, gate: bool) -> PackedLayer:
    """Pack `layer` for the dense array, in as many programs as its weight memory asks for.

    Raises
    ------
    PackError
        Not even the weights of one pass, or one row of the result, fit; the message is that for the whole layer.
    """
    engine = "gate" if gate else "dense"
    try:
        return whole(pack_dense(layer, config, gate=gate), engine)
    except PackError as error:
        refusal = error
    check_accumulators(layer, config.acc_width)
    conv = _without_groups(layer.as_convolution())
    rows, filters = _rows_that_fit(conv, config), _filters_that_fit(conv, config)
    if not rows or not filters:
        raise refusal
    tiled = row_tiles(conv, rows)
    programs = [pack_dense(_filters(tiled, first, first + filters), config, gate=gate)
                for first in range(0, conv.filters, filters)]

    def decode(answers: list[np.ndarray]) -> np.ndarray:
        parts = [program.decode(beats) for program, beats in zip(programs, answers, strict=True)]
        out = untile(np.concatenate(parts, axis=1), conv.output_shape)
        return np.ascontiguousarray(out[0, :, 0].T) if layer.is_linear else out

    return PackedLayer(engine=engine, programs=[*programs], decode=decode)


def _without_groups(layer: Layer) -> Layer:
    """A grouped convolution with the zeros that make it an ordinary one."""
    per_out, per_in = layer.filters // layer.groups, layer.channels // layer.groups
    full = np.zeros((layer.filters, layer.channels, *layer.kernel), np.int8)
    for group in range(layer.groups):
        rows = slice(group * per_out, (group + 1) * per_out)
        full[rows, group * per_in : (group + 1) * per_in] = layer.weight4[rows]
    return replace(layer, weight=full, groups=1)


def _filters(layer: Layer, first: int, end: int) -> Layer:
    """The layer with some of its filters."""
    part = slice(first, end)
    return replace(layer, weight=layer.weight[part], bias=np.asarray(layer.bias)[part],
                   multiplier=None if layer.multiplier is None else layer.multiplier[part],
                   shift=None if layer.shift is None else layer.shift[part])


def _rows_that_fit(layer: Layer, config: DenseConfig) -> int:
    """Rows of the result in a tile, a divisor of all of them: what runs is the layer and no row more. 0: none fit."""
    height = layer.output_shape[2]
    for rows in range(height, 0, -1):
        if height % rows == 0:
            try:
                lay_out(row_tiles(layer, rows), config)
            except PackError:
                continue
            return rows
    return 0


def _filters_that_fit(layer: Layer, config: DenseConfig) -> int:
    """Filters of a part, whole passes; 0 where the weights of one do not fit."""
    weights = layer.channels * layer.kernel[0] * layer.kernel[1]
    most = min(config.weights // weights, config.parameters)
    return most // config.filters * config.filters
