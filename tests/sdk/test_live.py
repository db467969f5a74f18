"""Both forms of the client against a running platform."""

import asyncio
import csv
import hashlib
import time
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from buybuddy.samples.catalogue import list_sample_products
from buybuddy.samples.clip import write_sample_clip
from buybuddy_sdk import (
    AsyncClient,
    Client,
    Conflict,
    InvalidInput,
    LockLost,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    PreconditionRequired,
    ResourceLocked,
    ValidationFailed,
)
from buybuddy_sdk._sync import uploads
from tests.conftest import RunningPlatform


@pytest.fixture
def client(platform: RunningPlatform) -> Iterator[Client]:
    with Client(platform.url, platform.key) as client:
        yield client


def a_word() -> str:
    return f"w{uuid.uuid4().hex[:12]}"


def test_products_from_beginning_to_end(client: Client, tmp_path: Path) -> None:
    brand = a_word()
    made = [client.products.create(brand_name=brand, product_name=f"No. {n}", category="Sdk") for n in range(5)]
    found = client.products.list(search=brand)
    assert {row.id for row in found} == {product.id for product in made}
    found._page_size = 2
    assert [len(page.items) for page in found.pages()] == [2, 2, 1]

    code = f"sdk{uuid.uuid4().hex[:10]}"
    product = client.products.add_barcode(made[0], code)
    with pytest.raises(Conflict) as taken:
        client.products.create(barcodes=[code])
    assert taken.value.code == "BARCODE_TAKEN"
    product = client.products.update(product, brand_name=brand, status="ready")
    with pytest.raises(Conflict) as stale:
        client.products.update(made[0], brand_name="late")
    assert stale.value.current_version == product.version
    assert stale.value.current is not None and stale.value.current["status"] == "ready"
    assert client.products.update(product.id, net_quantity="70 g").net_quantity == "70 g", "an id alone is enough"

    path = client.products.export_csv(made, to=tmp_path / "some.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert {row["id"] for row in rows} == {str(product.id) for product in made}
    seen: list[int] = []
    client.products.download(made[:2], to=tmp_path / "two.zip", on_bytes=lambda n, _: seen.append(n))
    with zipfile.ZipFile(tmp_path / "two.zip") as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {str(product.id) for product in made[:2]}
    assert seen[-1] == (tmp_path / "two.zip").stat().st_size
    assert client.products.facets(search=brand).model_dump()

    outcome = client.products.bulk_edit(made[1:], changes={"category": "Sdk, changed"})
    assert outcome.done == 4 and outcome.job is None
    client.products.undo_bulk_edit(outcome)
    assert client.products.get(made[1]).category == "Sdk"
    for one in made:
        client.products.delete(one)
    assert client.products.list(search=brand).first() is None
    with pytest.raises(NotFound):
        client.products.get(made[0])


def test_an_import_is_previewed_applied_and_waited_for(client: Client, tmp_path: Path) -> None:
    brand = a_word()
    file = tmp_path / "new.csv"
    file.write_text(f"barcode,brand_name\n{brand}1,{brand}\n{brand}2,{brand}\n", encoding="utf-8")
    preview = client.products.import_file(file, mode="create_only")
    assert preview.counts.create == 2 and client.products.list(search=brand).first() is None
    steps: list[str] = []
    job = preview.apply().wait(60, lambda job: steps.append(job.status))
    assert job.raise_for_status().is_ended and steps[-1] == "completed"
    assert len(client.products.list(search=brand).to_list()) == 2
    with pytest.raises(Conflict) as more:
        client.products.bulk_delete(search=brand, confirm_count=1)
    assert more.value.problem["current_count"] == 2
    removed = client.products.bulk_delete(search=brand, confirm_count=2)
    assert removed.n_items == 2 and removed.job is not None
    assert removed.job.wait(60).raise_for_status().is_ended and client.products.list(search=brand).first() is None


def test_a_large_file_goes_on_where_its_connection_broke_off(
    platform: RunningPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = list_sample_products(1)[0]
    clip = tmp_path / f"{sample.barcode}.mp4"
    write_sample_clip(sample, clip, seed=int(uuid.uuid4()) % 10_000, duration_s=1.0)
    monkeypatch.setattr(uploads, "PIECE_BYTES", -(-clip.stat().st_size // 4))  # rounded up: four pieces
    pieces: list[str] = []

    class Unreliable(httpx.HTTPTransport):
        """Loses the answer of the second piece, which the platform has kept."""

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            answer = super().handle_request(request)
            if request.method == "PATCH":
                pieces.append(request.headers["upload-offset"])
                if len(pieces) == 2:
                    raise httpx.ReadError("connection reset")
            return answer

    with Client(platform.url, platform.key, transport=Unreliable()) as client:
        video = client.videos.upload_large(clip)
        assert video.sha256 == hashlib.sha256(clip.read_bytes()).hexdigest()
        assert len(pieces) == len(set(pieces)) == 4, "no piece is sent twice"
        again = client.videos.upload(clip)
        assert [one.id for one in again.videos] == [video.id]
        no_video = tmp_path / "no.mp4"
        no_video.write_bytes(b"not a video")
        with pytest.raises(InvalidInput):
            client.videos.upload_large(no_video)
        client.videos.delete(video)


def test_datasets_are_chosen_frozen_and_exported(client: Client, tmp_path: Path) -> None:
    brand = a_word()
    products = [client.products.create(brand_name=brand) for _ in range(3)]
    dataset = client.datasets.create(a_word(), "for the SDK's test")
    with pytest.raises(Conflict) as taken:
        client.datasets.create(dataset.name.upper())
    assert taken.value.code == "NAME_TAKEN"
    assert client.datasets.add_products(dataset, products[:2]).added == 2
    assert client.datasets.add_products(dataset, search=brand).added == 1
    client.datasets.remove_product(dataset, products[0])
    assert {row.id for row in client.datasets.products(dataset)} == {product.id for product in products[1:]}
    renamed = client.datasets.update(dataset.id, description="changed")
    assert renamed.description == "changed"
    with pytest.raises(InvalidInput):
        client.datasets.freeze(dataset, train=0.9, val=0.9, test=0.9)
    with pytest.raises((Conflict, InvalidInput)):
        client.datasets.freeze(dataset)  # none of them has an image
    client.datasets.delete(dataset)
    with pytest.raises(NotFound):
        client.datasets.export(dataset, format="coco", to=tmp_path / "none.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_is_held_renewed_and_given_back(client: Client, platform: RunningPlatform) -> None:
    product = client.products.create(brand_name=a_word())
    with Client(platform.url, platform.key) as other, client.locks.acquire("product", product) as held:
        assert held.lock.is_mine and held.token > 0
        with pytest.raises(ResourceLocked) as refused, other.locks.acquire("product", product):
            pass
        assert refused.value.lock is not None and refused.value.lock.user.username == platform.username
        held._renew()
        assert held.lock.token == held.token, "renewing keeps the token"
        other.locks.take_away("product", product)
        with other.locks.acquire("product", product):
            held._renew()
            with pytest.raises(LockLost):
                _ = held.lock
    assert client.locks.get("product", product) is None
    client.products.delete(product)


def test_photos_are_decided_about_under_the_matching_lock(
    client: Client, platform: RunningPlatform, tmp_path: Path
) -> None:
    code, brand = f"7{uuid.uuid4().int % 10**11:011d}", a_word()
    product = client.products.create(brand_name=brand, barcodes=[code], status="needs_matching")
    file = tmp_path / f"{brand}.png"
    Image.effect_noise((320, 240), 90).save(file)
    taken = client.photos.add(file, rows=[{"name": file.name, "barcode": code}])
    photo = client.photos.list(photo_import=taken.import_id).first()
    assert photo is not None
    ends_at_s = time.monotonic() + 120
    while client.photos.get(photo).read_at is None and time.monotonic() < ends_at_s:
        time.sleep(0.2)

    with client.matching.lock(product, threshold=0.9) as desk:
        cards = desk.candidates()
        assert [card.id for card in cards] == [photo.id] and cards[0].barcode == code
        with Client(platform.url, platform.key) as other:
            with pytest.raises(ResourceLocked), other.matching.lock(product):
                pass
            with pytest.raises(Conflict):
                other.matching.reject(product, cards, lock_token=desk.token + 1)
        assert desk.approve(cards).photo_ids == [photo.id]
        assert photo.id not in {card.id for card in desk.candidates()}
        assert desk.approve(cards).photo_ids == [], "it is one already"
        with pytest.raises(Conflict) as own:
            desk.reject(cards)
        assert own.value.code == "ALREADY_APPROVED"
        [decided] = client.matching.decisions(product)
        assert (decided.photo_id, decided.decision, decided.by) == (photo.id, "approved", platform.username)
        desk.undo(cards)
        assert desk.skip(cards).real_count == 0
        assert [card.decision for card in desk.candidates(with_skipped=True)] == ["skipped"]
        desk.reject(cards)
        assert client.matching.candidates(product, with_skipped=True) == []
    with pytest.raises(LockLost):
        desk.undo(cards)
    assert client.locks.get("matching", product) is None
    with client.matching.lock(product) as desk:
        client.locks.take_away("matching", product)
        with pytest.raises(LockLost, match="has ended"):
            desk.undo([photo])
    client.matching.suggestions(photo, limit=3)
    ends_at_s = time.monotonic() + 30  # the worker counts the queue every few seconds
    while not (rows := list(client.matching.queue(search=brand))) and time.monotonic() < ends_at_s:
        time.sleep(0.2)
    assert [row.brand_name for row in rows] == [brand]
    assert client.matching.progress().decisions_total >= 1
    before = client.matching.settings()
    assert client.matching.edit_settings(ready_after=before.ready_after + 1).ready_after == before.ready_after + 1
    assert client.matching.edit_settings(ready_after=before.ready_after) == before
    assert client.matching.preview_automation(precision_target=0.99).would_approve == 0
    assert not client.matching.automation().is_automatic and client.matching.audits().to_list() == []
    with pytest.raises(NotFound):
        client.matching.answer_audit(product, photo, is_right=True)
    client.products.delete(product)


def test_who_is_asked_matters(platform: RunningPlatform, client: Client) -> None:
    with Client(platform.url, "bbk_made-up") as nobody, pytest.raises(NotAuthenticated):
        nobody.dashboard()
    name = a_word()
    with Client(platform.url) as person:
        assert person.auth.login(platform.username, platform.password).role == "admin"
        user = person.users.create(name, role="viewer")
        assert user.password is not None
        with Client(platform.url) as viewer:
            assert viewer.auth.login(name, user.password).username == name
            with pytest.raises(NotAllowed):
                viewer.products.create(brand_name="no")
            key = viewer.api_keys.create("a test", scopes=["products"])
            with Client(platform.url, key.key) as program:
                assert program.products.list().page().total >= 0
                with pytest.raises(NotAllowed) as outside:
                    list(program.jobs.list())
                assert outside.value.problem["needed_scope"] == "jobs"
            viewer.auth.logout()
            with pytest.raises(NotAuthenticated):
                viewer.auth.me()
        changed = person.users.update(user.id, is_disabled=True)
        assert changed.disabled_at is not None
        assert person.audit.list(subject_kind="user", subject_id=str(user.id)).first() is not None
        person.auth.logout()
    with pytest.raises(ValidationFailed) as wrong:
        client.request("GET", "/products", params={"limit": 1000})
    assert wrong.value.errors[0]["where"] == "query.limit"
    with pytest.raises((PreconditionRequired, NotFound)):
        client.request("PATCH", f"/products/{uuid.uuid4()}", json={"brand_name": "x"})


def test_presence_and_notifications(client: Client) -> None:
    assert any(person.page == "/sdk" for person in client.presence.be_at("/sdk"))
    client.presence.leave()
    assert client.presence.list(page="/sdk") == []
    assert client.notifications.unread_count() >= 0
    client.notifications.mark_all_read()
    assert client.notifications.list(unread=True).first() is None


async def test_the_async_form_hears_of_what_it_does(platform: RunningPlatform) -> None:
    async with AsyncClient(platform.url, platform.key) as client:
        stream = client.events(topics={"product"})
        heard: list[str] = []

        async def listen(product_id: str) -> None:
            async for event in stream:
                if event.data.get("id") == product_id:
                    heard.append(event.data["change"])
                    if heard[-1] == "deleted":
                        return

        product_id = uuid.uuid4()
        listener = asyncio.create_task(listen(str(product_id)))
        await asyncio.wait_for(_until_first_event(client, stream), 20)
        product = await client.products.create(id=str(product_id), brand_name=a_word())
        product = await client.products.update(product, category="Sdk")
        await client.products.delete(product)
        await asyncio.wait_for(listener, 20)
        assert heard == ["created", "updated", "deleted"]
        async with client.locks.acquire("product", product) as held:
            assert held.lock.is_mine
        both = await asyncio.gather(client.dashboard(), client.jobs.queue_status())
        assert both[0].counts.products.total >= 0 and both[1]


async def _until_first_event(client: AsyncClient, stream: object) -> None:
    """Make and remove products until the stream has heard of one: it is open then."""
    while getattr(stream, "last_id", None) is None:
        await client.products.delete(await client.products.create(brand_name="warm-up"))
