"""A run that watches itself: what ends it early, and what it says then."""

import math
from dataclasses import dataclass, field

from buybuddy.errors import BuybuddyError
from buybuddy.training_config import WatchConfig

_SMOOTHING = 0.9
_SETTLED_AFTER = 20  # losses


class TrainingFailed(BuybuddyError):
    """The loss is no number any more, or far from where it was: another attempt would end the same way."""

    code = "TRAINING_FAILED"
    http_status = 422


@dataclass
class Watch:
    """Looks at the losses and at the figure of validation."""

    config: WatchConfig
    smooth: float | None = None
    least: float = math.inf
    n_losses: int = 0
    best: float = -math.inf
    n_without_better: int = 0
    history: list[float] = field(default_factory=list)

    def see_loss(self, loss: float, step: int) -> None:
        """Raises: TrainingFailed when the loss is no number, or many times what it has been."""
        if not math.isfinite(loss):
            raise TrainingFailed(f"The loss became {loss} at step {step}. Try a lower learning rate, or float32.")
        self.n_losses += 1
        self.smooth = loss if self.smooth is None else _SMOOTHING * self.smooth + (1 - _SMOOTHING) * loss
        if self.n_losses < _SETTLED_AFTER:
            return
        self.least = min(self.least, self.smooth)
        if self.smooth > self.config.explodes_at * max(self.least, 1e-3):
            raise TrainingFailed(
                f"The loss rose from {self.least:.3g} to {self.smooth:.3g} by step {step}. Try a lower learning rate."
            )

    def see_figure(self, figure: float) -> bool:
        """Note the figure of an epoch and return whether it is the best so far."""
        self.history.append(figure)
        is_better = figure > self.best
        self.best = max(self.best, figure)
        self.n_without_better = 0 if is_better else self.n_without_better + 1
        return is_better

    @property
    def is_over(self) -> bool:
        """Whether the figure has not become better for long."""
        return self.n_without_better >= self.config.patience_epochs
