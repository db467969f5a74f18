"""The audit trail: complete, searchable by index, without secrets, and nobody's to change."""

import asyncio
import datetime as dt
import uuid
from collections.abc import AsyncIterator

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from buybuddy.connections import database_url
from buybuddy.domain.activity import repository
from buybuddy.domain.activity.repository import AuditFilters
from buybuddy.errors import BuybuddyError
from buybuddy.infra.db import Actor, Database, Subject, record_audit
from buybuddy.infra.db.app_role import APP_ROLE
from buybuddy.infra.db.migrate import upgrade_schema
from buybuddy.infra.db.pages import Window, windowed
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform
from tests.contract.test_access_roles import PASSWORD, People, bearer, people

__all__ = ["people"]  # the fixture

CHANGES = ("UPDATE audit_events SET actor_name = 'nobody'", "DELETE FROM audit_events", "TRUNCATE audit_events")


@pytest.fixture
async def entry(db: Database) -> AsyncIterator[uuid.UUID]:
    subject_id = uuid.uuid4()
    async with db.transaction() as session:
        record_audit(
            session, Actor(None, "writer"), "test.write", Subject("test", subject_id, "a test"), after={"n": 1}
        )
    yield subject_id


@pytest.mark.parametrize("change", CHANGES)
async def test_the_platforms_own_role_cannot_change_the_trail(db: Database, entry: uuid.UUID, change: str) -> None:
    async with db.transaction() as session:
        assert await session.scalar(text("SELECT current_user")) == APP_ROLE
    with pytest.raises((DBAPIError, BuybuddyError), match="permission denied"):
        async with db.transaction() as session:
            await session.execute(text(change))


@pytest.mark.parametrize("change", CHANGES)
async def test_the_tables_owner_is_stopped_by_the_trigger(dsn: str, entry: uuid.UUID, change: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn) as connection:
        with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
            await connection.execute(change.encode())


async def test_the_role_can_do_all_the_rest_also_on_tables_that_come_later(db: Database, dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
        await owner.execute("CREATE TABLE IF NOT EXISTS comes_later (id bigserial PRIMARY KEY)")
        try:
            await asyncio.to_thread(upgrade_schema, dsn)
            async with db.transaction() as session:
                tables = await session.scalars(
                    text(
                        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
                        " AND NOT has_table_privilege(oid, 'SELECT, INSERT, UPDATE, DELETE')"
                        " AND relname <> 'audit_events'"
                    )
                )
                assert tables.all() == []
                await session.execute(text("INSERT INTO comes_later DEFAULT VALUES"))
                await session.execute(text("TRUNCATE comes_later"))
        finally:
            await owner.execute("DROP TABLE comes_later")


async def test_a_server_where_no_role_may_be_made_keeps_the_trigger_alone(dsn: str) -> None:
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as owner:
        await owner.execute("CREATE ROLE outsider LOGIN PASSWORD 'outsider'")
        await owner.execute("GRANT outsider TO CURRENT_USER")
        await owner.execute("CREATE DATABASE elsewhere OWNER outsider")
        url = f"postgresql://outsider:outsider@{owner.info.host}:{owner.info.port}/elsewhere"
        db = Database(url)
        try:
            await asyncio.to_thread(upgrade_schema, url)
            async with db.transaction() as session:
                assert await session.scalar(text("SELECT current_user")) == "outsider"
                record_audit(session, Actor.platform(), "test.write", Subject("test", None, "a test"))
            for change in CHANGES:
                with pytest.raises((DBAPIError, BuybuddyError), match="never changed"):
                    async with db.transaction() as session:
                        await session.execute(text(change))
        finally:
            await db.close()
            await owner.execute("DROP DATABASE elsewhere")
            await owner.execute("DROP ROLE outsider")


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (AuditFilters(), "ix_audit_events_at"),
        (AuditFilters(subject_kind="test", subject_id=uuid.uuid4()), "ix_audit_events_subject"),
        (AuditFilters(actor="writer"), "ix_audit_events_actor"),
        (AuditFilters(action="test.write"), "ix_audit_events_action"),
        (AuditFilters(since=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)), "ix_audit_events_at"),
    ],
)
async def test_each_filter_is_served_in_order_by_an_index(
    db: Database, entry: uuid.UUID, wanted: AuditFilters, index: str
) -> None:
    statement = windowed(repository.audit_statement(wanted), repository.NEWEST_ENTRY, Window())
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    async with db.transaction() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join((await session.scalars(text("EXPLAIN " + str(compiled).replace(":", r"\:")))).all())
    assert index in plan and "Sort" not in plan, plan


