"""The pool of photos in a real Chromium: bringing photos in, looking through them, taking some out."""

import re
import zipfile
from pathlib import Path

import cv2
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import RunningPlatform
from tests.e2e.pool import draw_pack
from tests.e2e.test_pages import browser, check_with_axe, page, session_file

__all__ = ["browser", "page", "session_file"]  # the fixtures

READING_LIMIT_MS = 120_000


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A photo, an archive of two more with a note among them, and a list that is no photo."""
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"pack-{index}.jpg"), draw_pack(3 + index, side_px=400, seed=77 + index))
    (tmp_path / "list.csv").write_text("a,b\n", encoding="utf-8")
    with zipfile.ZipFile(tmp_path / "more.zip", "w") as archive:
        for name in ("pack-1.jpg", "pack-2.jpg"):
            archive.write(tmp_path / name, f"aisle/{name}")
        archive.writestr("aisle/note.txt", "no picture")
    return [tmp_path / name for name in ("pack-0.jpg", "more.zip", "list.csv")]


@pytest.mark.slow
def test_photos_are_brought_in_found_discarded_and_restored(
    page: Page, platform: RunningPlatform, files: list[Path]
) -> None:
    page.goto(f"{platform.url}/photos")
    page.locator("input[type=file]").set_input_files(files)
    uploads = page.get_by_role("region", name="Uploads")
    expect(uploads).to_contain_text("3 files sent", timeout=30_000)
    expect(uploads).to_contain_text("3 new")
    refused = page.get_by_role("list", name="Files that were not accepted").get_by_role("listitem")
    expect(refused).to_have_count(2)
    expect(refused.filter(has_text="list.csv")).to_contain_text(re.compile("JPEG, PNG or WebP"))
    tiles = page.get_by_role("list", name="Photos").get_by_role("listitem")
    expect(tiles).to_have_count(3)
    expect(tiles.filter(has_text="Being read")).to_have_count(0, timeout=READING_LIMIT_MS)
    check_with_axe(page)

    page.get_by_role("searchbox", name="File name").fill("aisle/")
    expect(tiles).to_have_count(2)
    page.get_by_role("button", name="aisle/pack-1.jpg").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("400 × 400")
    expect(dialog).to_contain_text("Products it may show")
    check_with_axe(page)
    dialog.get_by_role("button", name="Discard").click()
    expect(dialog.get_by_role("button", name="Restore")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 photo restored")).to_be_visible()
    expect(tiles.filter(has_text="Discarded")).to_have_count(0)

    page.reload()
    expect(tiles).to_have_count(2)  # the filters are in the address
    page.locator("input[type=file]").set_input_files(files[0])
    expect(uploads).to_contain_text("1 known already", timeout=30_000)
