"""The web pages in a real Chromium against the running platform."""

import itertools
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from buybuddy.samples.catalogue import list_sample_products
from buybuddy.samples.clip import write_sample_clip
from buybuddy.samples.photo import write_sample_photo
from tests.e2e.chromium import NoChromium, find_chromium

AXE = Path(__file__).parents[2] / "apps/web/node_modules/axe-core/axe.min.js"
PAGES = ["/", "/videos", "/products", "/matching", "/photos", "/search", "/jobs"]
LANGUAGES, THEMES, WIDTHS_PX = ("en", "tr"), ("light", "dark"), (1280, 1920)
PROCESSING_LIMIT_MS = 180_000


class RunningPlatform(Protocol):
    """What the `platform` fixture hands out."""

    url: str
    username: str
    password: str


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        try:
            program = find_chromium(playwright)
        except NoChromium as reason:
            pytest.skip(f"no Chromium: {reason}")
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


def fill_login(page: Page, platform: RunningPlatform, password: str | None = None) -> None:
    page.get_by_label("User name").fill(platform.username)
    page.get_by_label("Password").fill(password or platform.password)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture(scope="module")
def session_file(browser: Browser, platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cookie of one sign-in, for every test of this module."""
    path = tmp_path_factory.mktemp("browser") / "session.json"
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(f"{platform.url}/login")
    fill_login(page, platform)
    page.wait_for_url(f"{platform.url}/")
    context.storage_state(path=path)
    context.close()
    return path


def open_page(
    browser: Browser, session_file: Path, width_px: int = 1280, language: str = "en", theme: str = "light"
) -> Page:
    context = browser.new_context(
        storage_state=session_file, locale="en-US", viewport={"width": width_px, "height": 800}
    )
    chosen = json.dumps(json.dumps({"language": language, "theme": theme}))
    context.add_init_script(
        f"localStorage.getItem('buybuddy.preferences') ?? localStorage.setItem('buybuddy.preferences', {chosen})"
    )
    return context.new_page()


@pytest.fixture
def page(browser: Browser, session_file: Path) -> Iterator[Page]:
    """A page of a person who is signed in; an exception in the page fails the test."""
    page = open_page(browser, session_file)
    exceptions: list[str] = []
    page.on("pageerror", lambda error: exceptions.append(str(error)))
    yield page
    page.context.close()
    assert exceptions == []


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A clip of a product, and a photo of the same one somewhere else."""
    folder = tmp_path_factory.mktemp("samples")
    product = list_sample_products(3)[0]
    clip, photo = folder / f"{product.slug}.mp4", folder / f"{product.slug}.jpg"
    write_sample_clip(product, clip, seed=1, duration_s=3.0)
    write_sample_photo(product, photo, seed=7)
    return clip, photo


@pytest.fixture(scope="module")
def product_path(
    browser: Browser, session_file: Path, platform: RunningPlatform, sample: tuple[Path, Path]
) -> Iterator[str]:
    """The address of the product made from the sample clip: uploaded and followed in the page, without a reload."""
    page = open_page(browser, session_file)
    page.goto(f"{platform.url}/videos")
    page.locator("input[type=file]").set_input_files(sample[0])
    row = page.get_by_role("row").filter(has_text=sample[0].name)
    seen = watch_progress(page, row_text=sample[0].name)
    expect(row.get_by_text("Completed")).to_be_visible(timeout=PROCESSING_LIMIT_MS)
    row.get_by_role("link", name="Product").click()
    page.wait_for_url(re.compile("/products/[0-9a-f-]{36}"))
    path = urlsplit(page.url).path
    page.context.close()
    assert len(seen) >= 3 and seen == sorted(seen), f"progress must grow while it is watched, and was {seen}"
    yield path


def watch_progress(page: Page, row_text: str) -> list[int]:
    """Read the progress bar of a video's row until it is gone; each new value once."""
    seen: list[int] = []
    bar = page.get_by_role("row").filter(has_text=row_text).get_by_role("progressbar")
    expect(bar).to_be_visible(timeout=20_000)
    for _ in range(PROCESSING_LIMIT_MS // 200):
        values = bar.evaluate_all("bars => bars.map((bar) => Number(bar.getAttribute('aria-valuenow')))")
        if not values:
            break
        if not seen or values[0] != seen[-1]:
            seen.append(values[0])
        page.wait_for_timeout(200)
    return seen


# --- signing in ------------------------------------------------------------------------------------------------------


@pytest.fixture
def stranger(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(locale="en-US")
    yield context
    context.close()


def test_login_says_what_is_wrong_and_lands_on_the_page_first_asked_for(
    stranger: BrowserContext, platform: RunningPlatform
) -> None:
    page = stranger.new_page()
    page.goto(f"{platform.url}/products?status=ready")
    page.wait_for_url("**/login?next=*")
    fill_login(page, platform, password="not the password")
    expect(page.get_by_role("alert").first).to_contain_text("wrong")
    expect(page.get_by_label("Password")).to_have_value("")
    fill_login(page, platform)
    page.wait_for_url(f"{platform.url}/products?status=ready")
    expect(page.get_by_role("heading", name="Products", level=1)).to_be_visible()


def test_login_never_leads_to_another_site(stranger: BrowserContext, platform: RunningPlatform) -> None:
    page = stranger.new_page()
    page.goto(f"{platform.url}/login?next=//elsewhere.example/")
    fill_login(page, platform)
    page.wait_for_url(f"{platform.url}/")


def test_signing_out_closes_every_page(stranger: BrowserContext, platform: RunningPlatform) -> None:
    page = stranger.new_page()
    page.goto(f"{platform.url}/login?next=/jobs")
    fill_login(page, platform)
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("menuitem", name="Sign out").click()
    page.wait_for_url("**/login")
    page.goto(f"{platform.url}/jobs")
    page.wait_for_url("**/login?next=%2Fjobs")


def test_nothing_secret_is_kept_in_the_page(page: Page, platform: RunningPlatform) -> None:
    page.goto(platform.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    kept = page.evaluate("JSON.stringify([Object.keys(localStorage), Object.keys(sessionStorage), document.cookie])")
    assert json.loads(kept) == [["buybuddy.preferences"], [], ""]


# --- from a video to a product found by photo ------------------------------------------------------------------------


@pytest.mark.slow
def test_product_has_frames_whose_moment_the_video_shows(
    page: Page, platform: RunningPlatform, product_path: str
) -> None:
    page.goto(platform.url + product_path)  # a deep link
    frames = page.get_by_role("tabpanel").get_by_role("listitem")
    expect(frames.first).to_be_visible()
    assert frames.count() >= 5
    expect(page.get_by_role("tab", name="Synthetic")).to_contain_text(str(frames.count()))
    frames.nth(2).get_by_role("button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Image 3 of")
    page.keyboard.press("ArrowRight")
    expect(dialog).to_contain_text("Image 4 of")
    page.keyboard.press("m")
    expect(dialog.get_by_role("img", name="The product, cut out")).to_be_visible()
    seek = dialog.get_by_role("button", name="Show in video")
    label = re.search(r"([\d.]+) s", seek.inner_text())
    assert label is not None
    seek.click()
    expect(dialog).to_be_hidden()
    video = page.locator("video")
    expect(video).to_have_js_property("readyState", 4)
    assert video.evaluate("video => video.currentTime") == pytest.approx(float(label.group(1)), abs=0.05)
    assert video.evaluate("video => video.videoWidth") > 0
    played_s = video.evaluate(
        """video => new Promise((tell) => {
            video.onended = () => tell(video.currentTime)
            video.currentTime = video.duration - 0.5
            video.play()
        })"""
    )
    assert played_s == pytest.approx(video.evaluate("video => video.duration"), abs=0.1)


@pytest.mark.slow
def test_photo_finds_the_product(
    page: Page, platform: RunningPlatform, product_path: str, sample: tuple[Path, Path]
) -> None:
    page.goto(f"{platform.url}/search")
    page.locator("input[type=file]").set_input_files(sample[1])
    first = page.get_by_role("main").get_by_role("listitem").first.get_by_role("link")
    expect(first).to_have_attribute("href", product_path, timeout=90_000)
    expect(first).to_be_focused()
    loaded = first.get_by_role("img").evaluate("image => image.decode().then(() => image.naturalWidth)")
    assert loaded > 0
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{product_path}")


@pytest.mark.slow
def test_product_is_found_by_the_header_search_from_the_keyboard(
    page: Page, platform: RunningPlatform, product_path: str
) -> None:
    barcode = page.request.get(f"{platform.url}/api/v1{product_path}").json()["barcode"]
    if barcode is None:
        pytest.fail("the sample's barcode was not read")
    page.goto(platform.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type(barcode[:8])
    expect(page.get_by_role("option").filter(has_text=barcode)).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{product_path}")


@pytest.mark.slow
def test_stale_save_is_offered_a_merge(page: Page, platform: RunningPlatform, product_path: str) -> None:
    page.goto(f"{platform.url}{product_path}?edit=1")
    page.get_by_label("Brand", exact=True).fill("Mine")
    api = f"{platform.url}/api/v1{product_path}"
    version = page.request.get(api).json()["version"]
    theirs = {"version": version, "brand_name": "Theirs", "category": "Another category"}
    assert page.request.patch(api, data=theirs, headers={"Origin": platform.url}).ok
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("1 field was changed by both of you")).to_be_visible()
    expect(page.get_by_label("Category")).to_have_value("Another category")
    expect(page.get_by_label("Brand", exact=True)).to_have_value("Mine")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Mine").first).to_be_visible()
    assert page.request.get(api).json()["brand_name"] == "Mine"


@pytest.mark.slow
def test_failed_video_says_why_and_can_be_retried(page: Page, platform: RunningPlatform, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + os.urandom(5000))
    page.goto(f"{platform.url}/videos")
    page.locator("input[type=file]").set_input_files(broken)
    upload = page.get_by_role("list", name="Uploads").get_by_role("listitem")
    row = page.get_by_role("row").filter(has_text="broken.mp4")
    expect(upload.get_by_text("Not accepted").or_(row.get_by_text("Failed"))).to_be_visible(timeout=60_000)
    if row.count() == 0:  # refused at the door, with the reason
        expect(upload).to_contain_text(re.compile("Not accepted: .{10,}"))
        return
    reason = row.get_by_role("cell").nth(4).inner_text()
    assert len(reason) > 10
    row.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("Processing of 1 video has begun")).to_be_visible()


def test_file_that_is_no_video_is_refused_with_its_reason(
    page: Page, platform: RunningPlatform, tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("a, b, c")
    page.goto(f"{platform.url}/videos")
    page.locator("input[type=file]").set_input_files(tmp_path / "list.txt")
    expect(page.get_by_role("list", name="Uploads")).to_contain_text(re.compile("Not accepted: .{10,}"))


# --- every page ------------------------------------------------------------------------------------------------------


def check_with_axe(page: Page) -> None:
    """Fail on what axe calls serious or critical."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    faults = [
        f"{fault['impact']} {fault['id']}: {fault['nodes'][0]['html']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert faults == []


@pytest.mark.parametrize(("language", "theme"), list(itertools.product(LANGUAGES, THEMES)))
def test_every_page_is_accessible_and_fits(
    browser: Browser, session_file: Path, platform: RunningPlatform, language: str, theme: str
) -> None:
    for width_px in WIDTHS_PX:
        page = open_page(browser, session_file, width_px, language, theme)
        messages: list[str] = []

        def keep_errors(message: ConsoleMessage, kept: list[str] = messages) -> None:
            if message.type == "error":
                kept.append(message.text)

        page.on("console", keep_errors)
        for path in PAGES:
            page.goto(platform.url + path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            expect(
                page.get_by_role("link", include_hidden=False).and_(page.locator("[aria-current=page]"))
            ).to_have_count(1)
            page.wait_for_load_state("load")
            expect(page.locator(".animate-pulse")).to_have_count(0)
            check_with_axe(page)
            assert page.evaluate("document.documentElement.scrollWidth") <= width_px
            assert page.evaluate("document.documentElement.lang") == language
            assert page.evaluate("document.documentElement.classList.contains('dark')") == (theme == "dark")
        assert messages == []
        page.context.close()


@pytest.mark.slow
def test_product_page_is_accessible(page: Page, platform: RunningPlatform, product_path: str) -> None:
    page.goto(platform.url + product_path)
    expect(page.get_by_role("tabpanel").get_by_role("listitem").first).to_be_visible()
    check_with_axe(page)
    page.get_by_role("tab", name="Metadata").click()
    expect(page.get_by_role("heading", name="Nutrition facts")).to_be_visible()
    check_with_axe(page)
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_role("button", name="Save")).to_be_visible()
    check_with_axe(page)


def test_login_page_is_accessible(stranger: BrowserContext, platform: RunningPlatform) -> None:
    page = stranger.new_page()
    page.goto(f"{platform.url}/login")
    expect(page.get_by_label("User name")).to_be_focused()
    check_with_axe(page)


def test_page_is_walked_with_the_keyboard_alone(page: Page, platform: RunningPlatform) -> None:
    page.goto(platform.url)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    page.keyboard.press("Control+k")
    page.keyboard.type("jobs")
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs")
    page.get_by_role("combobox", name="Status").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("listbox")).to_be_visible()
    page.keyboard.press("End")
    expect(page.get_by_role("option", name="Cancelled")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs\?status=cancelled$"))


def test_language_and_theme_are_kept(page: Page, platform: RunningPlatform) -> None:
    page.goto(f"{platform.url}/products")
    page.get_by_role("button", name="Account of").click()
    page.get_by_role("menuitemradio", name="Türkçe").click()
    expect(page.get_by_role("heading", name="Ürünler", level=1)).to_be_visible()
    page.get_by_role("button", name=f"{platform.username} hesabı").click()
    page.get_by_role("menuitemradio", name="Koyu").click()
    page.reload()
    expect(page.get_by_role("heading", name="Ürünler", level=1)).to_be_visible()
    expect(page.locator("html")).to_have_class(re.compile("dark"))


def test_address_that_does_not_exist_says_so(page: Page, platform: RunningPlatform) -> None:
    answer = page.goto(f"{platform.url}/no-such-page")
    assert answer is not None and answer.status == 404
    expect(page.get_by_text("There is no such page")).to_be_visible()
    page.goto(f"{platform.url}/products/00000000-0000-4000-8000-000000000000")
    expect(page.get_by_text("There is no such product")).to_be_visible()


# --- live ------------------------------------------------------------------------------------------------------------


def test_tabs_of_a_browser_share_one_event_stream(page: Page, platform: RunningPlatform) -> None:
    streams: list[str] = []
    page.context.on("request", lambda request: streams.append(request.url) if "/events" in request.url else None)
    tabs = [page, *(page.context.new_page() for _ in range(3))]
    for tab in tabs:
        tab.goto(f"{platform.url}/videos")
        expect(tab.get_by_role("status").filter(has_text="Live")).to_be_visible()
    assert len(streams) == 1
    tabs[0].close()
    expect(tabs[1].get_by_role("status").filter(has_text="Live")).to_be_visible()
    tabs[1].wait_for_timeout(500)
    assert len(streams) == 2, "another tab goes on with the stream when the first has been closed"


def test_lost_connection_is_shown_and_found_again(page: Page, platform: RunningPlatform) -> None:
    page.route("**/api/v1/events", lambda route: route.abort())
    page.goto(f"{platform.url}/jobs")
    expect(page.get_by_role("status").filter(has_text="Connection lost")).to_be_visible()
    page.unroute("**/api/v1/events")
    expect(page.get_by_role("status").filter(has_text="Live")).to_be_visible(timeout=20_000)
