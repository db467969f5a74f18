"""What goes wrong on the command line is one sentence and exit code 1, never a traceback."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from buybuddy.cli import main
from tests.conftest import RunningPlatform

A_KEY = {"BUYBUDDY_API_KEY": "bbk_x"}

# Runs the command with these variables and gives back exit code, standard output and standard error.
Run: TypeAlias = Callable[..., tuple[object, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command as `buybuddy` runs it, in a folder and a home of its own."""

    def run_command(environment: dict[str, str], *arguments: str) -> tuple[object, str, str]:
        for name in [name for name in os.environ if name.startswith("BUYBUDDY_")]:
            monkeypatch.delenv(name)
        for name, value in {"BUYBUDDY_HOME": str(tmp_path / "home"), **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("sys.argv", ["buybuddy", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capsys.readouterr()

    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGTERM)
    yield run_command
    signal.signal(signal.SIGTERM, before)


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
def test_a_mistake_is_one_sentence(run: Run, environment: dict[str, str], arguments: list[str], sentence: str) -> None:
    code, stdout, stderr = run(environment, *arguments)
    assert (code, stdout) == (1, "")
    assert stderr.startswith("error: ") and stderr.count("\n") == 1
    assert sentence in stderr


def test_a_wrong_setting_is_a_finding_of_the_doctor(run: Run) -> None:
    code, stdout, stderr = run({"BUYBUDDY_PORT": "abc"}, "doctor")
    assert (code, stderr) == (1, "") and "Settings: A setting is wrong: BUYBUDDY_PORT" in stdout


def test_a_file_that_cannot_be_written_is_named(platform: RunningPlatform, run: Run, tmp_path: Path) -> None:
    (tmp_path / "taken.csv.part").mkdir()
    code, _, stderr = run({"BUYBUDDY_HOME": str(platform.home)}, "products", "export", "--output", "taken.csv")
    assert code == 1 and stderr.count("\n") == 1
    assert "taken.csv.part cannot be used: Is a directory." in stderr
