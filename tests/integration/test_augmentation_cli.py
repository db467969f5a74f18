"""`buybuddy augment` against a running platform, as a person types it: made once, reported with the pictures."""

import csv
import re
import uuid
from pathlib import Path

import cv2
import numpy as np
from typer.testing import CliRunner

from buybuddy.cli.main import app
from buybuddy.errors import InvalidInput
from buybuddy.ml.images import read_image_rgb
from buybuddy_sdk import NotFound
from tests.conftest import RunningPlatform
from tests.integration.test_matching_cli import ask


def draw_pack(path: Path, seed: int) -> None:
    """A shop picture: a pack with a pattern of its own before white."""
    draw = np.random.default_rng(seed)
    picture = np.full((160, 120, 3), 255, dtype=np.uint8)
    pattern = draw.integers(0, 255, (6, 4, 3), dtype=np.uint8)
    picture[20:140, 30:90] = cv2.resize(pattern, (60, 120), interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(path), picture)


def test_a_dataset_is_augmented_and_its_report_shows_the_pictures(platform: RunningPlatform, tmp_path: Path) -> None:
    name, manifest = f"a{uuid.uuid4().hex[:12]}", tmp_path / "products.csv"
    rows = [["barcode", "product_name", "category", "images"]]
    for number in range(2):
        draw_pack(tmp_path / f"{number}.png", number)
        rows.append([f"8{uuid.uuid4().int % 10**12:012d}", f"pack {number}", name, f"{number}.png"])
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    ask(platform, "products", "import", str(manifest))
    ask(platform, "datasets", "create", name)
    ask(platform, "datasets", "add", name, "--category", name)
    ask(platform, "datasets", "freeze", name)
    page = tmp_path / "a report.html"
    targets = ["--syn-target", "4", "--real-target", "0", "--seed", "5"]
    run = ask(platform, "augment", name, *targets, "--report", str(page))
    assert (run["status"], run["made"]["synthetic"]) == ("completed", 2 * 3)
    links = re.findall(r'src="([^"]+)"', page.read_text())
    assert links == ["a%20report-sheets/00001.jpg", "a%20report-sheets/00002.jpg"], "they can be looked at for ever"
    sheets = [read_image_rgb(path) for path in (tmp_path / "a report-sheets").iterdir()]
    assert len(sheets) == 2 and all(min(sheet.shape[:2]) > 100 for sheet in sheets)
    again = ask(platform, "augment", name, *targets)
    assert again["wanted"]["synthetic"] == 0
    for wrong in (["--recipe", "no such"], ["--version", "9"], ["--report", str(tmp_path / "report.txt")]):
        refused = CliRunner().invoke(app, ["augment", name, *wrong], env={"BUYBUDDY_HOME": str(platform.home)})
        assert isinstance(refused.exception, NotFound | InvalidInput)
