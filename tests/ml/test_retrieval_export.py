"""The exported encoder against the same network written in PyTorch, where PyTorch is installed."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from buybuddy.errors import Misconfigured
from buybuddy.ml.retrieval.export_encoder import build_test_picture, export_encoder, find_encoder_weights
from buybuddy.ml.retrieval.photo_centre import build_photo_centre
from buybuddy.ml.retrieval.torch_checkpoint import read_state_dict

# (blocks, kernel, stride, expansion, channels out) of each stage, written down apart from the code under test.
STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192)]
STAGES += [(1, 3, 1, 6, 320)]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "new" / "encoder.onnx"
    export_encoder(path)
    return path


def reference_vectors(pixels: np.ndarray) -> np.ndarray:
    """Run the network with PyTorch's own operators on weights read by PyTorch itself."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    weights = torch.load(find_encoder_weights(), weights_only=True)

    def convolve(x: Any, conv: str, norm: str, stride: int = 1, *, is_depthwise: bool = False) -> Any:
        weight = weights[f"{conv}.weight"]
        kernel = weight.shape[-1]
        total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        x = functional.conv2d(x, weight, stride=stride, groups=x.shape[1] if is_depthwise else 1)
        parts = (weights[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return functional.batch_norm(x, *parts, eps=1e-3)

    with torch.inference_mode():
        x = functional.relu6(convolve(torch.from_numpy(pixels), "_conv_stem", "_bn0", 2))
        number = 0
        for n_blocks, _, stage_stride, expansion, _ in STAGES:
            for position in range(n_blocks):
                name, skipped = f"_blocks.{number}", x
                stride = stage_stride if position == 0 else 1
                if expansion > 1:
                    x = functional.relu6(convolve(x, f"{name}._expand_conv", f"{name}._bn0"))
                x = functional.relu6(convolve(x, f"{name}._depthwise_conv", f"{name}._bn1", stride, is_depthwise=True))
                x = convolve(x, f"{name}._project_conv", f"{name}._bn2")
                x = x + skipped if x.shape == skipped.shape else x
                number += 1
        x = functional.relu6(convolve(x, "_conv_head", "_bn1"))
        unit = functional.normalize(x.pow(3).mean(dim=(2, 3)).pow(1 / 3))
        return np.asarray(functional.normalize(unit - torch.from_numpy(build_photo_centre())).numpy())


def test_the_exported_network_equals_the_pytorch_one(exported: Path) -> None:
    pixels = np.concatenate(
        [build_test_picture(), np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)]
    )
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    vectors = session.run(["vectors"], {"pixels": pixels})[0]
    assert vectors.shape == (2, 1280)
    np.testing.assert_allclose(vectors, reference_vectors(pixels), atol=1e-5)


def test_weights_read_by_us_equal_weights_read_by_pytorch() -> None:
    torch = pytest.importorskip("torch")
    expected = torch.load(find_encoder_weights(), weights_only=True)
    ours = read_state_dict(find_encoder_weights())
    assert list(ours) == list(expected)
    for name, value in ours.items():
        np.testing.assert_array_equal(value, expected[name].numpy())


def test_nothing_is_left_beside_the_exported_file(exported: Path) -> None:
    assert [path.name for path in exported.parent.iterdir()] == ["encoder.onnx"]


def test_a_weight_file_that_asks_for_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "evil.pth"
    with path.open("wb") as file:
        pickle.dump(0x1950A86A20F9469CFC6C, file)
        pickle.dump(1001, file)
        pickle.dump({"little_endian": True}, file)
        pickle.dump({"weight": Path.home}, file)
    with pytest.raises(Misconfigured, match="does not need"):
        read_state_dict(path)


@pytest.mark.parametrize("n_bytes", [0, 10, 1000, 1_000_000])
def test_a_cut_off_weight_file_is_refused(tmp_path: Path, n_bytes: int) -> None:
    path = tmp_path / "cut.pth"
    path.write_bytes(find_encoder_weights().read_bytes()[:n_bytes])
    with pytest.raises(Misconfigured):
        read_state_dict(path)
