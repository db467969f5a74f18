"""Folding texts for search and order: the quick way gives what the table of all letters gives."""

import random

import pytest
from sqlalchemy import text

from buybuddy.infra.db import Database

ALIKE = text("SELECT t FROM unnest(CAST(:texts AS text[])) t WHERE fold_text(t) IS DISTINCT FROM fold_any_text(t)")


async def differing(db: Database, texts: list[str]) -> list[str]:
    async with db.transaction() as session:
        return list(await session.scalars(ALIKE, {"texts": texts}))


async def test_every_letter_is_folded_as_the_whole_table_says(db: Database) -> None:
    letters = [chr(code) for code in (*range(1, 0xD800), *range(0xE000, 0x11000), 0x1F600, 0x10FFFF)]
    assert await differing(db, letters) == []


@pytest.mark.parametrize("seed", range(3))
async def test_mixed_texts_are_folded_as_the_whole_table_says(db: Database, seed: int) -> None:
    drawn = random.Random(seed)
    alphabet = "aZ 9-çğıöşüÇĞİÖŞÜâîûéàÄßæŁøΩжẞ\u00a0\u0301\u2013中😀"
    texts = [
        "".join(drawn.choices(alphabet[: drawn.randint(3, len(alphabet))], k=drawn.randint(0, 30))) for _ in range(3000)
    ]
    assert await differing(db, texts) == []
    async with db.transaction() as session:
        assert await session.scalar(text("SELECT fold_text('ÇİKOLATALI Gofret IŞIK')")) == "cikolatali gofret isik"
