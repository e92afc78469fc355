"""A network that is already quantised, QDQ or QONNX, taken as it is: its codes, its scales, integers all the way.

Codes are followed through the file. What DequantizeLinear (or QONNX' Quant) makes of them are their numbers; a layer,
an addition, a joining or a mean of numbers is pending until a QuantizeLinear says what scale its codes have. Everything
has to be symmetric: zero points of 0. What is not is refused by the node's name.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np

from zerokeep.errors import UserError
from zerokeep.network import INPUT, Network
from zerokeep.onnx_attributes import bounds, check_gemm, flag, whole
from zerokeep.onnx_codes import dequantised, limits, rounded
from zerokeep.onnx_operation import Operation, taking
from zerokeep.onnx_read import OnnxFile
from zerokeep.onnx_shapes import Shapes
from zerokeep.onnx_steps import NAME, Steps
from zerokeep.onnx_tables import ELEMENTWISE
from zerokeep.onnx_values import DTYPES, SAME_SCALE, Codes, Constant, Constants, Pending, Value, as_int32, same_scale
from zerokeep.onnx_window import window
from zeroskip.files.names import shown
from zeroskip.layer import OUTPUT_RANGE


def to_network(file: OnnxFile) -> Network:
    """The network in integers.

    Raises
    ------
    UserError
        A node is not symmetric or cannot be taken; the message names it.
    """
    return _Taker(file).take()


class _Taker:
    """Follows codes from the input to the output."""

    def __init__(self, file: OnnxFile) -> None:
        self.file = file
        self.values: dict[str, Value] = {}
        self.shapes = Shapes(file)
        self.constants, self.steps = Constants(file), Steps(file, self.shapes)
        self.input: Codes | None = None
        self.host: dict[str, Operation] = {}
        self.takers = {
            "QuantizeLinear": self._quantise, "DequantizeLinear": self._dequantise, "Quant": self._quant,
            "Conv": self._layer, "Gemm": self._layer, "MatMul": self._layer, "Relu": self._bound,
            "Clip": self._bound, "MaxPool": self._maxpool, "Flatten": self._flatten, "Reshape": self._flatten,
            "Add": self._sum, "Concat": self._sum, "AveragePool": self._mean, "GlobalAveragePool": self._mean,
            "ReduceMean": self._mean, "Gather": self._table, "Cast": self._pass, "Identity": self._pass,
            "Dropout": self._pass, "Softmax": self._leave, "LogSoftmax": self._leave}

    def take(self) -> Network:
        """The network, once every node was."""
        if len(self.file.shape) != 3:
            raise UserError(f"the ONNX model takes inputs of {self.file.shape}, expected (C, H, W)")
        channels, height, width = self.file.shape
        for operation in self.file.operations:
            with taking(operation):
                self._take(operation)
        result, host = self.file.result, []
        while result in self.host:
            host.append(self.host[result].name)
            result = self.host[result].inputs[0]
        self._finish(self.values.get(result))
        if self.input is None:
            raise UserError("the ONNX model never turns its input into codes")
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", self.file.name[:NAME])
        return Network(name=name, input_shape=(channels, height, width), input_scale=self.input.scale,
                       steps=tuple(self.steps.made), input_dtype=self.input.dtype,
                       host=tuple(shown(own, NAME) for own in reversed(host)))

    def _take(self, operation: Operation) -> None:
        op = operation.op
        if any(name in self.host for name in operation.inputs):
            raise operation.refuse("comes after a softmax, which cannot be taken")
        if op not in self.takers and op not in ELEMENTWISE:
            raise operation.refuse("cannot be taken")
        self.shapes.add(operation)
        if op in self.takers:
            self.takers[op](operation)
        else:
            self.values[operation.result] = Pending(operation=operation, sources=(self._codes(operation, 0),),
                                                    elementwise=op)

    def _leave(self, operation: Operation) -> None:
        self.host[operation.result] = operation

    # what nodes are given

    def _codes(self, operation: Operation, place: int) -> Codes:
        name = operation.inputs[place]
        value = self.values.get(name)
        if isinstance(value, Pending):
            raise operation.refuse(f"takes {shown(name, 80)}, which is not quantised before it")
        if not isinstance(value, Codes):
            raise operation.refuse(f"takes {shown(name, 80)}, which is made of no codes")
        return value

    # codes and numbers

    def _quantise(self, operation: Operation) -> None:
        zero = self.constants.array(operation, 2)
        dtype = "uint8" if zero is None else str(zero.dtype)
        if dtype not in DTYPES:
            raise operation.refuse(f"makes codes of {dtype}, only {' and '.join(DTYPES)} can be taken")
        self._make_codes(operation, self.constants.one_scale(operation), dtype, OUTPUT_RANGE[dtype])

    def _make_codes(self, operation: Operation, scale: float, dtype: str, limits: tuple[int, int]) -> None:
        source, name = operation.inputs[0], operation.result
        value = self.values.get(source)
        if source == self.file.given:
            value = Codes(step=INPUT, scale=scale, dtype=dtype)
            self._set_input(operation, value)
        everything = limits == OUTPUT_RANGE[dtype]
        if isinstance(value, Codes) and everything and same_scale(value.scale, scale) and value.dtype == dtype:
            self.values[name] = value
        elif isinstance(value, Codes):
            pending = Pending(operation=operation, sources=(value,), elementwise="Identity")
            self.values[name] = self.steps.settle(pending, scale, dtype, limits)
        elif isinstance(value, Pending):
            self.values[name] = self.steps.settle(value, scale, dtype, limits)
        else:
            raise operation.refuse(f"rounds {shown(source, 80)}, which is made of no codes")

    def _set_input(self, operation: Operation, codes: Codes) -> None:
        if self.input is not None and self.input != codes:
            raise operation.refuse("rounds the input in another way than a node before")
        self.input = codes

    def _dequantise(self, operation: Operation) -> None:
        source = operation.inputs[0]
        if source in self.file.constants:
            scales = self.constants.scales(operation)
            self.values[operation.result] = dequantised(operation, self.file.constants[source], scales)
            return
        scale = self.constants.one_scale(operation)
        if source == self.file.given:
            first = Codes(step=INPUT, scale=scale, dtype=str(self.file.dtype))
            if first.dtype not in DTYPES:
                raise operation.refuse(f"takes codes of {first.dtype}, only {' and '.join(DTYPES)} can be taken")
            self._set_input(operation, first)
            self.values[operation.result] = first
            return
        given = self._codes(operation, 0)
        if not same_scale(given.scale, scale):
            raise operation.refuse(f"has the scale {scale:.6g}, its codes have {given.scale:.6g}")
        self.values[operation.result] = given

    def _quant(self, operation: Operation) -> None:
        """QONNX: rounding and its reverse in one node, of constants and of activations."""
        signed, low, high = limits(operation, self.constants)
        if operation.inputs[0] in self.file.constants:
            self.values[operation.result] = rounded(operation, self.constants, low, high)
            return
        self._make_codes(operation, self.constants.one_scale(operation), "int8" if signed else "uint8", (low, high))

    # what is done to numbers

    def _layer(self, operation: Operation) -> None:
        weight = self.values.get(operation.inputs[1])
        if not isinstance(weight, Constant):
            if self._is_mean(operation):
                return self._mean(operation)
            raise operation.refuse("has weights that are not quantised")
        if weight.codes.dtype != np.int8:
            raise operation.refuse(f"has weights of {weight.codes.dtype}, only int8 can be taken")
        geometry: dict[str, Any] = {}
        if operation.op == "Conv":
            told = self._window(operation, weight.codes.shape[2:])
            geometry = {"stride": told["stride"], "padding": told["padding"], "groups": whole(operation, "group", 1)}
        elif operation.op == "MatMul" or not flag(operation, "transB"):
            if weight.scales.size > 1:
                raise operation.refuse("has scales along another axis than the outputs'")
            weight = replace(weight, codes=np.ascontiguousarray(weight.codes.T))
        if operation.op == "Gemm":
            check_gemm(operation)
        source = self._codes(operation, 0)
        self.values[operation.result] = Pending(operation=operation, sources=(source,), weight=weight,
                                                bias=self._bias(operation, source, weight), geometry=geometry)
        return None

    def _is_mean(self, operation: Operation) -> bool:
        """Whether a convolution has the same share of the window as every weight, channel by channel."""
        weight = self.file.constants.get(operation.inputs[1])
        return (operation.op == "Conv" and weight is not None and not operation.has(2) and weight.shape[1] == 1
                and whole(operation, "group", 1) == len(weight) == self.shapes.found[operation.inputs[0]][0]
                and bool(np.all(weight == np.float32(1 / np.prod(weight.shape[2:])))))

    def _window(self, operation: Operation, weights: tuple[int, ...] | None = None) -> dict[str, tuple[int, int]]:
        """Kernel, stride and padding."""
        told = window(operation, weights)
        if told.pop("dilation") != (1, 1):
            raise operation.refuse("is dilated, which cannot be taken")
        return told

    def _bias(self, operation: Operation, source: Codes, weight: Constant) -> np.ndarray | None:
        """Codes int32 of the bias, which has the scale of the accumulators."""
        if not operation.has(2):
            return None
        scales = weight.scales * source.scale
        found = self.values.get(operation.inputs[2])
        if isinstance(found, Constant):
            numbers = found.codes.reshape(-1)
            if not (found.codes.dtype == np.int32 and np.all(np.abs(found.scales / scales - 1) < SAME_SCALE)):
                numbers = numbers * found.scales / scales
        else:
            numbers = self.constants.needed(operation, 2).reshape(-1).astype(np.float64) / scales
        return as_int32(operation, numbers, self.shapes.found[operation.result][0])

    def _bound(self, operation: Operation) -> None:
        low, high = (0.0, None) if operation.op == "Relu" else bounds(operation, self.file.constants)
        value = self.values.get(operation.inputs[0])
        if isinstance(value, Codes):
            value = Pending(operation=operation, sources=(value,), elementwise="Identity")
        if not isinstance(value, Pending):
            raise operation.refuse("is done to what is made of no codes")
        low, high = -np.inf if low is None else low, np.inf if high is None else high
        low, high = (min(max(bound, value.low), value.high) for bound in (low, high))  # what is cut stays cut
        self.values[operation.result] = replace(value, low=low, high=high)

    def _maxpool(self, operation: Operation) -> None:
        given, told = self._codes(operation, 0), self._window(operation)
        if told["padding"] == (0, 0):
            del told["padding"]
        self.values[operation.result] = self.steps.add(operation.result, "maxpool", (given,), given.scale, given.dtype,
                                                       parameters=dict(told))

    def _flatten(self, operation: Operation) -> None:
        value = self.values.get(operation.inputs[0])
        if isinstance(value, Pending):
            self.values[operation.result] = replace(value, flat=True)
        else:
            self.values[operation.result] = self.steps.flatten(operation.result, self._codes(operation, 0))

    def _sum(self, operation: Operation) -> None:
        value = self.values.get(operation.inputs[0])
        constant = self.file.constants.get(operation.inputs[1]) if operation.op == "Add" else None
        if (isinstance(value, Pending) and value.weight is not None and value.bias is None and constant is not None
                and not value.flat and np.isinf(value.low) and np.isinf(value.high)):
            filters, *sides = self.shapes.found[operation.inputs[0]]
            if constant.shape not in ((filters, *[1] * len(sides)), (1, filters, *[1] * len(sides))):
                raise operation.refuse(f"adds a constant of {constant.shape}, expected one number for each of the "
                                       f"{filters} outputs")
            numbers = self.constants.needed(operation, 1).reshape(-1) / (value.weight.scales * value.sources[0].scale)
            self.values[operation.result] = replace(value, bias=as_int32(operation, numbers, filters))
            return
        sources = tuple(self._codes(operation, place) for place in range(len(operation.inputs)))
        self.values[operation.result] = Pending(operation=operation, sources=sources)

    def _mean(self, operation: Operation) -> None:
        told: dict[str, Any] = {}
        if operation.op in ("AveragePool", "Conv"):
            kernel = self.shapes.constants[operation.inputs[1]][2:] if operation.op == "Conv" else None
            told = dict(self._window(operation, kernel))
            if told["padding"] == (0, 0):
                del told["padding"]
            elif operation.op == "AveragePool" and not flag(operation, "count_include_pad"):
                raise operation.refuse("does not count its padding, which cannot be taken")
        self.values[operation.result] = Pending(
            operation=operation, sources=(self._codes(operation, 0),), geometry=told,
            flat=operation.op == "ReduceMean" and not flag(operation, "keepdims", True))

    def _table(self, operation: Operation) -> None:
        """A constant looked up by codes: as ``zerokeep.onnx_export`` writes a table."""
        table = self.constants.needed(operation, 0)
        given = self._codes(operation, 1)
        users = self.file.users(operation.result)
        fits = table.shape == (256,) and str(table.dtype) in DTYPES and whole(operation, "axis", 0) == 0
        if not fits or [own.op for own in users] != ["DequantizeLinear"]:
            raise operation.refuse("looks up something else than 256 codes, which cannot be taken")
        values = np.roll(table, -128) if given.dtype == "int8" else table
        self.values[operation.result] = self.steps.add(
            operation.result, "table", (given,), self.constants.one_scale(users[0]), str(table.dtype),
            parameters={"values": [int(code) for code in values], "output_dtype": str(table.dtype)})

    def _pass(self, operation: Operation) -> None:
        if operation.inputs[0] == self.file.given:
            raise operation.refuse("changes the input before it is quantised")
        value = self.values.get(operation.inputs[0])
        if value is None:
            raise operation.refuse("is done to what is made of no codes")
        self.values[operation.result] = value

    def _finish(self, value: Value | None) -> None:
        if isinstance(value, Pending) and value.weight is not None:
            with taking(value.operation):
                self.steps.finish(value, value.weight)
        elif not (isinstance(value, Codes) and self.steps.made and value.step == self.steps.made[-1].name):
            raise UserError(f"the output {shown(self.file.result, 80)} is not made of the last codes of the network")
