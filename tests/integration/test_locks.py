"""Exclusive locks: one holder, by the database's clock, and nothing saved under a lock that is gone."""

import asyncio
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from sqlalchemy import text

from buybuddy.domain.accounts.access import COOKIE_NAME
from buybuddy.domain.accounts.tables import LoginSession, User
from buybuddy.domain.collaboration import sweeping
from buybuddy.domain.collaboration.locks import repository as lock_repository
from buybuddy.domain.collaboration.locks import service as lock_service
from buybuddy.domain.collaboration.locks.repository import Acquired, Lock
from buybuddy.domain.collaboration.locks.service import LockLost
from buybuddy.domain.collaboration.rules import LOCKED_FOR_S, Holder
from buybuddy.errors import NotAuthenticated, ResourceLocked
from buybuddy.infra.db import Actor, Database, new_id
from tests.contract.test_access_roles import PASSWORD, People, bearer, people
from tests.integration.conftest import Jobs, happens, jobs

__all__ = ["jobs", "people"]  # the fixtures

N_CLIENTS, N_ROUNDS = 50, 200


async def add_holder(db: Database, tab_id: str = "", *, user: User | None = None) -> Holder:
    """Add a user, unless there is one, with a session, and return a tab of it."""
    user = user or User(id=new_id(), username=f"u-{uuid.uuid4().hex[:10]}", role="operator", password_hash=None)
    login = LoginSession(id=new_id(), user_id=user.id, cookie_hash=new_id().bytes, bearer_hash=new_id().bytes)
    async with db.transaction() as session:
        await session.merge(user)
        await session.flush()
        login.expires_at = (await session.execute(text("SELECT clock_timestamp() + interval '1 hour'"))).scalar_one()
        session.add(login)
    return Holder(user.id, user.username, login.id, None, tab_id)


@dataclass
class Locks:
    """The lock of one product, in the words of a test."""

    db: Database
    product_id: uuid.UUID

    async def acquire(self, holder: Holder) -> Acquired | Lock:
        async with self.db.transaction() as session:
            return await lock_service.acquire(session, "product", self.product_id, holder)

    async def got(self, holder: Holder) -> Acquired:
        acquired = await self.acquire(holder)
        assert isinstance(acquired, Acquired)
        return acquired

    async def release(self, holder: Holder) -> None:
        async with self.db.transaction() as session:
            await lock_service.release(session, "product", self.product_id, holder)

    async def check(self, holder: Holder, token: int | None = None) -> None:
        async with self.db.transaction() as session:
            await lock_service.check_lock(
                session, "product", self.product_id, Actor(holder.user_id, holder.username), token
            )

    async def let_pass(self, seconds: float) -> None:
        """Have the database believe that the lock was taken so much earlier."""
        async with self.db.transaction() as session:
            await session.execute(
                text(
                    "UPDATE resource_locks SET expires_at = expires_at - make_interval(secs => :s),"
                    " acquired_at = acquired_at - make_interval(secs => :s) WHERE resource_id = :id"
                ),
                {"s": seconds, "id": self.product_id},
            )

    async def events(self) -> list[str]:
        async with self.db.transaction() as session:
            rows = await session.scalars(
                text("SELECT payload->>'change' FROM events WHERE topic = 'lock' AND payload->>'id' = :id ORDER BY id"),
                {"id": str(self.product_id)},
            )
            return [str(row) for row in rows]


@pytest.fixture
async def locks(db: Database) -> Locks:
    return Locks(db, new_id())


async def test_of_fifty_who_race_exactly_one_wins_each_round_and_tokens_grow(dsn: str) -> None:
    db = Database(dsn, pool_size=N_CLIENTS)
    locks = Locks(db, new_id())
    tabs = [await add_holder(db, "race") for _ in range(N_CLIENTS)]
    dice, tokens, winners = random.Random(5), [], set()
    for _ in range(N_ROUNDS):
        dice.shuffle(tabs)
        answers = await asyncio.gather(*(locks.acquire(tab) for tab in tabs))
        won = [answer for answer in answers if isinstance(answer, Acquired)]
        assert len(won) == 1 and won[0].is_new
        assert {answer.token for answer in answers if isinstance(answer, Lock)} == {won[0].lock.token}
        tokens.append(won[0].lock.token)
        winners.add(won[0].lock.holder.user_id)
        await locks.release(won[0].lock.holder)
    await db.close()
    assert tokens == sorted(set(tokens))
    assert len(winners) > 10


