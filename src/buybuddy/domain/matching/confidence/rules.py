"""From what speaks for a pair to the probability that the photo shows the product.

A pair's score is a weighted sum of its similarity, its margin over the photo's other products, and whether a barcode
agrees: logistic regression with a prior that says what we believe before anybody has decided, worth PRIOR_DECISIONS.
With enough decisions the score is then bent by isotonic regression (PAVA), so that of the pairs with confidence 0.8
eight in ten are right. Both steps keep the order: a more similar pair is never the less certain one.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from buybuddy.domain.matching.rules import Tier

FloatArray = npt.NDArray[np.float64]

MIDDLE, UNIT = 0.7, 0.1  # of similarity: a step of UNIT is one in the sum
WIDEST_MARGIN = 0.2
# Intercept, similarity, margin, barcode: 0.30 at a similarity of 0.7, 0.85 at 0.9, 0.96 where a barcode agrees at 0.7.
DEFAULT_WEIGHTS = (-0.85, 1.29, 1.0, 4.0)
LEARNED_FROM = 20_000  # newest cards that were decided about
HIGHEST_TARGET = 0.9997  # that automatic approval can be asked for: so many cards, all of them right, prove no more
PRIOR_DECISIONS = 20
LARGEST_SCORE = 30.0
LEAST_FOR_BENDING = 200  # decisions; with fewer the straight score is the better guess
PER_KNOT, MOST_KNOTS = 50, 40
KNOT_PRIOR = 4.0  # decisions that a knot's rate is drawn to the straight score by
FIRST_STEP, STEP_GROWTH = 100, 1.2
Z_ONE_SIDED = 1.6449  # 95 %
N_NEWTON = 60


class Decided(NamedTuple):
    """A pair that a person has decided about."""

    similarity: float
    margin: float | None
    has_barcode: bool
    is_right: bool


class Step(BaseModel):
    """Of the pairs that were their photo's first, how many scored at least so much, and how many of them were right."""

    model_config = ConfigDict(frozen=True)

    score: float
    n: int
    n_right: int


class Curve(BaseModel):
    """What turns a pair into a confidence; SQL reads the same fields (queue/sql.py).

    Args:
        weights: of 1, similarity, margin and barcode.
        edges: scores at which the next piece begins; piece i is offsets[i] + slopes[i] * score, in log-odds.
        steps: by which automatic approval finds how low it may go, the highest score first.
    """

    model_config = ConfigDict(frozen=True)

    weights: tuple[float, float, float, float] = DEFAULT_WEIGHTS
    edges: tuple[float, ...] = (0.0,)
    offsets: tuple[float, ...] = (0.0, 0.0)
    slopes: tuple[float, ...] = (1.0, 1.0)
    steps: tuple[Step, ...] = ()
    n_decisions: int = Field(0, ge=0)

    def score(self, similarity: float | None, margin: float | None, *, has_barcode: bool) -> float:
        """Return a pair's score; without vectors it is as if the similarity were in the middle."""
        features = _features(MIDDLE if similarity is None else similarity, margin, has_barcode=has_barcode)
        total = sum(weight * feature for weight, feature in zip(self.weights, features, strict=True))
        return max(-LARGEST_SCORE, min(LARGEST_SCORE, total))

    def confidence(self, similarity: float | None, margin: float | None, tier: Tier) -> float:
        """Return the probability, in (0, 1), that the photo shows the product."""
        score = self.score(similarity, margin, has_barcode=tier != "similarity")
        piece = int(np.searchsorted(self.edges, score, side="right"))
        return _sigmoid(self.offsets[piece] + self.slopes[piece] * score)


class Cutoff(NamedTuple):
    """From which score pairs may be approved: of `n` such in the past `n_right` were right, at least `lower` of all."""

    score: float
    n: int
    n_right: int
    lower: float

    @property
    def precision(self) -> float:
        return self.n_right / self.n


def _features(similarity: float, margin: float | None, *, has_barcode: bool) -> tuple[float, float, float, float]:
    bounded = 0.0 if margin is None else max(-WIDEST_MARGIN, min(WIDEST_MARGIN, margin))
    return 1.0, (similarity - MIDDLE) / UNIT, bounded / UNIT, float(has_barcode)


def fit_curve(decisions: Sequence[Decided]) -> Curve:
    """Learn the curve from decisions; without any it is the default one."""
    if not decisions:
        return Curve()
    features = np.array([_features(d.similarity, d.margin, has_barcode=d.has_barcode) for d in decisions])
    right = np.array([d.is_right for d in decisions], dtype=np.float64)
    weights = _fit_weights(features, right)
    scores = np.clip(features @ weights, -LARGEST_SCORE, LARGEST_SCORE)
    edges, offsets, slopes = _bend(scores, right)
    is_first = np.array([d.margin is None or d.margin > 0 for d in decisions])
    return Curve(
        weights=(float(weights[0]), float(weights[1]), float(weights[2]), float(weights[3])),
        edges=edges,
        offsets=offsets,
        slopes=slopes,
        steps=_count_steps(scores[is_first], right[is_first]),
        n_decisions=len(decisions),
    )


