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
from zerokeep.onnx_read import OnnxFile, Operation, is_flattening, is_mean, window
from zerokeep.onnx_steps import Steps
from zerokeep.onnx_tables import ELEMENTWISE
from zerokeep.onnx_values import DTYPES, SAME_SCALE, Codes, Constant, Constants, Pending, Value, same_scale
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
        self.constants, self.steps = Constants(file), Steps(file)
        self.input: Codes | None = None
        self.host: list[str] = []

    def take(self) -> Network:
        for operation in self.file.operations:
            if any(name in self.host for name in operation.inputs):
                raise operation.refuse("comes after a softmax, which cannot be taken")
            self._take(operation)
        result = self.file.result
        host = []
        while result in self.host:
            operation = next(own for own in self.file.operations if own.result == result)
            host.append(operation.name)
            result = operation.inputs[0]
        self._finish(self.values.get(result))
        if self.input is None:
            raise UserError("the ONNX model never turns its input into codes")
        shape = self.file.shape
        if len(shape) != 3:
            raise UserError(f"the ONNX model takes inputs of {shape}, expected (C, H, W)")
        return Network(name=re.sub(r"[^\w.-]", "_", self.file.name), input_shape=shape, input_scale=self.input.scale,
                       steps=tuple(self.steps.made), input_dtype=self.input.dtype, host=tuple(reversed(host)))

    def _take(self, operation: Operation) -> None:
        op = operation.op
        takers = {"QuantizeLinear": self._quantise, "DequantizeLinear": self._dequantise, "Quant": self._quant,
                  "Conv": self._layer, "Gemm": self._layer, "MatMul": self._layer, "Relu": self._bound,
                  "Clip": self._bound, "MaxPool": self._move, "Flatten": self._move, "Reshape": self._move,
                  "Add": self._sum, "Concat": self._sum, "AveragePool": self._mean, "GlobalAveragePool": self._mean,
                  "ReduceMean": self._mean, "Gather": self._table, "Cast": self._pass, "Identity": self._pass,
                  "Dropout": self._pass}
        if op in ("Softmax", "LogSoftmax"):
            self.host.append(operation.result)
        elif op in ELEMENTWISE and op not in takers:
            self.values[operation.result] = Pending(operation=operation, sources=(self._codes(operation, 0),),
                                                    elementwise=op)
        elif op in takers:
            takers[op](operation)
        else:
            raise operation.refuse("cannot be taken")

    # what nodes are given

    def _codes(self, operation: Operation, place: int) -> Codes:
        value = self.values.get(operation.inputs[place])
        if isinstance(value, Pending):
            raise operation.refuse(f"takes {operation.inputs[place]}, which is not quantised before it")
        if not isinstance(value, Codes):
            raise operation.refuse(f"takes {operation.inputs[place]}, which is made of no codes")
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
        whole = limits == OUTPUT_RANGE[dtype]
        if isinstance(value, Codes) and whole and same_scale(value.scale, scale) and value.dtype == dtype:
            self.values[name] = value
        elif isinstance(value, Codes):
            pending = Pending(operation=operation, sources=(value,), elementwise="Identity")
            self.values[name] = self.steps.settle(pending, scale, dtype, limits)
        elif isinstance(value, Pending):
            self.values[name] = self.steps.settle(value, scale, dtype, limits)
        else:
            raise operation.refuse(f"rounds {source}, which is made of no codes")

    def _set_input(self, operation: Operation, codes: Codes) -> None:
        if self.input is not None and self.input != codes:
            raise operation.refuse("rounds the input in another way than a node before")
        self.input = codes

    def _dequantise(self, operation: Operation) -> None:
        source = operation.inputs[0]
        if source in self.file.constants:
            codes, scales = self.file.constants[source], self.constants.scales(operation)
            if scales.size > 1 and (operation.attributes.get("axis", 1) != 0 or scales.size != len(codes)):
                raise operation.refuse("has scales along another axis than the filters'")
            self.values[operation.result] = Constant(codes=codes, scales=scales)
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
        bits, scales = self.constants.array(operation, 3), self.constants.scales(operation)
        width = float(np.asarray(bits).reshape(-1)[0])
        if operation.attributes.get("rounding_mode", "ROUND") not in ("ROUND", "HALF_EVEN"):
            raise operation.refuse(f"rounds by {operation.attributes['rounding_mode']}, not to the nearest")
        signed, narrow = bool(operation.attributes.get("signed", 1)), bool(operation.attributes.get("narrow", 0))
        if width != int(width) or not 2 <= width <= 8:
            raise operation.refuse(f"has a width of {width:g} bits, only 2 to 8 can be taken")
        high = (1 << (int(width) - signed)) - 1 - (narrow and not signed)
        low = -high - (not narrow) if signed else 0
        source = operation.inputs[0]
        if source in self.file.constants:
            numbers = self.file.constants[source].astype(np.float64)
            if scales.size not in (1, len(numbers)):
                raise operation.refuse("has scales along another axis than the filters'")
            codes = np.rint(numbers / scales.reshape((-1,) + (1,) * (numbers.ndim - 1)))
            self.values[operation.result] = Constant(codes=np.clip(codes, low, high).astype(np.int8), scales=scales)
            return
        self._make_codes(operation, self.constants.one_scale(operation), "int8" if signed else "uint8", (low, high))

    # what is done to numbers

    def _layer(self, operation: Operation) -> None:
        weight = self.values.get(operation.inputs[1])
        if not isinstance(weight, Constant):
            if operation.op == "Conv" and is_mean(operation, self.file.constants):
                return self._mean(operation)
            raise operation.refuse("has weights that are not quantised")
        if weight.codes.dtype != np.int8:
            raise operation.refuse(f"has weights of {weight.codes.dtype}, only int8 can be taken")
        given, codes = operation.attributes, weight.codes
        geometry: dict[str, Any] = {}
        if operation.op == "Conv":
            told = window(operation, codes.shape[2:])
            if told["dilation"] != (1, 1):
                raise operation.refuse("is dilated, which cannot be taken")
            geometry = {"stride": told["stride"], "padding": told["padding"], "groups": given.get("group", 1)}
        elif operation.op == "MatMul" or not given.get("transB"):
            if weight.scales.size > 1:
                raise operation.refuse("has scales along another axis than the outputs'")
            weight = replace(weight, codes=np.ascontiguousarray(codes.T))
        if operation.op == "Gemm" and (given.get("transA") or given.get("alpha", 1) != 1 or given.get("beta", 1) != 1):
            raise operation.refuse("scales or transposes what it multiplies, which cannot be taken")
        source = self._codes(operation, 0)
        self.values[operation.result] = Pending(operation=operation, sources=(source,), weight=weight,
                                                bias=self._bias(operation, source, weight), geometry=geometry)
        return None

    def _bias(self, operation: Operation, source: Codes, weight: Constant) -> np.ndarray | None:
        """Codes int32 of the bias, which has the scale of the accumulators."""
        if len(operation.inputs) < 3 or not operation.inputs[2]:
            return None
        scales = weight.scales * source.scale
        found = self.values.get(operation.inputs[2])
        if isinstance(found, Constant):
            ratio = found.scales / scales
            if found.codes.dtype == np.int32 and np.all(np.abs(ratio - 1) < SAME_SCALE):
                return found.codes.reshape(-1)
            numbers = found.codes.reshape(-1) * found.scales
        else:
            numbers = np.asarray(self.constants.array(operation, 2)).reshape(-1).astype(np.float64)
        return np.rint(numbers / scales).astype(np.int32)

    def _bound(self, operation: Operation) -> None:
        low, high = 0.0, np.inf
        if operation.op == "Clip":
            bounds = [self.constants.array(operation, place) for place in (1, 2)]
            told = [operation.attributes.get(name) for name in ("min", "max")]
            bounds = [own if found is None else found for found, own in zip(bounds, told, strict=True)]
            low = -np.inf if bounds[0] is None else float(bounds[0])
            high = np.inf if bounds[1] is None else float(bounds[1])
        value = self.values.get(operation.inputs[0])
        if isinstance(value, Codes):
            value = Pending(operation=operation, sources=(value,), elementwise="Identity")
        if not isinstance(value, Pending):
            raise operation.refuse("is done to what is made of no codes")
        self.values[operation.result] = replace(value, low=max(value.low, low), high=min(value.high, high))

    def _move(self, operation: Operation) -> None:
        if operation.op != "MaxPool" and not is_flattening(operation, self.file.constants):
            raise operation.refuse("gives another shape than (N, all the rest), which cannot be taken")
        pending = self.values.get(operation.inputs[0])
        if operation.op != "MaxPool" and isinstance(pending, Pending):
            self.values[operation.result] = replace(pending, flat=True)
            return
        given = self._codes(operation, 0)
        if operation.op == "MaxPool":
            told = window(operation)
            if told.pop("dilation") != (1, 1):
                raise operation.refuse("is dilated, which cannot be taken")
            if told["padding"] == (0, 0):
                del told["padding"]
            self.values[operation.result] = self.steps.add(operation.result, "maxpool", (given,), given.scale,
                                                           given.dtype, parameters=dict(told))
            return
        self.values[operation.result] = self.steps.flatten(operation.result, given)

    def _sum(self, operation: Operation) -> None:
        pending = self.values.get(operation.inputs[0])
        constant = self.file.constants.get(operation.inputs[1]) if operation.op == "Add" else None
        layer = (isinstance(pending, Pending) and pending.weight is not None and pending.bias is None
                 and not pending.flat and np.isinf(pending.low) and np.isinf(pending.high))
        if layer and constant is not None:
            assert isinstance(pending, Pending) and pending.weight is not None
            scales = pending.weight.scales * pending.sources[0].scale
            bias = np.rint(constant.reshape(-1) / scales).astype(np.int32)
            self.values[operation.result] = replace(pending, bias=bias)
            return
        if operation.op == "Concat" and operation.attributes.get("axis") != 1:
            raise operation.refuse("joins along another axis than the channels', which cannot be taken")
        sources = tuple(self._codes(operation, place) for place in range(len(operation.inputs)))
        self.values[operation.result] = Pending(operation=operation, sources=sources)

    def _mean(self, operation: Operation) -> None:
        if operation.op in ("AveragePool", "Conv"):
            told = window(operation)
            if told.pop("dilation") != (1, 1):
                raise operation.refuse("is dilated, which cannot be taken")
            padded = told["padding"] != (0, 0)
            if padded and operation.op == "AveragePool" and not operation.attributes.get("count_include_pad"):
                raise operation.refuse("does not count its padding, which cannot be taken")
            if not padded:
                del told["padding"]
        else:
            axes = operation.attributes.get("axes")
            axes = self.constants.array(operation, 1) if axes is None else axes
            if operation.op == "ReduceMean" and (axes is None or sorted(int(axis) % 4 for axis in axes) != [2, 3]):
                raise operation.refuse("is over other axes than the map's, which cannot be taken")
            told = {}
        self.values[operation.result] = Pending(
            operation=operation, sources=(self._codes(operation, 0),), geometry=told,
            flat=not operation.attributes.get("keepdims", 1))

    def _table(self, operation: Operation) -> None:
        """A constant looked up by codes: as ``zerokeep.onnx_export`` writes a table."""
        table = self.constants.array(operation, 0)
        given = self._codes(operation, 1)
        users = self.file.users(operation.result)
        if table is None or table.shape != (256,) or [own.op for own in users] != ["DequantizeLinear"]:
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
            self.steps.finish(value)
        elif not (isinstance(value, Codes) and self.steps.made and value.step == self.steps.made[-1].name):
            raise UserError(f"the output {self.file.result} is not made of the last codes of the network")
