"""Which photos show one scene, and which groups are left when they are merged."""

import datetime as dt
import uuid

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from buybuddy.domain.photos.rules import count_differing_bits, is_same_scene, merge_groups, plain_name

GROUPS = [uuid.UUID(int=number) for number in range(12)]
HASHES = st.integers(-(2**63), 2**63 - 1)
BEGUN = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)


@given(
    st.lists(st.tuples(st.sampled_from(GROUPS), st.sampled_from(GROUPS)), max_size=30),
    st.lists(st.integers(0, 5), min_size=12, max_size=12),
)
def test_linked_groups_become_their_oldest_and_others_stay(
    links: list[tuple[uuid.UUID, uuid.UUID]], ages: list[int]
) -> None:
    begun_at = {group: BEGUN + dt.timedelta(days=age) for group, age in zip(GROUPS, ages, strict=True)}
    merged = merge_groups(links, begun_at)
    together = {group: {group} for group in GROUPS}
    for first, second in links:  # the slow way: sets that grow into each other
        joined = together[first] | together[second]
        for group in joined:
            together[group] = joined
    for group, members in together.items():
        oldest = min(members, key=lambda one: (begun_at[one], one))
        assert merged.get(group, group) == oldest
        assert (group in merged) == (group != oldest)


@given(HASHES, HASHES)
def test_bits_of_signed_hashes_are_counted(first: int, second: int) -> None:
    bits = [np.array([value], np.int64).view(np.uint64)[0] for value in (first, second)]
    assert count_differing_bits(first, second) == bin(int(bits[0] ^ bits[1])).count("1")


def test_a_scene_may_be_lighter_but_no_part_of_it_another() -> None:
    scene = np.random.default_rng(1).integers(40, 200, (16, 16, 3), dtype=np.uint8)
    lighter = (scene * 1.1 + 8).astype(np.uint8)
    other = scene.copy()
    other[5:8, 5:8] = 255 - other[5:8, 5:8]
    assert is_same_scene(scene, scene) and is_same_scene(scene, lighter) and is_same_scene(lighter, scene)
    assert not is_same_scene(scene, other) and not is_same_scene(other, scene)
    assert not is_same_scene(np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8))


def test_a_name_is_a_path_that_can_be_shown() -> None:
    assert plain_name("may\\a\x00\u202eb.jpg") == "may/ab.jpg"
    assert plain_name("may\\\\%22a%22.jpg") == plain_name('may\\"a".jpg') == 'may/"a".jpg'
    assert plain_name("../ş ü.jpg") == "../ş ü.jpg"
    assert (plain_name("\x07"), len(plain_name("x" * 5000))) == ("photo", 1000)
