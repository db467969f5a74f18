"""Matching in real Chromiums: by keyboard alone, and by two people who want the same."""

import os
import re
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright
from sqlalchemy import text

from buybuddy.connections import database_url
from buybuddy.infra.db import Database
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, Supervisor
from tests.conftest import RunningPlatform
from tests.e2e.chromium import NoChromium, find_chromium
from tests.e2e.pool import Pool, fill_pool, run_apart
from tests.e2e.test_pages import check_with_axe

PASSWORD = "correct horse battery staple"
PEOPLE = {"ayse": "operator", "mehmet": "operator", "vera": "viewer"}
N_PHOTOS, N_CARDS = 50, 50  # two of the photos are one card, and one that looks like another product comes up, too
KEY_PAUSE_MS = 150
SWEPT_WITHIN_MS = 30_000

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """A platform of its own, whose vectors are made up, with three people."""
    home = tmp_path_factory.mktemp("shop")
    supervisor = Supervisor(Settings.for_home(home), port=0)
    supervisor.start()
    with supervisor.watching():
        key = (home / CLI_KEY_FILE).read_text(encoding="utf-8")
        platform = RunningPlatform(supervisor.url, "", PASSWORD, home, key, supervisor)
        with platform.client() as client:
            for name, role in PEOPLE.items():
                client.users.create(name, role=role, password=PASSWORD)
        yield platform


@pytest.fixture
def pool(shop: RunningPlatform) -> Pool:
    """Two products that nobody has matched, and nothing else."""
    sql(shop, "TRUNCATE products, real_images, resource_locks CASCADE")
    return fill_pool(shop.home, 2, N_PHOTOS)


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


def launch(playwright: Playwright) -> Browser:
    try:
        program = find_chromium(playwright)
    except NoChromium as reason:
        pytest.skip(f"no Chromium: {reason}")
    return playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture
def browsers(playwright: Playwright) -> Iterator[tuple[Browser, Browser]]:
    """Two browsers: processes of their own, not two windows of one."""
    both = launch(playwright), launch(playwright)
    yield both
    for browser in both:
        browser.close()


@pytest.fixture
def open_page(shop: RunningPlatform, browsers: tuple[Browser, Browser]) -> OpenPage:
    def open_page(path: str, who: str = "ayse", browser: int = 0) -> Page:
        context = browsers[browser].new_context(locale="en-US", viewport={"width": 1280, "height": 800})
        answer = context.request.post(
            f"{shop.url}/api/v1/auth/login",
            data={"username": who, "password": PASSWORD},
            headers={"Origin": shop.url},
        )
        assert answer.ok, answer.text()
        page = context.new_page()
        page.goto(shop.url + path)
        return page

    return open_page


def sql(shop: RunningPlatform, statement: str, **values: object) -> list[tuple[object, ...]]:
    """Run SQL in the platform's database."""

    async def run() -> list[tuple[object, ...]]:
        database = Database(database_url(Settings.for_home(shop.home)))
        try:
            async with database.transaction() as session:
                result = await session.execute(text(statement), values)
                return [tuple(row) for row in result] if result.returns_rows else []  # type: ignore[attr-defined]
        finally:
            await database.close()

    return run_apart(run())


def decisions(shop: RunningPlatform, product_id: uuid.UUID) -> dict[str, int]:
    rows = sql(
        shop, "SELECT decision, count(*) FROM match_decisions WHERE product_id = :id GROUP BY 1", id=product_id
    )  # fmt: skip
    return {str(decision): int(str(n)) for decision, n in rows}


def cards(page: Page, state: str) -> int:
    """Count the cards in sight with a state."""
    return page.locator(f"[role=gridcell][data-state={state}]").count()


def expect_lock(page: Page, kind: str, timeout_ms: int = 10_000) -> None:
    expect(page.locator("[data-lock]")).to_have_attribute("data-lock", kind, timeout=timeout_ms)


def expect_editable(page: Page) -> None:
    expect_lock(page, "mine")
    expect(page.get_by_role("gridcell").first).to_be_visible()


def address(pool: Pool, index: int = 0) -> str:
    return f"/matching?product={pool.products[index]}"


# --- one person ------------------------------------------------------------------------------------------------------


