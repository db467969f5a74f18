"""Photos come into the pool once, are read by real stage processes, and near-duplicates are of one group."""

import io
import json
import threading
import time
import uuid
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.conftest import RunningPlatform
from tests.integration.test_product_images import encoded

File = tuple[str, bytes]


def scene(seed: int, size_wh: tuple[int, int] = (320, 240)) -> Image.Image:
    """Draw a few things of some colours, large enough to be told apart from any other scene."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", size_wh, _colour(rng))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = (int(rng.integers(0, side * 3 // 4)) for side in size_wh)
        draw.rectangle((x, y, x + int(rng.integers(30, 120)), y + int(rng.integers(30, 120))), fill=_colour(rng))
    return image


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in rng.integers(0, 255, 3))
    return red, green, blue


def photo(seed: int, kind: str = "PNG") -> bytes:
    return encoded(scene(seed), kind)


def zipped(*files: File) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return buffer.getvalue()


def fresh() -> int:
    """Return a seed that no other test of this platform has."""
    return uuid.uuid4().int % 2**32


class Pool:
    """The calls of a person who has photos."""

    def __init__(self, platform: RunningPlatform, http: httpx.Client) -> None:
        self.platform, self.http = platform, http

    def send(self, *files: File, **fields: object) -> dict[str, object]:
        data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
        sent = self.http.post("/real-images", files=[("files", file) for file in files], data=data)
        assert sent.status_code == 201, sent.text
        answer: dict[str, object] = sent.json()
        return answer

    def taken(self, *files: File, **fields: object) -> list[dict[str, str]]:
        photos = self.send(*files, **fields)["photos"]
        assert isinstance(photos, list)
        return photos

    def wait(self, import_id: object) -> dict[str, object]:
        """Wait until everything of an import is read."""
        for _ in range(600):
            found: dict[str, object] = self.http.get(f"/real-images/imports/{import_id}").json()
            if not found["n_unread"]:
                return found
            assert found["is_being_read"], found
            time.sleep(0.1)
        raise AssertionError(f"still unread: {found}")

    def look(self, photo_id: object) -> dict[str, object]:
        found: dict[str, object] = self.http.get(f"/real-images/{photo_id}").json()
        return found

    def link(self, url: object) -> bytes:
        return self.http.get(self.platform.url + str(url)).content


@pytest.fixture
def pool(platform: RunningPlatform) -> Iterator[Pool]:
    headers = {"Authorization": f"Bearer {platform.key}"}
    with httpx.Client(base_url=platform.url + "/api/v1", headers=headers, timeout=120) as http:
        yield Pool(platform, http)


def test_photos_come_once_are_read_and_copies_are_of_one_group(pool: Pool) -> None:
    seed = fresh()
    original, other = photo(seed), photo(seed + 1)
    smaller = encoded(scene(seed).resize((200, 150)), "JPEG")
    archive = zipped(
        ("may/smaller.jpg", smaller), ("may/same.png", original), ("notes.txt", b"a list"), ("__MACOSX/._x", b"x")
    )
    answer = pool.send(("a/first.png", original), ("b.png", other), ("may.zip", archive), source="basket")
    photos = answer["photos"]
    assert isinstance(photos, list)
    assert [(one["name"], one["status"]) for one in photos] == [
        ("a/first.png", "new"), ("b.png", "new"), ("may/smaller.jpg", "new"), ("may/same.png", "known"),
        ("notes.txt", "refused"),
    ]  # fmt: skip
    assert photos[3]["photo_id"] == photos[0]["photo_id"]
    done = pool.wait(answer["import_id"])
    assert (done["n_new"], done["n_known"], done["n_refused"], done["n_unread"]) == (3, 1, 1, 0)
    problems = pool.http.get(f"/real-images/imports/{answer['import_id']}/problems").json()["items"]
    assert problems == [{"name": "notes.txt", "reason": "This is not a JPEG, PNG or WebP picture."}]

    first, second, copy = (pool.look(one["photo_id"]) for one in photos[:3])
    assert (first["width_px"], first["height_px"], first["source"], first["status"]) == (
        320, 240, "basket", "unassigned",
    )  # fmt: skip
    assert first["read_at"] is not None and first["problem"] is None
    assert pool.link(first["image_url"]) == original
    thumbnail = Image.open(io.BytesIO(pool.link(first["thumbnail_url"])))
    assert (thumbnail.format, thumbnail.size) == ("WEBP", (320, 240))
    assert copy["group_id"] == first["group_id"] and first["group_id"] in (first["id"], copy["id"])
    assert second["group_id"] == second["id"]
    together = pool.http.get("/real-images", params={"group": str(first["group_id"])}).json()
    assert {one["id"] for one in together["items"]} == {first["id"], copy["id"]}


def test_what_is_known_later_is_filled_in_and_nothing_is_overwritten(pool: Pool) -> None:
    data, source = photo(fresh()), uuid.uuid4().hex
    [first] = pool.taken(("x.png", data), source=source)
    row = {"name": "again.png", "captured_at": "2026-05-04T09:30:00", "barcode": "8690504012345", "external_id": "7"}
    [again] = pool.taken(("again.png", data), rows=[row])
    pool.taken(("x.png", data), rows=[{"name": "x.png", "barcode": "86905042"}])
    assert (again["status"], again["photo_id"], again["import_id"]) == ("known", first["photo_id"], first["import_id"])
    found = pool.look(first["photo_id"])
    assert (found["name"], found["source"], found["barcode"], found["captured_at"], found["external_id"]) == (
        "x.png", source, "8690504012345", "2026-05-04T09:30:00Z", "7",
    )  # fmt: skip
    [same_id] = pool.taken(("y.png", photo(fresh())), source=source, rows=[{"name": "y.png", "external_id": "7"}])
    assert (same_id["status"], same_id["reason"]) == ("refused", "Its source has another photo with the same id.")
    broken = pool.http.post("/real-images", files=[("files", ("x.png", data))], data={"rows": '[{"name": ""}]'})
    assert broken.status_code == 422 and broken.json()["detail"].startswith("body.rows.0.name")


def test_many_requests_are_one_import_and_uploads_at_once_make_one_photo(pool: Pool) -> None:
    begun = pool.http.post("/real-images/imports", json={"label": "May", "source": uuid.uuid4().hex}).json()
    files = [(f"{number}.png", photo(fresh())) for number in range(4)]
    ready = threading.Barrier(4)

    def send(_: int) -> list[dict[str, str]]:
        ready.wait()
        return pool.taken(*files, import_id=begun["id"])

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(send, range(4)))
    assert len({tuple(one["photo_id"] for one in answer) for answer in answers}) == 1
    assert sum(one["status"] == "new" for answer in answers for one in answer) == 4
    done = pool.wait(begun["id"])
    assert (done["n_new"], done["n_known"]) == (4, 0), "the same request again is counted once"
    listed = pool.http.get("/real-images", params={"source": begun["source"], "limit": 3}).json()
    assert (listed["total"], listed["is_total_exact"], len(listed["items"])) == (4, True, 3)
    rest = pool.http.get("/real-images", params={"import_id": begun["id"], "cursor": listed["next_cursor"]}).json()
    assert len({one["id"] for one in listed["items"] + rest["items"]}) == 4
    missing = pool.http.post("/real-images", files=[("files", files[0])], data={"import_id": str(uuid.uuid4())})
    assert missing.status_code == 404


def test_what_cannot_be_read_is_discarded_and_says_why(pool: Pool) -> None:
    whole = photo(fresh(), "JPEG")
    answer = pool.send(("cut.jpg", whole[: len(whole) // 3] + fresh().to_bytes(4, "big")), ("empty.png", b""))
    photos = answer["photos"]
    assert isinstance(photos, list)
    assert [(one["status"], one["reason"]) for one in photos] == [("new", None), ("refused", "The file is empty.")]
    pool.wait(answer["import_id"])
    cut = pool.look(photos[0]["photo_id"])
    assert cut["status"] == "discarded" and str(cut["problem"]).startswith("The picture is damaged")
    problems = pool.http.get(f"/real-images/imports/{answer['import_id']}/problems").json()["items"]
    assert [one["name"] for one in problems] == ["empty.png", "cut.jpg"]
    restored = pool.http.post("/real-images/restore", json={"photo_ids": [cut["id"]]})
    assert (restored.status_code, restored.json()["code"]) == (409, "PHOTO_UNREADABLE")


def test_photos_are_discarded_and_restored_but_not_assigned_ones(pool: Pool) -> None:
    source, barcode = uuid.uuid4().hex, f"{uuid.uuid4().int % 10**12:012d}"
    made = pool.http.post("/products", json={"brand_name": "Brand", "product_name": source, "barcodes": [barcode]})
    assert made.status_code == 201, made.text
    one, two = (item["photo_id"] for item in pool.taken(*((f"{n}.png", photo(fresh())) for n in "ab"), source=source))
    assigned = pool.http.post("/matching/assign", json={"pairs": [{"photo_id": two, "barcode": barcode}]})
    assert assigned.status_code == 200 and [item["status"] for item in assigned.json()] == ["assigned"], assigned.text

    refused = pool.http.post("/real-images/discard", json={"photo_ids": [one, two]})
    assert (refused.status_code, refused.json()["code"]) == (409, "PHOTO_ASSIGNED")
    assert refused.json()["conflicts"][0]["product_id"] == made.json()["id"]
    for _ in range(2):
        gone = pool.http.post("/real-images/discard", json={"photo_ids": [one]})
        assert gone.status_code == 200
    facets = pool.http.get("/real-images/facets", params={"source": source}).json()
    assert {item["value"]: item["n"] for item in facets["statuses"]} == {"assigned": 1, "discarded": 1}
    assert pool.http.post("/real-images/restore", json={"photo_ids": [one]}).json() == {"photo_ids": [one]}
    assert pool.look(one)["status"] == "unassigned"
    assert pool.http.post("/real-images/restore", json={"photo_ids": [str(uuid.uuid4())]}).status_code == 404
    found = pool.http.get("/real-images", params={"status": "unassigned", "source": source}).json()
    assert [item["id"] for item in found["items"]] == [one]

    pool.wait(pool.look(two)["import_id"])  # the photo was assigned before it was read: its image learns what it shows
    images = pool.http.get(f"/products/{made.json()['id']}/frames").json()["real"]
    assert [(image["width_px"], image["thumbnail_url"] is not None) for image in images] == [(320, True)]


def test_photos_are_found_by_how_their_name_begins_and_by_barcode(pool: Pool) -> None:
    folder, barcode = f"50%_{uuid.uuid4().hex}/ş", f"{uuid.uuid4().int % 10**13:013d}"
    pool.taken((f"{folder}/1.png", photo(fresh())), rows=[{"name": f"{folder}/1.png", "barcode": barcode}])
    pool.taken((f"{folder}/2.png", photo(fresh())))
    by_name = pool.http.get("/real-images", params={"search": folder}).json()
    assert [one["name"] for one in by_name["items"]] == [f"{folder}/2.png", f"{folder}/1.png"]
    by_barcode = pool.http.get("/real-images", params={"barcode": barcode}).json()
    assert [one["name"] for one in by_barcode["items"]] == [f"{folder}/1.png"]


def test_archives_that_would_burst_are_refused_whole(pool: Pool) -> None:
    bomb = zipped(*((f"{number}.png", b"") for number in range(10_001)))
    damaged = zipped(("a.png", photo(fresh())))[:-30]
    answer = pool.taken(("many.zip", bomb), ("damaged.zip", damaged), ("good.png", photo(fresh())))
    assert [(one["name"], one["status"]) for one in answer] == [
        ("many.zip", "refused"), ("damaged.zip", "refused"), ("good.png", "new"),
    ]  # fmt: skip
    assert answer[0]["reason"] == "The archive has 10001 files; at most 10000."


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"source": "a\0b"}, "body.source"),
        ({"rows": [{"name": "x.png", "source": "a\0b"}]}, "body.rows.0.source"),
        ({"rows": [{"name": "x.png"}, {"name": "y.png", "external_id": "\0"}]}, "body.rows.1.external_id"),
        ({"rows": [{"name": "x.png", "captured_at": "20260504"}]}, "body.rows.0.captured_at"),
        ({"rows": [{"name": "x.png", "captured_at": 20260504}]}, "body.rows.0.captured_at"),
        ({"rows": [{"name": "x.png", "captured_at": "1714800000.5"}]}, "body.rows.0.captured_at"),
        ({"rows": [{"name": "x.png", "captured_at": "1026-05-04"}]}, "body.rows.0.captured_at"),
        ({"captured_at": "20260504"}, "body.captured_at"),
        ({"rows": "{"}, "body.rows"),
    ],
)
def test_facts_that_cannot_be_are_refused_by_the_name_of_their_field(
    pool: Pool, fields: dict[str, object], where: str
) -> None:
    data = {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    answer = pool.http.post("/real-images", files=[("files", ("x.png", photo(fresh())))], data=data)
    assert (answer.status_code, answer.json()["code"]) == (422, "VALIDATION_FAILED"), answer.text
    assert [one["where"] for one in answer.json()["errors"]] == [where]
