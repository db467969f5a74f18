"""Lists, searches and filters of a catalogue of a million products, asked over HTTP of a platform as it is run."""

import asyncio
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import psycopg

from buybuddy.benchmarks.catalogue_requests import LIST, Case, make_cases
from buybuddy.benchmarks.http_load import Target, measure_rate, percentile, time_at_rate, time_one_by_one
from buybuddy.benchmarks.report import BenchmarkReport
from buybuddy.benchmarks.seed import CatalogueSize, seed_catalogue
from buybuddy.connections import database_url
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, Supervisor

BIG_TABLES = ("products", "product_barcodes", "product_images")
N_COUNTED = 20  # requests of a kind whose reading is counted
STATISTICS_AFTER_S = 1.5  # those of a finished transaction arrive within a second


def run(
    folder: Path,
    *,
    size: CatalogueSize | None = None,
    n_each: int = 100,
    seconds_at_rate: float = 30.0,
    n_rounds: int = 7,
    report: Callable[[float, str], None] = lambda fraction, step: None,
) -> list[BenchmarkReport]:
    """Measure every list, search and filter, and the plain list beside a bare handler.

    Args:
        folder: a home of its own; one that was seeded before is used as it is.
        n_each: requests of each kind by one client.
    """
    settings = Settings.for_home(folder)
    supervisor = Supervisor(settings, port=0)
    supervisor.start()
    with supervisor.watching():
        dsn = database_url(settings)
        size = size or CatalogueSize()
        if not _count(dsn, "SELECT count(*) FROM (SELECT 1 FROM products LIMIT 1) p"):
            seed_catalogue(dsn, size, report)
        address = urlsplit(supervisor.url)
        key = (folder / CLI_KEY_FILE).read_text(encoding="utf-8")
        target = Target(str(address.hostname), int(address.port or 0), key)
        cases = make_cases(dsn)
        scans = _count_scans(dsn)
        reports = asyncio.run(_measure(target, cases, n_each, seconds_at_rate))
        time.sleep(STATISTICS_AFTER_S)
        scanned = _count_scans(dsn) - scans
        reports.append(BenchmarkReport("catalogue.whole_table_reads", scanned, "sequential scans of a big table"))
        reports.append(_count_rows_read(target, dsn, cases, size.n_products))
        with _bare_handler(dsn) as bare:
            reports.append(asyncio.run(_compare(target, bare, n_rounds)))
    return reports


async def _measure(
    target: Target, cases: dict[str, Case], n_each: int, seconds_at_rate: float
) -> list[BenchmarkReport]:
    chooser = random.Random(7)
    # As a platform that has run for a while: the server has just started, with nothing in its memory.
    await time_one_by_one(target, [case(chooser) for case in cases.values() for _ in range(n_each)])
    p99_ms = {}
    for name, case in cases.items():
        times_ms = await time_one_by_one(target, [case(chooser) for _ in range(n_each)])
        p99_ms[name] = percentile(times_ms, 99)
    worst = sorted(p99_ms, key=lambda name: -p99_ms[name])
    details = {name: f"{p99_ms[name]:.1f} ms" for name in worst[:12]}
    reports = [
        BenchmarkReport(
            "catalogue.worst_p99_one_client", round(p99_ms[worst[0]], 1), "ms",
            details={"kinds of request": len(cases), "requests each": n_each, **details},
        )
    ]  # fmt: skip
    names = list(cases)
    mixed = [cases[chooser.choice(names)](chooser) for _ in range(int(100 * seconds_at_rate))]
    times_ms = await time_at_rate(target, mixed, 100.0)
    details = {f"p{percent}": f"{percentile(times_ms, percent):.1f} ms" for percent in (50, 90)}
    reports.append(
        BenchmarkReport(
            "catalogue.p99_at_100_per_s", round(percentile(times_ms, 99), 1), "ms",
            details={"requests": len(mixed), **details, "max": f"{max(times_ms):.1f} ms"},
        )
    )  # fmt: skip
    return reports


def _count_rows_read(target: Target, dsn: str, cases: dict[str, Case], n_products: int) -> BenchmarkReport:
    """Return how much of the big tables and their indexes the greediest kind of request reads, each request on average.

    A plan may read all of an index without any sequential scan; the count of entries tells.
    """
    chooser, n_read = random.Random(11), {}
    before = _count_entries(dsn)
    for name, case in cases.items():
        asyncio.run(time_one_by_one(target, [case(chooser) for _ in range(N_COUNTED)]))
        time.sleep(STATISTICS_AFTER_S)
        after = _count_entries(dsn)
        n_read[name], before = round((after - before) / N_COUNTED), after
    worst = sorted(n_read, key=lambda name: -n_read[name])
    return BenchmarkReport(
        "catalogue.most_rows_read_by_a_request",
        n_read[worst[0]],
        "rows and index entries",
        baseline=n_products,
        ratio=round(n_read[worst[0]] / n_products, 3),
        details={name: n_read[name] for name in worst[:5]},
    )


async def _compare(target: Target, bare: Target, n_rounds: int) -> BenchmarkReport:
    """Let both answer the same page by turns and compare their rates."""
    ours, theirs = [], []
    for _ in range(n_rounds):
        theirs.append(await measure_rate(bare, "/products", 2.0))
        ours.append(await measure_rate(target, f"{LIST}?limit=50", 2.0))
    ratio = median(a / b for a, b in zip(ours, theirs, strict=True))
    least = min(a / b for a, b in zip(ours, theirs, strict=True))
    return BenchmarkReport(
        "catalogue.list_of_50_rate",
        round(median(ours), 1),
        "pages/s",
        baseline=round(median(theirs), 1),
        ratio=round(ratio, 3),
        details={"rounds": n_rounds, "least ratio of a round": round(least, 2)},
    )


@contextmanager
def _bare_handler(dsn: str) -> Iterator[Target]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-m", "buybuddy.benchmarks.bare_handler", dsn, str(port)])
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield Target("127.0.0.1", port)
    finally:
        process.terminate()
        process.wait(10)


def _count(dsn: str, statement: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return int(str(row[0])) if row else 0


def _count_entries(dsn: str) -> int:
    """Return how many rows and index entries of the big tables have been read."""
    of_big_tables = "WHERE relname IN ({})".format(", ".join(f"'{table}'" for table in BIG_TABLES))
    rows = f"SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_user_tables {of_big_tables}"
    entries = f"SELECT sum(idx_tup_read) FROM pg_stat_user_indexes {of_big_tables}"
    return _count(dsn, f"SELECT ({rows})::bigint + ({entries})::bigint")


def _count_scans(dsn: str) -> int:
    """Return how often a big table has been read from end to end."""
    tables = ", ".join(f"'{table}'" for table in BIG_TABLES)
    return _count(dsn, f"SELECT sum(seq_scan)::bigint FROM pg_stat_user_tables WHERE relname IN ({tables})")
