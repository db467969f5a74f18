"""`buybuddy encoders`."""

import uuid
from typing import Annotated, Any

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, out, print_json
from buybuddy.cli.tables import Listing
from buybuddy.errors import NotFound
from buybuddy_sdk import Client

app = typer.Typer(no_args_is_help=True)

EncoderArgument = Annotated[str, typer.Argument(help="An encoder's id or name.")]


@app.callback()
def encoders() -> None:
    """Group of commands about encoders."""


@app.command("list")
def list_encoders(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """List encoders with how many vectors each has."""
    with connect(server) as client:
        rows = client.request("GET", "/embeddings/encoders")
    if as_json:
        print_json(rows)
    elif not rows:
        out.print("No picture was embedded yet.")
    else:
        _print(rows)


@app.command("fill")
def fill(
    name: Annotated[str, typer.Argument(help="efficientnet-lite0 or efficientnet-lite0-whole.")],
    wait: Annotated[bool, typer.Option(help="Until every picture has a vector.")] = True,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Embed whatever an encoder has no vector of; the serving one goes on."""
    with connect(server) as client:
        jobs = client.request("POST", "/embeddings/encoders/fill", json={"encoder": name})
        subject_id = jobs[0]["subject"]["id"]
        while wait and (ids := _unfinished(client, subject_id)):
            for job in client.jobs.wait(ids):
                job.raise_for_status()
        rows = client.request("GET", "/embeddings/encoders")
    if as_json:
        print_json({"jobs": jobs, "encoders": rows})
    else:
        _print(rows)


@app.command("activate")
def activate(
    encoder: EncoderArgument,
    force: Annotated[bool, typer.Option(help="Even when it lacks vectors that the serving one has.")] = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Have an encoder answer candidates and searches from now on."""
    with connect(server) as client:
        encoder_id = _find(client, encoder)
        found = client.request("POST", f"/embeddings/encoders/{encoder_id}/activate", json={"force": force})
    if as_json:
        print_json(found)
    else:
        out.print(f"{found['name']} serves now.", highlight=False)


def _unfinished(client: Client, subject_id: str) -> list[str]:
    """Return the jobs of a fill that are not done; each makes its successor in the moment that it ends."""
    waiting: list[str] = []
    for status in ("pending", "queued", "processing"):
        asked = {"type": "embedding_extraction", "status": status, "limit": 100}
        page = client.request("GET", "/jobs", params=asked)
        waiting += [job["id"] for job in page["items"] if job["subject"]["id"] == subject_id]
    return waiting


def _find(client: Client, encoder: str) -> str:
    """Return an encoder's id by its id or name, the newest of the name. Raises: NotFound."""
    try:
        return str(uuid.UUID(encoder))
    except ValueError:
        named = [row for row in client.request("GET", "/embeddings/encoders") if row["name"] == encoder]
    if not named:
        raise NotFound(f"There is no encoder {encoder!r}; fill it in first.")
    return str(max(named, key=lambda row: row["created_at"])["id"])


def _print(rows: list[dict[str, Any]]) -> None:
    columns = ("name", "serves", "images", "photos", "missing", "dim", "id")
    cells = [
        (
            row["name"], "yes" if row["is_serving"] else "", row["image_vectors"], row["photo_vectors"],
            row["images_missing"] + row["photos_missing"], row["dim"], row["id"],
        )
        for row in rows
    ]  # fmt: skip
    Listing(*columns, gives_way=("dim",)).print(cells)
