"""What comes in is bounded, and only from those who may send it; what goes out says so in one shape."""

import socket
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from buybuddy.api import API_PREFIX
from buybuddy.domain.accounts.body_guard import LARGEST_BODY_BYTES, LARGEST_FORM_BYTES, LARGEST_UPLOAD_BYTES
from buybuddy.infra.http.problems import MOST_ERRORS
from tests.conftest import RunningPlatform
from tests.contract.test_access_roles import People, bearer, people

__all__ = ["people"]  # the fixture

MIB = b"a" * 2**20
FORM = {"Content-Type": "multipart/form-data; boundary=json"}  # a boundary may be any word
PART = b'--json\r\nContent-Disposition: form-data; name="%s"; filename="a.bin"\r\n\r\n'


def send(n_mib: int, part: str | None = None) -> Iterator[bytes]:
    """Yield a body of so many MiB without saying its length before; as a file of a form, when `part` names one."""
    if part is not None:
        yield PART % part.encode()
    for _ in range(n_mib):
        yield MIB
    if part is not None:
        yield b"\r\n--json--\r\n"


def answer_before_the_end(
    platform: RunningPlatform, path: str, field: str, headers: dict[str, str], n_bytes: int = 64 * 2**20
) -> int:
    """Return the status that comes while most of a form of so many bytes is still to be sent."""
    all_headers = {"Host": "test", "Content-Length": str(n_bytes), **FORM, **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    url = urlsplit(platform.url)
    with socket.create_connection((url.hostname, url.port), timeout=20) as connection:
        connection.sendall(f"POST {API_PREFIX}{path} HTTP/1.1\r\n{lines}\r\n".encode())
        connection.sendall(PART % field.encode() + MIB)
        return int(connection.recv(100).split()[1])


@pytest.mark.parametrize(
    ("path", "field"), [("/search", "photo"), ("/videos/upload", "files"), ("/products/imports", "file")]
)
def test_a_form_is_read_only_from_somebody_who_may_send_it(
    platform: RunningPlatform, people: People, path: str, field: str
) -> None:
    assert answer_before_the_end(platform, path, field, {}) == 401
    assert answer_before_the_end(platform, path, field, bearer("bbk_made-up")) == 401
    if path != "/search":
        _, name = people.add("viewer", "forms")
        assert answer_before_the_end(platform, path, field, bearer(people.sign_in(name))) == 403


def test_a_form_that_is_too_large_is_refused_in_the_middle(people: People) -> None:
    body = send(LARGEST_FORM_BYTES // 2**20 + 2, "photo")
    answer = people.http.post(f"{API_PREFIX}/search", headers={**bearer(people.admin), **FORM}, content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["/real-images", "/videos/upload"])
def test_even_a_form_of_large_files_has_an_end(platform: RunningPlatform, people: People, path: str) -> None:
    headers = bearer(people.admin)
    assert answer_before_the_end(platform, path, "files", headers, LARGEST_UPLOAD_BYTES + 1) == 413


@pytest.mark.parametrize("kind", ["application/octet-stream", "application/offset+octet-stream", "image/png"])
def test_a_body_that_no_route_reads_is_not_collected(people: People, kind: str) -> None:
    headers = {"Content-Type": kind}
    body = send(LARGEST_BODY_BYTES // 2**20 + 1)
    answer = people.http.post(f"{API_PREFIX}/auth/login", headers=headers, content=body)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    small = people.http.post(f"{API_PREFIX}/auth/login", headers=headers, content=b"{}")
    assert small.status_code == 422


def test_a_broken_form_is_a_problem_with_a_documented_code(people: People) -> None:
    for headers in ({"Content-Type": "multipart/form-data"}, FORM):
        answer = people.http.post(f"{API_PREFIX}/search", headers={**bearer(people.admin), **headers}, content=b"abc")
        assert answer.status_code in (400, 422)
        assert answer.json()["code"] in ("INVALID_INPUT", "VALIDATION_FAILED")


def test_ten_thousand_wrong_items_are_not_all_repeated(people: People) -> None:
    body = {"product_ids": ["x"] * 10_000}
    answer = people.http.post(f"{API_PREFIX}/products/bulk-delete", json=body, headers=bearer(people.admin))
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == MOST_ERRORS and len(answer.content) < 50_000
    assert answer.json()["errors"][7]["where"] == "body.product_ids.7"
    assert answer.json()["detail"].endswith(f"and {10_000 - MOST_ERRORS} more")


def test_every_answer_has_an_id_and_is_kept_by_nobody(people: People) -> None:
    ids = set()
    for path, status in ((f"{API_PREFIX}/auth/me", 200), (f"{API_PREFIX}/jobs/{uuid.uuid4()}", 404), ("/health", 200)):
        answer = people.http.get(path, headers=bearer(people.admin))
        assert answer.status_code == status
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        ids.add(answer.headers["x-request-id"])
    assert len(ids) == 3
    assert "no-store" not in people.http.get("/").headers["cache-control"], "the pages themselves hold no data"
