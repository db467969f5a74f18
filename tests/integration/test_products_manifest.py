"""`buybuddy products import` of a manifest with pictures, as a person types it, against a running platform."""

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from buybuddy.cli.main import app
from tests.conftest import RunningPlatform
from tests.integration.test_product_images import photo, shop_picture


class Manifest:
    """A folder with a manifest and its pictures."""

    def __init__(self, platform: RunningPlatform, folder: Path) -> None:
        self.platform, self.folder = platform, folder
        self.file = folder / "list.csv"
        self.codes = [f"00{uuid.uuid4().int % 10**11:011d}" for _ in range(4)]

    def picture(self, name: str, content: bytes) -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name

    def write(self, header: str, rows: Sequence[str]) -> None:
        self.file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        env = {"BUYBUDDY_HOME": str(self.platform.home)}
        return CliRunner().invoke(app, ["products", "import", str(self.file), *arguments], env=env)

    def read(self, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
        result = self.run("--json", *arguments)
        assert result.exit_code == exit_code, result.output
        document: dict[str, Any] = json.loads(result.stdout)
        return document


@pytest.fixture
def manifest(platform: RunningPlatform, tmp_path: Path) -> Manifest:
    return Manifest(platform, tmp_path)


def test_a_manifest_is_applied_with_its_pictures_and_changes_nothing_the_second_time(manifest: Manifest) -> None:
    front, back = manifest.picture("pics/front.png", shop_picture(101)), manifest.picture("b a.jpg", photo(102))
    one, two = manifest.codes[:2]
    header = "barcode,product_name,brand_name,category,images"
    manifest.write(
        header, [f"{one},Rize Çayı,Çaykur,Tea,{front} ; {back};", f"{two},Biscuit,Ülker,Snacks,pics\\front.png"]
    )
    assert json.loads(manifest.run("--preview", "--json").stdout)["preview"]["counts"]["create"] == 2
    nothing = {"images_refused": 0, "problems": []}
    assert manifest.read() == nothing | {
        "created": 2, "updated": 0, "unchanged": 0, "images_new": 3, "images_known": 0,
    }  # fmt: skip
    with manifest.platform.client() as client:
        [product] = client.products.list(search=one)
        assert (product.barcode, product.product_name, product.category) == (one, "Rize Çayı", "Tea")
        assert (product.status, product.frame_count) == ("needs_matching", 2)
        found = client.search(manifest.folder / front, k=100)
        assert {one, two} <= {result.barcode for result in found.results}
    assert manifest.read() == nothing | {
        "created": 0, "updated": 0, "unchanged": 2, "images_new": 0, "images_known": 3,
    }  # fmt: skip
    new = manifest.picture("new.webp", shop_picture(103, "WEBP"))
    manifest.write("Barkod;Marka;image_paths", [f'{one};Çaykur A.Ş.;"{front};{new}"', f"{manifest.codes[2]};Eti;"])
    assert manifest.read("--no-wait") == nothing | {
        "created": 1, "updated": 1, "unchanged": 0, "images_new": 1, "images_known": 1,
    }  # fmt: skip
    with manifest.platform.client() as client:
        [product] = client.products.list(search=one)
        assert (product.barcode, product.brand_name, product.product_name) == (one, "Çaykur A.Ş.", "Rize Çayı")


def test_what_is_missing_or_broken_is_listed_by_row_and_the_rest_is_taken(manifest: Manifest) -> None:
    good, cut = shop_picture(111), shop_picture(112, "JPEG")
    names = [
        manifest.picture("good.png", good),
        "missing.png",
        manifest.picture("text.jpg", b"no picture"),
        manifest.picture("cut.jpg", cut[: len(cut) // 2]),
        manifest.picture("empty.png", b""),
        ".",
    ]
    one, two = manifest.codes[:2]
    manifest.write("barcode,brand,image", [f"{one},A,{';'.join(names)}", "8.69E+12,B,good.png", f"{two},C,"])
    document = manifest.read(exit_code=1)
    counts = {name: value for name, value in document.items() if name != "problems"}
    assert counts == {
        "created": 2, "updated": 0, "unchanged": 0, "images_new": 1, "images_known": 0, "images_refused": 6,
    }  # fmt: skip
    listed = [(problem["row"], problem["item"]) for problem in document["problems"]]
    assert listed == [(2, name) for name in (*(names[1], names[5]), *names[2:5])] + [(3, "barcode"), (3, "good.png")]
    assert all(problem["reason"] for problem in document["problems"])
    shown = manifest.run()
    assert shown.exit_code == 1
    assert "0 pictures added, 1 known already, 6 refused." in shown.stdout
    assert "row 2, missing.png: There is no such file." in shown.stderr


def test_an_interrupted_import_goes_on_with_what_is_left(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [manifest.picture(f"{n}.png", shop_picture(120 + n)) for n in range(3)]
    rows = [f"{code},Brand,{name}" for code, name in zip(manifest.codes, pictures, strict=False)]
    manifest.write("barcode,brand_name,images", rows)
    with manifest.platform.client() as client:
        import_ = client.products.import_file(manifest.file)  # the rows were applied, and one picture sent, before ...
        import_.apply().wait()
        [product] = client.products.list(search=manifest.codes[0])
        client.products.add_images(product, manifest.folder / pictures[0])
    document = manifest.read()
    assert (document["unchanged"], document["images_new"], document["images_known"]) == (3, 2, 1)
    assert document["problems"] == []
