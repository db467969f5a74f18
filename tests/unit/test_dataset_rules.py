"""Splits of datasets: every product in one, the sizes asked for, the same everywhere."""

import uuid
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buybuddy.domain.datasets.exports.layouts import category_cell
from buybuddy.domain.datasets.rules import SPLITS, SplitPlan, check_ratios, cut_splits, place_of, split_sizes
from buybuddy.domain.datasets.versions.manifests import domain_of
from buybuddy.errors import InvalidInput

PRODUCTS = st.lists(st.uuids(), unique=True, max_size=200)
PARTS = st.tuples(*[st.integers(0, 100)] * 3).filter(any)
SEEDS = st.integers(0, 2**32 - 1)


def plan_of(parts: tuple[int, int, int], seed: int = 42) -> SplitPlan:
    train, val, test = (part / sum(parts) for part in parts)
    return SplitPlan(train, val, test, seed)


@given(n=st.integers(0, 5000), parts=PARTS)
def test_sizes_sum_up_and_are_near_their_ratios(n: int, parts: tuple[int, int, int]) -> None:
    ratios = plan_of(parts).ratios
    sizes = split_sizes(n, ratios)
    assert sum(sizes) == n
    assert min(sizes) >= 0
    for size, ratio in zip(sizes, ratios, strict=True):
        assert abs(size - n * ratio) < 3
        if ratio == 0:
            assert size == 0
        elif n >= 3:
            assert size >= 1
    if n and ratios[0] > 0:
        assert sizes[0] >= 1


@given(products=PRODUCTS, parts=PARTS, seed=SEEDS, random=st.randoms())
def test_a_split_depends_on_seed_and_products_only(
    products: list[uuid.UUID], parts: tuple[int, int, int], seed: int, random: Random
) -> None:
    plan = plan_of(parts, seed)
    cuts = cut_splits(plan, products)
    shuffled = random.sample(products, len(products))
    again = cut_splits(plan, shuffled)
    assert [cuts.split_of(one) for one in products] == [again.split_of(one) for one in products]
    sizes = split_sizes(len(products), plan.ratios)
    assert tuple(sum(cuts.split_of(one) == split for one in products) for split in SPLITS) == sizes


@given(products=st.lists(st.uuids(), unique=True, min_size=20, max_size=200), seed=SEEDS)
def test_a_few_more_products_move_only_those_at_the_cuts(products: list[uuid.UUID], seed: int) -> None:
    plan = SplitPlan(seed=seed)
    before, after = cut_splits(plan, products[:-1]), cut_splits(plan, products)
    assert sum(before.split_of(one) != after.split_of(one) for one in products[:-1]) <= 3


def test_the_places_are_these_on_every_machine() -> None:
    one = uuid.UUID("00000000-0000-4000-8000-000000000001")
    assert place_of(42, one) == 0x2EAF5D7BBC5C6DE2
    assert place_of(43, one) != place_of(42, one)


@pytest.mark.parametrize(
    ("ratios", "is_right"),
    [((0.8, 0.1, 0.1), True), ((1, 0, 0), True), ((0.8, 0.1, 0.101), True), ((0.8, 0.1, 0.099), True),
     ((0.5, 0.2, 0.2), False), ((0.8, 0.1, 0.1021), False), ((0, 0, 0), False)],
)  # fmt: skip
def test_ratios_sum_to_one(ratios: tuple[float, float, float], is_right: bool) -> None:
    plan = SplitPlan(*ratios)
    if is_right:
        check_ratios(plan)
        return
    with pytest.raises(InvalidInput, match="ratios") as refused:
        check_ratios(plan)
    assert refused.value.fields["field"] == "ratios"


@pytest.mark.parametrize(
    ("image_type", "parent_type", "domain"),
    [("synthetic", None, "synthetic"), ("real", None, "real"), ("augmented", "real", "real"),
     ("augmented", "synthetic", "synthetic"), ("augmented", None, "synthetic")],
)  # fmt: skip
def test_an_augmented_image_is_of_its_parents_domain(image_type: str, parent_type: str | None, domain: str) -> None:
    assert domain_of(image_type, parent_type) == domain


@pytest.mark.parametrize(
    ("text", "cell"),
    [("tea", "tea"), (None, ""), ("N/A", ""), (" null ", ""), ("=1+1", "'=1+1"), ("@x", "'@x")],
)
def test_a_category_is_a_cell_that_is_read_as_it_is(text: str | None, cell: str) -> None:
    assert category_cell(text) == cell
