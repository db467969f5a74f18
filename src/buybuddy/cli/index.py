"""`buybuddy index`."""

import uuid
from typing import Annotated, Any

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.named import find_dataset
from buybuddy.cli.output import JsonOption, ServerOption, err, out, print_json
from buybuddy.cli.tables import Listing
from buybuddy.errors import Conflict, NotFound
from buybuddy_sdk import Client

app = typer.Typer(no_args_is_help=True)

IndexArgument = Annotated[str, typer.Argument(help="An index's id or name.")]
LISTED_AT_ONCE = 100


@app.callback()
def index() -> None:
    """Group of commands about published indexes."""


@app.command("list")
def list_indexes(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """List published indexes, newest first."""
    with connect(server) as client:
        rows = _all(client, "/embeddings/indexes")
    if as_json:
        print_json(rows)
    elif not rows:
        out.print("No index was built yet.")
    else:
        _print(rows)


@app.command("build")
def build(
    name: Annotated[str, typer.Argument(help="A name for the index.")],
    dataset: Annotated[str, typer.Option(help="A dataset's id or name; its newest frozen version is taken.")],
    version: Annotated[int | None, typer.Option(min=1, help="Another frozen version of it.")] = None,
    kind: Annotated[str, typer.Option(help="auto, exact, ivf or hnsw.")] = "auto",
    extract: Annotated[bool, typer.Option("--extract", help="First embed what has no vector yet.")] = False,
    wait: Annotated[bool, typer.Option(help="Until it is built.")] = True,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Build an index of a frozen dataset's images; those without a vector are left out and counted."""
    with connect(server) as client:
        dataset_id = find_dataset(client, dataset)
        if extract:
            _extract(client, dataset_id)
        asked: dict[str, Any] = {"name": name, "kind": kind}
        if version is None:
            asked["dataset_id"] = dataset_id
        else:
            asked["dataset_version_id"] = client.request("GET", f"/datasets/{dataset_id}/versions/{version}")["id"]
        built = client.request("POST", "/embeddings/indexes", json=asked)
        while wait and built["status"] == "building":
            if built["job"] is not None:
                client.jobs.wait([built["job"]["id"]])
            built = client.request("GET", f"/embeddings/indexes/{built['id']}")
    if built["status"] == "failed":
        raise Conflict(f"The index was not built: {built['error']}")
    if as_json:
        print_json(built)
        return
    _print([built])
    if built["left_out_count"]:
        reason = built["left_out"][0]["reason"] if built["left_out"] else ""
        err.print(f"{built['left_out_count']} images are not in it; the first: {reason}", highlight=False)


@app.command("swap")
def swap(which: IndexArgument, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Have an index answer searches from now on."""
    with connect(server) as client:
        found = client.request("POST", f"/embeddings/indexes/{_find(client, which)}/activate")
    if as_json:
        print_json(found)
    else:
        out.print(f"{found['name']} answers searches now.", highlight=False)


@app.command("rollback")
def rollback(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Go back to what answered searches before the serving index."""
    with connect(server) as client:
        found = client.request("POST", "/embeddings/indexes/rollback")
    if as_json:
        print_json(found)
    else:
        now = found["index"]["name"] if found["index"] is not None else "The living vectors"
        out.print(f"{now} answer{'s' if found['index'] else ''} searches again.", highlight=False)


@app.command("delete")
def delete(which: IndexArgument, server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Remove an index that does not serve, with its files."""
    with connect(server) as client:
        index_id = _find(client, which)
        client.request("DELETE", f"/embeddings/indexes/{index_id}")
    if as_json:
        print_json({"deleted": index_id})
    else:
        out.print("The index was deleted.")


def _extract(client: Client, dataset_id: str) -> None:
    """Embed what a dataset lacks, until the chain of jobs has ended."""
    jobs = client.request("POST", "/embeddings/extract", json={"dataset_id": dataset_id})["jobs"]
    while jobs:
        for job in client.jobs.wait([job["id"] for job in jobs]):
            job.raise_for_status()
        parents = {job["id"] for job in jobs}
        recent = client.request("GET", "/embeddings/jobs", params={"limit": LISTED_AT_ONCE})["items"]
        jobs = [job for job in recent if job["parent_job_id"] in parents and job["subject"]["id"] == dataset_id]


def _find(client: Client, which: str) -> str:
    """Return an index's id by its id or name. Raises: NotFound."""
    try:
        return str(uuid.UUID(which))
    except ValueError:
        named = [row for row in _all(client, "/embeddings/indexes") if row["name"].casefold() == which.casefold()]
    if not named:
        raise NotFound(f"There is no index {which!r}.")
    return str(named[0]["id"])


def _all(client: Client, path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        asked = {"limit": LISTED_AT_ONCE, **({"cursor": cursor} if cursor else {})}
        page = client.request("GET", path, params=asked)
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


def _print(rows: list[dict[str, Any]]) -> None:
    columns = ("name", "serves", "status", "kind", "vectors", "products", "recall@10", "of", "id")
    cells = [
        (
            row["name"], "yes" if row["is_serving"] else "", row["status"], row["kind"], row["vector_count"],
            row["product_count"], row["recall_at_10"], row["dataset_label"], row["id"],
        )
        for row in rows
    ]  # fmt: skip
    Listing(*columns, gives_way=("of",)).print(cells)
