"""From a layer to the dense engine's streams and back from its answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeroskip.config import ArrayConfig
from zeroskip.dense_model import predict_dense
from zeroskip.dense_shape import params_depth, pass_beats
from zeroskip.layer import Layer
from zeroskip.map_packing import MapLayout, layout, map_beats
from zeroskip.program_image import Program, check_layer, config_sections, need
from zeroskip.requant_rows import requant_rows
from zeroskip.wire import BEAT_BYTES, WORD_CHANNELS, Config, Mode, Section, SectionData, encode


def pack_dense(layer: Layer, config: ArrayConfig, *, gate: bool) -> Program:
    """Pack `layer` for the dense engine; a grouped one with zeros for the channels of other groups.

    Parameters
    ----------
    layer
        With its input.
    config
        Parameters of the array.
    gate
        Gate products with a zero operand (where the engine can).

    Raises
    ------
    PackError
        The layer does not fit the configuration's memories, or could overflow its accumulators.

    """
    check_layer(layer, config.acc_width)
    conv = layer.as_convolution()
    lay = layout(conv, config.map_positions, banks=config.dense_pixels, aligned=True)
    words = window_words(conv, lay)
    need("filters", conv.filters, params_depth(config))
    need("window table", len(words), config.windows)
    passes = -(-conv.filters // config.dense_filters)
    weights = weight_rows(conv, config.dense_filters)
    need("weight memory (weights, filters filled up to whole passes)",
         passes * config.dense_filters * sum(word.channels for word in words), config.dense_weights)
    _, _, height, width = conv.output_shape
    blocks = -(-height * width // config.dense_pixels)
    count = conv.output_shape[0] * blocks * passes * pass_beats(config, requantise=conv.multiplier is not None)
    need("count of result beats", count, (1 << 24) - 1)
    sections = [
        *config_sections(_registers(conv, lay, len(words), count, gate=gate)),
        SectionData(Section.WINDOWS, 0, 0, np.stack([word.beat() for word in words])),
        SectionData(Section.REQUANT, 1, 0, requant_rows(conv, np.arange(conv.filters))),
        SectionData(Section.WEIGHTS, 0, 0, weights),
    ]
    return Program(
        weights=encode(sections),
        map=map_beats(conv, lay),
        result_beats=count,
        decode=lambda answer: decode_dense(conv, config, answer, linear=layer.is_linear),
        predicted={"total": predict_dense(conv, config, lay, [(word.dy, word.channels) for word in words])},
    )


@dataclass(frozen=True, kw_only=True)
class DenseWord:
    """A row of the window table: up to 16 channels of one tap."""

    offset: int
    dy: int
    dx: int
    channels: int

    def beat(self) -> np.ndarray:
        """The row as it travels, uint8 (16,)."""
        row = np.zeros(BEAT_BYTES, np.uint8)
        row[0:4] = np.array([self.offset], "<i4").view(np.uint8)
        row[4:8] = np.array([self.dy, self.dx], "<i2").view(np.uint8)
        row[8:12] = np.array([self.channels], "<u4").view(np.uint8)
        return row


def window_words(layer: Layer, lay: MapLayout) -> list[DenseWord]:
    """The window table: tap by tap, and for each the channel words."""
    (kh, kw), (py, px) = layer.kernel, layer.padding
    words = []
    for tap in range(kh * kw):
        for word in range(lay.channel_words):
            offset, dy, dx = lay.offset(tap // kw - py, tap % kw - px, word)
            channels = min(WORD_CHANNELS, layer.channels - WORD_CHANNELS * word)
            words.append(DenseWord(offset=offset, dy=dy, dx=dx, channels=channels))
    return words


def weight_rows(layer: Layer, filters: int) -> np.ndarray:
    """The weights as beats: pass of `filters`, tap, channel, filter; uint8 (beats, 16)."""
    kh, kw = layer.kernel
    group_in, group_out = layer.channels // layer.groups, layer.filters // layer.groups
    full = np.zeros((-(-layer.filters // filters) * filters, layer.channels, kh, kw), np.int8)
    for group in range(layer.groups):
        own = slice(group * group_out, (group + 1) * group_out)
        full[own, group * group_in : (group + 1) * group_in] = layer.weight4[own]
    steps = full.reshape(-1, filters, layer.channels, kh * kw).transpose(0, 3, 2, 1)
    flat = steps.reshape(-1).view(np.uint8)
    return np.pad(flat, (0, -len(flat) % BEAT_BYTES)).reshape(-1, BEAT_BYTES)


def _registers(layer: Layer, lay: MapLayout, windows: int, result_beats: int, *, gate: bool) -> dict[int, int]:
    mode = Mode.SKIP_ACTIVATIONS if gate else Mode(0)
    mode |= Mode.SIGNED_MAP if layer.needed_input().dtype == np.int8 else Mode(0)
    mode |= Mode.REQUANTISE if layer.multiplier is not None else Mode(0)
    assert layer.clamp is not None
    return lay.config() | {
        Config.MODE: int(mode), Config.OUT_ROWS: layer.output_shape[2], Config.OUT_COLS: layer.output_shape[3],
        Config.WINDOWS: windows, Config.FILTERS: layer.filters,
        Config.CLAMP_LOW: layer.clamp[0], Config.CLAMP_HIGH: layer.clamp[1], Config.RESULT_BEATS: result_beats,
    }


def decode_dense(layer: Layer, config: ArrayConfig, beats: np.ndarray, *, linear: bool) -> np.ndarray:
    """The answer's beats, uint8 (result_beats, 16), as ``reference.run`` gives them.

    Parameters
    ----------
    layer
        As a convolution.
    config
        Parameters of the array.
    beats
        The answer.
    linear
        The layer was a linear one, whose images became columns.

    """
    images, filters, height, width = layer.output_shape
    rows, pixels = config.dense_filters, config.dense_pixels
    raw = layer.multiplier is None
    passes, blocks = -(-filters // rows), -(-height * width // pixels)
    values = np.ascontiguousarray(beats).reshape(-1).view("<i4" if raw else layer.output_dtype)
    values = values.reshape(images, blocks, passes, -1)[..., : rows * pixels]
    values = values.reshape(images, blocks, passes, rows, pixels).transpose(0, 2, 3, 1, 4)
    values = values.reshape(images, passes * rows, blocks * pixels)[:, :filters, : height * width]
    out = values.reshape(images, filters, height, width)
    return np.ascontiguousarray(out[0, :, 0].T if linear else out)


