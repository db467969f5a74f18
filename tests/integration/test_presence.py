"""Who is where: told when people come and go, by the database's clock, each person once."""

import uuid

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from buybuddy.domain.collaboration import sweeping
from buybuddy.domain.collaboration.presence import repository as presence_repository
from buybuddy.domain.collaboration.presence import service as presence_service
from buybuddy.domain.collaboration.presence.moves import MOST_MOVES, WITHIN_S, MoveLimit, TooManyMoves
from buybuddy.domain.collaboration.rules import MOST_TABS, SEEN_WITHIN_S, Holder, Place
from buybuddy.infra.db import Database, new_id
from tests.contract.test_access_roles import People, bearer, people
from tests.integration.test_locks import add_holder

__all__ = ["people"]  # the fixture

PLACES = [Place("/products"), Place("/products/detail", "product", uuid.UUID(int=1)), Place("/jobs")]
STEPS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(["a", "b"]), st.sampled_from([*PLACES, None])), min_size=1, max_size=12
)


async def be_at(db: Database, holder: Holder, place: Place) -> None:
    async with db.transaction() as session:
        await presence_service.be_at(session, holder, place)


async def leave(db: Database, holder: Holder) -> None:
    async with db.transaction() as session:
        await presence_service.leave(session, holder)


async def sweep(db: Database) -> None:
    async with db.transaction() as session:
        await sweeping.sweep(session)


async def people_at(db: Database, place: Place) -> set[uuid.UUID]:
    async with db.transaction() as session:
        found = await presence_repository.list_people(session, place.page, place.resource_type, place.resource_id)
    assert len({person.user_id for person in found}) == len(found), "each person once"
    return {person.user_id for person in found}


async def let_pass(db: Database, holder: Holder, seconds: float) -> None:
    async with db.transaction() as session:
        await session.execute(
            text(
                "UPDATE user_presence SET last_seen_at = last_seen_at - make_interval(secs => :s) WHERE user_id = :id"
            ),
            {"s": seconds, "id": holder.user_id},
        )


async def told(db: Database) -> list[tuple[str, str, str]]:
    """Return change, user and page of every presence event, oldest first."""
    async with db.transaction() as session:
        rows = await session.execute(
            text(
                "SELECT payload->>'change', payload->'user'->>'id', payload->>'page' FROM events"
                " WHERE topic = 'presence' ORDER BY id"
            )
        )
        return [(change, user_id, page) for change, user_id, page in rows]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
async def test_what_was_told_adds_up_to_who_is_there(db: Database, steps: list[tuple[int, str, Place | None]]) -> None:
    users = [await add_holder(db) for _ in range(2)]
    async with db.transaction() as session:
        await session.execute(text("TRUNCATE user_presence, events"))
    model: dict[tuple[int, str], Place] = {}
    for number, tab_id, place in steps:
        user = users[number]
        holder = Holder(user.user_id, user.username, user.session_id, None, tab_id)
        n_told = len(await told(db))
        if place is None:
            await leave(db, holder)
            model.pop((number, tab_id), None)
        else:
            await be_at(db, holder, place)
            model[number, tab_id] = place
            n_after = len(await told(db))
            await be_at(db, holder, place)
            assert len(await told(db)) == n_after, "a heartbeat is no news"
        assert len(await told(db)) - n_told <= 2
    there: set[tuple[str, str]] = set()
    for change, user_id, page in await told(db):
        assert ((user_id, page) in there) == (change == "left"), "nobody comes twice or leaves without having come"
        there ^= {(user_id, page)}
    assert there == {(str(users[number].user_id), place.page) for (number, _), place in model.items()}
    for place in PLACES:
        expected = {users[number].user_id for (number, _), at in model.items() if at == place}
        assert await people_at(db, place) == expected


