"""The made-up catalogue that benchmarks and `buybuddy seed` fill a database with."""

import pytest

from buybuddy.benchmarks.seed import CatalogueSize, seed_catalogue
from buybuddy.errors import Conflict
from tests.integration.conftest import Jobs


async def test_made_up_products_are_as_many_as_was_said_and_none_is_of_the_future(jobs: Jobs, dsn: str) -> None:
    empty = "TRUNCATE products, videos, tallies, search_words CASCADE"
    await jobs.sql(empty)
    size = CatalogueSize(n_products=5_000, n_barcodes=6_000, n_images=10_000)
    seed_catalogue(dsn, size)
    counts = "SELECT count(*) FROM products UNION ALL SELECT count(*) FROM product_barcodes"
    assert sorted(map(str, await jobs.sql(counts))) == ["5000", "6000"]
    assert await jobs.sql("SELECT count(*) FROM products WHERE updated_at > now() OR updated_at < created_at") == [0]
    with pytest.raises(Conflict):
        seed_catalogue(dsn, size)
    await jobs.sql(empty)
