"""The quantised network as an ONNX file with QuantizeLinear / DequantizeLinear pairs (QDQ).

Values are numbered: what belongs to the third step is ``s03``, its codes ``s03_q``, its weights' ``s03_weight_q``. So
no two meet, whatever the steps are called. A step's own name stands in the ``doc_string`` of its nodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from zerokeep.network import INPUT, Network
from zerokeep.onnx_read import PRODUCER
from zerokeep.step import Step, pads, pair
from zeroskip.files.names import shown

OPSET = 17
IR_VERSION = 9
LABEL = 200
"""Characters of a step's name that its nodes keep."""


@dataclass(frozen=True, kw_only=True)
class _Numbers:
    """The numbers that a step is given: the name of their value, and the scale, type and shape of their codes."""

    value: str
    scale: float
    dtype: str
    shape: tuple[int, ...]


class _Graph:
    """Nodes and constants while they are collected; `label` is the name of the step that they are of."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.label = ""

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, doc_string=self.label, **attributes))
        return output

    def quantise(self, source: str, name: str, scale: float, dtype: str) -> str:
        """Codes `name`_q of the floats `source`, and the floats `name` that they stand for."""
        factor = self.constant(f"{name}_scale", np.array(scale, np.float32))
        zero = self.constant(f"{name}_zero", np.array(0, dtype))
        codes = self.node("QuantizeLinear", [source, factor, zero], f"{name}_q")
        return self.node("DequantizeLinear", [codes, factor, zero], name)


def effective_scales(step: Step, input_scale: float) -> np.ndarray:
    """What a weight's code stands for, (O,) float64, with the requantisation's rounding of the scales counted in.

    So the ONNX model is the integer network exactly, but for float arithmetic and ties.
    """
    layer = step.weights
    if layer.multiplier is None or layer.shift is None:
        return np.full(layer.filters, step.scale / input_scale)
    return layer.multiplier / np.exp2(layer.shift.astype(np.float64)) * step.scale / input_scale


def _weighted(graph: _Graph, step: Step, own: str, source: _Numbers, residual: _Numbers | None) -> str:
    """Convolution or linear layer on dequantised weights and bias; codes out where it requantises."""
    layer = step.weights
    scales = effective_scales(step, source.scale)
    names = []
    for kind, codes, factor in (("weight", layer.weight, scales),
                                ("bias", np.asarray(layer.bias), scales * source.scale)):
        name = f"{own}_{kind}"
        parts = [
            graph.constant(f"{name}_q", codes),
            graph.constant(f"{name}_scale", factor.astype(np.float32)),
            graph.constant(f"{name}_zero", np.zeros(layer.filters, codes.dtype)),
        ]
        names.append(graph.node("DequantizeLinear", parts, name, axis=0))
    requantised = layer.multiplier is not None
    output = f"{own}_sum" if requantised or residual else own
    if layer.is_linear:
        graph.node("Gemm", [source.value, *names], output, transB=1)
    else:
        dilated = {} if layer.dilation == (1, 1) else {"dilations": layer.dilation}
        graph.node(
            "Conv", [source.value, *names], output, kernel_shape=layer.kernel, strides=layer.stride,
            pads=_ends(layer.pads), group=layer.groups, **dilated,
        )  # fmt: skip
    if residual:
        output = _with_residual(graph, step, own, residual, scales * source.scale)
    if not requantised:
        return output
    if layer.clamp is not None and layer.clamp[0] == 0:
        output = graph.node("Relu", [output], f"{own}_relu")
    return graph.quantise(output, own, step.scale, layer.output_dtype)


def _with_residual(graph: _Graph, step: Step, own: str, residual: _Numbers, sum_scales: np.ndarray) -> str:
    """The sum, of which one stands for `sum_scales` (O,), and as many of the residual's codes as its factors say."""
    factors = np.array(step.parameters["residual_factors"], np.float64) * sum_scales / residual.scale
    share = graph.constant(f"{own}_share", factors.reshape(-1, *(1 for _ in residual.shape[1:])).astype(np.float32))
    added = graph.node("Mul", [residual.value, share], f"{own}_residual")
    return graph.node("Add", [f"{own}_sum", added], f"{own}_total" if step.weights.multiplier is not None else own)


def _ends(pads: tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int, int, int]:
    """ONNX' order: above, left, below, right."""
    (above, below), (left, right) = pads
    return above, left, below, right


def _maxpool(graph: _Graph, step: Step, own: str, source: str) -> str:
    around = {"pads": _ends(pads(step))} if any(_ends(pads(step))) else {}
    return graph.node("MaxPool", [source], own, kernel_shape=pair(step, "kernel"), strides=pair(step, "stride"),
                      **around)


def _avgpool(graph: _Graph, step: Step, own: str, source: str, shape: tuple[int, ...]) -> str:
    """The mean of each window of a map (C, H, W), as codes again.

    Not as ``AveragePool``: ONNX Runtime 1.32 fuses it with the quantisation behind a convolution into a node that it
    then refuses ("Scale and Zero-point must be a scalar").
    """
    kernel = pair(step, "kernel")
    if kernel == shape[1:] and not any(_ends(pads(step))):
        made = graph.node("ReduceMean", [source], f"{own}_mean", axes=[2, 3], keepdims=1)
    else:
        share = np.full((shape[0], 1, *kernel), 1 / (kernel[0] * kernel[1]), np.float32)
        made = graph.node("Conv", [source, graph.constant(f"{own}_share", share)], f"{own}_mean",
                          kernel_shape=kernel, strides=pair(step, "stride"), pads=_ends(pads(step)), group=shape[0])
    return graph.quantise(made, own, step.scale, str(step.parameters["output_dtype"]))


