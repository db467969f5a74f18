"""The report of a run, streamed product by product: it may be of a hundred thousand."""

import html
import json
import uuid
from collections.abc import AsyncGenerator, Sequence

from buybuddy.domain.augmentation import repository, service
from buybuddy.domain.augmentation.schemas import RunOut, RunProductOut
from buybuddy.domain.augmentation.states import show_runs
from buybuddy.infra.db.pages import Window
from buybuddy.infra.http import Platform

AT_ONCE = 500

_HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>
:root {{ color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif }}
body {{ max-width: 75rem; margin: 2rem auto; padding: 0 1.5rem }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
th, td {{ text-align: left; padding: .3rem 1.2rem .3rem 0; font-variant-numeric: tabular-nums }}
section {{ border-top: 1px solid #8884; padding: 1rem 0 }}
h2 {{ font-size: 1.05rem; margin: 0 }}
p {{ margin: .2rem 0; color: color-mix(in srgb, currentColor 75%, transparent) }}
img {{ max-width: 100%; border-radius: 6px; margin-top: .6rem }}
.short {{ color: #b3261e }}
</style></head><body><h1>{title}</h1>
<p>{facts}</p>
<table><tr><th></th><th>there before</th><th>wanted</th><th>made</th></tr>
<tr><th>synthetic</th><td>{before_synthetic}</td><td>{wanted_synthetic}</td><td>{made_synthetic}</td></tr>
<tr><th>real</th><td>{before_real}</td><td>{wanted_real}</td><td>{made_real}</td></tr></table>
"""


async def write_json(platform: Platform, run_id: uuid.UUID) -> AsyncGenerator[bytes, None]:
    """Yield the report as one JSON document: the run, then its products."""
    run = await _read_run(platform, run_id)
    yield b'{"run": ' + run.model_dump_json().encode() + b', "products": ['
    is_first = True
    async for rows in _products(platform, run_id):
        for row in rows:
            shown = row.model_dump(mode="json", exclude={"sheet_url"})
            yield (b"" if is_first else b",") + b"\n" + json.dumps(shown, ensure_ascii=False).encode()
            is_first = False
    yield b"\n]}\n"


async def write_html(platform: Platform, run_id: uuid.UUID) -> AsyncGenerator[bytes, None]:
    """Yield the report as a page with a contact sheet for each product; its pictures can be seen for some hours."""
    run = await _read_run(platform, run_id)
    facts = f"Recipe {run.recipe_name}, seed {run.seed}, {run.product_count} products, {run.status.replace('_', ' ')}"
    counts = {
        f"{what}_{domain}": getattr(getattr(run, what), domain)
        for what in ("before", "wanted", "made")
        for domain in ("synthetic", "real")
    }
    title = html.escape(f"Augmentation of {run.dataset_label}")
    yield _HEAD.format(title=title, facts=html.escape(facts), **counts).encode()
    async for rows in _products(platform, run_id):
        yield "".join(_section(row) for row in rows).encode()
    yield b"</body></html>\n"


def _section(row: RunProductOut) -> str:
    made, wanted = row.made.synthetic + row.made.real, row.wanted.synthetic + row.wanted.real
    css = ' class="short"' if made < wanted else ""
    counts = (
        f"<p{css}>{row.made.synthetic} of {row.wanted.synthetic} synthetic, {row.made.real} of {row.wanted.real} real;"
        f" {row.before.synthetic} and {row.before.real} were there; {html.escape(row.split)}</p>"
    )
    reasons = "".join(f'<p class="short">{html.escape(reason)}</p>' for reason in row.reasons)
    alt = html.escape(f"Contact sheet of {row.label}")
    sheet = f'<img loading="lazy" src="{html.escape(row.sheet_url)}" alt="{alt}">' if row.sheet_url else ""
    return f"<section><h2>{html.escape(row.label)}</h2>{counts}{reasons}{sheet}</section>\n"


async def _read_run(platform: Platform, run_id: uuid.UUID) -> RunOut:
    async with platform.db.transaction() as session:
        return (await show_runs(session, [await service.get_run(session, run_id)]))[0]


async def _products(platform: Platform, run_id: uuid.UUID) -> AsyncGenerator[Sequence[RunProductOut], None]:
    cursor: str | None = None
    while True:
        async with platform.db.transaction() as session:
            found = await repository.list_products(
                session, run_id, Window(limit=AT_ONCE, cursor=cursor), is_short_only=False
            )
            rows = [RunProductOut.from_row(row, platform) for row in found.rows]
        yield rows
        cursor = found.next_cursor
        if cursor is None:
            return
