"""What the client does when the way to the platform, or the platform, fails."""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buybuddy_sdk import (
    AsyncClient,
    Client,
    Conflict,
    ConnectionFailed,
    DeadlineExceeded,
    DownloadBroken,
    InvalidInput,
    Options,
    QueueFull,
    RateLimited,
    ResourceLocked,
    StorageFull,
    Unavailable,
    ValidationFailed,
)
from buybuddy_sdk._sse import EventReader

AN_ID = uuid.UUID("0199b1c4-6f0a-7c3e-9a51-3d2f7b8c9e10")
FAST = Options(max_retries=3, first_pause_s=0.001, longest_pause_s=0.002)
EMPTY = {"items": [], "total": 0, "is_total_exact": True, "page": 1, "limit": 100, "next_cursor": None}

Answer = httpx.Response | Exception


class Platform:
    """Gives one answer after the other, the last one for ever; remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, options: Options = FAST) -> Client:
        return Client("http://here", "bbk_x", options=options, transport=httpx.MockTransport(self))


def problem(status: int, code: str, headers: dict[str, str] | None = None, **fields: object) -> httpx.Response:
    document = {"type": "urn:x", "title": code, "status": status, "detail": f"{code}!", "code": code, **fields}
    return httpx.Response(status, json=document, headers=headers)


def lost() -> httpx.TransportError:
    return httpx.ReadError("connection reset")


@pytest.mark.parametrize(
    "failure",
    [
        problem(503, "UNAVAILABLE"),
        problem(429, "RATE_LIMITED"),
        lost(),
        httpx.ConnectError("refused"),
        httpx.Response(502),
    ],
    ids=["503", "429", "lost", "refused", "proxy"],
)
def test_reading_is_tried_again(failure: Answer) -> None:
    platform = Platform(failure, failure, httpx.Response(200, json=EMPTY))
    with platform.client() as client:
        assert list(client.products.list()) == []
    assert len(platform.requests) == 3


@pytest.mark.parametrize(("failure", "kind"), [(problem(503, "UNAVAILABLE"), Unavailable), (lost(), ConnectionFailed)])
def test_it_gives_up_after_its_retries_with_the_last_reason(failure: Answer, kind: type[Exception]) -> None:
    platform = Platform(failure)
    with platform.client() as client, pytest.raises(kind):
        list(client.products.list())
    assert len(platform.requests) == 1 + FAST.max_retries


def test_an_edit_is_not_sent_twice_once_it_may_have_been_done() -> None:
    platform = Platform(lost())
    with platform.client() as client, pytest.raises(ConnectionFailed):
        client.products.update(AN_ID, version=3, brand_name="x")
    assert len(platform.requests) == 1
    platform = Platform(httpx.ConnectError("refused"), problem(409, "CONFLICT", current_version=4, changed_by="ayse"))
    with platform.client() as client, pytest.raises(Conflict) as caught:
        client.products.update(AN_ID, version=3, brand_name="x")
    assert (caught.value.current_version, caught.value.changed_by, len(platform.requests)) == (4, "ayse", 2)


def test_a_removal_whose_answer_was_lost_counts_when_there_is_nothing_left() -> None:
    platform = Platform(lost(), problem(404, "NOT_FOUND"))
    with platform.client() as client:
        client.products.delete(AN_ID)
    assert len(platform.requests) == 2


def test_starting_a_job_carries_the_same_key_in_every_try() -> None:
    started = httpx.Response(202, json={"jobs": [], "skipped": []})
    platform = Platform(lost(), problem(503, "UNAVAILABLE"), started, started)
    with platform.client() as client:
        client.videos.process([AN_ID])
        client.videos.process([AN_ID])
    keys = [request.headers["idempotency-key"] for request in platform.requests]
    assert keys[0] == keys[1] == keys[2] != keys[3]


def test_photos_whose_answers_are_lost_make_one_import(tmp_path: Path) -> None:
    photo = tmp_path / "may.jpg"
    photo.write_bytes(b"a photo")
    begun = {"label": "may.jpg", "source": "basket", "n_new": 0, "n_known": 0, "n_refused": 0, "n_unread": 0,
             "is_being_read": False, "created_by": "ayse", "created_at": "2026-05-04T09:30:00Z"}  # fmt: skip
    taken = {"import_id": str(AN_ID), "n_new": 0, "n_known": 1, "n_refused": 0, "photos": []}
    first = httpx.Response(201, json={**begun, "id": str(AN_ID)})
    platform = Platform(lost(), first, lost(), httpx.Response(201, json=taken))
    with platform.client() as client:
        assert client.photos.add(photo, source="basket").n_known == 1
    begins, sends = platform.requests[:2], platform.requests[2:]
    assert len({json.loads(request.content)["id"] for request in begins}) == 1
    assert json.loads(begins[0].content)["label"] == "may.jpg"
    assert [request.url.path for request in sends] == ["/api/v1/real-images"] * 2
    assert all(str(AN_ID).encode() in request.content for request in sends)


def test_a_full_queue_is_said_at_once_and_waited_for_on_request() -> None:
    full = problem(429, "QUEUE_FULL", {"Retry-After": "0"}, job_type="video_processing", max_concurrent=2)
    platform = Platform(full)
    with platform.client() as client, pytest.raises(QueueFull) as caught:
        client.videos.process([AN_ID])
    assert (caught.value.job_type, caught.value.max_concurrent, len(platform.requests)) == ("video_processing", 2, 1)
    quick = problem(429, "QUEUE_FULL", {"Retry-After": "1"})
    platform = Platform(quick, httpx.Response(202, json={"jobs": [], "skipped": []}))
    with platform.client() as client:
        assert client.videos.process([AN_ID], wait_for_slot=5).jobs == []


def test_it_never_comes_back_before_it_was_asked_to() -> None:
    platform = Platform(problem(429, "RATE_LIMITED", {"Retry-After": "1"}), httpx.Response(200, json=EMPTY))
    started_s = time.monotonic()
    with platform.client() as client:
        list(client.jobs.list())
    assert time.monotonic() - started_s >= 1.0


def test_a_deadline_holds_over_all_tries() -> None:
    platform = Platform(problem(503, "UNAVAILABLE", {"Retry-After": "30"}))
    started_s = time.monotonic()
    with platform.client() as client, pytest.raises(DeadlineExceeded):
        client.with_options(deadline_s=0.5).jobs.get(AN_ID)
    assert time.monotonic() - started_s < 5
    timeouts = []
    platform = Platform(httpx.Response(200, json=EMPTY))
    with platform.client() as client:
        list(client.with_options(deadline_s=2).jobs.list())
    timeouts = [request.extensions["timeout"]["read"] for request in platform.requests]
    assert all(0 < seconds <= 2 for seconds in timeouts)


def test_errors_have_their_kinds_and_fields() -> None:
    lock = {
        "resource_type": "product", "resource_id": str(AN_ID), "user": {"id": str(AN_ID), "username": "ayse"},
        "acquired_at": "2026-05-04T09:30:00Z", "expires_at": "2026-05-04T09:35:00Z", "expires_in_s": 30.0,
        "is_mine": False, "token": None,
    }  # fmt: skip
    cases: list[tuple[httpx.Response, type[Exception], Callable[..., object], object]] = [
        (problem(422, "VALIDATION_FAILED", errors=[{"where": "a", "what": "b"}]), ValidationFailed,
         lambda error: error.errors, [{"where": "a", "what": "b"}]),
        (problem(423, "RESOURCE_LOCKED", lock=lock), ResourceLocked, lambda error: error.lock.user.username, "ayse"),
        (problem(429, "LOGIN_THROTTLED", {"Retry-After": "7"}), RateLimited, lambda error: error.retry_after_s, 7.0),
        (problem(409, "CODE_OF_TOMORROW", current={"id": 1}), Conflict, lambda error: error.current, {"id": 1}),
        (problem(507, "STORAGE_FULL", {"Retry-After": "60"}), StorageFull, lambda error: error.retry_after_s, 60.0),
        (httpx.Response(503, text="<html>"), Unavailable, lambda error: error.code, ""),
    ]  # fmt: skip
    for answer, kind, look, expected in cases:
        platform = Platform(answer)
        with platform.client(Options(max_retries=0)) as client, pytest.raises(kind) as caught:
            client.jobs.cancel(AN_ID)
        assert look(caught.value) == expected


class Broken(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b"PK" * 100
        raise lost()


def test_nothing_is_left_of_a_download_that_broke_off(tmp_path: Path) -> None:
    platform = Platform(httpx.Response(200, stream=Broken()))
    with platform.client() as client, pytest.raises(DownloadBroken):
        client.products.download(to=tmp_path / "all.zip")
    assert list(tmp_path.iterdir()) == []


class Frames(httpx.AsyncByteStream):
    """Some events, and then the connection is lost, or closed."""

    def __init__(self, *ids: int, is_lost: bool) -> None:
        self._ids, self._is_lost = ids, is_lost

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for number in self._ids:
            text = f'id: {number}\nevent: job\ndata: {{"n": {number}}}\n\n'.encode()
            yield text[:9]
            yield text[9:]
        yield b'id: 99\nevent: job\ndata: {"n'  # cut off in the middle: this one is not to be seen
        if self._is_lost:
            raise lost()


async def test_a_stream_goes_on_where_it_broke_off() -> None:
    platform = Platform(
        httpx.Response(200, stream=Frames(1, 2, is_lost=True)),
        problem(503, "UNAVAILABLE"),
        httpx.Response(200, stream=Frames(3, is_lost=False)),
        httpx.Response(200, text="id: 50\nevent: resync\ndata: {}\n\n"),
        httpx.Response(200, stream=Frames(51, is_lost=True)),
    )
    client = AsyncClient("http://here", "bbk_x", options=FAST, transport=httpx.MockTransport(platform))
    seen = []
    async with client:
        async for event in client.events(topics={"job"}):
            seen.append((event.id, event.topic))
            if event.id == 51:
                break
    assert seen == [(1, "job"), (2, "job"), (3, "job"), (50, "resync"), (51, "job")]
    asked_from = [request.headers.get("last-event-id") for request in platform.requests]
    assert asked_from == [None, "2", "2", "3", "50"]


async def test_many_calls_at_once_share_one_client() -> None:
    counter = itertools.count()

    def answer(request: httpx.Request) -> httpx.Response:
        return problem(503, "UNAVAILABLE") if next(counter) % 3 == 0 else httpx.Response(200, json=EMPTY)

    client = AsyncClient("http://here", options=FAST, transport=httpx.MockTransport(answer))
    async with client:
        lists = await asyncio.gather(
            *(client.products.list(search=str(n)).to_list() for n in range(40)), return_exceptions=True
        )
    assert sum(found == [] for found in lists) >= 38, lists


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8104", "localhost:8104", "here", "ftp://here", "http://", "http://here:port", "http://a b", ""]
)
def test_what_is_no_address_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(InvalidInput, match="is no address of a platform"):
        Client(url)


def test_the_address_of_the_api_is_explained_and_a_slash_at_the_end_does_no_harm() -> None:
    with pytest.raises(InvalidInput, match=r"own address, https://here/shop\.$"):
        Client("https://here/shop/api/v1/")
    with pytest.raises(InvalidInput) as refused:
        Client("https://ada:a-word@here/api/v1")
    assert "a-word" not in str(refused.value)
    with Client("http://here:8000/") as client:
        assert client.url == "http://here:8000"


def test_the_environment_names_the_platform_as_the_command_line_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUYBUDDY_SERVER", "https://shop.example")
    with Client.from_env() as client:
        assert client.url == "https://shop.example"


@pytest.mark.parametrize("key", ["bbk_ü", "bbk_x\n", "bbk x"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(InvalidInput, match="The API key holds") as refused:
        Client("http://here", key)
    assert key not in str(refused.value)


@given(st.text(alphabet="adetv:in \n0123{}\"'", max_size=200))
def test_no_stream_of_text_makes_the_reader_fail(text: str) -> None:
    reader = EventReader()
    for line in text.split("\n"):
        event = reader.take(line)
        assert event is None or event.topic
