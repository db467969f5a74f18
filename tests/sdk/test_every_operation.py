"""The client knows every operation of the API, and reads what each is said to answer."""

import inspect
import json
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from buybuddy_sdk import Client, HeldLock, Import, Job, Options
from buybuddy_sdk.models import BulkAnswer

DESCRIPTION = Path(__file__).parents[2] / "apps" / "web" / "openapi.json"
# What a program has no use for, with the reason.
LEFT_OUT = {
    "getHealth": "for whoever watches the process",
    "getReadiness": "for whoever watches the process",
    "releaseLockByBeacon": "for a page that closes; a program releases its lock",
    "downloadImportTemplate": "for a person who fills in a table",
    "getUploadCapabilities": "for programs that speak tus, whatever the server",
    "getUploadOffset": "getUpload says the same and more",
    "deleteUpload": "one that is given up is forgotten after a day",
}
# What `upload_large` says in one conversation; test_live.py has it.
CONVERSATION = {"createUpload", "appendToUpload", "getUpload"}
AN_ID = uuid.UUID("0199b1c4-6f0a-7c3e-9a51-3d2f7b8c9e10")


class Described:
    """Answers every operation with the example of its description, and remembers which were asked."""

    def __init__(self) -> None:
        self.document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
        self.asked: set[str] = set()
        self._patterns = [
            (method.upper(), re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path) + "$"), path.count("{"), operation)
            for path, operations in self.document["paths"].items()
            for method, operation in operations.items()
        ]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        found = [
            (n_parameters, operation)
            for method, pattern, n_parameters, operation in self._patterns
            if method == request.method and pattern.match(request.url.path)
        ]
        assert found, f"the API has no {request.method} {request.url.path}"
        operation = min(found, key=lambda one: one[0])[1]
        self.asked.add(operation["operationId"])
        status, answer = next((status, answer) for status, answer in operation["responses"].items() if status < "3")
        if "content" not in answer:
            return httpx.Response(int(status))
        media_type, media = next(iter(answer["content"].items()))
        text = json.dumps(_ended(media["example"])) if media_type == "application/json" else media["example"]
        return httpx.Response(int(status), text=text, headers={"Content-Type": media_type})


def _ended(value: Any) -> Any:
    """Every job of the examples has ended, so that waiting for it does."""
    if isinstance(value, list):
        return [_ended(item) for item in value]
    if not isinstance(value, dict):
        return value
    inner = {name: _ended(item) for name, item in value.items()}
    return {**inner, "status": "completed"} if "max_attempts" in value else inner


def list_methods(thing: object) -> Iterator[Callable[..., Any]]:
    for name, method in inspect.getmembers(thing, callable):
        if not name.startswith("_") and name not in ("bind", "upload_large", "build"):
            yield method


def call(method: Callable[..., Any], values: dict[str, Any]) -> None:
    """Call a method with a value for each parameter that it cannot do without; read what it gives whole."""
    given: dict[str, Any] = {}
    for name, parameter in inspect.signature(method).parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            method = _with_first(method, *given.values(), values["file"])
            given = {}
        elif parameter.kind is parameter.VAR_KEYWORD:
            given["status"] = "ready"
        elif name == "status":  # one of the filters, without which nothing would be chosen
            given[name] = "ready"
        elif parameter.default is parameter.empty:
            given[name] = values[name]
    answer = method(**given)
    if isinstance(answer, HeldLock):
        with answer:
            return
    if hasattr(answer, "pages"):
        list(answer)
    elif hasattr(answer, "last_id"):
        next(iter(answer))


def _with_first(method: Callable[..., Any], *first: object) -> Callable[..., Any]:
    return lambda **given: method(*first, **given)


