"""What confidence is learned from, on a real PostgreSQL: what people saw, each of it once."""

import datetime as dt

import pytest

from buybuddy.domain.matching.confidence import repository
from buybuddy.domain.matching.confidence.rules import Decided
from buybuddy.infra.db import Actor
from tests.integration.matching_ground import Ground
from tests.integration.test_locks import add_holder
from tests.integration.test_matching_queue import ground

__all__ = ["ground"]  # the fixture


async def somebody(ground: Ground) -> Actor:
    holder = await add_holder(ground.jobs.db)
    return Actor(holder.user_id, holder.username)


async def learned(ground: Ground) -> list[Decided]:
    async with ground.jobs.db.transaction() as session:
        return await repository.newest_decisions(session, ground.encoder_id)


async def test_a_card_is_one_observation_however_many_photos_it_has(ground: Ground) -> None:
    actor = await somebody(ground)
    await ground.decide(actor, "approved", 45, 0.9, is_one_card=True)
    await ground.decide(actor, "rejected", 3, 0.6)
    assert sorted(await learned(ground)) == [*[Decided(0.6, 0.1, False, False)] * 3, Decided(0.9, 0.1, False, True)]
    # What one near-duplicate was found wrong by counts, whatever was said of the others.
    await ground.jobs.sql(
        "UPDATE match_decisions SET decision = 'rejected', similarity = 0.8 WHERE photo_id ="
        " (SELECT photo_id FROM match_decisions WHERE decision = 'approved' LIMIT 1)"
    )
    assert Decided(0.8, 0.1, False, False) in await learned(ground)
    assert len(await learned(ground)) == 4


async def test_automatic_approvals_hide_nothing_that_people_decided_before(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "LOOKED_THROUGH", 20)
    actor = await somebody(ground)
    await ground.decide(actor, "approved", 10, 0.7, seconds_apart=100.0)
    await ground.decide(actor, "approved", 30, 0.9, seconds_apart=1.0)
    await ground.jobs.sql("UPDATE match_decisions SET origin = 'automatic' WHERE similarity = 0.9")
    assert await learned(ground) == [Decided(0.7, 0.1, False, True)] * 10
    # Those of which people have said that they were right count; the others teach nothing, and are no reason to learn.
    await ground.jobs.sql(
        "INSERT INTO match_audits (product_id, photo_id, is_right, answered_at) SELECT product_id, photo_id,"
        " true, clock_timestamp() FROM match_decisions WHERE origin = 'automatic' LIMIT 3"
    )
    assert sorted(await learned(ground)) == [
        *[Decided(0.7, 0.1, False, True)] * 10,
        *[Decided(0.9, 0.1, False, True)] * 3,
    ]


async def test_what_the_platform_approves_is_no_reason_to_learn(ground: Ground) -> None:
    actor = await somebody(ground)
    await ground.decide(actor, "approved", 10, 0.9, seconds_apart=0.0)
    await ground.count()
    await ground.jobs.sql("UPDATE matching_calibrations SET looked_at = looked_at - interval '1 day'")
    await ground.jobs.sql("UPDATE match_decisions SET decided_at = clock_timestamp() - interval '2 days'")
    await ground.decide(actor, "approved", 1, 0.9, seconds_apart=0.0)
    await ground.jobs.sql("UPDATE match_decisions SET origin = 'automatic' WHERE decided_at > now() - interval '1 day'")
    every = dt.timedelta(minutes=1)
    async with ground.jobs.db.transaction() as session:
        known = await repository.find_calibration(session, ground.encoder_id, every=every)
    assert known is not None and not known.is_due
