"""What a rollback goes back to, whatever was activated again, deleted, or of another encoder meanwhile."""

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from buybuddy.domain.embeddings import activation, service
from buybuddy.domain.embeddings.activation import NoWayBack, OtherEncoder
from buybuddy.domain.embeddings.service import IndexInUse
from buybuddy.infra.db import new_id
from tests.integration.conftest import SOMEBODY, Jobs
from tests.integration.index_shop import DIM, Shop, open_shop

READY = (
    "INSERT INTO embedding_indexes (id, name, encoder_id, dataset_label, kind, status, dim, facts, storage_prefix,"
    " created_by_name) VALUES (:id, :name, :encoder, 'Snacks', 'exact', 'ready', :dim, '{}', 'x/', 'somebody')"
)


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(jobs, tmp_path) as shop:
        yield shop


async def make(shop: Shop, *names: str) -> dict[str, uuid.UUID]:
    """Add rows of indexes that nobody opens."""
    made = {name: new_id() for name in names}
    for name, index_id in made.items():
        await shop.jobs.sql(READY, id=index_id, name=name, encoder=shop.encoder, dim=DIM)
    return made


async def activate(shop: Shop, index_id: uuid.UUID) -> None:
    async with shop.jobs.db.transaction() as session:
        await activation.activate(session, index_id, SOMEBODY)


async def remove(shop: Shop, index_id: uuid.UUID) -> None:
    async with shop.jobs.db.transaction() as session:
        await service.remove_index(session, index_id, SOMEBODY)


async def roll_back(shop: Shop) -> str | None:
    """Go back one step and return what serves then; None for the living vectors."""
    [previous] = await shop.jobs.sql("SELECT previous_id FROM embedding_indexes WHERE is_serving") or [None]
    async with shop.jobs.db.transaction() as session:
        index = await activation.roll_back(session, SOMEBODY, uuid.UUID(str(previous)) if previous else None)
        return index.name if index is not None else None


async def way_back(shop: Shop) -> list[str]:
    """Go back to the living vectors and return what served on the way."""
    seen: list[str] = []
    while (name := await roll_back(shop)) is not None:
        assert name not in seen, f"in circles: {seen}"
        seen.append(name)
    return seen


async def test_one_gets_back_to_the_living_vectors_when_an_index_was_activated_twice(shop: Shop) -> None:
    made = await make(shop, "A", "B")
    for name in ("A", "B", "A"):
        await activate(shop, made[name])
    assert await way_back(shop) == ["B"]


async def test_an_index_that_was_deleted_is_passed_over(shop: Shop) -> None:
    made = await make(shop, "A", "B", "C")
    for name in ("A", "B", "C"):
        await activate(shop, made[name])
    await remove(shop, made["B"])
    assert await way_back(shop) == ["A"]


async def test_a_circle_from_before_ends(shop: Shop) -> None:
    made = await make(shop, "A", "B")
    for name in ("A", "B"):
        await activate(shop, made[name])
    await shop.jobs.sql("UPDATE embedding_indexes SET previous_id = :b WHERE id = :a", a=made["A"], b=made["B"])
    await activate(shop, made["A"])
    assert await way_back(shop) == ["B"]


async def test_one_does_not_go_back_to_an_index_of_another_encoder(shop: Shop) -> None:
    made = await make(shop, "A", "B", "C")
    for name in ("A", "B"):
        await activate(shop, made[name])
    other = new_id()
    await shop.jobs.sql("UPDATE encoders SET is_serving = false")
    await shop.jobs.sql(
        "INSERT INTO encoders (id, name, weights_sha256, preprocessing, dim, is_serving)"
        " VALUES (:id, 'other', 'y', 'none/1', :dim, true)",
        id=other,
        dim=DIM,
    )
    await shop.jobs.sql("UPDATE embedding_indexes SET encoder_id = :encoder WHERE name = 'C'", encoder=other)
    with pytest.raises(OtherEncoder):
        await roll_back(shop)
    assert await shop.serving() == ["B"]
    await activate(shop, made["C"])
    with pytest.raises(OtherEncoder, match="delete this index"):
        await roll_back(shop)
    for name in ("B", "A"):
        await remove(shop, made[name])
    assert await way_back(shop) == []


WHAT = ("activate", "activate", "activate", "remove", "back")
STEPS = st.lists(st.tuples(st.sampled_from(WHAT), st.integers(0, 3)), min_size=8, max_size=20)


@given(STEPS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_done_one_gets_back_over_what_served_newest_first(
    shop: Shop, steps: list[tuple[str, int]]
) -> None:
    await shop.jobs.sql("TRUNCATE embedding_indexes CASCADE")
    made = await make(shop, *"ABCD")
    names, expected = list(made), list[str]()  # `expected`: what serves, last, over what served before
    for what, number in steps:
        name = names[number]
        if what == "activate" and name in made:
            await activate(shop, made[name])
            expected = [one for one in expected if one != name] + [name]
        elif what == "remove" and name in made and expected[-1:] != [name]:
            await remove(shop, made.pop(name))
            expected = [one for one in expected if one != name]
        elif what == "back" and expected:
            await roll_back(shop)
            expected.pop()
    if expected:
        with pytest.raises(IndexInUse):
            await remove(shop, made[expected[-1]])
        assert await way_back(shop) == expected[-2::-1]
    with pytest.raises(NoWayBack):
        await roll_back(shop)
