"""Imports on a real PostgreSQL: what was previewed is what is applied, once, and nothing of somebody else's is lost."""

import asyncio
import csv
import io
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from buybuddy.domain.jobs.batches import BatchProgress, Checkpoint, run_batches
from buybuddy.domain.jobs.sweeping import sweep
from buybuddy.domain.jobs.tables import Job
from buybuddy.domain.products.exports.service import CSV_HEADER, defused
from buybuddy.domain.products.imports import apply as import_apply
from buybuddy.domain.products.imports import repository as import_repository
from buybuddy.domain.products.imports import service as imports
from buybuddy.domain.products.imports.rules import ImportMode
from buybuddy.domain.products.imports.tables import ProductImport, ProductImportRow
from buybuddy.errors import Conflict, InvalidInput, PayloadTooLarge
from buybuddy.infra.db import Session
from buybuddy.infra.storage import ObjectStorage
from buybuddy.stages.specs import BatchResult
from tests.conftest import RunningPlatform
from tests.integration.conftest import SOMEBODY, Jobs
from tests.unit.test_import_rules import workbook

NEVER = asyncio.Event()
CODES = "SELECT string_agg(barcode, ' ' ORDER BY is_primary DESC, barcode) FROM product_barcodes"


class Shop:
    """The catalogue and its imports, in the words of a test."""

    def __init__(self, jobs: Jobs, folder: Path) -> None:
        self.jobs, self.sql = jobs, jobs.sql
        self.storage = ObjectStorage(f"file://{folder / 'storage'}")

    async def preview(self, content: bytes | str, mode: ImportMode = "create_and_update") -> ProductImport:
        data = content.encode() if isinstance(content, str) else content
        import_id = await imports.add_import(
            self.jobs.db, self.storage, io.BytesIO(data), filename="list.csv", mode=mode, actor=SOMEBODY
        )
        async with self.jobs.db.transaction() as session:
            return (await imports.get_import(session, import_id))[0]

    async def rows(self, found: ProductImport, kind: str) -> list[ProductImportRow]:
        async with self.jobs.db.transaction() as session:
            return list(await import_repository.first_rows(session, found.id, kind, 1000))

    async def problems(self, found: ProductImport) -> list[tuple[int, object, object]]:
        rows = await self.rows(found, "error")
        return [(row.row_no, one["column"], one["reason"]) for row in rows for one in row.errors]

    async def begin(self, found: ProductImport) -> Job:
        async with self.jobs.db.transaction() as session:
            job = await imports.apply_import(session, self.jobs.board, found.id, SOMEBODY, None)
        return await self.jobs.start(job)

    async def apply(self, found: ProductImport) -> BatchResult:
        job = await self.begin(found)
        return await self.run(job)

    async def run(self, job: Job) -> BatchResult:
        db, board = self.jobs.db, self.jobs.board
        return await run_batches(db, board, job.id, job.attempt, import_apply.apply_batch, NEVER)


@pytest.fixture
async def shop(jobs: Jobs, tmp_path: Path) -> AsyncIterator[Shop]:
    await jobs.sql("TRUNCATE products, videos, bulk_operations, product_imports, tallies CASCADE")
    yield Shop(jobs, tmp_path)


def counts(found: ProductImport) -> tuple[int, int, int, int]:
    return found.n_create, found.n_update, found.n_unchanged, found.n_error


async def test_a_file_is_previewed_applied_and_then_changes_nothing_more(shop: Shop) -> None:
    content = "Barkod;Marka;Ürün Adı;Kategori;Durum;Not\r\n0012|99;Çaykur;Rize Çayı;Çay;Hazır;x\r\n0013;Ülker;;;;\r\n"
    found = await shop.preview(content)
    assert (counts(found), found.ignored) == ((2, 0, 0, 0), ["Not"])
    assert await shop.sql("SELECT count(*) FROM products") == [0]
    assert shop.storage.get(found.storage_key) == content.encode()
    assert (await shop.apply(found)).n_done == 2
    made = await shop.sql("SELECT array[brand_name, product_name, category, status] FROM products ORDER BY status")
    assert made == [["Ülker", None, None, "pending"], ["Çaykur", "Rize Çayı", "Çay", "ready"]]
    assert await shop.sql(f"{CODES} WHERE barcode IN ('0012', '99')") == ["0012 99"]
    assert await shop.sql("SELECT edited_fields FROM products WHERE category = 'Çay'") == [
        ["brand_name", "category", "product_name"]
    ]
    assert counts(await shop.preview(content)) == (0, 0, 2, 0)
    changed = await shop.preview("barkod;kategori;marka;barcodes\r\n99;<clear>;;777\r\n")
    [row] = await shop.rows(changed, "update")
    assert (row.before, row.changes, row.barcodes) == ({"category": "Çay"}, {"category": None}, ["777"])
    assert (await shop.apply(changed)).n_done == 1
    assert await shop.sql(f"{CODES} WHERE barcode IN ('0012', '777', '99')") == ["0012 777 99"]
    assert await shop.sql("SELECT barcodes[1] FROM products WHERE brand_name = 'Çaykur'") == ["0012"]


