"""What commands print: tables and bars for people on standard error or output, one JSON document for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape

from buybuddy.errors import InvalidInput

out = Console(soft_wrap=True)
err = Console(stderr=True, soft_wrap=True)

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output, nothing else.")]
ServerOption = Annotated[
    str | None, typer.Option("--server", help="A running platform's URL; BUYBUDDY_API_KEY holds the key to it.")
]


def print_json(document: Any) -> None:
    """Print the one document of a `--json` run."""
    sys.stdout.write(json.dumps(plain(document), ensure_ascii=False, indent=2, default=str) + "\n")


def print_json_list(pages: Iterable[Sequence[BaseModel]]) -> None:
    """Print the one document of a `--json` run, a list, as its pages come."""
    before = "[\n"
    for items in pages:
        for item in items:
            text = json.dumps(plain(item), ensure_ascii=False, indent=2, default=str).replace("\n", "\n  ")
            sys.stdout.write(f"{before}  {text}")
            before = ",\n"
        sys.stdout.flush()
    sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def plain(document: Any) -> Any:
    """Return a document with what the API answered as plain values."""
    if isinstance(document, BaseModel):
        return document.model_dump(mode="json")
    if isinstance(document, dict):
        return {name: plain(value) for name, value in document.items()}
    return [plain(item) for item in document] if isinstance(document, list) else document


def report_error(sentence: str) -> None:
    """Say what went wrong in one sentence."""
    err.print(f"[bold red]error:[/] {escape(sentence)}", highlight=False)


def explain_os_error(error: OSError) -> str:
    """Return a sentence that names the file, where there is one, and the reason."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{reason}." if error.filename is None else f"{error.filename} cannot be used: {reason}."


def check_folder_of(file: Path) -> None:
    """Raises: InvalidInput when the folder that a file is to be written into is not there."""
    folder = file.resolve().parent
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}; make it first.")
