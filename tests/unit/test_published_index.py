"""Published indexes: built, opened, searched and swapped as they are in the platform, on small vectors."""

import asyncio
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buybuddy.errors import Conflict, Unavailable
from buybuddy.infra.vectors import IndexDamaged, IndexFacts, IndexKind, IndexOrigin
from buybuddy.infra.vectors.building import Source, build_index, choose_kind
from buybuddy.infra.vectors.facts import FILE_NAMES
from buybuddy.infra.vectors.published import Hit, PublishedIndex, best_of_products
from buybuddy.infra.vectors.server import IndexServer

FloatArray = npt.NDArray[np.float32]
DIM = 32
ORIGIN = IndexOrigin(
    encoder_name="test", encoder_weights_sha256="0", encoder_preprocessing="none/1", dataset_version_id="v", domains={}
)


def unit(n: int, seed: int) -> FloatArray:
    """Rows in groups of ten around one direction each."""
    chooser = np.random.default_rng(seed)
    rows = np.repeat(chooser.standard_normal((-(-n // 10), DIM)), 10, axis=0)[:n]
    rows += 0.7 * chooser.standard_normal((n, DIM))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def numbered(n: int, offset: int = 0, per: int = 1) -> npt.NDArray[np.uint8]:
    """UUIDs that say which row, or group of `per` rows, they are of."""
    raw = b"".join(uuid.UUID(int=offset + row // per).bytes for row in range(n))
    return np.frombuffer(raw, dtype=np.uint8).reshape(n, 16)


def build(
    folder: Path, vectors: FloatArray, kind: Literal["auto"] | IndexKind = "auto", offset: int = 0
) -> tuple[IndexFacts, PublishedIndex]:
    folder.mkdir()
    source = Source(vectors, numbered(len(vectors), offset), numbered(len(vectors), 10**9 + offset, per=10))
    facts = build_index(source, folder, kind, ORIGIN, lambda share, step: None)
    return facts, PublishedIndex.open(folder, folder.name)


def nearest(vectors: FloatArray, query: FloatArray, k: int) -> list[int]:
    return [int(row) for row in np.argsort(-(vectors @ query), kind="stable")[:k]]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_an_exact_index_answers_as_comparing_with_every_vector_does(tmp_path: Path, dtype: type[np.float32]) -> None:
    vectors = unit(500, 1).astype(dtype)
    facts, index = build(tmp_path / "exact", vectors)
    assert (facts.kind, facts.n_vectors, facts.n_products, facts.recall_at_10) == ("exact", 500, 50, 1.0)
    queries = unit(70, 2)
    for query, found in zip(queries, (index.search(queries, 10)).rows, strict=True):
        hits = index.hits(index.search(query[None], 10))
        assert [hit.image_id.int for hit in hits] == nearest(vectors.astype(np.float32), query, 10) == found.tolist()
        assert hits[0].similarity == pytest.approx(float(vectors[found[0]].astype(np.float32) @ query), abs=1e-5)


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_a_large_index_says_how_much_it_finds(tmp_path: Path, kind: IndexKind) -> None:
    rows = unit(4400, 3)
    is_query = np.arange(4400) % 44 == 0
    vectors, queries = rows[~is_query][:4000], rows[is_query]
    facts, index = build(tmp_path / kind, vectors, kind)
    assert facts.n_queries == 200
    assert facts.recall_at_10 >= 0.985
    assert facts.recall_at_50 > 0.8
    hits = [[hit.image_id.int for hit in index.hits(index.search(query[None], 10))] for query in queries]
    recalls = [len(set(a) & set(nearest(vectors, q, 10))) / 10 for a, q in zip(hits, queries, strict=True)]
    assert np.mean(recalls) >= 0.95  # other queries than it was tuned with
    own = [index.hits(index.search(row[None], 1))[0] for row in vectors[::100]]
    assert [hit.image_id.int for hit in own] == list(range(0, 4000, 100))  # those held out for measuring are in it, too
    assert [hit.product_id.int for hit in own] == [10**9 + row // 10 for row in range(0, 4000, 100)]


def test_auto_is_exact_while_that_is_fast() -> None:
    assert [choose_kind("auto", n) for n in (1, 100_000, 100_001)] == ["exact", "exact", "ivf"]
    assert choose_kind("hnsw", 10) == "hnsw"


@pytest.mark.parametrize("kind", ["exact", "ivf", "hnsw"])
@pytest.mark.parametrize("n", [1, 2, 17])
def test_few_vectors_are_enough(tmp_path: Path, kind: IndexKind, n: int) -> None:
    vectors = unit(n, 5)
    _, index = build(tmp_path / "few", vectors, kind)
    assert index.hits(index.search(vectors[:1], 30))[0].image_id.int == 0
    assert len(index.hits(index.search(vectors[:1], 30))) == n


@pytest.mark.parametrize("name", FILE_NAMES)
@pytest.mark.parametrize("damage", ["changed", "cut", "gone"])
def test_a_damaged_file_is_refused_by_its_name(tmp_path: Path, name: str, damage: str) -> None:
    build(tmp_path / "i", unit(50, 6))
    path = tmp_path / "i" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.unlink()
    if damage != "gone":
        path.write_bytes(data if damage == "changed" else data[:-1])
    with pytest.raises(IndexDamaged, match=name):
        PublishedIndex.open(tmp_path / "i")


def test_files_of_another_index_are_refused(tmp_path: Path) -> None:
    facts, _ = build(tmp_path / "one", unit(50, 6))
    build(tmp_path / "other", unit(50, 7))
    with pytest.raises(IndexDamaged):
        PublishedIndex.open(tmp_path / "other", expected=facts)
    (tmp_path / "one" / "facts.json").write_text("{}")
    with pytest.raises(IndexDamaged):
        PublishedIndex.open(tmp_path / "one")


def test_what_reporting_raises_ends_the_building(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop_at(step: str) -> Callable[[float, str], None]:
        def report(_: float, now: str) -> None:
            if now.startswith(step):
                raise Stopped

        return report

    source = Source(unit(500, 8), numbered(500), numbered(500))
    for step in ("finding", "adding", "measuring", "writing"):
        folder = tmp_path / step
        folder.mkdir()
        with pytest.raises(Stopped):
            build_index(source, folder, "ivf", ORIGIN, stop_at(step))
        assert not list(folder.iterdir())


async def test_what_waits_is_searched_together_and_answered_apart(tmp_path: Path) -> None:
    vectors = unit(300, 9)
    _, index = build(tmp_path / "i", vectors)
    server = IndexServer()
    with pytest.raises(Conflict):
        await server.search(vectors[:1], 1)
    server.swap(index)
    asked = [(row, 1 + row % 7, 1 + row % 3) for row in range(200)]
    answers = await asyncio.gather(*(server.search(vectors[row : row + n], k) for row, k, n in asked))
    for (row, k, n), found in zip(asked, answers, strict=True):
        assert found.rows.shape == (n, k)
        assert found.rows.tolist() == [nearest(vectors, query, k) for query in vectors[row : row + n]]
    with pytest.raises(ValueError):
        await server.search(unit(2, 1)[:, :5], 1)
    server.close()
    with pytest.raises(Unavailable):
        await server.search(vectors[:1], 1)


async def test_a_swap_under_load_answers_from_one_or_the_other(tmp_path: Path) -> None:
    vectors = unit(400, 10)
    old, new = (build(tmp_path / str(offset), vectors, offset=offset)[1] for offset in (0, 1000))
    server = IndexServer()
    server.swap(old)
    seen: set[int] = set()
    is_over = False

    async def ask(number: int) -> None:
        while not is_over:
            index = server.current
            assert index is not None
            hits = index.hits(await server.search(vectors[number : number + 1], 10, index))
            offset = hits[0].image_id.int - number
            seen.add(offset)
            assert offset == (0 if index is old else 1000)
            assert [hit.image_id.int - offset for hit in hits] == nearest(vectors, vectors[number], 10)

    asking = [asyncio.create_task(ask(number)) for number in range(20)]
    for _ in range(10):
        await asyncio.sleep(0.01)
        server.swap(new)
        await asyncio.sleep(0.01)
        server.swap(old)
    is_over = True
    await asyncio.gather(*asking)
    assert seen == {0, 1000}
    server.close()


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8), st.floats(-1, 1, width=32)), max_size=40),
    st.integers(1, 10),
)
def test_a_product_is_as_near_as_its_best_image(rows: list[tuple[int, int, float]], k: int) -> None:
    hits = [Hit(uuid.UUID(int=image), uuid.UUID(int=product), similarity) for image, product, similarity in rows]
    ranked = best_of_products(hits, k)
    best = {product: max(s for _, p, s in rows if p == product) for _, product, _ in rows}
    expected = sorted(best.items(), key=lambda item: (-item[1], item[0]))[:k]
    assert [(hit.product_id.int, hit.similarity) for hit in ranked] == expected
