"""Every operation with whatever its description allows, and with what it does not, as each role.

The short form is the same cases every time. The long form (`make fuzz`) takes BUYBUDDY_FUZZ_EXAMPLES random cases per
operation as an admin, a third of that as each other role, and as many walks from answer to request.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from buybuddy.api import create_app
from buybuddy.domain.accounts.rules import ROLES, Role
from buybuddy.settings import Settings
from tests.contract.fuzz_ground import API, Ground, open_ground
from tests.contract.fuzz_samples import make_clip

EXAMPLES = int(os.environ.get("BUYBUDDY_FUZZ_EXAMPLES", "1000"))
LEFT_OUT = {
    "streamEvents": "a stream without an end",
    "logout": "would sign out those who fuzz",
    "endOtherSessions": "would sign out a role that fuzzes beside this one",
    "changePassword": "would end the sessions of those who fuzz",
}
# Single cases, not operations: Ground.keep_off() turns those that would end, disable or demote an account or a session
# of the people who fuzz on somebody else (editUser, resetPassword, endUserSessions, endUserSession, endSession).


def document() -> dict[str, Any]:
    return create_app(Settings(home=Path("/nowhere"))).openapi()


def make_schema(*, coverage: bool) -> Any:
    schema = schemathesis.openapi.from_dict(document()).exclude(operation_id=list(LEFT_OUT))
    schema.config.phases.coverage.enabled = coverage
    schema.config.phases.coverage.unexpected_methods = set()  # a path's other methods belong to operations of their own
    return schema


def how_many(examples: int, *, random: bool) -> settings:
    return settings(
        max_examples=examples,
        derandomize=not random,
        database=None,
        deadline=None,
        print_blob=False,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def every_status_is_named(_: Any, response: Any, case: Case[Any]) -> None:
    """A description with a `default` allows every status; ours names those that a caller has to expect."""
    named = case.operation.definition.raw["responses"]
    if case.method.upper() != case.operation.method.upper():
        return  # a method that the path does not have
    if str(response.status_code) not in named:
        raise Failure(
            operation=case.operation.label,
            title="Status without a name",
            message=f"{response.status_code} is not among {sorted(named)}: {response.text[:300]}",
        )


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    every_status_is_named,
]


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    with open_ground(tmp_path_factory.mktemp("fuzzed")) as ground:
        yield ground
        sent = {operation: statuses.total() for operation, statuses in ground.sent.items()}
        never = sorted(operation for operation, statuses in ground.sent.items() if not any(s < "3" for s in statuses))
        least = min(sent.values(), default=0)
        print(f"\n{sum(sent.values())} requests, {len(sent)} operations, at least {least} each")  # noqa: T201 - a figure
        print("never answered with 2xx:", ", ".join(never) or "none")  # noqa: T201


@pytest.fixture(autouse=True)
def rows(ground: Ground) -> None:
    if ground.is_stale:
        ground.refill()


@schemathesis.serializer("application/offset+octet-stream")
def send_as_it_is(_: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


def send(case: Case[Any], ground: Ground, *roles: Role) -> None:
    ground.aim(case)
    ground.keep_off(case)
    for role in roles:
        headers = ground.headers(role)
        answer = case.call_and_validate(
            base_url=ground.url, session=ground.session, headers=headers, checks=CHECKS, timeout=60
        )
        ground.note(case, answer.status_code)


WALKS_AT_ONCE = 8
OTHERS: list[Role] = [role for role in ROLES if role != "admin"]
EVERYTHING, GENERATED = make_schema(coverage=True), make_schema(coverage=False)


@EVERYTHING.parametrize()  # type: ignore[untyped-decorator]
@how_many(4, random=False)
def test_an_admin_gets_what_is_described(case: Case[Any], ground: Ground) -> None:
    send(case, ground, "admin")


@GENERATED.parametrize()  # type: ignore[untyped-decorator]
@how_many(2, random=False)
def test_the_other_roles_get_what_is_described(case: Case[Any], ground: Ground) -> None:
    send(case, ground, *OTHERS)


@pytest.mark.campaign
@EVERYTHING.parametrize()  # type: ignore[untyped-decorator]
@how_many(EXAMPLES, random=True)
def test_an_admin_for_long(case: Case[Any], ground: Ground) -> None:
    send(case, ground, "admin")


@pytest.mark.campaign
@GENERATED.parametrize()  # type: ignore[untyped-decorator]
@how_many(max(EXAMPLES // 3, 1), random=True)
def test_the_other_roles_for_long(case: Case[Any], ground: Ground) -> None:
    send(case, ground, *OTHERS)


def test_a_nul_in_the_name_of_a_file_is_left_out(ground: Ground) -> None:
    """Clients escape it in a form, so that no generated case has it as it is."""
    head = b'--X\r\nContent-Disposition: form-data; name="files"; filename="a\x00b.mp4"\r\n\r\n'
    headers = ground.headers("admin") | {"Content-Type": "multipart/form-data; boundary=X"}
    answer = ground.http.post(f"{API}/videos/upload", content=head + make_clip() + b"\r\n--X--\r\n", headers=headers)
    assert (answer.status_code, answer.json()["videos"][0]["filename"]) == (201, "ab.mp4")


def walk(ground: Ground, walks: int, *, random: bool) -> None:
    """Follow the links between operations: make, read, edit, delete, with ids out of the answers."""
    schema = make_schema(coverage=False)
    schema.config.update(base_url=ground.url)

    class Walk(schema.as_state_machine()):  # type: ignore[misc]  # a class that schemathesis makes
        def before_call(self, case: Case[Any]) -> None:
            ground.keep_off(case)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return {"headers": ground.headers("admin"), "session": ground.session, "timeout": 60}

        def validate_response(self, response: Any, case: Case[Any], *_: Any, **__: Any) -> None:
            ground.note(case, response.status_code)
            case.validate_response(response, checks=CHECKS)

    run_state_machine_as_test(Walk, settings=settings(how_many(walks, random=random), stateful_step_count=12))


def test_walks_from_answer_to_request(ground: Ground) -> None:
    walk(ground, 10, random=False)


@pytest.mark.campaign
def test_walks_for_long(ground: Ground) -> None:
    # A few at a time: hypothesis makes later walks out of pieces of earlier ones, and takes it for a fault of ours when
    # a platform that has moved on answers a piece otherwise.
    for _ in range(-(-EXAMPLES // WALKS_AT_ONCE)):
        walk(ground, WALKS_AT_ONCE, random=True)
