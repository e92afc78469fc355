"""The networks of MLPerf Tiny, and ResNet-20, with random weights of a given density: for cycles, not for accuracy.

Every layer is requantised so that its codes spread over their range for a random image. Additions of residuals are
part of the convolution before them, as our own quantiser makes them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from zerokeep import integer
from zerokeep.network import Network
from zerokeep.step import Step
from zeroskip.layer import Layer
from zeroskip.reference import accumulate

SPREAD = 60.0
"""Standard deviation that codes are to have."""
RESIDUAL = 128


@dataclass
class Maker:
    """Builds a network step by step, and runs one random image through it to choose the requantisation."""

    shape: tuple[int, int, int]
    seed: int
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Draw the image."""
        self.rng = np.random.default_rng(self.seed)
        image = self.rng.integers(0, 256, (1, *self.shape)).astype(np.uint8)
        self.maps: dict[str, np.ndarray] = {"input": image}

    @property
    def last(self) -> str:
        """The newest map."""
        return self.steps[-1].name if self.steps else "input"

    def add(self, step: Step) -> str:
        """A step whose integers are known."""
        self.steps.append(step)
        self.maps[step.name] = integer._apply(step, [self.maps[name] for name in step.inputs])
        return step.name

    def conv(self, filters: int, kernel: tuple[int, int], density: float, *, stride: int = 1, groups: int = 1,
             padding: tuple[int, int] | None = None, padding_end: tuple[int, int] | None = None,
             source: str | None = None, residual: str | None = None, signed: bool = False) -> str:
        """A convolution or, of features, a linear layer."""
        source = source or self.last
        given = self.maps[source]
        linear = given.ndim == 2
        shape = (filters, given.shape[1]) if linear else (filters, given.shape[1] // groups, *kernel)
        weight = self.rng.integers(-127, 128, shape) * (self.rng.random(shape) < density)
        before = padding if padding is not None else (kernel[0] // 2, kernel[1] // 2)
        place = {} if linear else {"stride": (stride, stride), "padding": before, "groups": groups,
                                   "padding_end": padding_end or before}
        kind = "int8" if signed else "uint8"
        trial = Layer(weight=weight.astype(np.int8), input=given, output_dtype=kind, **place)
        sums = accumulate(trial)
        shift = int(np.ceil(np.log2(max(sums.std(), 1) * 40000 / SPREAD)))
        layer = Layer(weight=trial.weight, multiplier=np.full(filters, 40000), shift=np.full(filters, max(1, shift)),
                      output_dtype=kind, **place)
        name = f"{'linear' if linear else 'conv'}{len(self.steps)}"
        inputs = (source,) if residual is None else (source, residual)
        parameters = {} if residual is None else {"residual_factors": [RESIDUAL] * filters}
        return self.add(Step(name=name, op="linear" if linear else "conv", inputs=inputs, scale=1.0, layer=layer,
                             parameters=parameters))

    def average(self) -> str:
        """The average of each channel, then features."""
        given = self.maps[self.last]
        size = given.shape[2] * given.shape[3]
        shift = 15 + int(np.log2(size))
        self.add(Step(name=f"avgpool{len(self.steps)}", op="avgpool", inputs=(self.last,), scale=1.0, parameters={
            "kernel": given.shape[2:], "stride": (1, 1), "padding": (0, 0), "multipliers": [round((1 << shift) / size)],
            "shift": shift, "clamp": (0, 255), "output_dtype": "uint8"}))
        return self.add(Step(name=f"flatten{len(self.steps)}", op="flatten", inputs=(self.last,), scale=1.0))

    def done(self, name: str) -> Network:
        """The network; its last layer gives sums."""
        last = self.steps[-1]
        weights = last.weights
        bare = Layer(weight=weights.weight, bias=weights.bias)
        self.steps[-1] = Step(name=last.name, op=last.op, inputs=last.inputs, scale=1.0, layer=bare)
        return Network(name=name, input_shape=self.shape, input_scale=1.0, steps=tuple(self.steps))


def _resnet(name: str, blocks: int, density: float, seed: int) -> Network:
    make = Maker((3, 32, 32), seed)
    here = make.conv(16, (3, 3), density)
    for channels, stride in ((16, 1), (32, 2), (64, 2)):
        for block in range(blocks):
            by = stride if block == 0 else 1
            short = here if channels == 16 or block else make.conv(channels, (1, 1), density, stride=by, source=here)
            first = make.conv(channels, (3, 3), density, stride=by, source=here)
            here = make.conv(channels, (3, 3), density, source=first, residual=short)
    make.average()
    make.conv(10, (1, 1), density)
    return make.done(name)


def resnet8(density: float = 0.1, seed: int = 0) -> Network:
    """ResNet-8 of MLPerf Tiny, 3 x 32 x 32, 12.5 million products."""
    return _resnet("resnet8", 1, density, seed)


def resnet20(density: float = 0.1, seed: int = 0) -> Network:
    """ResNet-20, 3 x 32 x 32, 40.8 million products."""
    return _resnet("resnet20", 3, density, seed)


def mobilenet(density: float = 0.2, seed: int = 0) -> Network:
    """MobileNetV1 0.25 of MLPerf Tiny, 3 x 96 x 96; depthwise layers and the first one have no zeros."""
    make = Maker((3, 96, 96), seed)
    make.conv(8, (3, 3), 1.0, stride=2)
    for stride, filters in ((1, 16), (2, 32), (1, 32), (2, 64), (1, 64), (2, 128), *((1, 128),) * 5, (2, 256),
                            (1, 256)):
        channels = make.maps[make.last].shape[1]
        make.conv(channels, (3, 3), 1.0, stride=stride, groups=channels)
        make.conv(filters, (1, 1), density)
    make.average()
    make.conv(2, (1, 1), density)
    return make.done("mobilenet")


def ds_cnn(density: float = 0.2, seed: int = 0) -> Network:
    """DS-CNN of MLPerf Tiny, 1 x 49 x 10; depthwise layers and the first one have no zeros."""
    make = Maker((1, 49, 10), seed)
    make.conv(64, (10, 4), 1.0, stride=2, padding=(4, 1), padding_end=(5, 1))
    for _ in range(4):
        make.conv(64, (3, 3), 1.0, groups=64)
        make.conv(64, (1, 1), density)
    make.average()
    make.conv(12, (1, 1), density)
    return make.done("ds-cnn")


def autoencoder(density: float = 0.1, seed: int = 0) -> Network:
    """The autoencoder of MLPerf Tiny: 640 features, nine hidden layers, 640 features."""
    make = Maker((640, 1, 1), seed)
    make.add(Step(name="flatten0", op="flatten", inputs=("input",), scale=1.0))
    for filters in (128, 128, 128, 128, 8, 128, 128, 128, 128, 640):
        make.conv(filters, (1, 1), density)
    return make.done("autoencoder")


NETWORKS: dict[str, Callable[..., Network]] = {
    "resnet8": resnet8, "resnet20": resnet20, "mobilenet": mobilenet, "ds-cnn": ds_cnn, "autoencoder": autoencoder,
}
"""By name; each takes the density of its weights and a seed."""
