"""What training makes small: classes through a head, and contrast within a batch. Both from pytorch-metric-learning."""

import math

import torch
from pytorch_metric_learning import losses
from torch import Tensor, nn

from buybuddy.training_config import LossConfig

_SURE = 1 - 1e-6  # of cosines


class _SteadyArcFace(losses.ArcFaceLoss):
    """ArcFace whose slope is a number everywhere: that of an angle is endless where the cosine is 1 or -1."""

    def get_cosine(self, embeddings: Tensor) -> Tensor:
        cosines: Tensor = super().get_cosine(embeddings)
        return cosines.clamp(-_SURE, _SURE)


class _SteadySubCenterArcFace(losses.SubCenterArcFaceLoss):
    """The same with several centres a class."""

    def get_cosine(self, embeddings: Tensor) -> Tensor:
        cosines: Tensor = super().get_cosine(embeddings)
        return cosines.clamp(-_SURE, _SURE)


class Loss(nn.Module):
    """The sum of what a configuration asks for.

    Its head has weights of its own, a row or more for each class, which the optimiser has to train as well. It counts
    in float32 whatever the network counts in: cosines near 1 mean nothing in halves.
    """

    def __init__(self, config: LossConfig, n_classes: int, dim: int) -> None:
        super().__init__()
        self.head = _make_head(config, n_classes, dim)
        self.contrast_weight = config.contrast_weight
        self.contrast = losses.SupConLoss(temperature=config.temperature) if config.contrast_weight else None

    def forward(self, vectors: Tensor, classes: Tensor) -> Tensor:
        """Return the loss of a batch.

        Args:
            vectors: (n, dim) unit rows.
            classes: (n,) int64.
        """
        with torch.autocast(vectors.device.type, enabled=False):
            rows = vectors.float()
            total = rows.sum() * 0.0
            if self.head is not None:
                total = total + self.head(rows, classes)
            if self.contrast is not None:
                total = total + self.contrast_weight * self.contrast(rows, classes)
            return total


def _make_head(config: LossConfig, n_classes: int, dim: int) -> nn.Module | None:
    degrees = math.degrees(config.margin)
    if config.head == "arcface":
        return _smooth(_SteadyArcFace(n_classes, dim, margin=degrees, scale=config.scale), config)
    if config.head == "subcenter_arcface":
        head = _SteadySubCenterArcFace(
            num_classes=n_classes, embedding_size=dim, margin=degrees, scale=config.scale,
            sub_centers=config.n_subcenters,
        )  # fmt: skip
        return _smooth(head, config)
    if config.head == "proxy_anchor":
        return losses.ProxyAnchorLoss(n_classes, dim, margin=config.margin, alpha=config.scale)
    return None


def _smooth(head: nn.Module, config: LossConfig) -> nn.Module:
    head.cross_entropy = nn.CrossEntropyLoss(reduction="none", label_smoothing=config.label_smoothing)
    return head
