"""Objects as a page asks for them: whole, in parts, only their headers, and never by a link that nobody signed."""

import uuid

import httpx
import pytest

from buybuddy.connections import open_storage
from buybuddy.infra.http.media import RangeNotSatisfiable, parse_range
from buybuddy.infra.storage import LinkSigner, object_key
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform

DATA = bytes(range(256)) * 4


@pytest.fixture
def url(platform: RunningPlatform) -> str:
    """A signed link to an object of 1024 bytes."""
    settings = Settings.for_home(platform.home)
    key = object_key("frames", uuid.uuid4(), suffix=".png")
    open_storage(settings).put(key, DATA)
    return platform.url + LinkSigner(settings.signing_key()).sign(key)


@pytest.mark.parametrize(
    ("wanted", "span"),
    [
        ("bytes=0-", (0, 1024)), ("bytes=10-19", (10, 20)), ("bytes=-24", (1000, 1024)), ("bytes=0-99999", (0, 1024)),
        ("bytes=-5000", (0, 1024)),
    ],
)  # fmt: skip
def test_a_part_is_answered_as_asked_for(url: str, wanted: str, span: tuple[int, int]) -> None:
    answer = httpx.get(url, headers={"Range": wanted})
    assert (answer.status_code, answer.content) == (206, DATA[slice(*span)])
    assert answer.headers["content-range"] == f"bytes {span[0]}-{span[1] - 1}/1024"
    headers = httpx.head(url, headers={"Range": wanted})
    assert (headers.status_code, headers.content) == (206, b"")
    assert headers.headers["content-length"] == answer.headers["content-length"]


@pytest.mark.parametrize("odd", ["bytes=0-1,5-6", "bytes=-", "lines=1-2", "bytes=0-" + "9" * 6000, "bytes=٠-١", "x"])
def test_what_is_not_understood_is_answered_whole(url: str, odd: str) -> None:
    """A number of thousands of digits used to be a 500."""
    answer = httpx.get(url, headers=[(b"Range", odd.encode())])
    assert (answer.status_code, answer.content) == (200, DATA)
    assert parse_range(odd, len(DATA)) is None


@pytest.mark.parametrize("beyond", ["bytes=1024-", "bytes=-0", "bytes=9-2"])
def test_what_lies_outside_is_refused(url: str, beyond: str) -> None:
    assert httpx.get(url, headers={"Range": beyond}).json()["code"] == "RANGE_NOT_SATISFIABLE"
    with pytest.raises(RangeNotSatisfiable):
        parse_range(beyond, len(DATA))


def test_an_object_is_no_page_and_its_link_opens_no_other(url: str) -> None:
    answer = httpx.get(url)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"].startswith("private")
    head, _, key = url.partition("/frames/")
    for other in (f"{head}/frames/{uuid.uuid4()}.png", f"{head}/videos/{key}", url.replace(".png", ".jpg")):
        assert httpx.get(other).status_code == 403
