"""Every route with everybody: nobody, each role, what was revoked, keys out of scope, other people's things."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from buybuddy.api import API_PREFIX
from buybuddy.domain.accounts.rules import (
    AREAS,
    OPEN_TO_KEYS,
    PEOPLE_ONLY_TAGS,
    ROLES,
    Role,
    allows,
)
from tests.conftest import RunningPlatform
from tests.contract.access_table import LEAST_ROLE, guessed_role
from tests.contract.test_access import PUBLIC, SOMETHING, list_routes

# Ends the session that asks for it; asked with a session of its own.
ENDS_SESSION = "logout"
PASSWORD = "a password for tests"


@dataclass(frozen=True)
class Call:
    """One route, as a test calls it: about rows that do not exist, without a body."""

    operation: str
    method: str
    path: str
    tag: str

    @property
    def least_role(self) -> Role:
        return LEAST_ROLE.get(self.operation) or guessed_role(self.tag, self.method)


def list_calls() -> list[Call]:
    calls = []
    for route in list_routes():
        path = str(route.path)
        if path in PUBLIC:
            continue
        for method in sorted(route.methods or {"GET"}):
            operation = route.operation_id or f"{method}:{path}"
            tags = [str(tag) for tag in route.tags or ()]
            calls.append(Call(operation, method, re.sub(r"\{[^}]+\}", SOMETHING, path), next(iter(tags), "")))
    return calls


CALLS = list_calls()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@dataclass
class People:
    """Users of each role, made through the API, and ways to sign in as them."""

    http: httpx.Client
    admin: str

    def status(self, call: Call, token: str | None) -> int:
        """Return the status of a call; a stream is left at once."""
        with self.http.stream(call.method, call.path, headers=bearer(token) if token else {}) as answer:
            return answer.status_code

    def add(self, role: Role, label: str) -> tuple[str, str]:
        """Return id and name of a new user."""
        name = f"{label}-{uuid.uuid4().hex[:8]}"
        body = {"username": name, "role": role, "password": PASSWORD}
        answer = self.http.post("/api/v1/auth/users", json=body, headers=bearer(self.admin))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"]), name

    def sign_in(self, name: str, password: str = PASSWORD) -> str:
        answer = self.http.post("/api/v1/auth/login", json={"username": name, "password": password})
        assert answer.status_code == 200, answer.text
        self.http.cookies.clear()
        return str(answer.json()["access_token"])

    def key(self, token: str, **options: object) -> tuple[str, str]:
        """Return id and secret of a new key."""
        answer = self.http.post("/api/v1/auth/api-keys", json={"name": "test", **options}, headers=bearer(token))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"]), str(answer.json()["key"])


@pytest.fixture
def people(platform: RunningPlatform) -> Iterator[People]:
    transport = httpx.HTTPTransport(local_address="127.0.0.10")
    with httpx.Client(base_url=platform.url, transport=transport, timeout=30) as http:
        people = People(http, "")
        people.admin = people.sign_in(platform.username, platform.password)
        yield people


def refuse_all(people: People, token: str | None, status: int, calls: list[Call]) -> None:
    answers = {call.operation: people.status(call, token) for call in calls}
    assert {operation: answer for operation, answer in answers.items() if answer != status} == {}


def test_every_operation_has_a_line_in_the_table() -> None:
    missing = {call.operation: call.least_role for call in CALLS if call.operation not in LEAST_ROLE}
    assert missing == {}, "add these to access_table.py, once somebody has thought about the role"
    operations = {call.operation for call in CALLS}
    assert set(LEAST_ROLE) - operations == set(), "these are gone"
    assert [call for call in CALLS if not call.tag and call.path.startswith(API_PREFIX)] == [], "a key could go there"
    tags = {call.tag for call in CALLS if call.tag}
    assert tags - PEOPLE_ONLY_TAGS == set(AREAS) & tags, "a tag that no key can be limited to: add it to AREAS"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_table_says_and_nothing_else(people: People, role: Role) -> None:
    _, name = people.add(role, role)
    token = people.sign_in(name)
    wrong = {}
    for call in CALLS:
        status = people.status(call, people.sign_in(name) if call.operation == ENDS_SESSION else token)
        may = allows(role, call.least_role)
        if (status in (401, 403)) == may or (not may and status != 403):
            wrong[call.operation] = (status, call.least_role)
    assert wrong == {}


def test_nobody_gets_401_everywhere(people: People) -> None:
    refuse_all(people, None, 401, CALLS)


def test_what_was_revoked_or_disabled_opens_nothing(people: People) -> None:
    """An admin's session, key and account, each ended by another admin while they are in use."""
    user_id, name = people.add("admin", "leaving")
    token = people.sign_in(name)
    key_id, key = people.key(token)
    user_url = f"/api/v1/auth/users/{user_id}"
    sessions = people.http.get(f"{user_url}/sessions", headers=bearer(people.admin)).json()["items"]
    assert len(sessions) == 1
    assert people.http.get("/api/v1/jobs", headers=bearer(key)).status_code == 200

    revoked = people.http.delete(f"{user_url}/sessions/{sessions[0]['id']}", headers=bearer(people.admin))
    assert revoked.status_code == 204
    refuse_all(people, token, 401, CALLS)
    assert people.http.get("/api/v1/auth/me", headers=bearer(key)).status_code == 200, "the key is another secret"

    assert people.http.delete(f"{user_url}/api-keys/{key_id}", headers=bearer(people.admin)).status_code == 204
    refuse_all(people, key, 401, CALLS)

    token = people.sign_in(name)
    _, key = people.key(token)
    version = people.http.get(user_url, headers=bearer(people.admin)).json()["version"]
    body = {"version": version, "is_disabled": True}
    assert people.http.patch(user_url, json=body, headers=bearer(people.admin)).status_code == 200
    refuse_all(people, token, 401, CALLS)
    refuse_all(people, key, 401, CALLS)
    again = people.http.post("/api/v1/auth/login", json={"username": name, "password": PASSWORD})
    assert (again.status_code, again.json()["code"]) == (401, "INVALID_CREDENTIALS")

    body = {"version": version + 1, "is_disabled": False}
    assert people.http.patch(user_url, json=body, headers=bearer(people.admin)).status_code == 200
    for ended in (token, key):
        answer = people.http.get("/api/v1/auth/me", headers=bearer(ended))
        assert answer.status_code == 401, "what has ended does not come back with the account"


