"""Cards on a real PostgreSQL: what is locked for a decision, and what is not offered or taken again."""

import uuid

from sqlalchemy import text

from buybuddy.domain.matching.candidates.service import suggest_products
from buybuddy.domain.matching.decisions.imports import assign_by_barcode
from buybuddy.domain.matching.decisions.repository import lock_with_groups, with_groups
from buybuddy.infra.db import Actor, Database, new_id
from tests.integration.matching_ground import Ground
from tests.integration.test_matching_decisions import add_photo
from tests.integration.test_matching_queue import ground

__all__ = ["ground"]  # the fixture


async def test_locking_a_card_looks_at_its_photos_only(db: Database) -> None:
    async with db.transaction() as session:
        await session.execute(
            text(
                "INSERT INTO real_images (id, name, source, storage_key, sha256, size_bytes, group_id, status)"
                " SELECT g.id, 'n', 'many', 'many/' || g.id, md5(g.id::text), 1, g.id, 'unassigned'"
                " FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 20000)) g"
            )
        )
        group_id = new_id()
        twins = [await add_photo(session, group_id) for _ in range(3)]
        await add_photo(session, group_id, status="discarded")
        other = await add_photo(session)
        await session.execute(text("ANALYZE real_images"))
        assert set(await lock_with_groups(session, [twins[0], other])) == {*twins, other}
        statement = with_groups([twins[0], other]).compile(
            dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
        )
        plan = "\n".join(await session.scalars(text(f"EXPLAIN {statement}")))
        await session.rollback()
    assert "ix_real_images_group" in plan
    assert "Seq Scan" not in plan, plan


async def reject(ground: Ground, product: uuid.UUID, photo: uuid.UUID) -> None:
    await ground.jobs.sql(
        "INSERT INTO match_decisions (product_id, photo_id, decision, tier, user_name)"
        " VALUES (:product, :photo, 'rejected', 'similarity', 'ada')",
        product=product,
        photo=photo,
    )


async def suggested(ground: Ground, photo: uuid.UUID, limit: int) -> list[uuid.UUID]:
    async with ground.jobs.db.transaction() as session:
        return [one.product_id for one in (await suggest_products(session, photo, limit))[1]]


async def test_a_photo_is_offered_owners_of_its_barcode_first_and_nothing_it_was_rejected_for(ground: Ground) -> None:
    near = await ground.product(n_images=40)  # more than the graph is asked for
    second, owner, stranger = await ground.product(), await ground.product("0012345678905"), await ground.product("7")
    photo = await ground.photo(near, 0.9, second=(second, 0.3), barcode="12345678905")
    assert await suggested(ground, photo, 2) == [owner, near]
    assert await suggested(ground, photo, 1) == [owner]
    await reject(ground, near, photo)
    await reject(ground, stranger, photo)
    assert await suggested(ground, photo, 4) == [owner, second]
    await reject(ground, owner, photo)
    assert await suggested(ground, photo, 4) == [second]


async def test_a_list_does_not_overrule_who_has_rejected_a_pair(ground: Ground) -> None:
    product = await ground.product("12345678905")
    free, rejected = await ground.photo(product), await ground.photo(product)
    await reject(ground, product, rejected)
    async with ground.jobs.db.transaction() as session:
        pairs = [(free, "12345678905"), (rejected, "12345678905")]
        first, second = await assign_by_barcode(session, pairs, Actor(None, "a list"))
    assert first.status == "assigned"
    assert (second.status, second.reason) == ("refused", "ada has said that it does not show this product.")
    decided = "SELECT decision || ' ' || user_name FROM match_decisions WHERE photo_id = :photo"
    assert await ground.jobs.sql(decided, photo=rejected) == ["rejected ada"]
    assert await ground.jobs.sql("SELECT status FROM real_images WHERE id = :photo", photo=rejected) == ["unassigned"]
