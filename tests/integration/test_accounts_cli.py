"""`buybuddy accounts` against a running platform, as a person types it."""

import json
import os
import re
import subprocess
import sys
import uuid
from typing import Any

import httpx
from typer.testing import CliRunner, Result

from buybuddy.cli.main import app
from buybuddy.errors import BuybuddyError
from buybuddy_sdk import BuybuddyError as RefusedCall
from tests.conftest import RunningPlatform
from tests.contract.test_access_roles import bearer


def run(platform: RunningPlatform, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["accounts", *arguments], env={"BUYBUDDY_HOME": str(platform.home)})


def answer(platform: RunningPlatform, *arguments: str) -> Any:
    done = run(platform, *arguments, "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.stdout)


def test_accounts_are_managed_from_the_command_line(platform: RunningPlatform) -> None:
    name = f"cli-{uuid.uuid4().hex[:8]}"
    made = answer(platform, "add", name, "--role", "operator")
    assert (made["role"], made["upstream"]) == ("operator", "local") and made["password"]
    assert answer(platform, "set-role", name.upper(), "engineer")["role"] == "engineer"
    assert [user["username"] for user in answer(platform, "list", name)] == [name]
    assert answer(platform, "disable", name)["disabled_at"]
    listed = run(platform, "list", name).stdout.splitlines()[-1]
    assert re.search(rf"^{name} .* disabled +\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00$", listed), listed
    assert answer(platform, "enable", name)["disabled_at"] is None
    assert answer(platform, "reset-password", name)["password"] != made["password"]
    assert answer(platform, "keys", "list", "--user", name) == []

    key = answer(platform, "keys", "create", "for a test", "--role", "viewer", "--scope", "jobs", "--days", "1")
    assert (key["role"], key["scopes"]) == ("viewer", ["jobs"])
    with httpx.Client(base_url=f"{platform.url}/api/v1", headers=bearer(key["key"])) as http:
        assert http.get("/jobs").status_code == 200
        assert http.get("/products").status_code == 403
        listed = answer(platform, "keys", "list")
        assert key["id"] in [each["id"] for each in listed] and key["key"] not in json.dumps(listed)
        assert key["id"] in run(platform, "keys", "list").stdout
        answer(platform, "keys", "revoke", key["id"])
        assert http.get("/jobs").status_code == 401

    for mistake in (("disable", "nobody-by-this-name"), ("add", name), ("keys", "revoke", str(uuid.uuid4()))):
        failed = run(platform, *mistake)
        assert isinstance(failed.exception, BuybuddyError | RefusedCall) and failed.stdout == "", mistake
    assert run(platform, "set-role", name, "god").exit_code == 2


def test_an_error_is_one_sentence(platform: RunningPlatform) -> None:
    command = [sys.executable, "-m", "buybuddy.cli", "accounts", "disable", "nobody-by-this-name"]
    env = {**os.environ, "BUYBUDDY_HOME": str(platform.home)}
    failed = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr == "error: There is no user nobody-by-this-name.\n"
