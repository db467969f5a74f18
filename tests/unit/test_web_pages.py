"""Which file of the export answers an address, and that no address is expensive or leads out of it."""

import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from buybuddy.infra.http.problems import add_problem_handlers
from buybuddy.infra.http.web import add_web_pages, find_page


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    web = tmp_path / "out"
    for name in ("index.html", "404.html", "products.html", "products/_.html", "products/_.txt", "_next/static/a.js"):
        (web / name).parent.mkdir(parents=True, exist_ok=True)
        (web / name).write_text(name)
    (tmp_path / "outside.html").write_text("a secret")
    (web / "link.html").symlink_to(tmp_path / "outside.html")
    (web / ".env").write_text("a secret")
    yield web


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("", "index.html"),
        ("products", "products.html"),
        ("products/3f", "products/_.html"),
        ("products/3f.txt", "products/_.txt"),
        ("_next/static/a.js", "_next/static/a.js"),
        ("nothing", None),
        ("../outside", None),
        ("products/../../outside.html", None),
        ("link", None),
        (".env", None),
    ],
)
def test_an_address_is_answered_by_its_file_and_by_none_outside(root: Path, path: str, file: str | None) -> None:
    assert find_page(root, path) == (None if file is None else root / file)


@pytest.mark.parametrize("path", ["a/" * 30_000, "a" * 60_000, "ş" * 150, "products/" + "a" * 300, "%2e%2e/" * 3000])
async def test_no_address_is_expensive_or_an_error(root: Path, path: str) -> None:
    """One of many segments used to hold the process for half a minute, a long name used to be a 500."""
    app = FastAPI()
    add_problem_handlers(app)
    add_web_pages(app, root)
    started_s = time.process_time()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        answer = await http.get(f"/{path}")
    assert (answer.status_code, answer.text) == (404, "404.html")
    assert time.process_time() - started_s < 2