def _fit_weights(features: FloatArray, right: FloatArray) -> FloatArray:
    """Maximise the posterior by Newton steps; the weights but the first stay at least 0.

    Args:
        features: (n, 4). right: (n,) 0 or 1.
    """
    prior = np.array(DEFAULT_WEIGHTS)
    strength = PRIOR_DECISIONS / 4  # a decision tells 1/4 at most, where it is an open question
    weights = prior.copy()
    loss = _loss(weights, features, right)
    for _ in range(N_NEWTON):
        likely = _sigmoids(features @ weights)
        gradient = features.T @ (likely - right) + strength * (weights - prior)
        curvature = (features.T * (likely * (1 - likely))) @ features + strength * np.eye(len(prior))
        is_free = (weights > 0) | (gradient < 0)
        is_free[0] = True
        move = np.zeros_like(weights)
        move[is_free] = np.linalg.solve(curvature[np.ix_(is_free, is_free)], -gradient[is_free])
        for halving in range(30):
            tried = weights + move * 0.5**halving
            tried[1:] = np.maximum(tried[1:], 0.0)
            tried_loss = _loss(tried, features, right)
            if tried_loss <= loss:
                break
        else:
            return weights
        is_done = float(np.abs(tried - weights).max()) < 1e-9
        weights, loss = tried, tried_loss
        if is_done:
            return weights
    return weights


def _loss(weights: FloatArray, features: FloatArray, right: FloatArray) -> float:
    scores = features @ weights
    off = weights - np.array(DEFAULT_WEIGHTS)
    return float(np.logaddexp(0.0, scores).sum() - right @ scores + PRIOR_DECISIONS / 8 * (off @ off))


def _bend(scores: FloatArray, right: FloatArray) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Return edges, offsets and slopes of the pieces that turn scores into calibrated log-odds."""
    straight = Curve()
    if len(scores) < LEAST_FOR_BENDING:
        return straight.edges, straight.offsets, straight.slopes
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, min(MOST_KNOTS, len(order) // PER_KNOT))
    at = np.array([scores[part].mean() for part in parts])
    n = np.array([len(part) for part in parts], dtype=np.float64)
    drawn = KNOT_PRIOR * np.array([_sigmoids(scores[part]).mean() for part in parts])
    rates = (np.array([right[part].sum() for part in parts]) + drawn) / (n + KNOT_PRIOR)
    rates = np.clip(isotonic(rates, n), 1e-6, 1 - 1e-6)
    at, kept = np.unique(at, return_index=True)
    logits = np.log(rates[kept] / (1 - rates[kept]))
    inner = np.diff(logits) / np.diff(at)
    slopes = np.concatenate([[1.0], inner, [1.0]])  # beyond what was seen the score itself goes on
    starts = np.concatenate([[0], np.arange(len(at))])
    offsets = logits[starts] - slopes * at[starts]
    return tuple(at.tolist()), tuple(offsets.tolist()), tuple(slopes.tolist())


def isotonic(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the non-decreasing values that are nearest to these in weighted squares.

    Source: pool adjacent violators, Barlow et al. 1972.
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append((value, weight, 1))
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (low, low_weight, n_low), (high, high_weight, n_high) = blocks.pop(-2), blocks.pop()
            total = low_weight + high_weight
            blocks.append(((low * low_weight + high * high_weight) / total, total, n_low + n_high))
    return np.repeat([mean for mean, _, _ in blocks], [n for _, _, n in blocks])


def _count_steps(scores: FloatArray, right: FloatArray) -> tuple[Step, ...]:
    """Count the FIRST_STEP highest scores, then ever more of them, pairs of equal score together."""
    order = np.argsort(-scores, kind="stable")
    sorted_scores, n_right = scores[order], np.cumsum(right[order])
    steps: list[Step] = []
    n = FIRST_STEP
    while n <= len(order):
        score = sorted_scores[n - 1]
        n_all = int(np.searchsorted(-sorted_scores, -score, side="right"))
        if not steps or steps[-1].n < n_all:
            steps.append(Step(score=float(score), n=n_all, n_right=int(n_right[n_all - 1])))
        n = math.ceil(n * STEP_GROWTH)
    return tuple(steps)


def fewest_decisions(target: float) -> int:
    """Return how many past decisions a precision target needs: twice what would prove it if all were right."""
    return max(2 * FIRST_STEP, 2 * math.ceil(Z_ONE_SIDED**2 * target / (1 - target)))


def find_cutoff(steps: Sequence[Step], target: float) -> Cutoff | None:
    """Find the lowest score from which pairs were right more often than the target, with 95 % confidence.

    The steps are tried from the highest score down and the first that fails ends the search, so that trying many
    makes a wrong one no likelier. Source: fixed-sequence testing, Learn then Test, arXiv:2110.01052.
    """
    found = None
    for step in steps:
        if step.n < fewest_decisions(target):
            continue
        lower = wilson_bounds(step.n_right, step.n)[0]
        if lower <= target:
            break
        found = Cutoff(step.score, step.n, step.n_right, lower)
    return found


def wilson_bounds(n_right: int, n: int) -> tuple[float, float]:
    """Return between what a share lies of which n_right of n were seen: each bound holds with 95 %.

    Source: Wilson 1927, the score interval; (0, 1) when nothing was seen.
    """
    if n == 0:
        return 0.0, 1.0
    share, z = n_right / n, Z_ONE_SIDED
    middle = share + z * z / (2 * n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = (middle - reach) / (1 + z * z / n) if n_right else 0.0
    high = (middle + reach) / (1 + z * z / n) if n_right < n else 1.0
    return min(max(low, 0.0), share), max(min(high, 1.0), share)


def differs(one: Curve, other: Curve, by: float) -> bool:
    """Return whether two curves are anywhere so much apart that the queue should be counted anew."""
    tiers: tuple[Tier, ...] = ("similarity", "both")
    return any(
        abs(one.confidence(similarity / 20, margin, tier) - other.confidence(similarity / 20, margin, tier)) > by
        for similarity in range(21)
        for margin in (-0.05, 0.0, 0.05)
        for tier in tiers
    )


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-LARGEST_SCORE, min(LARGEST_SCORE, value))))


def _sigmoids(values: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -LARGEST_SCORE, LARGEST_SCORE))), dtype=np.float64)
