"""`buybuddy datasets` against a running platform, as a person types it."""

import json
import uuid
from pathlib import Path

from typer.testing import CliRunner, Result

from buybuddy.cli.main import app
from buybuddy.errors import InvalidInput, NotFound
from tests.conftest import RunningPlatform


def run(platform: RunningPlatform, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["datasets", *arguments], env={"BUYBUDDY_HOME": str(platform.home)})


def test_a_dataset_is_found_by_its_name_in_any_case(platform: RunningPlatform, tmp_path: Path) -> None:
    word = uuid.uuid4().hex[:8]
    made = json.loads(run(platform, "create", f"Çerez {word}", "--json").stdout)
    run(platform, "create", f"Çerez {word} 2")
    assert made["id"] in run(platform, "list", "--search", word).stdout
    missing = str(uuid.uuid4())
    added = run(platform, "add", f"cerez {word.upper()}", missing)
    assert added.exit_code == 1
    assert added.stdout == "0 added, 0 were there\n"
    assert added.stderr == f"There is no product {missing}.\n"
    assert isinstance(run(platform, "add", f"cerez {word[:-1]}", missing).exception, NotFound)
    nowhere = run(platform, "export", made["id"], "--format", "coco", "--output", str(tmp_path / "no" / "c.zip"))
    assert isinstance(nowhere.exception, InvalidInput)
