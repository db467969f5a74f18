"""The figures of retrieval against the plainest way of counting them."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buybuddy.ml.retrieval import metrics

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


@st.composite
def shops(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
    """Photos, pictures, the first picture of each product and what each photo shows; whole numbers, so ties occur."""
    n_photos, dim = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    photos = rng.integers(-2, 3, (n_photos, dim)).astype(np.float32)
    pictures = rng.integers(-2, 3, (sum(sizes), dim)).astype(np.float32)
    starts = np.cumsum([0, *sizes[:-1]])
    return photos, pictures, starts, rng.integers(0, len(sizes), n_photos)


def naive_best(photos: FloatArray, pictures: FloatArray, starts: IntArray) -> FloatArray:
    ends = [*starts[1:], len(pictures)]
    return np.array(
        [[max(float(photo @ p) for p in pictures[a:b]) for a, b in zip(starts, ends, strict=True)] for photo in photos],
        dtype=np.float32,
    )


@given(shops(), st.integers(1, 30))
def test_the_best_picture_counts_whatever_the_chunks(
    shop: tuple[FloatArray, FloatArray, IntArray, IntArray], chunk: int
) -> None:
    photos, pictures, starts, _ = shop
    best = metrics.best_similarities(photos, pictures, starts, chunk=chunk)
    np.testing.assert_array_equal(best, naive_best(photos, pictures, starts))


@given(shops(), st.integers(0, 5))
def test_ranks_are_those_of_sorting_everything_with_ties_against_the_hit(
    shop: tuple[FloatArray, FloatArray, IntArray, IntArray], cut: int
) -> None:
    photos, pictures, starts, shown = shop
    best = naive_best(photos, pictures, starts)
    own = best[np.arange(len(shown)), shown]
    ranks = np.ones(len(shown), dtype=np.int64)
    for columns in np.split(np.arange(len(starts)), [min(cut, len(starts))]):  # in two blocks of products
        place = np.array([int(np.flatnonzero(columns == one)[0]) if one in columns else -1 for one in shown])
        ranks += metrics.count_rivals(best[:, columns], own, place)
    for row, product, rank in zip(best, shown, ranks, strict=True):
        order = sorted(range(len(row)), key=lambda one: (-row[one], one == product))
        assert rank == order.index(product) + 1
    rates = metrics.hit_rates(ranks, (1, 3))
    assert rates == {k: sum(rank <= k for rank in ranks) / len(ranks) for k in (1, 3)}
    of_product = [[rank <= 3 for rank, one in zip(ranks, shown, strict=True) if one == p] for p in set(shown.tolist())]
    macro = metrics.hit_rates_per_product(ranks, shown, (3,))[3]
    assert macro == pytest.approx(np.mean([np.mean(hits) for hits in of_product]))


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=40))
def test_map_at_r_is_what_its_authors_define(ranking: list[tuple[int, bool]]) -> None:
    similarities = np.array([one for one, _ in ranking], dtype=np.float32)
    is_relevant = np.array([hit for _, hit in ranking])
    if not is_relevant.any():
        return
    # As pytorch-metric-learning does it: cumulative hits over places, at the hits within the first R, by R.
    order = sorted(range(len(ranking)), key=lambda one: (-ranking[one][0], ranking[one][1]))
    n_relevant = int(is_relevant.sum())
    first = is_relevant[order][:n_relevant]
    precision = np.cumsum(first) / np.arange(1, n_relevant + 1)
    ranks = metrics.relevant_ranks(similarities, is_relevant)
    assert ranks.tolist() == [place for place, one in enumerate(order, start=1) if is_relevant[one]]
    assert metrics.average_precision_at_r(ranks) == pytest.approx(float((precision * first).sum() / n_relevant))


def test_map_at_r_on_the_example_of_the_paper() -> None:
    assert metrics.average_precision_at_r(np.array([1, 2, 3, 4])) == 1
    assert metrics.average_precision_at_r(np.array([1, 11, 12, 13, 14, 15, 16, 17, 18, 19])) == pytest.approx(0.1)
    assert metrics.average_precision_at_r(np.array([2, 3])) == pytest.approx(0.25)


def test_near_duplicates_fold_for_each_product() -> None:
    stays = metrics.first_of_groups(np.array([0, 0, 0, 1, 1]), np.array([7, 7, 8, 7, 7]))
    assert stays.tolist() == [True, False, True, True, False]


def test_confusions_come_most_frequent_first() -> None:
    shown, found = np.array([0, 0, 1, 1, 1, 2]), np.array([1, 0, 2, 2, 0, 2])
    assert dict(metrics.most_confused(shown, found, 2)) == {(1, 2): 2, (0, 1): 1}


def test_nothing_to_rank_is_no_division_by_zero() -> None:
    none = np.empty(0, dtype=np.int64)
    assert metrics.hit_rates(none, (1,)) == metrics.hit_rates_per_product(none, none, (1,)) == {1: 0.0}
    assert metrics.best_similarities(np.empty((0, 2), np.float32), np.ones((1, 2), np.float32), np.array([0])).size == 0


def test_a_large_pool_is_ranked_in_a_small_part_of_the_memory() -> None:
    rng = np.random.default_rng(1)
    photos = rng.standard_normal((3_000, 16), dtype=np.float32)
    pictures = rng.standard_normal((2_000, 16), dtype=np.float32)
    n_seen: list[int] = []
    best = metrics.best_similarities(
        photos, pictures, np.arange(0, 2_000, 2), chunk=100_000, after_chunk=lambda: n_seen.append(1)
    )
    assert best.shape == (3_000, 1_000)
    assert len(n_seen) == 60
