"""`buybuddy up`: the whole platform on this machine until Ctrl-C."""

import signal
import threading
from typing import Annotated

import typer

from buybuddy.cli.connect import cli_key
from buybuddy.cli.environment import read_settings
from buybuddy.cli.output import err, out
from buybuddy.demo import DemoReport, run_demo
from buybuddy.domain.accounts.service import ADMIN_USERNAME
from buybuddy.settings import Settings
from buybuddy.supervisor import CHECK_INTERVAL_S, Supervisor
from buybuddy_sdk import BuybuddyError, Client


def up(
    port: Annotated[int | None, typer.Option(help="Where the pages are; BUYBUDDY_PORT or 8000 when left out.")] = None,
    with_demo: Annotated[
        bool, typer.Option("--demo", help="Run the demo through the platform, once per home.")
    ] = False,
) -> None:
    """Start the database, the API, the pages and a worker; Ctrl-C stops all of it."""
    settings = read_settings()
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    with Supervisor(settings, port=port if port is not None else settings.port) as supervisor:
        out.print(f"\n  Buybuddy is at [bold cyan]{supervisor.url}[/]", highlight=False)
        if supervisor.admin_password is not None:
            out.print(
                f"  Sign in as [bold]{ADMIN_USERNAME}[/] with the password [bold]{supervisor.admin_password}[/]",
                highlight=False,
            )
            out.print("  It is shown this once; keep it.", style="dim")
        out.print(
            f"  Data, logs and keys are in {supervisor.home}; Ctrl-C stops everything.\n", style="dim", highlight=False
        )
        if with_demo:
            threading.Thread(
                target=_run_demo, args=(settings, supervisor.url, stopping), name="demo", daemon=True
            ).start()
        while not stopping.wait(CHECK_INTERVAL_S):
            supervisor.watch()
        out.print("\n  stopping ...", style="dim")
    out.print("  stopped; the next start finds everything again.", style="dim")


def _run_demo(settings: Settings, url: str, stopping: threading.Event) -> None:
    marker = settings.home_dir / "demo" / "done"
    if marker.exists():
        return
    try:
        with Client(url, cli_key(settings)) as client:
            report = run_demo(
                client, settings.home_dir / "demo", say=lambda line: out.print(f"  demo: {line}", highlight=False)
            )
        _print_outcome(report)
        if report.is_complete:
            marker.touch()
    except BuybuddyError as error:
        if not stopping.is_set():
            err.print(f"  demo: {error.detail}", highlight=False)


def _print_outcome(report: DemoReport) -> None:
    out.print(f"  demo: {report.n_found} of {len(report.rows)} sample photos found their product.", highlight=False)
