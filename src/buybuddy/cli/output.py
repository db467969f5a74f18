"""What commands print: tables and bars for people on standard error or output, one JSON document for programs."""

import json
import sys
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console

from buybuddy.errors import BuybuddyError
from buybuddy_sdk import BuybuddyError as RefusedCall

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
ServerOption = Annotated[
    str | None, typer.Option("--server", help="A running platform's URL; BUYBUDDY_API_KEY holds the key to it.")
]


def print_json(document: Any) -> None:
    """Print the one document of a `--json` run."""
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, indent=2, default=str) + "\n")


def plain(document: Any) -> Any:
    """Return a document with what the API answered as plain values."""
    if isinstance(document, BaseModel):
        return document.model_dump(mode="json")
    if isinstance(document, dict):
        return {name: plain(value) for name, value in document.items()}
    return [plain(item) for item in document] if isinstance(document, list) else document


def report_errors(error: BuybuddyError | RefusedCall) -> None:
    """Say what went wrong in one sentence."""
    err.print(f"[bold red]error:[/] {error.detail}", highlight=False)