async def test_the_holder_renews_and_keeps_the_token_and_another_tab_does_not_get_it(locks: Locks) -> None:
    mine = await add_holder(locks.db, "tab-1")
    other_tab = Holder(mine.user_id, mine.username, mine.session_id, None, "tab-2")
    first = await locks.got(mine)
    await locks.let_pass(200)
    held = await locks.acquire(other_tab)
    assert isinstance(held, Lock) and 90 < held.expires_in_s <= LOCKED_FOR_S - 200
    again = await locks.got(mine)
    assert (again.lock.token, again.is_new, again.lock.expires_in_s) == (first.lock.token, False, LOCKED_FOR_S)
    await locks.release(other_tab)
    assert isinstance(await locks.acquire(other_tab), Lock), "only the holder gives it back"
    assert await locks.events() == ["acquired"], "a renewal is no news"
    await locks.release(mine)
    assert (await locks.got(other_tab)).lock.token > first.lock.token
    assert await locks.events() == ["acquired", "released", "acquired"]


async def test_a_lock_that_lapsed_goes_to_the_next_and_what_is_saved_with_its_token_is_refused(locks: Locks) -> None:
    ada, ben = await add_holder(locks.db), await add_holder(locks.db)
    first = (await locks.got(ada)).lock.token
    await locks.check(ada, first)
    await locks.let_pass(LOCKED_FOR_S - 1)
    with pytest.raises(ResourceLocked):
        await locks.check(ben)
    await locks.let_pass(2)
    await locks.check(ben)  # nobody holds it, so whoever has the right version may save
    with pytest.raises(LockLost):
        await locks.check(ada, first)
    second = (await locks.got(ben)).lock.token
    assert second > first
    with pytest.raises(ResourceLocked) as refused:
        await locks.check(ada, first)
    lock = refused.value.fields["lock"]
    assert isinstance(lock, dict) and lock["user"] == {"id": str(ben.user_id), "username": ben.username}
    assert lock["expires_in_s"] > LOCKED_FOR_S - 5 and lock["token"] is None
    await locks.let_pass(LOCKED_FOR_S)
    third = (await locks.got(ben)).lock.token
    assert third > second, "one's own lapsed lock is taken anew"
    with pytest.raises(LockLost):
        await locks.check(ben, second)
    await locks.check(ben, third)


