"""Sign-in with Buybuddy, against a server that answers as its API is documented to, and as it is not."""

import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from sqlalchemy import text

from buybuddy.api import create_app
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.domain.accounts.routes import SEALED_FOR
from buybuddy.domain.accounts.rules import FREE_FAILURES
from buybuddy.domain.accounts.schemas import UserIn
from buybuddy.domain.accounts.service import upstream_token
from buybuddy.domain.accounts.users.service import create_user
from buybuddy.infra.db import Actor, Database
from buybuddy.infra.sealing import Sealer
from buybuddy.settings import Settings

SIGN_IN, TOKEN = "/api/v1/user/sign_in", "/api/v1/user/sign_in/token"
SECRET, OLD_SECRET = "s" * 40, "o" * 40
TIMEOUT_S, SHORT_TIMEOUT_S = 30.0, 0.6


@dataclass
class Buybuddy:
    """The vendor's API: knows one password for everybody; `answers` replaces what a path answers."""

    password: str = "their password"
    token: str = "upstream-token-1"
    answers: dict[str, tuple[int, bytes, dict[str, str]]] = field(default_factory=dict)
    delay_s: float = 0.0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def answer(self, path: str, body: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        self.asked.append((path, body))
        time.sleep(self.delay_s)
        if path in self.answers:
            return self.answers[path]
        if path == SIGN_IN and body.get("password") == self.password and body.get("user_name"):
            return 200, json.dumps({"passphrase": f"phrase of {body['user_name']}"}).encode(), {}
        if path == TOKEN and body.get("passphrase", "").startswith("phrase of "):
            return 201, json.dumps({"token": self.token}).encode(), {}
        return 401, b'{"error": "unauthorized"}', {}


@pytest.fixture
def vendor() -> Iterator[Buybuddy]:
    buybuddy = Buybuddy()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, content, headers = buybuddy.answer(self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that has left is none of our business."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    buybuddy.url = f"http://127.0.0.1:{server.server_address[1]}/api/v1/"
    yield buybuddy
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def timeout_s() -> float:
    """How long Buybuddy is waited for; a test about waiting says less."""
    return TIMEOUT_S


@pytest.fixture
def settings(dsn: str, vendor: Buybuddy, tmp_path: object, timeout_s: float) -> Settings:
    values = {
        "BUYBUDDY_HOME": tmp_path, "DATABASE_URL": dsn, "BUYBUDDY_API_URL": vendor.url, "JWT_SECRET": SECRET,
        "BUYBUDDY_TIMEOUT_S": timeout_s, "BUYBUDDY_DEFAULT_ROLE": "operator",
    }  # fmt: skip
    return Settings(**values)  # type: ignore[arg-type]  # aliases are known at run time only


@pytest.fixture
async def http(settings: Settings, db: Database) -> AsyncIterator[httpx.AsyncClient]:
    async with db.transaction() as session:
        await session.execute(text("TRUNCATE users, login_failures CASCADE"))
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
            yield client


async def login(http: httpx.AsyncClient, username: str, password: str) -> httpx.Response:
    http.cookies.clear()
    return await http.post("/auth/login", json={"username": username, "password": password})


async def sealed_tokens(db: Database) -> list[tuple[uuid.UUID, bytes]]:
    async with db.transaction() as session:
        rows = await session.execute(text("SELECT id, upstream_token FROM sessions WHERE upstream_token IS NOT NULL"))
        return [(row[0], bytes(row[1])) for row in rows]


async def test_somebody_from_buybuddy_is_taken_in_once_with_the_default_role(
    http: httpx.AsyncClient, vendor: Buybuddy, db: Database
) -> None:
    first = await login(http, " Ayşe@shop.example ", vendor.password)
    assert first.status_code == 200, first.text
    user = first.json()["user"]
    assert (user["upstream"], user["role"], user["email"]) == ("buybuddy", "operator", "Ayşe@shop.example")
    again = await login(http, "ayşe@SHOP.example", vendor.password)
    assert again.json()["user"]["id"] == user["id"]
    wrong = await login(http, "ayşe@shop.example", "wrong")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "INVALID_CREDENTIALS")
    assert [path for path, _ in vendor.asked] == [SIGN_IN, TOKEN, SIGN_IN, TOKEN, SIGN_IN]
    assert vendor.asked[0][1] == {"user_name": "Ayşe@shop.example", "password": vendor.password}
    headers = {"Authorization": f"Bearer {again.json()['access_token']}"}
    change = {"current_password": vendor.password, "new_password": "another one of mine"}
    refused = await http.post("/auth/password", json=change, headers=headers)
    assert refused.status_code == 400 and "Buybuddy" in refused.json()["detail"]


async def test_nobody_comes_in_as_somebody_whose_name_or_email_is_like_theirs(
    http: httpx.AsyncClient, vendor: Buybuddy, db: Database
) -> None:
    """Names there may differ by their case only, and an admin may have written any email into an account here."""
    assert (await login(http, "Mehmet", vendor.password)).status_code == 200
    async with db.transaction() as session:
        await session.execute(text("UPDATE users SET email = 'zeynep@shop.example' WHERE username = 'Mehmet'"))
    vendor.asked.clear()
    for typed in ("mehmet", "MEHMET", "zeynep@shop.example"):
        await login(http, typed, "the password of somebody else there")
    assert {body["user_name"] for _, body in vendor.asked} == {"Mehmet"}


async def test_the_token_is_kept_sealed_bound_to_its_session_and_survives_a_new_key(
    http: httpx.AsyncClient, vendor: Buybuddy, db: Database, capfd: pytest.CaptureFixture[str]
) -> None:
    answer = await login(http, "mehmet", vendor.password)
    other = await login(http, "zeynep", vendor.password)
    (session_id, sealed), (other_id, other_sealed) = await sealed_tokens(db)
    assert sealed != other_sealed and vendor.token.encode() not in sealed
    keys = Sealer([SECRET.encode()], SEALED_FOR)
    rotated = Sealer([b"a new key", SECRET.encode()], SEALED_FOR)
    async with db.transaction() as session:
        for sealer in (keys, rotated):
            assert await upstream_token(session, sealer, session_id) == vendor.token
        assert await upstream_token(session, Sealer([b"a new key"], SEALED_FOR), session_id) is None
        assert await upstream_token(session, keys, uuid.uuid4()) is None
        await session.execute(
            text("UPDATE sessions SET upstream_token = :t WHERE id = :i"), {"t": sealed, "i": other_id}
        )
        assert await upstream_token(session, keys, other_id) is None, "moved to another row"
        everything = await session.execute(text("SELECT row_to_json(a)::text FROM audit_events a"))
        told = answer.text + other.text + str(answer.headers) + "".join(row[0] for row in everything)
        events = await session.execute(text("SELECT payload::text FROM events"))
        told += "".join(row[0] for row in events)
    output = capfd.readouterr()
    for secret in (vendor.token, vendor.password, "phrase of"):
        assert secret not in told + output.out + output.err


@pytest.mark.parametrize(
    ("path", "answer", "status", "code"),
    [
        (SIGN_IN, (500, b"oops", {}), 503, "UPSTREAM_UNAVAILABLE"),
        (TOKEN, (502, b"", {}), 503, "UPSTREAM_UNAVAILABLE"),
        (SIGN_IN, (200, b"<html>", {}), 503, "UPSTREAM_UNAVAILABLE"),
        (SIGN_IN, (200, b'{"passphrase": null}', {}), 503, "UPSTREAM_UNAVAILABLE"),
        (TOKEN, (200, b'{"token": ""}', {}), 503, "UPSTREAM_UNAVAILABLE"),
        (TOKEN, (200, b'{"token": "' + b"x" * 200_000 + b'"}', {}), 503, "UPSTREAM_UNAVAILABLE"),
        (SIGN_IN, (302, b"", {"Location": "/elsewhere"}), 503, "UPSTREAM_UNAVAILABLE"),
        (SIGN_IN, (429, b"", {"Retry-After": "17"}), 429, "LOGIN_THROTTLED"),
        (SIGN_IN, (404, b"", {}), 503, "UPSTREAM_UNAVAILABLE"),
        (SIGN_IN, (400, b"", {}), 401, "INVALID_CREDENTIALS"),
        (SIGN_IN, (403, b"", {}), 401, "INVALID_CREDENTIALS"),
        (SIGN_IN, (422, b"", {}), 401, "INVALID_CREDENTIALS"),
        (TOKEN, (401, b"", {}), 401, "INVALID_CREDENTIALS"),
    ],
)
async def test_answers_that_are_no_yes_let_nobody_in(
    http: httpx.AsyncClient,
    vendor: Buybuddy,
    path: str,
    answer: tuple[int, bytes, dict[str, str]],
    status: int,
    code: str,
) -> None:
    vendor.answers[path] = answer
    refused = await login(http, "mehmet", vendor.password)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert vendor.password not in refused.text and "phrase of" not in refused.text
    assert refused.headers.get("retry-after") == {429: "17", 503: "2"}.get(status)
    assert not [asked for asked in vendor.asked if asked[0] not in (SIGN_IN, TOKEN)], "redirects are not followed"
    vendor.answers.clear()
    assert (await login(http, "mehmet", vendor.password)).status_code == 200


@pytest.mark.parametrize("timeout_s", [SHORT_TIMEOUT_S])
async def test_a_slow_answer_is_given_up_and_does_not_count_against_the_account(
    http: httpx.AsyncClient, vendor: Buybuddy, db: Database, timeout_s: float
) -> None:
    vendor.delay_s = 10 * timeout_s
    for _ in range(FREE_FAILURES["account"] + 1):
        started_s = time.monotonic()
        answer = await login(http, "mehmet", vendor.password)
        assert (answer.status_code, answer.json()["code"]) == (503, "UPSTREAM_UNAVAILABLE")
        assert time.monotonic() - started_s < 8 * timeout_s
    n_counted = "SELECT coalesce(max(n_failures), 0) FROM login_failures WHERE blocked_until > clock_timestamp()"
    async with db.transaction() as session:
        assert await session.scalar(text(n_counted)) == 0


async def test_guesses_are_stopped_before_they_reach_buybuddy(http: httpx.AsyncClient, vendor: Buybuddy) -> None:
    for _ in range(FREE_FAILURES["account"]):
        assert (await login(http, "mehmet", "a guess")).status_code == 401
    assert len(vendor.asked) == FREE_FAILURES["account"]
    blocked = await login(http, "mehmet", vendor.password)
    assert (blocked.status_code, blocked.json()["code"]) == (429, "LOGIN_THROTTLED")
    assert len(vendor.asked) == FREE_FAILURES["account"], "nothing was forwarded"


async def test_local_and_disabled_users_are_never_asked_for_at_buybuddy(
    http: httpx.AsyncClient, vendor: Buybuddy, db: Database
) -> None:
    new = UserIn.model_validate({"username": "deniz", "email": "deniz@shop.example", "password": "a local password"})
    async with db.transaction() as session:
        await create_user(session, Passwords(), new, Actor.platform())
    assert (await login(http, "Deniz", "a local password")).json()["user"]["upstream"] == "local"
    for name in ("deniz", "DENIZ@shop.example"):
        assert (await login(http, name, vendor.password)).status_code == 401
    async with db.transaction() as session:
        await session.execute(text("UPDATE users SET disabled_at = now() WHERE username = 'deniz'"))
    assert (await login(http, "deniz", "a local password")).status_code == 401
    assert vendor.asked == []

    assert (await login(http, "mehmet", vendor.password)).status_code == 200
    n_asked = len(vendor.asked)
    async with db.transaction() as session:
        await session.execute(text("UPDATE users SET disabled_at = now() WHERE username = 'mehmet'"))
    assert (await login(http, "mehmet", vendor.password)).status_code == 401
    assert len(vendor.asked) == n_asked
