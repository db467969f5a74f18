"""A platform that a command starts for itself, and whose start fails, leaves nothing running."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from buybuddy.cli.main import app
from buybuddy.infra.embedded_postgres import EmbeddedPostgres


@pytest.mark.parametrize("command", [["seed", "--products", "1"], ["products", "list"]])
def test_a_start_that_fails_half_way_is_taken_back(tmp_path: Path, command: list[str]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "logs").write_text("in the way")  # found out after the database has started
    failed = CliRunner().invoke(app, command, env={"BUYBUDDY_HOME": str(home), "BUYBUDDY_SERVER": None})
    assert isinstance(failed.exception, FileExistsError)
    assert EmbeddedPostgres(home).address() is None
