"""`buybuddy bench NAME`."""

import pkgutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.cli.environment import read_settings
from buybuddy.cli.output import JsonOption, err, print_json
from buybuddy.cli.tables import print_table

NAMES = ("video", "retrieval", "ingest", "api", "catalogue", "candidates", "index", "augment", "export", "queue")
# Named, not imported: what a benchmark loads would slow every other command down.
RUNS, RUN = "buybuddy.benchmarks.runs:BENCHMARKS", "buybuddy.benchmarks.runs:Run"


def bench(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMES)}.")],
    is_short: Annotated[bool, typer.Option("--short", help="Fewer inputs, as in CI.")] = False,
    catalogue: Annotated[
        Path | None,
        typer.Option(help="A home whose catalogue or pool is measured; filled when it is empty, and kept."),
    ] = None,
    n_vectors: Annotated[
        int | None, typer.Option("--vectors", min=1_000, help="How many `index` measures; a million without it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure one part of the platform against the plain way of doing it, in the same run."""
    if name not in NAMES:
        raise typer.BadParameter(f"there is no benchmark {name}; there are {', '.join(NAMES)}", param_hint="NAME")
    read_settings()  # says what is wrong with them before anything is measured
    with tempfile.TemporaryDirectory(prefix="buybuddy-bench-") as scratch, err.status(f"measuring {name} ..."):
        wanted = pkgutil.resolve_name(RUN)(Path(scratch), is_short, catalogue, n_vectors)
        reports: list[BenchmarkReport] = pkgutil.resolve_name(RUNS)[name](wanted)
    if not reports:
        err.print("Nothing was measured: its data is not here (BUYBUDDY_SHARED_DATA).")
        raise typer.Exit(1)
    if as_json:
        first, *others = (asdict(report) for report in reports)
        print_json({**first, "details": {**first["details"], "other_figures": others}})
        return
    table = Table("figure", "value", "unit", "baseline", "ratio", "details")
    for report in reports:
        baseline, ratio = (f"{n:.4g}" if n is not None else "" for n in (report.baseline, report.ratio))
        details = ", ".join(f"{key} {value}" for key, value in report.details.items())
        table.add_row(report.name, f"{report.value:.4g}", report.unit, baseline, ratio, details)
    print_table(table)