async def test_what_is_wrong_in_a_file_names_row_and_column_and_stops_no_other_row(shop: Shop) -> None:
    await shop.apply(await shop.preview("barcode,brand_name\n100,A\n200,B\n"))
    stranger = uuid.uuid4()
    [first] = await shop.sql("SELECT product_id FROM product_barcodes WHERE barcode = '100'")
    found = await shop.preview(
        "id,Barkod,Durum,brand\n"
        f",300,ready,New\n"
        f",300,ready,Twice\n"
        f",400,sold,{'x' * 301}\n"
        f',"8,69E+12",,\n'
        f"{stranger},500,,\n"
        f"{first},200,,\n"
        f",100|200,,\n"
        f",100,,Changed\n"
        f"{first},,,Again\n"
        f",,ready,\n"
    )
    assert counts(found) == (1, 1, 0, 8)
    assert [(row, column) for row, column, _ in await shop.problems(found)] == [
        (3, "Barkod"), (4, "Durum"), (4, "brand"), (5, "Barkod"), (6, "id"), (7, "Barkod"), (8, "Barkod"), (10, "id"),
        (11, "Barkod"),
    ]  # fmt: skip
    assert (await shop.problems(found))[0][2] == "Row 2 has the same barcode."


async def test_a_nul_far_inside_a_file_is_an_error_of_its_row(shop: Shop) -> None:
    rows = "".join(f"9{number:09},name\r\n" for number in range(600))
    found = await shop.preview(f"barcode,brand\r\n{rows}12\x003,x\r\n")
    assert counts(found) == (600, 0, 0, 1)
    [wrong] = await shop.rows(found, "error")
    assert wrong.errors[0]["value"] == "12\N{REPLACEMENT CHARACTER}3"


async def test_a_file_of_very_many_barcodes_is_an_error_of_its_rows(shop: Shop) -> None:
    rows = "".join(",".join(f"{row:04}{column:04}" for column in range(70)) + "\n" for row in range(1_000))
    found = await shop.preview(",".join(["barcode"] * 70) + "\n" + rows)
    assert counts(found) == (0, 0, 0, 1_000)


async def test_a_product_has_a_primary_barcode_when_its_first_was_taken_at_that_moment(shop: Shop) -> None:
    mine, theirs = await shop.sql(
        "INSERT INTO products (id, status) SELECT gen_random_uuid(), 'ready' FROM generate_series(1, 2) RETURNING id"
    )
    found = await shop.preview(f"id,barcode\n{mine},111|222\n")
    async with shop.jobs.db.transaction() as session:
        await session.execute(
            text("INSERT INTO product_barcodes (barcode, product_id, is_primary) VALUES ('111', :id, true)"),
            {"id": theirs},
        )
        applying = asyncio.create_task(shop.apply(found))
        await asyncio.sleep(1)  # it finds the barcode free, and waits for this transaction
    assert (await applying).n_failed == 1
    assert await shop.sql(f"{CODES} WHERE product_id = :id AND is_primary", id=mine) == ["222"]


async def test_modes_refuse_what_they_are_not_for(shop: Shop) -> None:
    await shop.apply(await shop.preview("barcode,brand\n1,A\n"))
    both = "barcode,brand\n1,B\n2,C\n"
    only_new, only_old = await shop.preview(both, "create_only"), await shop.preview(both, "update_only")
    assert (counts(only_new), counts(only_old)) == ((1, 0, 0, 1), (0, 1, 0, 1))
    assert [reason for _, _, reason in await shop.problems(only_new)] == ["There is such a product already."]
    assert [reason for _, _, reason in await shop.problems(only_old)] == ["No product has this barcode."]


