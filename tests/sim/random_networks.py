"""Random networks of every step that the vector engine runs, small enough to be simulated by the hundred."""

import numpy as np

from zerokeep.errors import UserError
from zerokeep.network import INPUT, Network
from zerokeep.step import Step
from zeroskip.layer import Layer, LayerError

OPS = ("conv", "conv", "conv", "depthwise", "maxpool", "maxpool", "avgpool", "add", "concat", "table", "upsample",
       "flatten")
LARGEST = 2500
"""Codes of a map."""


class Draw:
    """Draws one network."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.steps: list[Step] = []
        self.shape = (self.upto(4), self.upto(12), self.upto(12))
        self.kind = "int8" if self.chance(0.3) else "uint8"
        self.shapes: dict[str, tuple[int, ...]] = {INPUT: self.shape}

    def upto(self, most: int) -> int:
        return int(self.rng.integers(1, most + 1))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def pair(self, low: int, high: int) -> tuple[int, int]:
        return tuple(int(v) for v in self.rng.integers(low, high + 1, 2))

    def output(self) -> dict:
        """The type of a result, clamping and rounding."""
        signed = self.chance(0.3)
        low, high = (-128, 127) if signed else (0, 255)
        if self.chance(0.3):
            low, high = low + 5, high - 20
        return {"output_dtype": "int8" if signed else "uint8", "clamp": (low, high),
                "rounding": "even" if self.chance(0.3) else "up"}

    def network(self, most: int = 6) -> Network | None:
        """A network, or nothing where no step that was drawn fits."""
        for number in range(self.upto(most)):
            names = list(self.shapes)
            source = self.one(names[-3:])
            op = self.one(OPS) if len(self.shapes[source]) == 3 else self.one(("linear", "linear", "table"))
            try:
                step = getattr(self, f"_{op}")(f"s{number}_{op}", source)
                network = None if step is None else self._with(step)
            except (UserError, LayerError):
                continue
            if network is not None and int(np.prod(network.shapes()[step.name])) <= LARGEST:
                self.steps.append(step)
                self.shapes[step.name] = network.shapes()[step.name]
        return self._with() if self.steps else None

    def _with(self, *more: Step) -> Network:
        return Network(name="drawn", input_shape=self.shape, input_scale=1.0, input_dtype=self.kind,
                       steps=(*self.steps, *more))

    def _layer(self, shape: tuple[int, ...], **more) -> Layer:
        weight = self.rng.integers(-128, 128, shape) * (self.rng.random(shape) < self.one((0.0, 0.2, 0.5, 1.0)))
        bias = self.rng.integers(-2000, 2000, shape[0]).astype(np.int32) if self.chance(0.5) else None
        return Layer(weight=weight.astype(np.int8), bias=bias, multiplier=self.rng.integers(1, 65536, shape[0]),
                     shift=self.rng.integers(20, 25, shape[0]), **self.output(), **more)

    def _weighted(self, name: str, op: str, source: str, layer: Layer) -> Step:
        """The step, half of the time with a residual where a map has the shape."""
        plain = Step(name=name, op=op, inputs=(source,), scale=1.0, layer=layer)
        shape = self._with(plain).shapes()[name]
        others = [other for other, own in self.shapes.items() if own == shape]
        if not others or self.chance(0.5):
            return plain
        factors = [int(v) for v in self.rng.integers(-32768, 32768, layer.filters)]
        return Step(name=name, op=op, inputs=(source, others[-1]), scale=1.0, layer=layer,
                    parameters={"residual_factors": factors})

    def _conv(self, name: str, source: str, groups: int = 0) -> Step:
        channels = self.shapes[source][0]
        filters = groups * self.upto(2) if groups else self.upto(5)
        groups = groups or (2 if channels % 2 == 0 and filters % 2 == 0 and self.chance(0.3) else 1)
        kernel = self.pair(1, 5) if self.chance(0.3) else (self.one((1, 3, 3, 5)),) * 2
        padding = self.pair(0, 2)
        stride = self.pair(1, 3) if self.chance(0.15) else (self.one((1, 1, 1, 2, 3, 4)),) * 2
        layer = self._layer((filters, channels // groups, *kernel), groups=groups, stride=stride, padding=padding,
                            padding_end=self.pair(0, 2) if self.chance(0.3) else padding,
                            dilation=self.pair(1, 2) if self.chance(0.2) else (1, 1))
        return self._weighted(name, "conv", source, layer)

    def _depthwise(self, name: str, source: str) -> Step:
        return self._conv(name, source, groups=self.shapes[source][0])

    def _linear(self, name: str, source: str) -> Step:
        return self._weighted(name, "linear", source, self._layer((self.upto(5), self.shapes[source][0])))

    def _window(self) -> dict:
        kernel = self.pair(1, 3) if self.chance(0.4) else (2, 2)
        stride = (self.upto(3),) * 2 if kernel != (2, 2) or self.chance(0.3) else (2, 2)
        padding = tuple(int(self.rng.integers(side)) for side in kernel) if self.chance(0.4) else (0, 0)
        return {"kernel": kernel, "stride": stride, "padding": padding}

    def _maxpool(self, name: str, source: str) -> Step:
        return Step(name=name, op="maxpool", inputs=(source,), scale=1.0, parameters=self._window())

    def _avgpool(self, name: str, source: str) -> Step:
        window = self._window()
        if self.chance(0.4):
            window |= {"kernel": self.shapes[source][1:], "padding": (0, 0)}  # of one position, whatever the stride
        return Step(name=name, op="avgpool", inputs=(source,), scale=1.0, parameters={
            **window, "multipliers": [self.upto(65535)], "shift": 15 + self.upto(4), **self.output()})

    def _joined(self, name: str, op: str, inputs: tuple[str, ...]) -> Step:
        return Step(name=name, op=op, inputs=inputs, scale=1.0, parameters={
            "multipliers": [self.upto(65535) for _ in inputs], "shift": 14 + self.upto(3), **self.output()})

    def _add(self, name: str, source: str) -> Step:
        others = [other for other, own in self.shapes.items() if own == self.shapes[source]]
        return self._joined(name, "add", (source, self.one(others)))

    def _concat(self, name: str, source: str) -> Step:
        others = [other for other, own in self.shapes.items() if own[1:] == self.shapes[source][1:] and len(own) == 3]
        return self._joined(name, "concat", (source, *(self.one(others) for _ in range(self.upto(2)))))

    def _table(self, name: str, source: str) -> Step:
        signed = self.chance(0.3)
        low = -128 if signed else 0
        return Step(name=name, op="table", inputs=(source,), scale=1.0, parameters={
            "values": [int(v) for v in self.rng.integers(low, low + 256, 256)],
            "output_dtype": "int8" if signed else "uint8"})

    def _upsample(self, name: str, source: str) -> Step:
        return Step(name=name, op="upsample", inputs=(source,), scale=1.0, parameters={"factor": self.pair(1, 3)})

    def _flatten(self, name: str, source: str) -> Step:
        return Step(name=name, op="flatten", inputs=(source,), scale=1.0)

    def images(self, network: Network) -> np.ndarray:
        """One or two images, 30 % of their codes zero."""
        low, high = (-128, 128) if network.input_dtype == "int8" else (0, 256)
        images = self.rng.integers(low, high, (self.upto(2), *network.input_shape))
        return (images * (self.rng.random(images.shape) < 0.7)).astype(network.input_dtype)
