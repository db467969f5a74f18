"""The benchmark of candidates: what was rejected, what the answers are compared with, and what it reports."""

from pathlib import Path

import numpy as np
import pytest

from buybuddy.benchmarks import candidates
from buybuddy.benchmarks.candidates import FILTERS, LEFT_OUT, LIMIT, N_DECIDED, Drawn, choose_best, choose_rejected
from buybuddy.benchmarks.pool import Pool

POOL = Pool(n_photos=3_000, n_per_product=25, dim=32)
N_ASKED = 2


def test_the_nearest_photos_are_rejected() -> None:
    similarities = np.random.default_rng(1).uniform(-1, 1, (3, 1_000)).astype(np.float32)
    for of_all, rejected in zip(similarities, choose_rejected(similarities), strict=True):
        assert sorted(rejected.tolist()) == sorted(np.argsort(-of_all)[:N_DECIDED].tolist())


def test_the_best_are_those_that_fit_and_were_not_decided_about() -> None:
    similarities = np.linspace(1, -1, 200, dtype=np.float32)
    similarities[:20] = LEFT_OUT
    fits = np.arange(200) % 2 == 0
    assert choose_best(similarities, fits) == set(range(20, 20 + 2 * LIMIT, 2))
    assert choose_best(similarities, np.arange(200) < 25) == set(range(20, 25))


def test_filters_take_what_their_requests_take() -> None:
    photos = [Drawn("hand", "2026-06-28", 0), Drawn("rare", "2026-07-01", 0)]
    taken = {kind.name: [kind.fits(photo) for photo in photos] for kind in FILTERS}
    assert taken["recall_hand"] == [True, False]
    assert taken["recall_rare"] == taken["recall_half_year"] == [False, True]
    assert taken["recall_basket"] == taken["recall_return"] == [False, False]


@pytest.mark.slow
def test_recall_is_reported_without_and_with_each_filter_among_photos_beyond_the_rejected(tmp_path: Path) -> None:
    reports = candidates.run(tmp_path, pool=POOL, n_asked=N_ASKED)
    values = {report.name: report.value for report in reports if report.unit == "share"}
    assert list(values) == ["candidates.recall_at_50", *(f"candidates.{kind.name}" for kind in FILTERS)]
    assert all(value >= 0.95 for value in values.values())  # near 0 were others rejected than the nearest
    assert [report.name for report in reports[:6]] == ["candidates.p99"] * 6
