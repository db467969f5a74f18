"""Who may call what: every route says so, and says it over HTTP too."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts

from buybuddy.api import API_PREFIX, create_app
from buybuddy.domain.accounts.access import COOKIE_NAME, SAFE_METHODS, Requires
from buybuddy.domain.accounts.rules import FREE_FAILURES
from buybuddy.settings import Settings
from tests.conftest import RunningPlatform

# Whoever adds a line here opens a door to everybody.
PUBLIC = {
    "/health",
    "/ready",
    "/api/v1/auth/login",
    "/media/{token}/{key:path}",  # its token is a signature
    "/docs-assets",  # scripts and styles of the API's description
    "/{path:path}",  # the web pages, which hold no data
}
SOMETHING = "00000000-0000-4000-8000-000000000000"


def has_policy(dependant: Dependant) -> bool:
    return isinstance(dependant.call, Requires) or any(has_policy(inner) for inner in dependant.dependencies)


def list_routes() -> list[RouteContext]:
    """Return every route with what the routers around it add; nothing is started."""
    return list(iter_route_contexts(create_app(Settings(home=Path("/nowhere"))).routes))


def closed_routes() -> list[tuple[str, str]]:
    """Return method and path of every route that is not public."""
    routes = [route for route in list_routes() if route.path not in PUBLIC]
    return [(method, str(route.path)) for route in routes for method in sorted(route.methods or {"GET"})]


@pytest.fixture
def http(platform: RunningPlatform) -> Iterator[httpx.Client]:
    """A client that comes from an address of its own, so that its failures hinder nobody else."""
    with httpx.Client(base_url=platform.url, transport=httpx.HTTPTransport(local_address="127.0.0.9")) as client:
        yield client


def sign_in(http: httpx.Client, platform: RunningPlatform) -> str:
    """Sign in and return the bearer token; the client has the cookie then."""
    answer = http.post("/api/v1/auth/login", json={"username": platform.username, "password": platform.password})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_every_route_declares_who_may_call_it() -> None:
    routes = list_routes()
    paths = {str(route.path) for route in routes}
    assert paths >= PUBLIC, "a public route is gone; take it off the list"
    unguarded = [
        route.path
        for route in routes
        if route.path not in PUBLIC and not (route.dependant is not None and has_policy(route.dependant))
    ]
    assert unguarded == []
    assert len(paths - PUBLIC) > 20


@pytest.mark.parametrize(("method", "path"), closed_routes())
def test_nobody_gets_in_without_signing_in(http: httpx.Client, method: str, path: str) -> None:
    url = re.sub(r"\{[^}]+\}", SOMETHING, path)
    for headers in ({}, bearer("bbk_made-up"), bearer("made-up"), {"Authorization": "Basic YTpi"}):
        answer = http.request(method, url, headers=headers)
        assert answer.status_code == 401, (headers, answer.text)
        assert answer.headers["www-authenticate"] == "Bearer"
    http.cookies.set(COOKIE_NAME, "made-up")
    assert http.request(method, url).status_code == 401


def test_a_write_with_a_cookie_must_come_from_our_own_pages(platform: RunningPlatform, http: httpx.Client) -> None:
    sign_in(http, platform)
    writes = [(method, path) for method, path in closed_routes() if method not in SAFE_METHODS]
    assert len(writes) > 8
    evil = {"Origin": "http://evil.example"}
    elsewhere: list[dict[str, str]] = [
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "none"}, evil, {},
        {"Origin": "null"}, {"Origin": "http://["}, {"Origin": platform.url.removeprefix("http://")},
    ]  # fmt: skip
    for method, path in writes:
        for headers in elsewhere:
            answer = http.request(method, re.sub(r"\{[^}]+\}", SOMETHING, path), headers=headers)
            assert answer.status_code == 403, (method, path, headers, answer.text)
    for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Origin": platform.url}):
        answer = http.post(f"{API_PREFIX}/jobs/{SOMETHING}/cancel", headers=headers)
        assert answer.status_code == 404, "our own page is let through to where there is no such job"


def test_nobody_is_signed_in_by_another_site(platform: RunningPlatform, http: httpx.Client) -> None:
    body = {"username": platform.username, "password": platform.password}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {"Origin": "http://["}):
        refused = http.post("/api/v1/auth/login", json=body, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "NOT_ALLOWED")
        assert "set-cookie" not in refused.headers
    ours = http.post("/api/v1/auth/login", json=body, headers={"Sec-Fetch-Site": "same-origin"})
    assert ours.status_code == 200


def test_a_cookie_does_not_stand_in_for_a_bad_token(platform: RunningPlatform, http: httpx.Client) -> None:
    sign_in(http, platform)
    assert http.get("/api/v1/auth/me").status_code == 200
    assert http.get("/api/v1/auth/me", headers=bearer("made-up")).status_code == 401


def test_logout_ends_cookie_and_token_at_once(platform: RunningPlatform, http: httpx.Client) -> None:
    token = sign_in(http, platform)
    cookie = str(http.cookies[COOKIE_NAME])
    assert http.get("/api/v1/auth/me", headers=bearer(token)).json()["username"] == platform.username
    assert http.post("/api/v1/auth/logout", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 204
    assert http.cookies.get(COOKIE_NAME) is None
    http.cookies.set(COOKIE_NAME, cookie)  # somebody has kept a copy
    assert http.get("/api/v1/auth/me").status_code == 401
    assert http.get("/api/v1/auth/me", headers=bearer(token)).status_code == 401


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(platform: RunningPlatform, http: httpx.Client) -> None:
    answer = http.post("/api/v1/auth/login", json={"username": platform.username, "password": platform.password})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie


def test_behind_a_proxy_that_speaks_tls_the_cookie_is_bound_to_this_host(platform: RunningPlatform) -> None:
    body = {"username": platform.username, "password": platform.password}
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    with httpx.Client(base_url=platform.url) as proxy:  # from this machine, where a proxy is believed
        answer = proxy.post("/api/v1/auth/login", json=body, headers=proxied)
        name, _, rest = answer.headers["set-cookie"].partition("=")
        attributes = [part.strip().lower() for part in rest.split(";")[1:]]
        assert name == f"__Host-{COOKIE_NAME}"
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= set(attributes)
        assert not any(part.startswith("domain") for part in attributes)
        value = rest.partition(";")[0]
        proxy.cookies.clear()
        mine = {**proxied, "Cookie": f"{name}={value}"}
        sessions = proxy.get("/api/v1/auth/sessions", headers=mine).json()["items"]
        assert [item["address"] for item in sessions if item["is_current"]] == ["192.0.2.7"]
        plain = {**proxied, "Cookie": f"{COOKIE_NAME}={value}"}
        assert proxy.get("/api/v1/auth/me", headers=plain).status_code == 401, (
            "any page of this host could set that one"
        )
        assert proxy.post("/api/v1/auth/logout", headers={**mine, "Origin": platform.url}).status_code == 403
        left = proxy.post("/api/v1/auth/logout", headers={**mine, "Origin": platform.url.replace("http:", "https:")})
        assert left.status_code == 204
        assert left.headers["set-cookie"].startswith(f'{name}=""') and "Secure" in left.headers["set-cookie"]
        assert proxy.get("/api/v1/auth/me", headers=mine).status_code == 401


def test_nobody_else_is_believed_about_where_they_come_from(platform: RunningPlatform, http: httpx.Client) -> None:
    body = {"username": platform.username, "password": platform.password}
    spoofed = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    answer = http.post("/api/v1/auth/login", json=body, headers=spoofed)
    assert answer.headers["set-cookie"].startswith(f"{COOKIE_NAME}=")
    sessions = http.get("/api/v1/auth/sessions").json()["items"]
    assert [item["address"] for item in sessions if item["is_current"]] == ["127.0.0.9"]


def test_an_api_key_works_until_it_is_revoked_and_cannot_make_another(
    platform: RunningPlatform, http: httpx.Client
) -> None:
    token = sign_in(http, platform)
    http.cookies.clear()
    made = http.post("/api/v1/auth/api-keys", json={"name": "a test"}, headers=bearer(token))
    assert made.status_code == 201, made.text
    key = made.json()["key"]
    assert http.get("/api/v1/jobs", headers=bearer(key)).status_code == 200
    assert http.post("/api/v1/auth/api-keys", json={"name": "more"}, headers=bearer(key)).status_code == 403
    listed = http.get("/api/v1/auth/api-keys", headers=bearer(token)).text
    assert made.json()["id"] in listed and key not in listed
    assert http.delete(f"/api/v1/auth/api-keys/{made.json()['id']}", headers=bearer(token)).status_code == 204
    assert http.get("/api/v1/jobs", headers=bearer(key)).status_code == 401


def test_guessing_passwords_is_slowed_down(platform: RunningPlatform) -> None:
    def guess(client: httpx.Client, username: str) -> httpx.Response:
        return client.post("/api/v1/auth/login", json={"username": username, "password": "wrong"})

    guesser = httpx.HTTPTransport(local_address="127.0.0.66")
    with httpx.Client(base_url=platform.url, transport=guesser) as client:
        for number in range(FREE_FAILURES["address"]):  # another name each time: it is the address that is counted
            answer = guess(client, f"guess-{number}")
            assert (answer.status_code, answer.json()["code"]) == (401, "INVALID_CREDENTIALS")
        blocked = guess(client, "guess-last")
        assert (blocked.status_code, blocked.json()["code"]) == (429, "LOGIN_THROTTLED")
        assert int(blocked.headers["retry-after"]) >= 1
    with httpx.Client(base_url=platform.url) as elsewhere:
        sign_in(elsewhere, platform)


def test_a_link_to_media_opens_nothing_but_what_it_was_signed_for(
    platform: RunningPlatform, http: httpx.Client
) -> None:
    for token in ("made-up", "ffffffff.AAAA", ".", "ffffffff.ş"):
        assert http.get(f"/media/{token}/frames/a/b.png").status_code == 403
