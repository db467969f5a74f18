"""What the client makes of answers that no platform gives, and of locks that end badly."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from buybuddy_sdk import AsyncClient, Client, InvalidInput, Options, ServerError, Unavailable
from buybuddy_sdk._pauses import AsyncRepeater

AN_ID = uuid.UUID("0199b1c4-6f0a-7c3e-9a51-3d2f7b8c9e10")
ONCE = Options(max_retries=0)
LOCK = {
    "resource_type": "product", "resource_id": str(AN_ID), "user": {"id": str(AN_ID), "username": "ayse"},
    "acquired_at": "2026-05-04T09:30:00Z", "expires_at": "2026-05-04T09:35:00Z", "expires_in_s": 300.0,
    "is_mine": True, "token": 7,
}  # fmt: skip


def client_of(answer: Callable[[httpx.Request], httpx.Response]) -> Client:
    return Client("http://here", "bbk_x", options=ONCE, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize("text", ["<html>A proxy says hello</html>", "null", "[1]", '{"items": 3}'])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.dashboard(),
        lambda client: client.products.list().page(),
        lambda client: client.products.categories(),
        lambda client: client.jobs.get(AN_ID),
        lambda client: client.videos.process([AN_ID]),
        lambda client: client.presence.list(),
    ],
)
def test_an_answer_that_is_none_of_the_platforms_is_a_typed_error(call: Callable[[Client], object], text: str) -> None:
    with client_of(lambda _: httpx.Response(200, text=text)) as client, pytest.raises(ServerError, match="cannot read"):
        call(client)


def test_text_is_no_answer_to_a_call_without_a_method_of_its_own() -> None:
    with client_of(lambda _: httpx.Response(200, text="<html>")) as client, pytest.raises(ServerError):
        client.request("GET", "/products/categories")


def test_a_call_that_is_sent_elsewhere_has_not_been_carried_out() -> None:
    moved = httpx.Response(308, headers={"location": "https://there/api/v1/products"})
    with client_of(lambda _: moved) as client, pytest.raises(InvalidInput, match="https://there"):
        client.products.delete(AN_ID)


def _lock_that_is_not_given_back(request: httpx.Request) -> httpx.Response:
    return (
        httpx.Response(503)
        if request.method == "DELETE"
        else httpx.Response(200, json={"acquired": True, "lock": LOCK})
    )


def test_what_went_wrong_under_a_lock_is_not_hidden_by_giving_it_back() -> None:
    with client_of(_lock_that_is_not_given_back) as client:
        with pytest.raises(KeyError) as failed, client.locks.acquire("product", AN_ID):
            raise KeyError("mine")
        assert "was not given back" in failed.value.__notes__[0]
        with pytest.raises(Unavailable), client.locks.acquire("product", AN_ID):
            pass


async def test_the_same_of_the_async_form() -> None:
    transport = httpx.MockTransport(_lock_that_is_not_given_back)
    async with AsyncClient("http://here", options=ONCE, transport=transport) as client:
        with pytest.raises(KeyError):
            async with client.locks.acquire("product", AN_ID):
                raise KeyError("mine")


async def test_who_is_cancelled_while_a_repeater_stops_is_cancelled() -> None:
    stopping, may_end = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await may_end.wait()

    repeater = AsyncRepeater(work, 0)
    repeater.start()
    await asyncio.sleep(0.01)
    caller = asyncio.create_task(repeater.stop())
    await stopping.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    may_end.set()


@pytest.mark.parametrize(
    "edit",
    [
        lambda client: client.products.update(AN_ID, version=1, status="ready", lock_token=7),
        lambda client: client.products.delete(AN_ID, lock_token=7),
        lambda client: client.products.add_barcode(AN_ID, "4006381333931", lock_token=7),
        lambda client: client.products.remove_barcode(AN_ID, "4006381333931", lock_token=7),
        lambda client: client.products.make_barcode_primary(AN_ID, "4006381333931", lock_token=7),
        lambda client: client.products.delete_image(AN_ID, AN_ID, lock_token=7),
        lambda client: client.products.make_image_primary(AN_ID, AN_ID, lock_token=7),
        lambda client: client.datasets.update(AN_ID, version=1, name="x", lock_token=7),
        lambda client: client.datasets.delete(AN_ID, lock_token=7),
        lambda client: client.datasets.add_products(AN_ID, [AN_ID], lock_token=7),
        lambda client: client.datasets.remove_products(AN_ID, [AN_ID], lock_token=7),
        lambda client: client.datasets.remove_product(AN_ID, AN_ID, lock_token=7),
        lambda client: client.matching.approve(AN_ID, [AN_ID], lock_token=7),
        lambda client: client.matching.reject(AN_ID, [AN_ID], lock_token=7),
        lambda client: client.matching.skip(AN_ID, [AN_ID], lock_token=7),
        lambda client: client.matching.undo(AN_ID, [AN_ID], lock_token=7),
    ],
)
def test_every_edit_and_every_decision_can_name_its_lock(edit: Callable[[Client], object]) -> None:
    tokens: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers.get("lock-token"))
        return httpx.Response(503)

    with client_of(answer) as client, pytest.raises(Unavailable):
        edit(client)
    assert tokens == ["7"]


@pytest.mark.parametrize("given", [{}, {"dataset": AN_ID, "dataset_version": AN_ID}])
def test_an_index_is_of_a_dataset_or_of_one_of_its_versions(given: dict[str, Any]) -> None:
    with Client("http://nobody.invalid") as client, pytest.raises(ValueError, match="either a dataset"):
        client.indexes.build("a", **given)