async def test_pages_join_to_the_whole_history_while_it_grows(db: Database) -> None:
    subject = Subject("test", uuid.uuid4(), "a test")

    async def write(n: int) -> None:
        async with db.transaction() as session:
            record_audit(session, Actor(None, "writer"), "test.write", subject, before={"n": n - 1}, after={"n": n})

    for n in range(7):
        await write(n)
    seen, window = [], Window(limit=3)
    wanted = AuditFilters(subject_kind="test", subject_id=subject.id)
    while True:
        async with db.transaction() as session:
            found = await repository.list_audit(session, wanted, window)
        seen += [row.after for row in found.rows]
        if found.next_cursor is None:
            break
        await write(100)
        window = Window(limit=3, cursor=found.next_cursor)
    assert seen == [{"n": n} for n in range(6, -1, -1)]


async def test_no_secret_is_ever_in_the_trail(people: People, platform: RunningPlatform) -> None:
    _, name = people.add("admin", "secrets")
    token = people.sign_in(name)
    _, key = people.key(token, scopes=["jobs"])
    new = "a brand new password"
    body = {"current_password": PASSWORD, "new_password": new}
    assert people.http.post("/api/v1/auth/password", json=body, headers=bearer(token)).status_code == 204
    reset = people.http.post(f"/api/v1/auth/users/{name}/reset-password", headers=bearer(people.admin)).json()
    db = Database(database_url(Settings.for_home(platform.home)))
    async with db.transaction() as session:
        rows = await session.scalars(text("SELECT row_to_json(a)::text FROM audit_events a"))
        hashes = await session.scalars(text("SELECT password_hash FROM users"))
        trail = "\n".join(rows.all())
        secrets = [PASSWORD, new, reset["password"], token, key, people.admin, platform.key, *hashes.all()]
    await db.close()
    assert [secret for secret in secrets if secret in trail] == []
    listed = people.http.get("/api/v1/audit", params={"actor": name, "limit": 100}, headers=bearer(people.admin)).json()
    assert [entry["action"] for entry in listed["items"]] == ["user.change_password", "api_key.create", "user.sign_in"]
    assert people.http.get(
        "/api/v1/audit", params={"subject_id": str(uuid.uuid4())}, headers=bearer(people.admin)
    ).status_code == 400  # fmt: skip
    signed_in = listed["items"][-1]
    assert signed_in["after"] == {"address": "127.0.0.10"}
    moment = listed["items"][1]["at"]
    after = people.http.get("/api/v1/audit", params={"actor": name, "from": moment}, headers=bearer(people.admin))
    before = people.http.get("/api/v1/audit", params={"actor": name, "to": moment}, headers=bearer(people.admin))
    assert (after.json()["total"], before.json()["total"]) == (2, 1)


def test_what_the_platform_does_to_accounts_is_in_the_trail_too(people: People) -> None:
    query = {"actor": "platform", "limit": "100"}
    listed = people.http.get("/api/v1/audit", params=query, headers=bearer(people.admin)).json()["items"]
    by_action = {entry["action"]: entry for entry in listed}
    assert by_action["user.create"]["after"] == {"username": "admin", "email": None, "role": "admin"}
    assert by_action["api_key.create"]["after"]["role"] == "admin"


def test_who_signs_in_is_not_told_to_everybody(people: People) -> None:
    """The dashboard is for viewers, the audit trail is not."""
    admin = bearer(people.admin)
    made = people.http.post("/api/v1/datasets", json={"name": f"Seen by all {uuid.uuid4().hex[:8]}"}, headers=admin)
    _, name = people.add("viewer", "curious")
    viewer = bearer(people.sign_in(name))
    shown = people.http.get("/api/v1/dashboard", headers=viewer).json()["recent_activity"]
    assert made.json()["id"] in [entry["subject"]["id"] for entry in shown]
    assert {entry["subject"]["kind"] for entry in shown} & {"user", "session", "api_key"} == set()
