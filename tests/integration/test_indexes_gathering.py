"""What is gathered for a published index: of which images, and how often the manifest is asked for."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from buybuddy.domain.embeddings import gathering
from buybuddy.infra.db import new_id
from buybuddy.infra.storage import ObjectStorage
from tests.integration.conftest import Jobs
from tests.integration.index_shop import IMAGE, PER_PART, Shop, open_shop


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(jobs, tmp_path) as shop:
        yield shop


class RemoteStorage(ObjectStorage):
    """Notes its downloads, and gives copies as storage of another machine does."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.asked: list[str] = []

    def download(self, key: str, to: Path) -> Path:
        self.asked.append(key)
        to.write_bytes(self.get(key))
        return to


async def test_the_manifest_is_fetched_and_checked_once_for_all_parts(shop: Shop) -> None:
    storage = RemoteStorage(shop.storage.url)
    shop.steps["gather_index"] = gathering.build_gathering(storage, images_of_part=PER_PART)
    for seed in range(5):
        await shop.product(PER_PART, seed=seed)
    version = await shop.freeze()
    for name, n_asked in (("first", 1), ("second", 2)):
        index = await shop.build(name)
        assert (index.status, index.vector_count, index.n_left_out) == ("ready", 5 * PER_PART, 0)
        assert storage.asked == [version.manifest_key] * n_asked


async def test_augmented_images_are_counted_and_not_listed_as_something_to_extract(shop: Shop) -> None:
    whole, bare = await shop.product(5, seed=1), await shop.product(3, seed=2, n_with_vector=1)
    made_of_others = [new_id() for _ in range(2 * PER_PART)]
    values = {"photo": None, "type": "augmented", "source": "augmentation"}
    await shop.jobs.sql(IMAGE, product=shop.products[whole[0]], ids=made_of_others, **values)
    await shop.freeze()
    await shop.jobs.sql("DELETE FROM product_images WHERE id = :id", id=made_of_others[0])
    index = await shop.build("May")
    assert (index.vector_count, index.n_left_out) == (6, 2)
    assert {one["image_id"]: one["reason"] for one in index.left_out} == dict.fromkeys(
        [str(image) for image in bare[1:]], gathering.NO_VECTOR
    )
    [metrics] = await shop.jobs.sql("SELECT metrics FROM jobs WHERE config->>'stage' = 'gather_index'")
    assert isinstance(metrics, dict)
    assert (metrics["n_done"], metrics["n_failed"], metrics["n_skipped"]) == (6, 2, 2 * PER_PART)
