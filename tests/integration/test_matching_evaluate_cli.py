"""`buybuddy matching evaluate` after the real imports, as a person types it, against a running platform."""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from buybuddy.cli.main import app
from tests.conftest import RunningPlatform
from tests.integration.test_product_images import encoded, shop_picture

FIGURES = {"photo_to_product": {"cmc@1", "cmc@5", "cmc@10"}, "product_to_photo": {"cmc@1", "map@r"}}


def run(platform: RunningPlatform, *arguments: str, exit_code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"BUYBUDDY_HOME": str(platform.home)})
    assert result.exit_code == exit_code, result.output
    return result.stdout


def on_a_shelf(seed: int, number: int) -> bytes:
    """Put the pack of a shop picture in front of a grainy shelf."""
    pack = Image.open(io.BytesIO(shop_picture(seed))).crop((60, 40, 180, 280))
    rng = np.random.default_rng((seed, number))
    shelf = Image.fromarray(rng.integers(90, 130, (400, 400, 3), dtype=np.uint8))
    shelf.paste(pack, (130 + int(rng.integers(0, 20)), 70 + int(rng.integers(0, 20))))
    return encoded(shelf, "JPEG")


def test_imported_photos_are_measured_against_a_truth(platform: RunningPlatform, tmp_path: Path) -> None:
    category = f"shelf {uuid.uuid4().hex[:8]}"
    codes = {seed: f"{uuid.uuid4().int % 10**12:012d}" for seed in (901, 902, 903)}
    products, photos = ["barcode,product_name,category,images"], ["path,barcode"]
    folder = f"shop-{uuid.uuid4().hex[:8]}"
    (tmp_path / folder).mkdir()
    for seed, code in codes.items():
        (tmp_path / f"{seed}.png").write_bytes(shop_picture(seed))
        products.append(f"{code},Product {seed},{category},{seed}.png")
        for number in range(2):
            (tmp_path / folder / f"{seed}-{number}.jpg").write_bytes(on_a_shelf(seed, number))
            photos.append(f"{folder}/{seed}-{number}.jpg,0{code}")
    (tmp_path / "products.csv").write_text("\n".join(products))
    (tmp_path / "photos.csv").write_text("\n".join(photos))
    (tmp_path / "truth.csv").write_text("\n".join([*photos, f"{folder}/gone.jpg,{codes[901]}"]))
    run(platform, "products", "import", str(tmp_path / "products.csv"), "--json")
    run(platform, "photos", "import", str(tmp_path / "photos.csv"), "--json")

    asked = ("matching", "evaluate", "--truth", str(tmp_path / "truth.csv"), "--category", category)
    found: dict[str, Any] = json.loads(run(platform, *asked, "--json"))
    for ranking, names in FIGURES.items():
        assert found[ranking].keys() == found["macro"][ranking].keys() == names
    assert (found["queries"], found["products"], found["category"]) == (6, 3, category)
    assert found["photo_to_product"]["cmc@5"] == 1.0
    assert found["left_out"] == [{"path": f"{folder}/gone.jpg", "reason": "No photo was imported under this path."}]
    # What is approved must not make it look better.
    run(platform, "photos", "import", str(tmp_path / "photos.csv"), "--assign", "--json")
    again = json.loads(run(platform, *asked, "--json"))
    assert {name: again[name] for name in (*FIGURES, "macro")} == {name: found[name] for name in (*FIGURES, "macro")}
    assert "photo → product" in run(platform, *asked)
    (tmp_path / "truth.csv").write_text("file,barcode\na,1\n")
    run(platform, *asked, exit_code=1)
