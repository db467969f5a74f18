"""`buybuddy matching queue`, `progress` and `settings`."""

from typing import Annotated, Any

import typer

from buybuddy.cli.connect import connect
from buybuddy.cli.output import JsonOption, ServerOption, out, print_json
from buybuddy.cli.tables import Listing
from buybuddy.errors import InvalidInput

LARGEST_PAGE = 100
SHOWN = ("barcode", "brand_name", "product_name", "n_candidates", "expected_matches", "best_similarity", "product_id")


def queue(
    search: Annotated[str | None, typer.Option(help="Beginnings of words or of a barcode.")] = None,
    barcode: Annotated[str | None, typer.Option(help="A whole barcode.")] = None,
    status: Annotated[str, typer.Option(help="pending, processing, needs_matching, ready or rejected.")] = (
        "needs_matching"
    ),
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """List products, those first whose candidates promise the most matches."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    with connect(server) as client:
        while len(rows) < limit:
            asked = {"search": search, "barcode": barcode, "status": status, "cursor": cursor}
            asked["limit"] = str(min(LARGEST_PAGE, limit - len(rows)))
            wanted = {name: value for name, value in asked.items() if value is not None}
            page = client.request("GET", "/matching/queue", params=wanted)
            rows += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    if as_json:
        print_json(rows)
    elif not rows:
        out.print("Nothing waits for matching.")
    else:
        columns = ("barcode", "brand", "product", "cards", "expected", "best", "id")
        listing = Listing(*columns, whole=("id", "barcode"), gives_way=("best", "expected"))
        listing.print([[row[name] for name in SHOWN] for row in rows])


def progress(server: ServerOption = None, as_json: JsonOption = False) -> None:
    """Say how many decisions are left, who has made how many, and how long the rest will take."""
    with connect(server) as client:
        found = client.request("GET", "/matching/progress")
    if as_json:
        print_json(found)
        return
    left = f"{found['decisions_left']:,} decisions left, of {found['products_left']:,} products"
    hours = found["hours_left"]
    out.print(left + ("" if hours is None else f": about {hours:.1f} hours at people's pace"), highlight=False)
    if found["people"]:
        Listing("name", "today", "total").print([(one["name"], one["today"], one["total"]) for one in found["people"]])


def settings(
    automatic: Annotated[
        bool | None, typer.Option("--automatic/--not-automatic", help="Approve by itself what is sure enough.")
    ] = None,
    target: Annotated[float | None, typer.Option(min=0.5, max=0.9997, help="Precision of automatic approval.")] = None,
    audit_share: Annotated[
        float | None, typer.Option(min=0.01, max=1, help="Part of automatic approvals that people are asked about.")
    ] = None,
    ready_after: Annotated[
        int | None, typer.Option(min=1, max=1000, help="Approved photos that make a product ready.")
    ] = None,
    preview: Annotated[bool, typer.Option(help="Say what automatic approval would do, and change nothing.")] = False,
    server: ServerOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how matching works here, or change it."""
    asked = {
        "is_automatic": automatic, "precision_target": target, "audit_share": audit_share, "ready_after": ready_after
    }  # fmt: skip
    changes = {name: value for name, value in asked.items() if value is not None}
    if preview and changes.keys() - {"precision_target"}:
        raise InvalidInput("--preview goes with --target only; it changes nothing.")
    with connect(server) as client:
        if preview:
            found = client.request("POST", "/matching/automation/preview", json=changes)
        elif changes:
            found = client.request("PATCH", "/matching/settings", json=changes)
        else:
            found = client.request("GET", "/matching/settings")
    if as_json:
        print_json(found)
    else:
        Listing("setting", "value").print([(name.replace("_", " "), value) for name, value in found.items()])
