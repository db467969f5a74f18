"""`buybuddy products` against a running platform, as a person types it."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from buybuddy.cli.main import app
from buybuddy.errors import InvalidInput
from buybuddy_sdk import BuybuddyError as RefusedCall
from tests.conftest import RunningPlatform


def run(platform: RunningPlatform, *arguments: str, **env: str) -> Result:
    return CliRunner().invoke(app, ["products", *arguments], env={"BUYBUDDY_HOME": str(platform.home), **env})


@pytest.fixture(scope="module")
def brand(platform: RunningPlatform) -> Iterator[str]:
    """Of 120 products with long names, more than one page of a list."""
    brand = f"w{uuid.uuid4().hex[:12]}"
    with platform.client() as client:
        for n in range(120):
            client.products.create(brand_name=brand, product_name=f"A name that is long, with a [bracket], no. {n}")
        yield brand


def test_a_list_is_cut_and_says_how_much_there_is(platform: RunningPlatform, brand: str) -> None:
    for arguments, n in (([], 50), (["--limit", "3"], 3), (["--limit", "101"], 101)):
        shown = run(platform, "list", "--search", brand, "--json", *arguments)
        assert (shown.exit_code, len(json.loads(shown.stdout))) == (0, n)
        assert shown.stderr == f"{n} of 120 products; --limit 0 lists all.\n"
    whole = run(platform, "list", "--search", brand, "--json", "--limit", "0")
    rows = json.loads(whole.stdout)
    assert whole.stdout == json.dumps(rows, ensure_ascii=False, indent=2) + "\n"
    assert len({row["id"] for row in rows}) == 120 and whole.stderr == "120 products.\n"
    nothing = run(platform, "list", "--search", "nothing-by-this-name", "--json")
    assert (nothing.stdout, nothing.stderr) == ("[]\n", "0 products.\n")
    assert "No product matches." in run(platform, "list", "--search", "nothing-by-this-name").stdout


def test_ids_are_whole_on_a_narrow_terminal_and_everything_is_elsewhere(platform: RunningPlatform, brand: str) -> None:
    ids = [row["id"] for row in json.loads(run(platform, "list", "--search", brand, "--limit", "0", "--json").stdout)]
    piped = run(platform, "list", "--search", brand, "--limit", "0", COLUMNS="80").stdout.splitlines()
    assert len(piped) == 121, "one line for each product below the headings"
    assert all(line.endswith(row_id) and "[bracket]" in line for line, row_id in zip(piped[1:], ids, strict=True))
    terminal = run(platform, "list", "--search", brand, COLUMNS="80", FORCE_COLOR="1").stdout
    assert all(row_id in terminal for row_id in ids[:50])


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
