"""Confidence keeps the order of similarities, is right as often as it says, and never promises what was not seen."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from buybuddy.domain.matching.confidence.rules import (
    HIGHEST_TARGET,
    LEARNED_FROM,
    Curve,
    Cutoff,
    Decided,
    Step,
    fewest_decisions,
    find_cutoff,
    fit_curve,
    isotonic,
    wilson_bounds,
)
from buybuddy.domain.matching.rules import Tier

cosines = st.floats(-1, 1)
margins = st.none() | st.floats(-0.5, 0.5)
decisions = st.lists(st.builds(Decided, cosines, margins, st.booleans(), st.booleans()), max_size=60)
tiers = st.sampled_from(("both", "barcode", "similarity"))


def simulate(n: int, seed: int = 1) -> tuple[list[Decided], np.ndarray]:
    """Return pairs that people decided about, and how likely each was right: a bent curve that no logistic has."""
    chooser = np.random.default_rng(seed)
    similarity = chooser.beta(6, 3, n)
    margin = chooser.normal(0.03, 0.08, n)
    barcode = chooser.random(n) < 0.1
    likely = np.clip(1.6 * (similarity - 0.45) + 0.8 * margin, 0.02, 0.97)
    likely = np.where(barcode, np.maximum(likely, 0.95), likely)
    right = chooser.random(n) < likely
    pairs = zip(similarity.tolist(), margin.tolist(), barcode.tolist(), right.tolist(), strict=True)
    return [Decided(*pair) for pair in pairs], likely


def expected_calibration_error(curve: Curve, pairs: list[Decided]) -> float:
    said = np.array(
        [curve.confidence(d.similarity, d.margin, "both" if d.has_barcode else "similarity") for d in pairs]
    )
    right = np.array([d.is_right for d in pairs], dtype=float)
    parts = np.array_split(np.argsort(said), 15)
    return float(sum(len(part) * abs(said[part].mean() - right[part].mean()) for part in parts) / len(pairs))


@settings(max_examples=60, deadline=None)
@given(decisions, st.lists(cosines, min_size=2, max_size=8), margins, tiers)
def test_a_more_similar_pair_is_never_less_certain(
    known: list[Decided], similarities: list[float], margin: float | None, tier: Tier
) -> None:
    curve = fit_curve(known * 5)  # enough of them that it is bent
    said = [curve.confidence(similarity, margin, tier) for similarity in sorted(similarities)]
    assert all(0 < value < 1 for value in said)
    assert all(low <= high + 1e-9 for low, high in itertools.pairwise(said))
    assert curve.confidence(similarities[0], margin, "both") >= curve.confidence(similarities[0], margin, "similarity")


def test_what_it_says_happens_as_often_as_it_says() -> None:
    known, _ = simulate(6_000)
    fresh, _ = simulate(20_000, seed=2)
    error, unlearned = (expected_calibration_error(curve, fresh) for curve in (fit_curve(known), Curve()))
    assert error < 0.02 < unlearned  # 0.009 against 0.083 of the default curve


def test_few_decisions_hardly_move_the_default_and_many_do() -> None:
    assert fit_curve([]) == Curve()
    default = Curve().confidence(0.8, 0.0, "similarity")
    wrong = Decided(0.8, 0.0, has_barcode=False, is_right=False)
    assert default - 0.1 < fit_curve([wrong] * 2).confidence(0.8, 0.0, "similarity") < default
    assert fit_curve([wrong] * 400).confidence(0.8, 0.0, "similarity") < 0.05


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.1, 9)), min_size=1, max_size=30))
def test_isotonic_values_are_sorted_and_keep_the_mean(pairs: list[tuple[float, float]]) -> None:
    values, weights = (np.array(column) for column in zip(*pairs, strict=True))
    fitted = isotonic(values, weights)
    assert np.all(np.diff(fitted) >= -1e-12)
    assert np.isclose((fitted * weights).sum(), (values * weights).sum())
    assert np.allclose(isotonic(np.sort(values), weights), np.sort(values))


@given(st.integers(1, 5000), st.floats(0, 1))
def test_bounds_lie_around_what_was_seen(n: int, share: float) -> None:
    n_right = round(n * share)
    low, high = wilson_bounds(n_right, n)
    assert 0 <= low <= n_right / n <= high <= 1
    assert low < 1
    assert wilson_bounds(0, 0) == (0.0, 1.0)


def test_nothing_is_promised_of_too_few_decisions() -> None:
    assert fewest_decisions(0.99) == 536
    assert find_cutoff([Step(score=3, n=535, n_right=535)], 0.99) is None
    assert find_cutoff([Step(score=3, n=536, n_right=536)], 0.99) is not None
    # The first that fails ends the search: what follows may look good by luck.
    unlucky = [Step(score=3, n=600, n_right=590), Step(score=2, n=900, n_right=900)]
    assert find_cutoff(unlucky, 0.99) is None
    lucky = [Step(score=3, n=600, n_right=600), Step(score=2, n=900, n_right=899), Step(score=1, n=1200, n_right=900)]
    found = find_cutoff(lucky, 0.99)
    assert isinstance(found, Cutoff)
    assert found.score == 2
    assert found.lower > 0.99


def test_the_highest_target_is_one_that_can_be_proved() -> None:
    right = [Decided(0.5 + 0.4 * number / LEARNED_FROM, 0.1, False, True) for number in range(LEARNED_FROM)]
    steps = fit_curve(right).steps
    assert find_cutoff(steps, HIGHEST_TARGET) is not None
    assert find_cutoff(steps, HIGHEST_TARGET + 0.0001) is None


def test_a_cutoff_keeps_its_promise_on_pairs_that_were_not_seen() -> None:
    n_broken = 0
    for seed in range(40):
        cutoff = find_cutoff(fit_curve(simulate(4_000, seed=seed)[0]).steps, 0.9)
        fresh, likely = simulate(20_000, seed=1000 + seed)
        if cutoff is None:
            continue
        curve = fit_curve(simulate(4_000, seed=seed)[0])
        scores = np.array([curve.score(d.similarity, d.margin, has_barcode=d.has_barcode) for d in fresh])
        is_first = np.array([d.margin is None or d.margin > 0 for d in fresh])
        n_broken += float(likely[(scores >= cutoff.score) & is_first].mean()) < 0.9
    assert n_broken <= 4  # of 40: at most 5 % are expected
