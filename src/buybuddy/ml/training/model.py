"""The network that is trained and published: one module, whoever asks it, so that a vector is the same everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from buybuddy.ml.training.backbones import Backbone

_LEAST = 1e-6


class GeM(nn.Module):
    """Generalised mean over patches: 1 is their mean, and the larger the exponent, the nearer to their maximum.

    Source: Radenović et al., arXiv:1711.02512, equation 3.
    """

    def __init__(self, exponent: float) -> None:
        super().__init__()
        self.exponent = nn.Parameter(torch.tensor(float(exponent)))

    def forward(self, patches: Tensor) -> Tensor:
        """Return (n, dim) for (n, patches, dim), in float32: powers of halves overflow."""
        exponent = self.exponent.clamp(min=1.0)
        powers = patches.float().clamp(min=_LEAST).pow(exponent)
        return powers.mean(dim=1).pow(1.0 / exponent)


@dataclass(frozen=True)
class Features:
    """What the network answers, both rows of unit length.

    Args:
        pooled: (n, backbone's dim).
        projected: (n, embedding's dim), what losses look at.
    """

    pooled: Tensor
    projected: Tensor


class EmbeddingModel(nn.Module):
    """Backbone, GeM, dropout, projection.

    Args:
        embedding_dim: of the projection.
        side_px: of the square pictures that it is asked about.
    """

    def __init__(
        self, backbone: Backbone, *, embedding_dim: int, side_px: int, exponent: float = 3.0, dropout: float = 0.15
    ) -> None:
        super().__init__()
        self.backbone, self.side_px, self.embedding_dim = backbone, side_px, embedding_dim
        self.pool = GeM(exponent)
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(backbone.dim, embedding_dim, bias=False)
        nn.init.orthogonal_(self.projection.weight)
        self.backbone.to(memory_format=torch.channels_last)  # convolutions on a CPU take two thirds of the time then
        self.register_buffer("mean", torch.tensor(backbone.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(backbone.std).view(1, 3, 1, 1), persistent=False)

    def features(self, pictures: Tensor) -> Features:
        """Look at pictures.

        Args:
            pictures: (n, 3, side, side) uint8 RGB.
        """
        pixels = (pictures.float() / 255 - self.mean) / self.std
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        pooled = self.pool(self.backbone(pixels))
        projected = self.projection(self.dropout(pooled))
        return Features(functional.normalize(pooled, dim=1), functional.normalize(projected.float(), dim=1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the vectors that are published: (n, embedding_dim) float32 unit rows."""
        return self.features(pictures).projected

    def layers(self) -> Iterator[tuple[str, nn.Parameter, int]]:
        """Yield every parameter with its layer: the backbone's from 0 on, then pooling and projection as the last."""
        for name, parameter in self.named_parameters():
            is_backbone = name.startswith("backbone.")
            layer = self.backbone.layer_of(name.removeprefix("backbone.")) if is_backbone else self.backbone.n_layers
            yield name, parameter, layer
