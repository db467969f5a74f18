"""How weights move: AdamW by layers, warm-up and cosine, an average of what they were."""

import math
from collections import defaultdict

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from buybuddy.ml.training.model import EmbeddingModel
from buybuddy.training_config import OptimiserConfig


def freeze(model: EmbeddingModel, share: float) -> int:
    """Keep the first layers of the backbone as they are; return how many.

    Args:
        share: of the backbone's layers, in [0, 1].
    """
    n_frozen = round(share * model.backbone.n_layers)
    for _, parameter, layer in model.layers():
        if layer < n_frozen:
            parameter.requires_grad_(False)
    return n_frozen


def keep_frozen_still(model: EmbeddingModel) -> None:
    """Have frozen batch norms keep their statistics, too; to be called after `train()`."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and not module.weight.requires_grad:
            module.eval()


def make_optimiser(model: EmbeddingModel, loss: nn.Module, config: OptimiserConfig, rate: float) -> torch.optim.AdamW:
    """Make an optimiser in which the rate falls from the last layer to the first, and norms and biases never decay."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = defaultdict(list)
    for _, parameter, layer in model.layers():
        if parameter.requires_grad:
            distance = model.backbone.n_layers - layer
            own = rate * config.layer_decay**distance if distance else rate * config.head_rate
            groups[own, _decay(parameter, config)].append(parameter)
    for parameter in loss.parameters():
        groups[rate * config.head_rate, _decay(parameter, config)].append(parameter)
    return torch.optim.AdamW(
        [{"params": members, "lr": own, "weight_decay": decay} for (own, decay), members in groups.items()], lr=rate
    )


def _decay(parameter: nn.Parameter, config: OptimiserConfig) -> float:
    return config.weight_decay if parameter.ndim > 1 else 0.0


def make_schedule(optimiser: torch.optim.Optimizer, n_steps: int, n_warmup: int, final_share: float) -> LambdaLR:
    """Make the schedule of every group's rate: linear up, then a cosine down to the final share."""

    def share(step: int) -> float:
        if step < n_warmup:
            return (step + 1) / n_warmup
        gone = min(1.0, (step - n_warmup) / max(1, n_steps - n_warmup))
        return final_share + (1 - final_share) * 0.5 * (1 + math.cos(math.pi * gone))

    return LambdaLR(optimiser, share)


def make_average(model: nn.Module, decay: float) -> AveragedModel:
    """Make the moving average of a model's weights and statistics; it is what is evaluated and published."""
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