async def test_what_has_been_changed_since_the_preview_is_listed_and_left_alone(shop: Shop) -> None:
    await shop.apply(await shop.preview("barcode,brand\n1,A\n2,A\n3,A\n"))
    found = await shop.preview("barcode,brand\n1,B\n2,B\n3,B\n4,B\n5,B\n")
    await shop.sql("UPDATE products SET brand_name = 'Mine' WHERE '1' = ANY (barcodes)")
    await shop.sql("DELETE FROM products WHERE '2' = ANY (barcodes)")
    await shop.sql("INSERT INTO product_barcodes SELECT '4', id, false FROM products WHERE '1' = ANY (barcodes)")
    result = await shop.apply(found)
    assert (result.n_done, [failure.item for failure in result.failures]) == (2, ["2", "3", "5"])
    assert await shop.sql("SELECT brand_name FROM products ORDER BY barcodes") == ["Mine", "B", "B"]
    assert await shop.sql(
        "SELECT outcome FROM product_import_rows WHERE import_id = :id ORDER BY row_no", id=found.id
    ) == ["conflict", "conflict", "applied", "conflict", "applied"]
    await shop.sql("UPDATE jobs SET status = 'completed'")
    with pytest.raises(Conflict, match="applied already"):
        await shop.begin(found)


async def test_our_own_export_comes_back_unchanged(shop: Shop) -> None:
    await shop.sql(
        "INSERT INTO products (id, brand_name, product_name, category, status) VALUES"
        " (gen_random_uuid(), '=1+1', '  blanks ', 'a;b', 'ready'),"
        " (gen_random_uuid(), '-5', 'two' || chr(10) || 'lines', NULL, 'pending'),"
        " (gen_random_uuid(), '''@x', 'quote \" ,', 'Çay', 'rejected'),"
        " (gen_random_uuid(), NULL, NULL, NULL, 'needs_matching')"
    )
    await shop.sql(
        "INSERT INTO product_barcodes SELECT '00' || row_number() OVER (), id, true FROM products UNION ALL"
        " SELECT 'x' || row_number() OVER (), id, false FROM products"
    )
    target = io.StringIO()
    writer = csv.writer(target)
    writer.writerow(CSV_HEADER)
    rows = await shop.sql(
        "SELECT array[id::text, barcodes[1], brand_name, product_name, category, status, frame_count::text,"
        " created_at::text] FROM products"
    )
    for row in rows:
        assert isinstance(row, list)
        writer.writerow([defused(value or "") for value in row])
    for encoding in ("utf-8-sig", "utf-16", "cp1254"):
        assert counts(await shop.preview(target.getvalue().encode(encoding))) == (0, 0, 4, 0)
    assert counts(await shop.preview(target.getvalue().replace("\n", "\r\n"))) == (0, 0, 4, 0)


async def test_excel_keeps_leading_zeros(shop: Shop) -> None:
    sheet = workbook(
        ("Barkod", "Marka"), ("0001234567890", "text"), (1234567891, "padded"), (8690504034512.0, "float"),
        formats={"A3": "0000000000000"},
    )  # fmt: skip
    assert (await shop.apply(await shop.preview(sheet))).n_done == 3
    assert await shop.sql("SELECT barcode FROM product_barcodes ORDER BY barcode") == [
        "0001234567890",
        "0001234567891",
        "8690504034512",
    ]


async def test_a_killed_import_goes_on_where_it_was(shop: Shop) -> None:
    found = await shop.preview("barcode,brand\n" + "".join(f"{i},B{i}\n" for i in range(1_300)))
    job, calls = await shop.begin(found), 0

    async def dies(session: Session, job: Job, checkpoint: Checkpoint) -> BatchProgress:
        nonlocal calls
        progress = await import_apply.apply_batch(session, job, checkpoint)
        if (calls := calls + 1) == 2:
            raise asyncio.CancelledError
        return progress

    with pytest.raises(asyncio.CancelledError):
        await run_batches(shop.jobs.db, shop.jobs.board, job.id, job.attempt, dies, NEVER)
    assert await shop.sql("SELECT count(*) FROM products") == [500]
    with pytest.raises(Conflict, match="being applied"):
        async with shop.jobs.db.transaction() as session:
            await imports.discard_import(session, found.id, SOMEBODY)
    await shop.jobs.silence(job.id)
    async with shop.jobs.db.transaction() as session:
        await sweep(session, shop.jobs.board)
    result = await shop.run(await shop.jobs.start(job))
    assert (result.n_done, result.n_failed) == (1_300, 0)
    assert await shop.sql("SELECT count(*) FROM products") == [1_300]
    noted = (
        "SELECT count(*) FROM audit_events WHERE action = 'product.create' AND subject_id IN (SELECT id FROM products)"
    )
    assert await shop.sql(noted) == [1_300]


