"""What confidence is learned from, on a real PostgreSQL: what people saw, each of it once."""

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
