"""Cards on a real PostgreSQL: what is locked for a decision, and what is not offered or taken again."""

from sqlalchemy import text

from buybuddy.domain.matching.decisions.repository import lock_with_groups, with_groups
from buybuddy.infra.db import Database, new_id
from tests.integration.test_matching_decisions import add_photo


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
        assert set(await lock_with_groups(session, [twins[0], other])) == {*twins, other}
        statement = with_groups([twins[0], other]).compile(
            dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
        )
        plan = "\n".join(await session.scalars(text(f"EXPLAIN {statement}")))
        await session.rollback()
    assert "ix_real_images_group" in plan
    assert "Seq Scan" not in plan, plan