def test_fifty_candidates_are_cleared_by_keyboard_in_twenty_seconds(
    open_page: OpenPage, shop: RunningPlatform, pool: Pool
) -> None:
    page = open_page("/matching")
    expect(page.get_by_role("button", name="Open the first")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("8690000000000")  # as a scanner does, with Enter at once
    page.keyboard.press("Enter")
    expect_editable(page)
    expect(page.get_by_text(f"{N_CARDS} of {N_CARDS} undecided")).to_be_visible()
    started_s = time.monotonic()
    for number in range(N_CARDS):
        page.keyboard.press("aras"[number % 4])
        page.wait_for_timeout(KEY_PAUSE_MS)
    expect(page.get_by_text("Everything here is decided")).to_be_visible()
    took_s = time.monotonic() - started_s
    assert took_s < 20, f"{N_CARDS} candidates took {took_s:.1f} s"
    expect(page.get_by_test_id("real-count")).to_have_text("26 photos approved")  # 25 cards, one of them a pair
    assert decisions(shop, pool.products[0]) == {"approved": 26, "rejected": 13, "skipped": 12}
    page.keyboard.press("n")
    page.wait_for_url(re.compile(f"product={pool.products[1]}"))
    expect_editable(page)


def test_selection_inversion_and_undo_of_several_batches(
    open_page: OpenPage, shop: RunningPlatform, pool: Pool
) -> None:
    page = open_page(address(pool))
    expect_editable(page)
    page.keyboard.press("e")
    page.keyboard.press("Space")  # the first one is let go of
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name=f"Approve ({N_CARDS - 2})")).to_be_enabled()
    page.keyboard.press("a")
    page.keyboard.press("e")
    page.keyboard.press("r")
    expect(page.get_by_text("Everything here is decided")).to_be_visible()
    expect(page.get_by_test_id("real-count")).to_have_text("48 photos approved")
    page.keyboard.press("u")
    page.keyboard.press("Control+z")
    expect(page.get_by_text(f"{N_CARDS} of {N_CARDS} undecided")).to_be_visible()
    expect(page.get_by_test_id("real-count")).to_have_text("0 photos approved")
    assert decisions(shop, pool.products[0]) == {}


def test_decisions_are_taken_back_after_a_reload(open_page: OpenPage, shop: RunningPlatform, pool: Pool) -> None:
    page = open_page(address(pool))
    expect_editable(page)
    expect(page.get_by_role("gridcell").first).to_contain_text("2 near-duplicates")
    page.get_by_role("button", name="Approve (1)").click()
    expect(page.get_by_test_id("real-count")).to_have_text("2 photos approved")
    page.keyboard.press("Space")  # selects the next card: the mouse has not taken the keyboard to the button
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.reload()
    expect_editable(page)
    page.get_by_role("tab", name="Decided").click()
    rows = page.get_by_role("list", name="Decided").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("ayse")
    rows.first.get_by_role("button").click()
    expect(rows).to_have_count(1)
    assert decisions(shop, pool.products[0]) == {"approved": 1}
    page.get_by_role("tab", name="Candidates").click()
    expect(page.get_by_text(f"{N_CARDS} of {N_CARDS} undecided")).to_be_visible()


def test_zoom_threshold_and_shortcut_sheet(open_page: OpenPage, pool: Pool) -> None:
    page = open_page(address(pool))
    expect_editable(page)
    page.keyboard.press("z")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"Photo 1 of {N_CARDS}")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("r")
    expect(dialog).to_contain_text(f"Photo 3 of {N_CARDS}")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert cards(page, "rejected") == 1
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("slider").fill("0.95")
    page.wait_for_url("**threshold=0.95*")
    expect(page.get_by_text(re.compile(r"^\d of \d undecided$"))).to_be_visible()
    check_with_axe(page)


def test_viewer_looks_and_takes_nothing(open_page: OpenPage, shop: RunningPlatform, pool: Pool) -> None:
    page = open_page(address(pool), who="vera")
    expect(page.get_by_text("Your role only looks")).to_be_visible()
    expect(page.get_by_role("gridcell").first).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("button", name="Approve (1)")).to_be_disabled()
    assert cards(page, "approved") == 0
    assert sql(shop, "SELECT 1 FROM resource_locks") == []


# --- two people ------------------------------------------------------------------------------------------------------


def test_second_person_sees_who_is_first_and_follows_when_they_leave(open_page: OpenPage, pool: Pool) -> None:
    first = open_page(address(pool), "ayse", 0)
    expect_editable(first)
    second = open_page(address(pool), "mehmet", 1)
    expect_lock(second, "theirs")
    expect(second.locator("[data-lock]")).to_contain_text("Locked by ayse since")
    expect(second.get_by_text("ayse is matching this product")).to_be_visible()
    expect(second.get_by_role("button", name="Approve (1)")).to_be_disabled()
    second.keyboard.press("a")
    assert cards(second, "approved") == 0
    check_with_axe(second)
    first.keyboard.press("n")
    expect_lock(second, "mine")


