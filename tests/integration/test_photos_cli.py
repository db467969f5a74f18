"""`buybuddy photos`, as a person types it, against a running platform."""

import csv
import json
import uuid
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from buybuddy.cli.main import app
from tests.conftest import RunningPlatform
from tests.integration.test_photos import fresh, photo, zipped


def run(platform: RunningPlatform, *arguments: str, exit_code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["photos", *arguments, "--json"], env={"BUYBUDDY_HOME": str(platform.home)})
    assert result.exit_code == exit_code, result.output
    return json.loads(result.stdout)


def test_a_manifest_is_imported_assigned_and_known_the_second_time(platform: RunningPlatform, tmp_path: Path) -> None:
    source, barcode = uuid.uuid4().hex, f"{uuid.uuid4().int % 10**12:012d}"
    with platform.client() as client:
        product = client.products.create(product_name=source, barcodes=[barcode])
    (tmp_path / "a").mkdir()
    for name in ("a/1.png", "a/2.png"):
        (tmp_path / name).write_bytes(photo(fresh()))
    (tmp_path / "list.txt").write_text("no photo")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(
        "path,source,captured_at,barcode\n"
        f"a/1.png,{source},2026-05-04T09:30:00,00{barcode}\na/2.png,{source},,\n"
        "gone.png,,,\na\\2.png,,yesterday,\nlist.txt,,,\n"
    )
    first = run(platform, "import", str(manifest), "--assign", exit_code=1)
    assert (first["new"], first["known"], first["unread"], first["assigned"]) == (2, 0, 0, 1)
    assert {one["name"]: one["reason"] for one in first["refused"]} == {
        "gone.png": "There is no such file.",
        "a\\2.png": "'yesterday' is no time like 2026-05-04T09:30:00. (row 5)",
        "list.txt": "This is not a JPEG, PNG or WebP picture.",
    }
    again = run(platform, "import", str(manifest), "--assign", exit_code=1)
    assert (again["new"], again["known"], again["assigned"], again["unchanged"]) == (0, 2, 0, 1)
    assert again["photos"] == first["photos"]
    listed = run(platform, "list", "--source", source, "--limit", "0")
    assert {(one["name"], one["status"]) for one in listed} == {("a/1.png", "assigned"), ("a/2.png", "unassigned")}
    with platform.client() as client:
        assert client.products.get(product.id).real_count == 1
        assigned = client.photos.get(first["photos"]["a/1.png"])
    assert (assigned.product_id, assigned.barcode) == (product.id, "00" + barcode)


def test_a_folder_and_an_archive_keep_the_paths_inside(platform: RunningPlatform, tmp_path: Path) -> None:
    source, data = uuid.uuid4().hex, photo(fresh())
    folder = tmp_path / "folder"
    (folder / "may").mkdir(parents=True)
    (folder / "may" / "ş 1.png").write_bytes(data)
    whole = run(platform, "import", str(folder), "--source", source)
    assert list(whole["photos"]) == ["may/ş 1.png"] and (whole["new"], whole["n_refused"]) == (1, 0)
    archive = tmp_path / "photos.zip"
    archive.write_bytes(zipped(("may/ş 1.png", data), ("may/2.png", photo(fresh()))))
    more = run(platform, "import", str(archive), "--source", source, "--no-wait")
    assert (more["new"], more["known"], list(more["photos"])) == (1, 1, ["may/ş 1.png", "may/2.png"])
    assert [one["name"] for one in run(platform, "list", "--search", "may/ş")] == ["may/ş 1.png"]


def write_manifest(path: Path, *rows: tuple[str, ...]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("path", "source", "captured_at", "barcode", "external_id"), *rows])
    return path


def test_photos_whose_names_the_pool_shows_differently_are_assigned_too(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    source, base = uuid.uuid4().hex, uuid.uuid4().int % 10**11
    (tmp_path / "a").mkdir()
    names = ["a\\2.png", "b\u200b.png", "b.png", 'say "c".png', "gone.png"]
    for name in names[:-1]:
        (tmp_path / name.replace("\\", "/")).write_bytes(photo(fresh()))
    barcodes = [f"{base * 10 + number:012d}" for number in range(len(names))]
    with platform.client() as client:
        products = [client.products.create(product_name=source, barcodes=[barcode]).id for barcode in barcodes]
    rows = [(name, source, "2026-05-04T09:30:00", code) for name, code in zip(names, barcodes, strict=True)]
    done = run(platform, "import", str(write_manifest(tmp_path / "m.csv", *rows)), "--assign", exit_code=1)
    assert (done["new"], done["assigned"]) == (4, 4)
    assert done["not_assigned"] == [
        {"name": "gone.png", "reason": f"It was not taken in, so {barcodes[-1]} got no photo of it."}
    ]
    listed = run(platform, "list", "--source", source, "--limit", "0")
    assert {(one["name"], one["barcode"], one["product_id"], one["captured_at"]) for one in listed} == {
        (name, barcode, str(product), "2026-05-04T09:30:00Z")
        for name, barcode, product in zip(
            ["a/2.png", "b.png", "b.png", 'say "c".png'], barcodes, products, strict=False
        )
    }


def test_rows_that_the_server_would_refuse_are_listed_and_the_others_are_sent(
    platform: RunningPlatform, tmp_path: Path
) -> None:
    source = uuid.uuid4().hex
    rows = [
        ("number.png", source, "20260504"),
        ("old.png", source, "1026-05-04"),
        ("long.png", "s" * 201, ""),
        ("id.png", source, "", "", "i" * 201),
        ("hour.png", source, "2026-05-04T09+03:00"),
        ("hour.png", source, "2026-05-04T10+03:00"),
    ]
    for name, *_ in rows:
        (tmp_path / name).write_bytes(photo(fresh()))
    done = run(platform, "import", str(write_manifest(tmp_path / "m.csv", *rows)), "--no-wait", exit_code=1)
    assert {one["name"]: one["reason"] for one in done["refused"]} == {
        "number.png": "'20260504' is no time like 2026-05-04T09:30:00. (row 2)",
        "old.png": "captured_at: no photo is of the year 1026. (row 3)",
        "long.png": "source: String should have at most 200 characters. (row 4)",
        "id.png": "external_id: String should have at most 200 characters. (row 5)",
        "hour.png": "It is listed before, and other things are said of it there. (row 7)",
    }
    listed = run(platform, "list", "--source", source, "--limit", "0")
    assert [(one["name"], one["captured_at"]) for one in listed] == [("hour.png", "2026-05-04T06:00:00Z")]
