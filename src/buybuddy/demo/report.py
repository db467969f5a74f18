"""What the demo found, as data and as a page with the pictures in it."""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape

from buybuddy_sdk import Client

FRAMES_SHOWN = 9


@dataclass
class DemoRow:
    """One sample product: what its video gave and what its photo found."""

    name: str
    barcode: str
    photo: Path
    read_name: str | None = None
    net_quantity: str | None = None
    frame_count: int = 0
    seconds: float = 0.0
    found_barcode: str | None = None
    similarity: float | None = None
    error: str | None = None
    frame_links: list[str] = field(default_factory=list)
    found_link: str | None = None

    @property
    def is_found(self) -> bool:
        """Whether the photo's first result is this product."""
        return self.found_barcode == self.barcode


@dataclass(frozen=True)
class DemoReport:
    rows: list[DemoRow]

    @property
    def n_found(self) -> int:
        return sum(row.is_found for row in self.rows)

    @property
    def is_complete(self) -> bool:
        """Whether every sample product was found by its sample photo."""
        return bool(self.rows) and self.n_found == len(self.rows)

    def as_document(self) -> dict[str, Any]:
        """Return the report for `--json`."""
        shown = ("name", "barcode", "read_name", "net_quantity", "frame_count", "seconds", "found_barcode",
                 "similarity", "is_found", "error")  # fmt: skip
        rows = [{name: getattr(row, name) for name in shown} for row in self.rows]
        return {"products": rows, "n_found": self.n_found, "is_complete": self.is_complete}


def write_html_report(client: Client, report: DemoReport, folder: Path) -> Path:
    """Write a page that needs no other file: every picture is inside."""
    environment = Environment(loader=PackageLoader("buybuddy.demo"), autoescape=select_autoescape())
    rows = [
        {
            "row": row,
            "photo": _inline(row.photo.read_bytes(), "image/jpeg"),
            "frames": [_inline(client.open_link(link), "image/webp") for link in _spread(row.frame_links)],
            "found": _inline(client.open_link(row.found_link), "image/webp") if row.found_link else None,
        }
        for row in report.rows
    ]
    path = folder / "report.html"
    page = environment.get_template("report.html.j2").render(rows=rows, report=report)
    path.write_text(page, encoding="utf-8")
    return path


def _spread(links: list[str]) -> list[str]:
    step = max(1, len(links) // FRAMES_SHOWN)
    return links[::step][:FRAMES_SHOWN]


def _inline(data: bytes, content_type: str) -> str:
    return f"data:{content_type};base64,{base64.b64encode(data).decode()}"
