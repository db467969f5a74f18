"""What goes wrong on the command line is one sentence and exit code 1, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import RunningPlatform

A_KEY = {"BUYBUDDY_API_KEY": "bbk_x"}


def run(environment: dict[str, str], *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BUYBUDDY_")}
    command = [sys.executable, "-m", "buybuddy.cli", *arguments]
    env = {**kept, "BUYBUDDY_HOME": str(cwd / "home"), **environment}
    return subprocess.run(command, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("environment", "arguments", "sentence"),
    [
        ({"BUYBUDDY_PORT": "abc"}, ["products", "list"], "A setting is wrong: BUYBUDDY_PORT: input should be"),
        ({"BUYBUDDY_HOME": "/proc/x"}, ["products", "list"], "/proc/x cannot be used: No such file or directory."),
        ({"BUYBUDDY_API_KEY": "bbk_ü"}, ["products", "list", "--server", "http://127.0.0.1:9"], "The API key holds"),
        (A_KEY, ["products", "list", "--server", "127.0.0.1:8104"], "'127.0.0.1:8104' is no address of a platform"),
        (A_KEY, ["products", "list", "--server", "http://h/api/v1"], "the platform's own address, http://h."),
        (A_KEY, ["datasets", "export", "x", "--format", "coco", "--output", "no/c.zip"], "There is no folder"),
        ({}, ["products", "list", "--server", "http://127.0.0.1:9"], "Set BUYBUDDY_API_KEY"),
    ],
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, environment: dict[str, str], arguments: list[str], sentence: str
) -> None:
    failed = run(environment, *arguments, cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: ") and failed.stderr.count("\n") == 1
    assert sentence in failed.stderr


def test_a_wrong_setting_is_a_finding_of_the_doctor(tmp_path: Path) -> None:
    found = run({"BUYBUDDY_PORT": "abc"}, "doctor", cwd=tmp_path)
    assert found.returncode == 1 and "Settings: A setting is wrong: BUYBUDDY_PORT" in found.stdout
    assert found.stderr == ""


def test_a_file_that_cannot_be_written_is_named(platform: RunningPlatform, tmp_path: Path) -> None:
    (tmp_path / "taken.csv.part").mkdir()
    failed = run({"BUYBUDDY_HOME": str(platform.home)}, "products", "export", "--output", "taken.csv", cwd=tmp_path)
    assert failed.returncode == 1 and failed.stderr.count("\n") == 1
    assert "taken.csv.part cannot be used: Is a directory." in failed.stderr
