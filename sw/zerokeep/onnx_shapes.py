"""The shape of every value of an ONNX file, node by node: what does not fit, or is too large, is refused by name.

Nothing is computed and no array is made, so that this comes before either.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from zerokeep.onnx_attributes import flag, ints, whole
from zerokeep.onnx_operation import Operation
from zerokeep.onnx_read import OnnxFile
from zerokeep.onnx_window import sides, window
from zeroskip.files import memory
from zeroskip.ranges import MOST_CHANNELS, MOST_FILTERS, MOST_NUMBERS, MOST_SIDE

Shape = tuple[int, ...]
INPUTS = {"Conv": (2, 3), "Gemm": (2, 3), "MatMul": (2, 2), "BatchNormalization": (5, 5), "Clip": (1, 3),
          "ReduceMean": (1, 2), "Reshape": (1, 2), "Add": (2, 2), "Gather": (2, 2), "QuantizeLinear": (2, 3),
          "DequantizeLinear": (2, 3), "Quant": (4, 4), "Dropout": (1, 3)}  # fmt: skip
"""How many inputs an operation has, at least and at most, where that is not one."""
MANY = ("Concat", "Sum")
MOST_WORK = 1 << 36
"""Products and comparisons for one image, in all: four times as many as VGG-16 takes for one of 224 x 224."""
NUMBER_BYTES = 8
"""Of a number while a network is followed: it is, for two images, in float32."""
FREE_BYTES = 1 << 24
"""So little is not worth asking how much there is, for each of thousands of nodes."""


class Shapes:
    """Shapes for one image, without the N, of what comes of the input; and those of the constants."""

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self.found: dict[str, Shape] = {file.given: file.shape}
        self.constants: dict[str, Shape] = {name: array.shape for name, array in file.constants.items()}
        self.work = self.numbers = 0
        self._rules: dict[str, Callable[[Operation, Shape], Shape]] = {
            "Conv": self._conv, "Gemm": self._linear, "MatMul": self._linear, "BatchNormalization": self._norm,
            "MaxPool": self._pool, "AveragePool": self._pool, "GlobalAveragePool": self._mean,
            "ReduceMean": self._mean, "Flatten": self._flat, "Reshape": self._flat, "Concat": self._concat,
            "Softmax": self._softmax, "LogSoftmax": self._softmax}

    def add(self, operation: Operation) -> None:
        """Find the shape of an operation's result.

        Raises
        ------
        UserError
            It has too few or too many inputs, which do not fit, or makes too much; the message names it.
        """
        self._check_inputs(operation)
        given = [name for name in operation.inputs if name in self.found]
        if not given:
            self.constants[operation.result] = self.constants[operation.inputs[0]]
            return
        if operation.op not in ("Add", "Sum", "Concat", "Gather", "MatMul") and operation.inputs[0] not in self.found:
            raise operation.refuse("works on a constant, expected what is made of the input")
        shape = self.found[given[0]]
        others = [self.found[name] for name in given if self.found[name] != shape]
        if others and operation.op != "Concat":
            raise operation.refuse(f"is given {shape} and {others[0]}, expected one shape")
        made = self._rules.get(operation.op, lambda own, same: same)(operation, shape)
        self._check(operation, made)
        self.found[operation.result] = made

    def _check_inputs(self, operation: Operation) -> None:
        least, most = INPUTS.get(operation.op, (1, len(operation.inputs) if operation.op in MANY else 1))
        count = len(operation.inputs)
        if not max(least, 1) <= count <= most:
            raise operation.refuse(f"has {count} inputs, expected {least}" + (f" to {most}" if most > least else ""))
        needed = count if operation.op in MANY else least
        empty = next((place for place in range(needed) if not operation.has(place)), None)
        if empty is not None:
            raise operation.refuse(f"has nothing in place {empty} of its inputs, expected a value")

    def _check(self, operation: Operation, made: Shape) -> None:
        limits = (MOST_NUMBERS,) if len(made) == 1 else (MOST_CHANNELS, MOST_SIDE, MOST_SIDE)
        if any(size > most for size, most in zip(made, limits, strict=True)) or math.prod(made) > MOST_NUMBERS:
            raise operation.refuse(f"makes {made}, expected at most {MOST_CHANNELS:,} channels of {MOST_SIDE:,} x "
                                   f"{MOST_SIDE:,}, {MOST_NUMBERS:,} numbers in all")
        self.work += math.prod(made)
        self.numbers += math.prod(made)
        if self.work > MOST_WORK:
            raise operation.refuse(f"is where the network has come to {self.work:,} products for one image, expected "
                                   f"at most {MOST_WORK:,}")
        if NUMBER_BYTES * self.numbers <= FREE_BYTES:
            return
        try:
            memory.check(NUMBER_BYTES * self.numbers, "the network up to here")
        except memory.ReadError as error:
            raise operation.refuse(f"is too much: {error}") from None

    def weights(self, operation: Operation, rank: int) -> Shape:
        """The shape of a layer's weights, which are constant, of so many dimensions and none too large."""
        name = operation.inputs[1]
        if name not in self.constants:
            raise operation.refuse(f"has {name[:80]}, which is no constant, in place 1")
        shape = self.constants[name]
        if len(shape) != rank or 0 in shape:
            raise operation.refuse(f"has weights of the shape {shape}, expected {rank} dimensions, none of them 0")
        if math.prod(shape) > MOST_NUMBERS:
            raise operation.refuse(f"has {math.prod(shape):,} weights, expected at most {MOST_NUMBERS:,}")
        self.numbers += math.prod(shape)  # a constant may be the weights of many layers, each with its own
        return shape

    def _length(self, operation: Operation, place: int, expected: tuple[int, ...], what: str) -> None:
        """The constant at a place, if there is one, has as many numbers as expected."""
        if operation.has(place):
            name = operation.inputs[place]
            if name not in self.constants:
                raise operation.refuse(f"has {name[:80]}, which is no constant, in place {place}")
            shape = self.constants[name]
            if math.prod(shape) not in expected or math.prod(shape[:-1]) != 1:
                raise operation.refuse(f"has a {what} of the shape {shape}, expected {expected[0]:,} numbers")

    def _map(self, operation: Operation, shape: Shape) -> None:
        if len(shape) != 3:
            raise operation.refuse(f"is given (N, {', '.join(map(str, shape))}), expected a map (N, C, H, W)")

    def _conv(self, operation: Operation, shape: Shape) -> Shape:
        weight = self.weights(operation, 4)
        self._map(operation, shape)
        if weight[0] > MOST_FILTERS or weight[1] > MOST_CHANNELS:
            raise operation.refuse(f"has {weight[0]:,} filters of {weight[1]:,} channels, expected at most "
                                   f"{MOST_FILTERS:,} of {MOST_CHANNELS:,}")
        told, groups = window(operation, weight[2:]), whole(operation, "group", 1, (1, shape[0]))
        if shape[0] % groups or weight[0] % groups:
            raise operation.refuse(f"has {groups} groups for {shape[0]:,} channels and {weight[0]:,} filters, expected "
                                   "a divisor of both")
        if weight[1] * groups != shape[0]:
            raise operation.refuse(f"has weights of {weight[1]:,} channels in {groups} groups, its map has "
                                   f"{shape[0]:,} channels")
        self._length(operation, 2, (weight[0],), "bias")
        spread = math.prod(weight[:2]) * math.prod(
            d * (k - 1) + 1 for d, k in zip(told["dilation"], told["kernel"], strict=True))
        self.numbers += spread  # zeros between its weights: so is a dilated kernel quantised
        made = (weight[0], *sides(operation, told, shape))
        self.work += math.prod(made) * math.prod(weight[1:])
        return made

    def _linear(self, operation: Operation, shape: Shape) -> Shape:
        weight = self.weights(operation, 2)
        if len(shape) != 1:
            raise operation.refuse(f"is given (N, {', '.join(map(str, shape))}), expected features (N, F)")
        inputs, outputs = weight[::-1] if operation.op == "Gemm" and flag(operation, "transB") else weight
        if inputs != shape[0]:
            raise operation.refuse(f"has weights for {inputs:,} features, it is given {shape[0]:,}")
        if inputs > MOST_CHANNELS or outputs > MOST_FILTERS:
            raise operation.refuse(f"has {outputs:,} outputs of {inputs:,} features, expected at most "
                                   f"{MOST_FILTERS:,} of {MOST_CHANNELS:,}")
        self._length(operation, 2, (outputs, 1), "bias")
        self.work += inputs * outputs
        return (outputs,)

    def _norm(self, operation: Operation, shape: Shape) -> Shape:
        for place, what in enumerate(("scale", "offset", "mean", "variance"), start=1):
            self._length(operation, place, (shape[0],), what)
        if flag(operation, "training_mode"):
            raise operation.refuse("is in training mode, expected one to be used")
        return shape

    def _pool(self, operation: Operation, shape: Shape) -> Shape:
        self._map(operation, shape)
        told = window(operation)
        if any(2 * around > size for around, size in zip(told["padding"], told["kernel"], strict=True)):
            raise operation.refuse(f"pads by {told['padding']}, expected at most half of its kernel {told['kernel']}")
        if operation.op == "AveragePool" and told["dilation"] != (1, 1):
            raise operation.refuse("is dilated, which cannot be taken")
        made = (shape[0], *sides(operation, told, shape))
        self.work += math.prod(made) * math.prod(told["kernel"])
        return made

    def _mean(self, operation: Operation, shape: Shape) -> Shape:
        self._map(operation, shape)
        if operation.op == "ReduceMean":
            axes = self._told(operation, "axes")
            if axes is None or sorted(axis % 4 if -4 <= axis < 4 else 4 for axis in axes) != [2, 3]:
                raise operation.refuse(f"is over other axes than the map's, found {axes}, expected (2, 3)")
            if not flag(operation, "keepdims", True):
                return shape[:1]
        self.work += math.prod(shape)
        return shape[0], 1, 1

    def _told(self, operation: Operation, name: str) -> tuple[int, ...] | None:
        """A few whole numbers, an attribute or, since later versions, the constant in place 1."""
        if name in operation.attributes:
            return ints(operation, name, None)
        if not operation.has(1):
            return None
        found = self.file.constants.get(operation.inputs[1])
        if found is None or found.dtype.kind not in "iu" or found.ndim > 1 or found.size > 8:
            raise operation.refuse(f"has {operation.inputs[1][:80]} in place 1, expected a constant of a few whole "
                                   "numbers")
        return tuple(int(each) for each in found.reshape(-1))

    def _flat(self, operation: Operation, shape: Shape) -> Shape:
        features = math.prod(shape)
        if operation.op == "Flatten":
            fits = whole(operation, "axis", 1) in (1, -len(shape))
        else:
            told = self._told(operation, "shape")
            fits = told is not None and len(told) == 2 and (told[1] == -1 or (
                told[1] == features and told[0] in (-1, 0, 1)))
        if not fits:
            raise operation.refuse("gives another shape than (N, all the rest), which cannot be taken")
        return (features,)

    def _concat(self, operation: Operation, shape: Shape) -> Shape:
        shapes = [self.found.get(name) for name in operation.inputs]
        if whole(operation, "axis", 1) not in (1, -len(shape)):
            raise operation.refuse("joins along another axis than the channels', which cannot be taken")
        if any(own is None or own[1:] != shape[1:] for own in shapes):
            raise operation.refuse(f"joins {shapes[:8]}, expected maps of one size, and no constant")
        return sum(own[0] for own in shapes if own is not None), *shape[1:]


    def _softmax(self, operation: Operation, shape: Shape) -> Shape:
        if (axis := whole(operation, "axis", 1)) not in (1, -len(shape)):
            raise operation.refuse(f"is along the axis {axis}, expected the channels', 1")
        return shape