async def test_nobody_acquires_between_the_check_of_an_edit_and_its_commit(jobs: Jobs) -> None:
    locks = Locks(jobs.db, new_id())
    ada, ben = await add_holder(jobs.db), await add_holder(jobs.db)
    for is_locked in (False, True):
        token = (await locks.got(ada)).lock.token if is_locked else None
        async with jobs.db.transaction() as session:
            actor = Actor(ada.user_id, ada.username)
            await lock_service.check_lock(session, "product", locks.product_id, actor, token)
            if is_locked:
                await locks.let_pass(LOCKED_FOR_S)  # it lapses while the edit is under way
            acquiring = asyncio.create_task(locks.acquire(ben))
            await happens(jobs, "SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            assert not acquiring.done()
        assert isinstance(await acquiring, Acquired)
        await locks.release(ben)


async def test_ended_sessions_hold_nothing_and_the_sweep_tells(locks: Locks) -> None:
    ada, ben = await add_holder(locks.db), await add_holder(locks.db)
    await locks.got(ada)
    async with locks.db.transaction() as session:
        await session.execute(text("DELETE FROM sessions WHERE id = :id"), {"id": ada.session_id})
    await locks.check(ben)
    async with locks.db.transaction() as session:
        assert await lock_repository.find_lock(session, "product", locks.product_id) is None
        await sweeping.sweep(session)
    assert await locks.events() == ["acquired", "expired"]
    with pytest.raises(NotAuthenticated):
        await locks.acquire(ada)
    await locks.got(ben)
    await locks.let_pass(LOCKED_FOR_S)
    async with locks.db.transaction() as session:
        await sweeping.sweep(session)
        n_left = await session.scalar(
            text("SELECT count(*) FROM resource_locks WHERE resource_id = :id"), {"id": locks.product_id}
        )
    assert n_left == 0
    assert await locks.events() == ["acquired", "expired", "acquired", "expired"]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    yield f"/api/v1/locks/product/{uuid.uuid4()}"


def test_over_http_with_a_beacon_by_cookie(people: People, url: str) -> None:
    tokens = {}
    for name in ("ada", "ben"):
        _, username = people.add("operator", name)
        tokens[name] = people.sign_in(username)
    taken = people.http.post(url, headers={**bearer(tokens["ada"]), "Tab-Id": "t1"})
    assert taken.status_code == 200, taken.text
    lock = taken.json()["lock"]
    assert taken.json()["acquired"] and lock["is_mine"] and lock["expires_in_s"] == LOCKED_FOR_S and lock["token"] > 0
    refused = people.http.post(url, headers=bearer(tokens["ben"])).json()
    assert not refused["acquired"] and refused["lock"]["token"] is None
    assert refused["lock"]["user"] == lock["user"]
    assert people.http.post(url, json={"tab_id": "t1"}, headers=bearer(tokens["ada"])).json()["acquired"]
    seen = people.http.get(url, headers=bearer(tokens["ada"])).json()
    assert not seen["acquired"] and not seen["lock"]["is_mine"], "another tab of the same session"
    assert people.http.delete(url, headers=bearer(tokens["ben"])).json()["lock"]["user"] == lock["user"]
    assert people.http.delete(f"{url}?force=true", headers=bearer(tokens["ben"])).status_code == 403
    for body in (b"x" * 2000, b"a b", b'{"tab_id": 1}', b"{"):
        assert people.http.post(f"{url}/release", headers=bearer(tokens["ada"]), content=body).status_code in (400, 413)

    assert people.http.delete(url, params={"tab_id": "t1"}, headers=bearer(tokens["ada"])).json() == {
        "acquired": False,
        "lock": None,
    }
    _, username = people.add("operator", "closing")
    cookie = people.http.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD}).cookies
    people.http.cookies.clear()
    same_site = {"Sec-Fetch-Site": "same-origin", "Cookie": f"{COOKIE_NAME}={cookie[COOKIE_NAME]}"}
    ways: list[dict[str, object]] = [
        {"content": b"t9", "headers": {**same_site, "Content-Type": "text/plain;charset=UTF-8"}},
        {"content": b'{"tab_id": "t9"}', "headers": {**same_site, "Content-Type": "text/plain;charset=UTF-8"}},
        {"params": {"tab_id": "t9"}, "headers": same_site},
    ]
    for way in ways:
        assert people.http.post(url, headers={**same_site, "Tab-Id": "t9"}).json()["acquired"]
        elsewhere = {"Sec-Fetch-Site": "cross-site", "Cookie": same_site["Cookie"]}
        assert people.http.post(f"{url}/release", params={"tab_id": "t9"}, headers=elsewhere).status_code == 403
        assert people.http.get(url, headers=bearer(tokens["ben"])).json()["lock"] is not None
        assert people.http.post(f"{url}/release", **way).status_code == 204  # type: ignore[arg-type]
        assert people.http.get(url, headers=bearer(tokens["ben"])).json()["lock"] is None


def test_an_admin_breaks_a_lock_and_its_holder_is_told(people: People, url: str) -> None:
    _, username = people.add("operator", "holder")
    token = people.sign_in(username)
    assert people.http.post(url, headers=bearer(token)).json()["acquired"]
    answer = people.http.delete(url, params={"force": "true"}, headers=bearer(people.admin))
    assert answer.json() == {"acquired": False, "lock": None}
    [told] = people.http.get("/api/v1/notifications", headers=bearer(token)).json()["items"]
    assert (told["kind"], told["params"], told["subject"]["kind"]) == ("lock.broken", {"by": "admin"}, "product")
    query = {"subject_kind": "product", "subject_id": told["subject"]["id"]}
    audit = people.http.get("/api/v1/audit", params=query, headers=bearer(people.admin)).json()["items"]
    assert [(entry["action"], entry["before"]) for entry in audit] == [("lock.break", {"holder": username})]


def test_signing_out_frees_ones_locks_and_a_dataset_needs_an_engineer(people: People, url: str) -> None:
    _, username = people.add("operator", "leaving")
    token = people.sign_in(username)
    assert people.http.post(url, headers=bearer(token)).json()["acquired"]
    dataset = url.replace("product", "dataset")
    assert people.http.post(dataset, headers=bearer(token)).status_code == 403
    people.http.post("/api/v1/auth/logout", headers=bearer(token))
    assert people.http.post(url, headers=bearer(people.admin)).json()["acquired"]
