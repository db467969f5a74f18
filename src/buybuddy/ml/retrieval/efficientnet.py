"""EfficientNet-Lite0 as an ONNX graph, built straight from the weights of the published state dict.

Source: github.com/tensorflow/tpu, efficientnet/lite (ReLU6, no squeeze-and-excitation, fixed stem and head); names of
the weights as in its PyTorch port. Batch norms are folded into the convolutions before them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

FloatArray = npt.NDArray[np.float32]

FEATURE_DIM = 1280
INPUT_SIDE_PX = 224
_BATCH_NORM_EPSILON = 1e-3
_GEM_EXPONENT = 3.0
_OPSET = 17
_IR_VERSION = 8


@dataclass(frozen=True)
class _Stage:
    n_blocks: int
    kernel: int
    stride: int
    expand_ratio: int
    in_channels: int
    out_channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 32, 16),
    _Stage(2, 3, 2, 6, 16, 24),
    _Stage(2, 5, 2, 6, 24, 40),
    _Stage(3, 3, 2, 6, 40, 80),
    _Stage(3, 5, 1, 6, 80, 112),
    _Stage(4, 5, 2, 6, 112, 192),
    _Stage(1, 3, 1, 6, 192, 320),
)


class _GraphBuilder:
    """Collects nodes and weights; every weight may be used once, and at the end none may be left over."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.generic]]) -> None:
        self._unused = {name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")}
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = [
            numpy_helper.from_array(np.array(0, np.float32), "zero"),
            numpy_helper.from_array(np.array(6, np.float32), "six"),
        ]

    def take(self, name: str, shape: tuple[int, ...]) -> FloatArray:
        value = np.asarray(self._unused.pop(name), dtype=np.float32)
        if value.shape != shape:
            raise ValueError(f"{name} has shape {value.shape}, expected {shape}")
        return value

    def add_constant(self, name: str, value: float | FloatArray) -> str:
        self.initializers.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def add(self, op: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def add_convolution(
        self,
        x: str,
        conv: str,
        norm: str,
        in_out: tuple[int, int],
        *,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
    ) -> str:
        """Add a convolution with its batch norm folded in; padding as TensorFlow's SAME."""
        n_in, n_out = in_out
        weight = self.take(f"{conv}.weight", (n_out, n_in // groups, kernel, kernel))
        gain, shift, mean, variance = (
            self.take(f"{norm}.{part}", (n_out,)).astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + _BATCH_NORM_EPSILON)
        folded = (weight * scale[:, None, None, None]).astype(np.float32)
        bias = (shift - mean * scale).astype(np.float32)
        self.initializers += [
            numpy_helper.from_array(folded, f"{conv}.w"),
            numpy_helper.from_array(bias, f"{conv}.b"),
        ]
        return self.add(
            "Conv",
            [x, f"{conv}.w", f"{conv}.b"],
            f"{conv}.y",
            auto_pad="SAME_UPPER",
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            group=groups,
        )

    def add_relu6(self, x: str) -> str:
        return self.add("Clip", [x, "zero", "six"], f"{x}.relu6")

    def check_all_used(self, expected_rest: set[str]) -> None:
        if set(self._unused) != expected_rest:
            raise ValueError(f"the weights do not fit the network: left over are {sorted(self._unused)[:5]}")


def build_encoder_graph(
    weights: Mapping[str, npt.NDArray[np.generic]], metadata: Mapping[str, str], centre: FloatArray | None = None
) -> onnx.ModelProto:
    """Build the network up to its pooled features, and what makes vectors of them; the classifier is left out.

    Args:
        weights: the whole state dict; names and shapes must fit exactly.
        metadata: kept in the file as its properties.
        centre: (1280,) float32, subtracted from the unit features before they are made unit again; None for nothing.
    Returns: a model from `pixels` (n, 3, 224, 224) float32, normalised RGB, to `vectors` (n, 1280) float32 unit rows.
        Pooling is GeM with exponent 3. Source: Radenović et al., arXiv:1711.02512; docs/experiments-retrieval.md.
    Raises: ValueError when the weights do not fit.
    """
    graph = _GraphBuilder(weights)
    x = graph.add_relu6(graph.add_convolution("pixels", "_conv_stem", "_bn0", (3, 32), kernel=3, stride=2))
    number = 0
    for stage in _STAGES:
        for position in range(stage.n_blocks):
            x = _add_block(graph, x, f"_blocks.{number}", stage, is_first=position == 0)
            number += 1
    x = graph.add_relu6(graph.add_convolution(x, "_conv_head", "_bn1", (320, FEATURE_DIM)))
    graph.check_all_used({"_fc.weight", "_fc.bias"})
    x = graph.add("Pow", [x, graph.add_constant("gem", _GEM_EXPONENT)], "powered")
    x = graph.add("GlobalAveragePool", [x], "averaged")
    x = graph.add("Pow", [x, graph.add_constant("gem_inverse", 1 / _GEM_EXPONENT)], "rooted")
    x = graph.add("Flatten", [x], "flat", axis=1)
    x = graph.add("LpNormalization", [x], "unit_features", axis=1, p=2)
    if centre is not None:
        x = graph.add("Sub", [x, graph.add_constant("centre", centre)], "centred")
    graph.add("LpNormalization", [x], "vectors", axis=1, p=2)
    side = INPUT_SIDE_PX
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, side, side])],
            [helper.make_tensor_value_info("vectors", TensorProto.FLOAT, ["n", FEATURE_DIM])],
            graph.initializers,
        ),
        producer_name="buybuddy",
        opset_imports=[helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model, full_check=True)
    return model


def _add_block(graph: _GraphBuilder, x: str, name: str, stage: _Stage, *, is_first: bool) -> str:
    """Add one inverted residual: widen, filter each channel, narrow again."""
    n_in = stage.in_channels if is_first else stage.out_channels
    stride = stage.stride if is_first else 1
    n_wide = n_in * stage.expand_ratio
    y = x
    if stage.expand_ratio != 1:
        y = graph.add_relu6(graph.add_convolution(y, f"{name}._expand_conv", f"{name}._bn0", (n_in, n_wide)))
    y = graph.add_relu6(
        graph.add_convolution(
            y,
            f"{name}._depthwise_conv",
            f"{name}._bn1",
            (n_wide, n_wide),
            kernel=stage.kernel,
            stride=stride,
            groups=n_wide,
        )
    )
    y = graph.add_convolution(y, f"{name}._project_conv", f"{name}._bn2", (n_wide, stage.out_channels))
    if stride == 1 and n_in == stage.out_channels:
        y = graph.add("Add", [y, x], f"{name}.sum")
    return y
