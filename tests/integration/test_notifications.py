"""Notifications: one's own, read once, never too many."""

import uuid

import pytest
from sqlalchemy import text

from buybuddy.connections import database_url
from buybuddy.domain.collaboration import sweeping
from buybuddy.domain.collaboration.notifications import repository as notification_repository
from buybuddy.domain.collaboration.notifications import service as notification_service
from buybuddy.domain.collaboration.rules import MOST_NOTIFICATIONS, NOTIFICATIONS_KEPT_DAYS
from buybuddy.infra.db import Database, Subject, new_id
from buybuddy.infra.db.pages import Window
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform
from tests.contract.test_access_roles import People, bearer, people
from tests.integration.test_locks import add_holder

__all__ = ["people"]  # the fixture


async def tell(db: Database, user_id: uuid.UUID, n: int = 1) -> None:
    for number in range(n):
        async with db.transaction() as session:
            subject = Subject("job", new_id(), f"job {number}")
            await notification_service.notify(session, user_id, "job.failed", subject, {"number": number})


async def test_over_http_one_sees_and_changes_only_ones_own(platform: RunningPlatform, people: People) -> None:
    db = Database(database_url(Settings.for_home(platform.home)))
    ids, tokens = [], []
    for label in ("ada", "ben"):
        user_id, username = people.add("viewer", label)
        ids.append(uuid.UUID(user_id))
        tokens.append(people.sign_in(username))
    await tell(db, ids[0], 5)
    await db.close()
    ada, ben = bearer(tokens[0]), bearer(tokens[1])

    first = people.http.get("/api/v1/notifications", params={"limit": 3}, headers=ada).json()
    query = {"limit": "3", "cursor": first["next_cursor"]}
    rest = people.http.get("/api/v1/notifications", params=query, headers=ada).json()
    told = [*first["items"], *rest["items"]]
    assert [row["params"]["number"] for row in told] == [4, 3, 2, 1, 0]
    assert (told[0]["kind"], told[0]["subject"]["label"], told[0]["read_at"]) == ("job.failed", "job 4", None)
    assert people.http.get("/api/v1/notifications", headers=ben).json()["items"] == []

    url = f"/api/v1/notifications/{told[1]['id']}"
    assert people.http.post(f"{url}/read", headers=ben).status_code == 404
    assert people.http.delete(url, headers=ben).status_code == 404
    read = people.http.post(f"{url}/read", headers=ada).json()
    assert read["read_at"] is not None
    assert people.http.post(f"{url}/read", headers=ada).json() == read, "it stays read since then"
    assert people.http.get("/api/v1/notifications/unread-count", headers=ada).json() == {"unread": 4}
    unread = people.http.get("/api/v1/notifications", params={"unread": "true"}, headers=ada).json()
    assert [row["params"]["number"] for row in unread["items"]] == [4, 2, 1, 0]
    assert people.http.delete(url, headers=ada).status_code == 204
    assert people.http.delete(url, headers=ada).status_code == 404
    assert people.http.post("/api/v1/notifications/read", headers=ben).json() == {"n_marked": 0}
    assert people.http.post("/api/v1/notifications/read", headers=ada).json() == {"n_marked": 4}
    assert people.http.get("/api/v1/notifications/unread-count", headers=ada).json() == {"unread": 0}


async def test_the_oldest_give_way(db: Database) -> None:
    ada, ben = await add_holder(db), await add_holder(db)
    async with db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO notifications (id, user_id, kind, subject_kind, subject_label, created_at)"
                " SELECT gen_random_uuid(), :user, 'job.completed', 'job', 'old',"
                " clock_timestamp() - interval '1 day' * (n - 1) / :per_day FROM generate_series(1, :n) n"
            ),
            {"user": ada.user_id, "n": MOST_NOTIFICATIONS, "per_day": 5},
        )
    await tell(db, ada.user_id)
    await tell(db, ben.user_id)
    for user_id, least in ((ada.user_id, MOST_NOTIFICATIONS), (ben.user_id, 1)):
        async with db.transaction() as session:
            assert await notification_repository.count_unread(session, user_id) == least
            found = await notification_repository.list_notifications(session, user_id, Window(), is_unread_only=False)
            assert found.rows[0].kind == "job.failed", "the newest stays"
    async with db.transaction() as session:
        await sweeping.sweep(session)
        left = await notification_repository.count_unread(session, ada.user_id)
    assert NOTIFICATIONS_KEPT_DAYS * 5 <= left <= NOTIFICATIONS_KEPT_DAYS * 5 + 2


async def test_what_is_rolled_back_tells_nobody_and_events_name_their_audience(db: Database) -> None:
    ada = await add_holder(db)
    with pytest.raises(ZeroDivisionError):
        async with db.transaction() as session:
            await notification_service.notify(session, ada.user_id, "bulk.done", Subject("job", None, "x"), {})
            raise ZeroDivisionError
    await tell(db, ada.user_id)
    async with db.transaction() as session:
        assert await notification_repository.count_unread(session, ada.user_id) == 1
        payload = await session.scalar(text("SELECT payload FROM events WHERE topic = 'notification' ORDER BY id DESC"))
    assert payload is not None
    assert payload["audience_user_id"] == str(ada.user_id) and payload["kind"] == "job.failed"