def test_an_admins_key_is_kept_out_of_accounts_and_of_areas_that_it_is_not_for(people: People) -> None:
    _, name = people.add("admin", "keys")
    token = people.sign_in(name)
    _, wide = people.key(token)
    wrong = {}
    for call in CALLS:
        is_closed = call.tag in PEOPLE_ONLY_TAGS and call.operation not in OPEN_TO_KEYS
        if (people.status(call, wide) == 403) != is_closed:
            wrong[call.operation] = call.tag
    assert wrong == {}

    for scopes in (["products"], ["jobs", "search"]):
        _, narrow = people.key(token, scopes=scopes)
        out = [call for call in CALLS if call.tag not in scopes and call.operation not in OPEN_TO_KEYS]
        refuse_all(people, narrow, 403, out)
        inside = [call for call in CALLS if call.tag in scopes]
        assert [call for call in inside if people.status(call, narrow) in (401, 403)] == []
        assert len(inside) > 5
        refused = people.http.get("/api/v1/dashboard", headers=bearer(narrow)).json()
        assert (refused["code"], refused["needed_scope"]) == ("OUT_OF_SCOPE", "dashboard")
        assert "dashboard" in refused["detail"]


@pytest.mark.parametrize("role", ROLES[:-1])
def test_a_key_may_do_no_more_than_its_role_and_its_owners(people: People, role: Role) -> None:
    user_id, name = people.add("admin", "narrow")
    token = people.sign_in(name)
    _, narrow = people.key(token, role=role)
    _, wide = people.key(token)
    user_url = f"/api/v1/auth/users/{user_id}"
    version = people.http.get(user_url, headers=bearer(people.admin)).json()["version"]
    body = {"version": version, "role": role}
    assert people.http.patch(user_url, json=body, headers=bearer(people.admin)).status_code == 200
    above = [call for call in CALLS if call.tag not in PEOPLE_ONLY_TAGS and not allows(role, call.least_role)]
    for key in (narrow, wide):  # the second was made when its owner might more
        refuse_all(people, key, 403, above)
    wider = people.http.post(
        "/api/v1/auth/api-keys", json={"name": "wider", "role": ROLES[ROLES.index(role) + 1]}, headers=bearer(token)
    )
    assert wider.status_code == 403


def test_other_peoples_sessions_and_keys_are_not_there(people: People) -> None:
    """Not even for an admin, on the routes that are about oneself."""
    owner_id, owner = people.add("viewer", "owner")
    token = people.sign_in(owner)
    key_id, key = people.key(token)
    session_id = people.http.get("/api/v1/auth/sessions", headers=bearer(token)).json()["items"][0]["id"]
    _, other = people.add("admin", "other")
    others_token = people.sign_in(other)
    for url in (f"/api/v1/auth/sessions/{session_id}", f"/api/v1/auth/api-keys/{key_id}"):
        assert people.http.delete(url, headers=bearer(others_token)).status_code == 404
    listed = people.http.get("/api/v1/auth/sessions", headers=bearer(others_token)).text
    listed += people.http.get("/api/v1/auth/api-keys", headers=bearer(others_token)).text
    assert session_id not in listed and key_id not in listed
    wrong_owner = f"/api/v1/auth/users/{SOMETHING}/api-keys/{key_id}"
    assert people.http.delete(wrong_owner, headers=bearer(people.admin)).status_code == 404
    for secret in (token, key):
        assert people.http.get("/api/v1/auth/me", headers=bearer(secret)).json()["id"] == owner_id
