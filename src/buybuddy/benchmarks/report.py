"""One measured figure, as every benchmark reports it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BenchmarkReport:
    """A figure beside what it is compared with.

    Args:
        name: e.g. 'retrieval.cmc1_packaged'.
        value: the figure, in `unit`.
        baseline: what it is compared with, in the same unit; None when there is nothing.
        ratio: value / baseline; None without one.
        details: further figures and circumstances.
    """

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    details: Mapping[str, float | int | str] = field(default_factory=dict)