@pytest.mark.parametrize("how", ["is not heard of", "signs out"])
async def test_whoever_goes_without_a_word_is_missed(db: Database, how: str) -> None:
    ada, ben = await add_holder(db, "t"), await add_holder(db, "t")
    place = Place(f"/{uuid.uuid4()}")
    await be_at(db, ada, place)
    await be_at(db, ben, place)
    if how == "signs out":
        async with db.transaction() as session:
            await session.execute(text("DELETE FROM sessions WHERE id = :id"), {"id": ada.session_id})
    else:
        await let_pass(db, ada, SEEN_WITHIN_S - 5)
        assert await people_at(db, place) == {ada.user_id, ben.user_id}
        await let_pass(db, ada, 5)
    assert await people_at(db, place) == {ben.user_id}
    await sweep(db)
    await sweep(db)
    mine = [change for change, user_id, page in await told(db) if (user_id, page) == (str(ada.user_id), place.page)]
    assert mine == ["joined", "left"]
    if how == "is not heard of":
        await be_at(db, ada, place)
        assert await people_at(db, place) == {ada.user_id, ben.user_id}
        assert (await told(db))[-1] == ("joined", str(ada.user_id), place.page)


async def test_one_user_cannot_fill_the_table(db: Database) -> None:
    ada = await add_holder(db)
    for number in range(MOST_TABS + 5):
        await be_at(db, Holder(ada.user_id, ada.username, ada.session_id, None, f"t{number}"), Place("/many"))
    async with db.transaction() as session:
        tabs = text("SELECT array_agg(tab_id) FROM user_presence WHERE user_id = :id")
        kept = await session.scalar(tabs, {"id": ada.user_id})
    assert kept is not None
    assert set(kept) == {f"t{number}" for number in range(5, MOST_TABS + 5)}, "the latest stay"


async def test_whoever_comes_and_goes_all_the_time_is_slowed_down_and_others_are_not(db: Database) -> None:
    ada, ben = await add_holder(db), await add_holder(db)
    places = [Place(f"/{uuid.uuid4()}") for _ in range(2)]
    for number in range(MOST_MOVES):
        await be_at(db, ada, places[number % 2])
    n_told = len(await told(db))
    for _ in range(3):
        with pytest.raises(TooManyMoves) as refused:
            await be_at(db, ada, places[0])
    assert refused.value.fields["retry_after_s"] in range(1, int(WITHIN_S) + 1)
    await be_at(db, ada, places[1])  # where they are: a heartbeat
    assert len(await told(db)) == n_told
    assert await people_at(db, places[1]) == {ada.user_id}
    await be_at(db, ben, places[0])


def test_moves_are_forgotten_with_time() -> None:
    limit, ada = MoveLimit(), new_id()
    for second in range(100):
        limit.count(ada, second * WITHIN_S / MOST_MOVES)
    with pytest.raises(TooManyMoves):
        limit.count(ada, 99 * WITHIN_S / MOST_MOVES)


def test_over_http(people: People) -> None:
    names, tokens = [], []
    for label in ("ada", "ben"):
        _, username = people.add("viewer", label)
        names.append(username)
        tokens.append(people.sign_in(username))
    product_id = str(new_id())
    at = {"page": "/products/detail", "resource_type": "product", "resource_id": product_id, "tab_id": "t1"}

    def here(answer: httpx.Response) -> list[str]:
        assert answer.status_code == 200, answer.text
        return [person["user"]["username"] for person in answer.json()["items"]]

    assert here(people.http.put("/api/v1/presence", json=at, headers=bearer(tokens[0]))) == names[:1]
    assert here(people.http.put("/api/v1/presence", json=at, headers=bearer(tokens[1]))) == names
    for query in ({"resource_type": "product", "resource_id": product_id}, {"page": "/products/detail"}):
        found = people.http.get("/api/v1/presence", params=query, headers=bearer(tokens[0]))
        assert set(names) <= set(here(found))
    left = people.http.post("/api/v1/presence/leave", content=b"t1", headers=bearer(tokens[0]))
    assert left.status_code == 204
    query = {"resource_type": "product", "resource_id": product_id}
    assert here(people.http.get("/api/v1/presence", params=query, headers=bearer(tokens[1]))) == names[1:]
    bad: list[dict[str, object]] = [
        {**at, "resource_id": None}, {**at, "page": "a b"}, {**at, "page": "x" * 201}, {**at, "tab_id": "a b"}, {}
    ]  # fmt: skip
    for body in bad:
        assert people.http.put("/api/v1/presence", json=body, headers=bearer(tokens[0])).status_code == 422
    half = people.http.get("/api/v1/presence", params={"resource_type": "product"}, headers=bearer(tokens[0]))
    assert half.status_code == 400
