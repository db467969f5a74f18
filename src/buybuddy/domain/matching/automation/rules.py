"""When automatic approval may go on."""

from typing import NamedTuple

from buybuddy.domain.matching.confidence.rules import wilson_bounds

FEWEST_ANSWERS = 30  # before a share of right ones says anything


class Quality(NamedTuple):
    """What people have said of the automatic approvals that they were shown."""

    n: int
    n_right: int

    @property
    def precision(self) -> float | None:
        return self.n_right / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float]:
        """Return between what the precision lies; each bound holds with 95 %."""
        return wilson_bounds(self.n_right, self.n)


def must_stop(quality: Quality, target: float) -> bool:
    """Return whether what was seen is below the target.

    The share itself decides, not its upper bound: to stop without need costs a look, to go on costs wrong labels.
    """
    return quality.n >= FEWEST_ANSWERS and quality.n_right < target * quality.n