async def test_a_discarded_import_leaves_neither_rows_nor_file(shop: Shop) -> None:
    found = await shop.preview("barcode\n1\n")
    async with shop.jobs.db.transaction() as session:
        await imports.discard_import(session, found.id, SOMEBODY)
    assert await shop.sql("SELECT count(*) FROM product_import_rows") == [0]
    assert await shop.sql("SELECT key_or_prefix FROM object_trash") == [f"exports/imports/{found.id}/"]


async def test_a_refused_file_leaves_nothing(shop: Shop) -> None:
    for content in ("", "\n\n", "brand,name\nA,B\n"):
        with pytest.raises(InvalidInput):
            await shop.preview(content)
    with pytest.raises(PayloadTooLarge):
        await shop.preview(b"x" * 50_000_001)
    assert await shop.sql("SELECT count(*) FROM product_imports") == [0]
    assert shop.storage.list_keys("exports/imports/") == []


@pytest.mark.slow
async def test_every_one_of_many_rows_is_previewed_and_applied(shop: Shop) -> None:
    n = 20_000
    lines = (f"{8690000000000 + i},Brand {i % 500},Product {i},Category {i % 40},ready\n" for i in range(n))
    content = "barcode,brand_name,product_name,category,status\n" + "".join(lines)
    for expected in ((n, 0, 0, 0), (0, n, 0, 0)):
        found = await shop.preview(content)
        assert counts(found) == expected
        assert (await shop.apply(found)).n_done == n
        content = content.replace("Product ", "Item ")


def test_over_http_a_file_is_previewed_read_again_applied_and_discarded(platform: RunningPlatform) -> None:
    headers = {"Authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url + "/api/v1", headers=headers, timeout=60) as client:
        template = client.get("/products/imports/template.csv")
        assert template.headers["content-type"] == "text/csv; charset=utf-8"
        code = str(uuid.uuid4().int)[:13]
        name = "../../<b>%00evil\r\n.csv"
        content = template.text + f"{code},Marka,Ad,,,\r\n,,,,,ready\r\n"
        answer = client.post("/products/imports", files={"file": (name, content.encode())})
        assert answer.status_code == 201, answer.text
        preview = answer.json()
        assert preview["counts"] == {"create": 1, "update": 0, "unchanged": 0, "error": 1}
        assert preview["samples"]["create"][0]["after"] == {"brand_name": "Marka", "product_name": "Ad"}
        assert preview["errors"] == [
            {"row": 3, "column": "barcode", "value": "", "reason": "The row does not say which product it is about."}
        ]
        assert "/" not in preview["filename"]
        link = f"/products/imports/{preview['id']}"
        assert client.get(link).json() == preview
        page = client.get(f"{link}/rows", params={"kind": "create", "limit": 1}).json()
        assert ([row["row"] for row in page["items"]], page["total"]) == ([2], 1)
        started = client.post(f"{link}/apply", headers={"Idempotency-Key": code})
        assert (started.status_code, started.json()["job"]["type"]) == (202, "catalogue_change")
        again = client.post(f"{link}/apply", headers={"Idempotency-Key": code})
        assert again.json()["job"]["id"] == started.json()["job"]["id"]
        with platform.client() as waiting:
            [job] = waiting.jobs.wait([started.json()["job"]["id"]])
        assert (job.status, job.metrics["n_done"]) == ("completed", 1)
        [product] = client.get("/products", params={"search": code}).json()["items"]
        assert (product["barcode"], product["brand_name"], product["status"]) == (code, "Marka", "pending")
        assert client.get(f"{link}/rows", params={"outcome": "applied"}).json()["total"] == 1
        assert client.delete(link).status_code == 204
        assert client.get(link).status_code == 404
        assert client.post("/products/imports", files={"file": ("a.xls", b"\xd0\xcf\x11\xe0")}).status_code == 422
        assert client.post("/products/imports", files={"file": ("a.csv", b"x")}, data={"mode": "no"}).status_code == 422
