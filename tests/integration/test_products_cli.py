"""`buybuddy products` against a running platform, as a person types it."""

import json
import uuid
from pathlib import Path

from typer.testing import CliRunner, Result

from buybuddy.cli.main import app
from buybuddy.errors import InvalidInput
from buybuddy_sdk import BuybuddyError as RefusedCall
from tests.conftest import RunningPlatform


def run(platform: RunningPlatform, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["products", *arguments], env={"BUYBUDDY_HOME": str(platform.home)})


def test_a_file_is_previewed_and_what_is_wrong_in_it_named(platform: RunningPlatform, tmp_path: Path) -> None:
    code = f"00{uuid.uuid4().int % 10**10:010d}"
    (tmp_path / "x.csv").write_text(f"barkod;marka\n{code};Eti\n8,69E+12;Eti\n")
    shown = run(platform, "import", str(tmp_path / "x.csv"), "--json")
    assert shown.exit_code == 1
    preview = json.loads(shown.stdout)["preview"]
    assert (preview["counts"]["create"], preview["counts"]["error"]) == (1, 1)
    assert preview["samples"]["create"][0]["barcodes_added"] == [code]
    assert "row 3, barkod" in run(platform, "import", str(tmp_path / "x.csv")).output
    (tmp_path / "x.csv").write_text("")
    assert isinstance(run(platform, "import", str(tmp_path / "x.csv")).exception, RefusedCall)


def test_an_export_says_where_it_cannot_write_and_leaves_nothing(platform: RunningPlatform, tmp_path: Path) -> None:
    def export(to: Path, *more: str) -> Result:
        return run(platform, "export", "--output", str(to), "--search", "nothing-by-this-name", *more)

    nowhere = export(tmp_path / "no" / "x.csv")
    assert isinstance(nowhere.exception, InvalidInput) and "There is no folder" in str(nowhere.exception)
    (tmp_path / "folder").mkdir()
    assert export(tmp_path / "folder").exit_code == 2
    assert isinstance(export(tmp_path / "x.csv", "--status", "sold").exception, RefusedCall)
    assert [one.name for one in tmp_path.iterdir()] == ["folder"]
    assert export(tmp_path / "x.csv").exit_code == 0
    assert (tmp_path / "x.csv").read_bytes().startswith(b"\xef\xbb\xbfid,barcode")
