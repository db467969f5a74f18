"""`python -m buybuddy.cli.openapi [--check]`: the API's description, as the web client is generated from it."""

import argparse
import json
from pathlib import Path

from buybuddy.api import create_app

DESCRIPTION = Path(__file__).resolve().parents[3] / "apps" / "web" / "openapi.json"


def main() -> None:
    """Write the committed description, or say that it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the committed file is stale")
    is_check = parser.parse_args().check
    text = json.dumps(create_app().openapi(), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if not is_check:
        DESCRIPTION.write_text(text, encoding="utf-8")
    elif not DESCRIPTION.exists() or DESCRIPTION.read_text(encoding="utf-8") != text:
        raise SystemExit(f"{DESCRIPTION.name} is stale: run 'make openapi' and commit what changes")


if __name__ == "__main__":
    main()