def _upsample(graph: _Graph, step: Step, own: str, source: str) -> str:
    """Every number `factor` times, down and across; place n of the result is place ``floor(n / factor)``."""
    factor = graph.constant(f"{own}_factor", np.array((1, 1, *pair(step, "factor")), np.float32))
    return graph.node("Resize", [source, "", factor], own, mode="nearest", nearest_mode="floor",
                      coordinate_transformation_mode="asymmetric")


def _table(graph: _Graph, step: Step, own: str, source: _Numbers) -> str:
    """The codes of the numbers `source`, looked up exactly as the integers do it."""
    values = np.array(step.parameters["values"], str(step.parameters["output_dtype"]))
    if source.dtype == "int8":  # ONNX counts a negative place from the end
        values = np.roll(values, 128)
    factor = graph.constant(f"{own}_given_scale", np.array(source.scale, np.float32))
    zero = graph.constant(f"{own}_given_zero", np.array(0, source.dtype))
    given = graph.node("QuantizeLinear", [source.value, factor, zero], f"{own}_given")
    places = graph.node("Cast", [given], f"{own}_place", to=TensorProto.INT32)
    table = graph.constant(f"{own}_table", values)
    codes = graph.node("Gather", [table, places], f"{own}_q", axis=0)
    factor = graph.constant(f"{own}_scale", np.array(step.scale, np.float32))
    zero = graph.constant(f"{own}_zero", np.array(0, values.dtype))
    return graph.node("DequantizeLinear", [codes, factor, zero], own)


def _step(graph: _Graph, step: Step, own: str, given: list[_Numbers]) -> str:
    """One step's nodes, whose values' names begin with `own`; the name of the numbers that it makes."""
    first, *others = given
    if step.op in ("conv", "linear"):
        return _weighted(graph, step, own, first, others[0] if others else None)
    if step.op == "maxpool":
        return _maxpool(graph, step, own, first.value)
    if step.op == "avgpool":
        return _avgpool(graph, step, own, first.value, first.shape)
    if step.op == "table":
        return _table(graph, step, own, first)
    if step.op == "upsample":
        return _upsample(graph, step, own, first.value)
    if step.op == "flatten":
        return graph.node("Flatten", [first.value], own, axis=1)
    made = graph.node("Add" if step.op == "add" else "Concat", [each.value for each in given], f"{own}_sum",
                      **({} if step.op == "add" else {"axis": 1}))
    if step.parameters["clamp"][0] == 0:
        made = graph.node("Relu", [made], f"{own}_relu")
    return graph.quantise(made, own, step.scale, str(step.parameters["output_dtype"]))


def build(network: Network) -> onnx.ModelProto:
    """The ONNX model: codes ``input`` (N, C, H, W) in, float logits ``output`` (N, classes) out.

    Clamps narrower than the output type are not expressed.
    """
    graph = _Graph()
    factor = graph.constant("input_scale", np.array(network.input_scale, np.float32))
    zero = graph.constant("input_zero", np.array(0, network.input_dtype))
    results = {INPUT: graph.node("DequantizeLinear", ["input", factor, zero], "input_number")}
    scales = {INPUT: network.input_scale} | {step.name: step.scale for step in network.steps}
    dtypes, shapes = network.dtypes(), network.shapes()
    for number, step in enumerate(network.steps, start=1):
        graph.label = shown(step.name, LABEL)
        given = [_Numbers(value=results[name], scale=scales[name], dtype=dtypes[name], shape=shapes[name])
                 for name in step.inputs]
        results[step.name] = _step(graph, step, f"s{number:02d}", given)
    graph.label = ""
    graph.node("Identity", [results[network.steps[-1].name]], "output")
    kind = TensorProto.UINT8 if network.input_dtype == "uint8" else TensorProto.INT8
    proto = helper.make_graph(
        graph.nodes,
        shown(network.name, LABEL).encode("ascii", "backslashreplace").decode() or "network",
        [helper.make_tensor_value_info("input", kind, ["N", *network.input_shape])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", *shapes[network.steps[-1].name]])],
        graph.constants,
    )
    model = helper.make_model(
        proto, opset_imports=[helper.make_opsetid("", OPSET)], producer_name=PRODUCER, ir_version=IR_VERSION
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def run(model: onnx.ModelProto | bytes, images: np.ndarray, batch: int = 500) -> np.ndarray:
    """ONNX Runtime's logits (N, classes) float32 for codes (N, C, H, W), one thread.

    Its integer kernels for uint8 by int8 may saturate in between on some processors; the setting that avoids it is on.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.x64quantprecision", "1")
    data = model if isinstance(model, bytes) else model.SerializeToString()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    parts = [
        session.run(None, {"input": images[start : start + batch]})[0] for start in range(0, len(images), batch)
    ]
    return np.concatenate(parts)