def test_every_operation_is_called_and_every_example_is_read(tmp_path: Path) -> None:
    described = Described()
    file = tmp_path / "products.csv"
    file.write_text("id\n")
    transport = httpx.MockTransport(described)
    with Client("http://here", "bbk_x", options=Options(max_retries=0), transport=transport) as client:
        job = client.jobs.get(AN_ID)
        recipe = client.augmentation.recipes()[0]
        bulk = BulkAnswer(bulk_id=AN_ID, n_items=1, done=1, failed=[], job=None)
        things = [client.jobs, client.products, client.videos, client.photos, client.matching, client.datasets,
                  client.encoders, client.embeddings, client.indexes, client.augmentation,
                  client.locks, client.presence, client.notifications, client.auth, client.users, client.api_keys,
                  client.audit]  # fmt: skip
        values: dict[str, Any] = {
            **dict.fromkeys(("product", "dataset", "video", "image", "user", "key", "session", "resource"), AN_ID),
            **dict.fromkeys(("job", "notification", "evaluation"), AN_ID),
            **dict.fromkeys(("file", "photo", "truth"), file),
            "videos": [AN_ID], "jobs": [job], "products": [AN_ID], "barcode": "4006381333931",
            "photo": AN_ID, "photos": [AN_ID], "photo_import": AN_ID, "pairs": {AN_ID: "4006381333931"}, "label": "May",
            "number": 1, "format": "coco", "to": tmp_path / "out", "name": "a", "username": "a", "password": "b",
            "current": "a", "new": "b", "bulk": bulk, "changes": {"status": "ready"}, "resource_type": "product",
            "page": "/products", "job_type": "training", "max_concurrent": 1,
            "lock_token": 7, "is_right": True, "encoder": "efficientnet-lite0", "index": AN_ID,
            "run": AN_ID, "recipe": recipe, "files": [file], "background": AN_ID,
        }  # fmt: skip
        for thing in things:
            for method in list_methods(thing):
                call(method, values)
        for job_method in (Job.refresh, Job.wait, Job.cancel, Job.retry, Job.logs, Job.children):
            call(job_method.__get__(job), {})
        with client.matching.lock(AN_ID) as desk:
            for decide in (desk.approve, desk.reject, desk.skip, desk.undo):
                assert decide(desk.candidates()).photo_ids
        assert client.indexes.build("a", dataset=AN_ID).refresh().wait().is_serving
        measured = client.matching.evaluate(file)
        assert measured.wait().result is not None
        measured.refresh()
        list(measured.left_out())
        imported = client.products.import_file(file)
        assert isinstance(imported, Import)
        imported.refresh().apply()
        list(imported.rows())
        imported.discard()
        client.products.download(to=tmp_path / "all.zip")
        client.products.download([AN_ID], to=tmp_path / "one.zip")
        client.search(file)
        client.dashboard()
        call(client.events, {})
    operations = {one["operationId"] for path in described.document["paths"].values() for one in path.values()}
    assert operations - described.asked == LEFT_OUT.keys() | CONVERSATION


def test_what_this_client_has_never_heard_of_does_no_harm() -> None:
    document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    job = document["paths"]["/api/v1/jobs/{job_id}"]["get"]["responses"]["200"]["content"]["application/json"][
        "example"
    ]
    newer = {**job, "status": "hibernating", "type": "dreaming", "mood": {"is": "new"}}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=newer))
    with Client("http://here", transport=transport) as client:
        read = client.jobs.get(AN_ID)
        assert (read.status, read.type, read.is_ended) == ("hibernating", "dreaming", False)


@pytest.mark.parametrize("method", ["bulk_edit", "bulk_delete"])
def test_the_whole_catalogue_is_never_meant_by_saying_nothing(method: str) -> None:
    with Client("http://nobody.invalid") as client, pytest.raises(ValueError, match="at least one filter"):
        getattr(client.products, method)(**({"changes": {}} if method == "bulk_edit" else {}))


def test_a_filter_that_does_not_exist_is_refused_here_already() -> None:
    with Client("http://nobody.invalid") as client, pytest.raises(TypeError):
        client.products.bulk_delete(statuss="ready")  # type: ignore[call-arg]  # and mypy says so, too
