"""Users, sessions and passwords: who may sign in, and that somebody always may manage the rest."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from buybuddy.domain.accounts import service
from buybuddy.domain.accounts.access import COOKIE_NAME
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.rules import FREE_FAILURES, SESSION_IDLE_HOURS
from buybuddy.domain.accounts.schemas import UserEdit, UserIn
from buybuddy.domain.accounts.tables import User
from buybuddy.domain.accounts.users import repository as user_repository
from buybuddy.domain.accounts.users import service as user_service
from buybuddy.errors import BuybuddyError
from buybuddy.infra.db import Actor, Database, new_id
from buybuddy.infra.sealing import Sealer
from tests.conftest import RunningPlatform
from tests.contract.test_access_roles import PASSWORD, People, bearer, people

__all__ = ["people"]  # the fixture

SOMEBODY = Actor(None, "somebody")


@pytest.fixture
async def no_users(db: Database) -> AsyncIterator[None]:
    async with db.transaction() as session:
        await session.execute(text("TRUNCATE users CASCADE"))
    yield


async def add_admins(db: Database, n: int) -> list[User]:
    users = [User(id=new_id(), username=f"admin-{number}", role="admin", password_hash=None) for number in range(n)]
    async with db.transaction() as session:
        session.add_all(users)
        await session.flush()
        for user in users:
            await session.refresh(user)
    return users


@pytest.mark.parametrize("edit", [{"role": "viewer"}, {"is_disabled": True}])
async def test_two_admins_who_put_each_other_out_at_once_leave_one(
    db: Database, no_users: None, edit: dict[str, object]
) -> None:
    for _ in range(5):
        async with db.transaction() as session:
            await session.execute(text("TRUNCATE users CASCADE"))
        admins = await add_admins(db, 4)

        async def put_out(user: User) -> str:
            try:
                async with db.transaction() as session:
                    await user_service.edit_user(session, user.id, UserEdit.model_validate(edit), 1, SOMEBODY)
            except BuybuddyError as error:
                return error.code
            return "done"

        outcomes = await asyncio.gather(*(put_out(user) for user in admins))
        assert sorted(outcomes) == ["LAST_ADMIN", "done", "done", "done"]
        async with db.transaction() as session:
            assert len(await user_repository.lock_enabled_admins(session)) == 1


async def test_the_console_acts_for_another_admin_when_the_first_is_gone(db: Database, no_users: None) -> None:
    first, second = await add_admins(db, 2)
    for gone in (first, second):
        async with db.transaction() as session:
            assert await service.replace_cli_key(session)
            owner = (await session.execute(text("SELECT user_id FROM api_keys WHERE is_console"))).scalar_one()
            user = await user_repository.lock_user(session, owner)
            assert user is not None and user.role == "admin" and user.disabled_at is None
            if gone is first:
                disabled = UserEdit(is_disabled=True)
                await user_service.edit_user(session, owner, disabled, user.version, SOMEBODY)


def test_an_admin_adds_edits_and_finds_users(people: People) -> None:
    admin = bearer(people.admin)
    name = f"Cigdem.{uuid.uuid4().hex[:6]}"
    made = people.http.post("/api/v1/auth/users", json={"username": name, "role": "operator"}, headers=admin)
    assert made.status_code == 201
    user, password = made.json(), made.json()["password"]
    assert made.headers["etag"] == '"v1"' and len(password) >= 20
    assert people.sign_in(name, password)
    taken = people.http.post("/api/v1/auth/users", json={"username": name.swapcase()}, headers=admin)
    assert (taken.status_code, taken.json()["code"]) == (409, "NAME_TAKEN")
    for bad in ({"username": " x"}, {"username": "a\u0000b"}, {"username": "ok", "password": "short"}, {"role": "god"}):
        assert people.http.post("/api/v1/auth/users", json=bad, headers=admin).status_code == 422

    url = f"/api/v1/auth/users/{user['id']}"
    email = f"{uuid.uuid4().hex}@shop.example"
    edited = people.http.patch(url, json={"role": "engineer", "email": email}, headers={**admin, "If-Match": '"v1"'})
    assert (edited.status_code, edited.json()["role"], edited.headers["etag"]) == (200, "engineer", '"v2"')
    stale = people.http.patch(url, json={"version": 1, "role": "admin"}, headers=admin)
    assert stale.status_code == 409
    assert (stale.json()["current_version"], stale.json()["current"]["role"]) == (2, "engineer")
    assert stale.json()["changed_by"] == "admin"
    assert people.http.patch(url, json={"role": "admin"}, headers=admin).status_code == 428
    assert people.http.get(url, headers=admin).json() == edited.json()
    assert people.sign_in(email, password), "an email serves as a name"

    found = people.http.get("/api/v1/auth/users", params={"search": email[:12].upper()}, headers=admin).json()
    assert [row["id"] for row in found["items"]] == [user["id"]]
    everybody, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = people.http.get("/api/v1/auth/users", params=query, headers=admin).json()
        everybody += [row["username"] for row in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert len(everybody) == len(set(everybody)) == page["total"]
    history = people.http.get("/api/v1/audit", params={"subject_kind": "user", "subject_id": user["id"]}, headers=admin)
    edit = next(entry for entry in history.json()["items"] if entry["action"] == "user.edit")
    assert edit["before"] == {"role": "operator", "email": None}
    assert edit["after"] == {"role": "engineer", "email": email}
    assert password not in history.text


def test_the_last_admin_stays(people: People, platform: RunningPlatform) -> None:
    admin = bearer(people.admin)
    listed = people.http.get("/api/v1/auth/users", params={"role": "admin", "limit": 100}, headers=admin).json()
    for user in listed["items"]:  # of other tests
        if user["username"] != platform.username and user["disabled_at"] is None:
            body = {"version": user["version"], "role": "viewer"}
            people.http.patch(f"/api/v1/auth/users/{user['id']}", json=body, headers=admin).raise_for_status()
    me = people.http.get("/api/v1/auth/me", headers=admin).json()
    for change in ({"role": "engineer"}, {"is_disabled": True}):
        body = {"version": me["version"], **change}
        refused = people.http.patch(f"/api/v1/auth/users/{me['id']}", json=body, headers=admin)
        assert (refused.status_code, refused.json()["code"]) == (409, "LAST_ADMIN")
    assert people.http.get("/api/v1/auth/users", headers=admin).status_code == 200


def test_a_new_password_ends_ones_other_sessions(people: People) -> None:
    _, name = people.add("viewer", "changes")
    here, elsewhere = people.sign_in(name), people.sign_in(name)
    new = "another good password"

    def change(current: str, wanted: str) -> httpx.Response:
        body = {"current_password": current, "new_password": wanted}
        return people.http.post("/api/v1/auth/password", json=body, headers=bearer(here))

    assert change(PASSWORD, "short").status_code == 422
    assert PASSWORD not in change(PASSWORD, "short").text
    assert (change("wrong", new).status_code, change("wrong", new).json()["code"]) == (400, "WRONG_PASSWORD")
    assert change(PASSWORD, new).status_code == 204
    assert people.http.get("/api/v1/auth/me", headers=bearer(here)).status_code == 200
    assert people.http.get("/api/v1/auth/me", headers=bearer(elsewhere)).status_code == 401
    assert people.sign_in(name, new)
    for _ in range(FREE_FAILURES["account"]):  # somebody found the page open, and guesses
        change("a guess", new)
    assert change(new, PASSWORD).status_code == 429


async def test_guesses_at_the_same_moment_are_counted_before_any_is_answered(people: People) -> None:
    _, name = people.add("viewer", "guessed")
    body = {"username": name, "password": "a guess"}
    transport = httpx.AsyncHTTPTransport(local_address="127.0.0.11")
    async with httpx.AsyncClient(base_url=people.http.base_url, transport=transport, timeout=60) as http:
        answers = await asyncio.gather(*(http.post("/api/v1/auth/login", json=body) for _ in range(30)))
    n_looked_at = sum(answer.status_code == 401 for answer in answers)
    assert n_looked_at <= FREE_FAILURES["account"] + 1  # the block may end while the last ones still come
    assert {answer.status_code for answer in answers} == {401, 429}


def test_guesses_by_name_and_by_email_are_of_one_account_until_its_password_is_reset(people: People) -> None:
    admin, name, email = bearer(people.admin), f"two-{uuid.uuid4().hex[:8]}", f"{uuid.uuid4().hex}@shop.example"
    body = {"username": name, "email": email, "password": PASSWORD}
    people.http.post("/api/v1/auth/users", json=body, headers=admin).raise_for_status()

    def answered(by: str, password: str) -> int:
        return people.http.post("/api/v1/auth/login", json={"username": by, "password": password}).status_code

    assert {answered(email, "a guess") for _ in range(FREE_FAILURES["account"])} == {401}
    assert answered(name, PASSWORD) == 429
    reset = people.http.post(f"/api/v1/auth/users/{name}/reset-password", headers=admin).json()
    assert people.sign_in(email, reset["password"])


@pytest.mark.parametrize("name", ["İrem", "IŞIL", "Öykü", "ẞ"])
def test_letters_that_languages_fold_differently_keep_nobody_out(people: People, name: str) -> None:
    admin, name = bearer(people.admin), f"{name}-{uuid.uuid4().hex[:6]}"
    body = {"username": name, "email": f"{name}@shop.example", "password": PASSWORD}
    made = people.http.post("/api/v1/auth/users", json=body, headers=admin)
    assert made.status_code == 201
    assert people.sign_in(name) and people.sign_in(f"{name}@shop.example")
    assert people.http.post("/api/v1/auth/users", json=body, headers=admin).status_code == 409
    found = people.http.get("/api/v1/auth/users", params={"search": name}, headers=admin).json()
    assert [row["id"] for row in found["items"]] == [made.json()["id"]]


async def test_a_name_taken_at_the_same_moment_is_refused(db: Database) -> None:
    new, passwords = UserIn(username=f"twin-{new_id()}"), Passwords()

    async def create() -> None:
        async with db.transaction() as session:
            await user_service.create_user(session, passwords, new, SOMEBODY)

    async with db.transaction() as session:
        await user_service.create_user(session, passwords, new, SOMEBODY)
        second = asyncio.create_task(create())
        await asyncio.sleep(1)  # it looks for the name, finds none, and waits for this transaction
    with pytest.raises(user_service.NameTaken):
        await second


def test_sessions_are_listed_rotated_and_ended(people: People) -> None:
    _, name = people.add("viewer", "sessions")
    headers = {"User-Agent": "Mozilla/5.0 " + "x" * 500}
    body = {"username": name, "password": PASSWORD}
    first = people.http.post("/api/v1/auth/login", json=body, headers=headers)
    old_cookie = str(people.http.cookies[COOKIE_NAME])
    second = people.http.post("/api/v1/auth/login", json=body, headers=headers)  # the browser still has its cookie
    assert people.http.cookies[COOKIE_NAME] != old_cookie
    people.http.cookies.clear()
    assert people.http.get("/api/v1/auth/me", headers=bearer(first.json()["access_token"])).status_code == 401
    token = second.json()["access_token"]
    others = [people.sign_in(name), people.sign_in(name)]

    listed = people.http.get("/api/v1/auth/sessions", headers=bearer(token)).json()
    assert listed["total"] == 3
    mine = [item for item in listed["items"] if item["is_current"]]
    assert len(mine) == 1 and mine[0]["address"] == "127.0.0.10"
    assert mine[0]["user_agent"].startswith("Mozilla/5.0 x") and len(mine[0]["user_agent"]) == 200
    end, seen = (dt.datetime.fromisoformat(mine[0][part]) for part in ("expires_at", "last_seen_at"))
    assert end == seen + dt.timedelta(hours=SESSION_IDLE_HOURS)

    other = next(item["id"] for item in listed["items"] if not item["is_current"])
    assert people.http.delete(f"/api/v1/auth/sessions/{other}", headers=bearer(token)).status_code == 204
    ended = people.http.post("/api/v1/auth/sessions/end-others", headers=bearer(token))
    assert ended.json() == {"n_ended": 1}
    for gone in others:
        assert people.http.get("/api/v1/auth/me", headers=bearer(gone)).status_code == 401
    assert people.http.get("/api/v1/auth/me", headers=bearer(token)).status_code == 200


def test_an_open_event_stream_ends_with_its_session(people: People) -> None:
    user_id, name = people.add("viewer", "streams")
    token = people.sign_in(name)
    with people.http.stream("GET", "/api/v1/events", headers=bearer(token), timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        with httpx.Client(base_url=people.http.base_url) as http:
            http.delete(f"/api/v1/auth/users/{user_id}/sessions", headers=bearer(people.admin)).raise_for_status()
        for _ in lines:  # comes to its end, well before the next routine check
            pass


def test_a_reset_leaves_keys_which_are_revoked_together_and_end_their_streams(people: People) -> None:
    user_id, name = people.add("operator", "keys")
    token = people.sign_in(name)
    keys = [people.key(token)[1] for _ in range(3)]
    user_url = f"/api/v1/auth/users/{user_id}"
    people.http.post(f"/api/v1/auth/users/{name}/reset-password", headers=bearer(people.admin)).raise_for_status()
    assert people.http.get("/api/v1/auth/me", headers=bearer(token)).status_code == 401
    assert [people.http.get("/api/v1/auth/me", headers=bearer(key)).status_code for key in keys] == [200] * 3
    with people.http.stream("GET", "/api/v1/events", headers=bearer(keys[0]), timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("retry")
        with httpx.Client(base_url=people.http.base_url) as http:
            revoked = http.delete(f"{user_url}/api-keys", headers=bearer(people.admin))
        assert revoked.json() == {"n_revoked": 3}
        for _ in lines:  # comes to its end
            pass
    assert [people.http.get("/api/v1/auth/me", headers=bearer(key)).status_code for key in keys] == [401] * 3
    assert people.http.get(f"{user_url}/api-keys", headers=bearer(people.admin)).json()["items"] == []
    query = {"subject_kind": "user", "subject_id": user_id, "action": "user.revoke_api_keys"}
    noted = people.http.get("/api/v1/audit", params=query, headers=bearer(people.admin)).json()["items"]
    assert [entry["after"] for entry in noted] == [{"n_revoked": 3}]
    nobody = people.http.delete(f"/api/v1/auth/users/{uuid.uuid4()}/api-keys", headers=bearer(people.admin))
    assert nobody.status_code == 404


@given(st.text(min_size=1), st.binary(), st.binary(), st.binary(min_size=1), st.integers(min_value=0))
def test_what_is_sealed_opens_unchanged_or_not_at_all(
    secret: str, bound_to: bytes, other: bytes, key: bytes, place: int
) -> None:
    sealer = Sealer([key, b"older"], "test")
    sealed = sealer.seal(secret, bound_to)
    assert sealer.open(sealed, bound_to) == secret
    assert Sealer([b"newer", key], "test").open(sealed, bound_to) == secret
    assert Sealer([key], "another purpose").open(sealed, bound_to) is None
    if other != bound_to:
        assert sealer.open(sealed, other) is None
    changed = bytearray(sealed)
    changed[place % len(sealed)] ^= 1
    assert sealer.open(bytes(changed), bound_to) is None
    assert sealer.open(sealed[: place % len(sealed)], bound_to) is None
