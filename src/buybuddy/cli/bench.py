"""`buybuddy bench NAME`."""

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from buybuddy.benchmarks import jobs, retrieval, video
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.cli.output import JsonOption, err, out, print_json
from buybuddy.settings import Settings

Benchmark = Callable[[Path, bool], list[BenchmarkReport]]


def _video(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    return video.run(scratch, n_clips=1 if is_short else 4, duration_s=3.0 if is_short else 5.0)


def _retrieval(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    settings = Settings()
    return retrieval.run(settings.shared_data, settings.models_dir, scratch, photos_per_product=5 if is_short else 20)


def _jobs(scratch: Path, is_short: bool) -> list[BenchmarkReport]:
    return jobs.run(scratch, n_jobs=30 if is_short else 200)


BENCHMARKS: dict[str, Benchmark] = {"video": _video, "retrieval": _retrieval, "jobs": _jobs}


def bench(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(BENCHMARKS)}.")],
    is_short: Annotated[bool, typer.Option("--short", help="Fewer inputs, as in CI.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure one part of the platform against the plain way of doing it, in the same run."""
    if name not in BENCHMARKS:
        raise typer.BadParameter(f"there is no benchmark {name}; there are {', '.join(BENCHMARKS)}", param_hint="NAME")
    with tempfile.TemporaryDirectory(prefix="buybuddy-bench-") as scratch, err.status(f"measuring {name} ..."):
        reports = BENCHMARKS[name](Path(scratch), is_short)
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
    out.print(table)