def test_closing_the_page_frees_the_product_at_once(open_page: OpenPage, shop: RunningPlatform, pool: Pool) -> None:
    first = open_page(address(pool), "ayse", 0)
    expect_editable(first)
    second = open_page(address(pool), "mehmet", 1)
    expect_lock(second, "theirs")
    first.close(run_before_unload=True)
    expect_lock(second, "mine", timeout_ms=5_000)
    rows = sql(shop, "SELECT username FROM resource_locks l JOIN users u ON u.id = l.user_id")
    assert rows == [("mehmet",)]


def test_browser_that_dies_leaves_the_product_free_once_its_lock_ends(
    open_page: OpenPage, browsers: tuple[Browser, Browser], shop: RunningPlatform, pool: Pool
) -> None:
    first = open_page(address(pool), "ayse", 0)
    expect_editable(first)
    second = open_page(address(pool), "mehmet", 1)
    expect_lock(second, "theirs")
    processes = browsers[0].new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    for process in processes:
        os.kill(process["id"], signal.SIGKILL)
    second.wait_for_timeout(1_000)
    expect_lock(second, "theirs")
    left = sql(shop, "SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 FROM resource_locks")
    assert 0 < float(str(left[0][0])) <= 300, "without a word from its browser the lock ends within five minutes"
    sql(shop, "UPDATE resource_locks SET expires_at = clock_timestamp()")
    expect_lock(second, "mine", timeout_ms=SWEPT_WITHIN_MS)
    second.keyboard.press("a")
    expect(second.get_by_test_id("real-count")).to_have_text("2 photos approved")


def test_lock_that_an_admin_takes_away_can_be_taken_again(
    open_page: OpenPage, shop: RunningPlatform, pool: Pool
) -> None:
    page = open_page(address(pool))
    expect_editable(page)
    with shop.client() as client:
        client.locks.take_away("matching", pool.products[0])
    expect_lock(page, "broken")
    page.get_by_role("button", name="Take it again").click()
    expect_editable(page)
    page.keyboard.press("a")
    expect(page.get_by_test_id("real-count")).to_have_text("2 photos approved")


def test_decision_under_a_lock_that_has_ended_is_refused_and_nothing_is_lost(
    open_page: OpenPage, shop: RunningPlatform, pool: Pool
) -> None:
    page = open_page(address(pool))
    expect_editable(page)
    sql(shop, "UPDATE resource_locks SET token = nextval('resource_lock_tokens')")
    page.keyboard.press("a")
    expect(page.get_by_text("Not saved, and taken back here")).to_be_visible()
    expect_editable(page)
    expect(page.get_by_text(f"{N_CARDS} of {N_CARDS} undecided")).to_be_visible()
    assert decisions(shop, pool.products[0]) == {}
    page.keyboard.press("a")
    expect(page.get_by_test_id("real-count")).to_have_text("2 photos approved")


def test_two_people_approve_one_photo_for_two_products_and_one_of_them_wins(
    open_page: OpenPage, shop: RunningPlatform, pool: Pool, tmp_path: Path
) -> None:
    pages = [open_page(address(pool, index), who, index) for index, who in enumerate(("ayse", "mehmet"))]
    for page in pages:
        expect_editable(page)
        page.keyboard.press("End")
        expect(page.get_by_role("gridcell", name="0-050.jpg")).to_be_focused()
    for page in pages:
        page.evaluate("key => window.dispatchEvent(new KeyboardEvent('keydown', {key}))", "a")
    rows = sql(
        shop,
        "SELECT user_name FROM match_decisions WHERE photo_id = :id AND decision = 'approved'",
        id=pool.shared,
    )
    for _ in range(50):
        if rows:
            break
        pages[0].wait_for_timeout(100)
        rows = sql(shop, "SELECT user_name FROM match_decisions WHERE photo_id = :id", id=pool.shared)
    assert len(rows) == 1
    winner = str(rows[0][0])
    won, lost = pages if winner == "ayse" else reversed(pages)
    for page in pages:  # whoever has decided is at the first card again
        page.keyboard.press("End")
    card = lost.get_by_role("gridcell", name="0-050.jpg")
    expect(card).to_have_attribute("data-state", "taken")
    expect(card).to_contain_text(f"Approved by {winner}")
    expect(card).to_contain_text(f"Test pack {0 if winner == 'ayse' else 1}")
    expect(lost.get_by_text("1 photo is taken")).to_be_visible()
    expect(won.get_by_role("gridcell", name="0-050.jpg")).to_have_attribute("data-state", "approved")
    check_with_axe(lost)
