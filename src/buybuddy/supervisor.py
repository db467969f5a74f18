"""Everything on one machine: starts the database, the API and a worker, and starts again what dies.

Nothing outlives it: its children end when it ends, however it ends.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import structlog

from buybuddy.connections import database_url
from buybuddy.domain.accounts import service as accounts
from buybuddy.domain.accounts.passwords import Passwords
from buybuddy.errors import BuybuddyError, Misconfigured, Unavailable
from buybuddy.infra.child_process import RunAs, spawn
from buybuddy.infra.db import Database
from buybuddy.infra.db.migrate import upgrade_schema
from buybuddy.infra.embedded_postgres import EmbeddedPostgres
from buybuddy.settings import Settings

READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
CHECK_INTERVAL_S = 0.25
QUICK_DEATH_S, QUICK_DEATHS_ALLOWED = 10.0, 5
LOG_LIMIT_BYTES = 16 * 1024 * 1024
STATE_FILE, CLI_KEY_FILE = "platform.json", "secrets/cli-key"

log = structlog.get_logger(__name__)


@dataclass
class Child:
    """A process that is kept running; started again, after a growing pause, when it dies."""

    name: str
    command: list[str]
    process: subprocess.Popen[bytes] | None = None
    n_quick_deaths: int = 0
    started_s: float = 0.0
    next_start_s: float = 0.0


@dataclass
class Supervisor:
    """The platform of one home; a context manager.

    Args:
        port: 0 takes a free one.
    """

    settings: Settings
    port: int
    admin_password: str | None = None
    children: list[Child] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = self.settings.home_dir
        self._is_announced = False
        self._postgres = None if self.settings.database_url else EmbeddedPostgres(self.home)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The processes that live now, by name: postgres, api, worker."""
        postgres = self._postgres.pid if self._postgres is not None else None
        live = {child.name: child.process.pid for child in self.children if child.process is not None}
        return live | ({"postgres": postgres} if postgres is not None else {})

    @property
    def url(self) -> str:
        return f"http://{self.settings.host}:{self.port}"

    def start(self) -> None:
        """Start everything and wait until the API answers. Raises: Misconfigured, Unavailable."""
        if self._postgres is not None:
            self._postgres.start()
        self.port = _take_port(self.settings.host, self.port)
        shutil.rmtree(self.home / "scratch", ignore_errors=True)  # of stages that were killed
        dsn = database_url(self.settings)
        upgrade_schema(dsn)
        self.admin_password = asyncio.run(self._prepare_accounts(dsn))
        api = ["-m", "uvicorn", "buybuddy.api:create_app", "--factory", "--host", self.settings.host]
        api += [
            "--port",
            str(self.port),
            "--no-access-log",
            "--timeout-graceful-shutdown",
            "3",
            "--log-level",
            "warning",
        ]
        self.children = [Child("api", api), Child("worker", ["-m", "buybuddy.worker"])]
        for child in self.children:
            self._start_child(child)
        self._wait_until_ready()
        state = {"url": self.url, "pid": os.getpid()}
        (self.home / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")
        self._is_announced = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch from a thread of its own while the block runs, and stop everything at its end."""
        ending = threading.Event()

        def watch_until_end() -> None:
            while not ending.wait(CHECK_INTERVAL_S):
                try:
                    self.watch()
                except BuybuddyError as error:
                    log.error("platform.given_up", detail=error.detail)
                    break  # the block's next call says that the platform cannot be reached
            self.stop()  # by this thread: the children that it has started end with it

        thread = threading.Thread(target=watch_until_end, name="supervisor", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ending.set()
            thread.join()

    def watch(self) -> None:
        """Start again what has died; call it often."""
        if self._postgres is not None and not self._postgres.is_running:
            log.warning("postgres.died")
            self._postgres.start()
        for child in self.children:
            if child.process is not None and child.process.poll() is not None:
                self._note_death(child, child.process.returncode)
            if child.process is None and time.monotonic() >= child.next_start_s:
                self._start_child(child)

    def _note_death(self, child: Child, returncode: int) -> None:
        """Plan the next start. Raises: Unavailable when the child dies again and again right after its start."""
        log.warning("child.died", name=child.name, returncode=returncode)
        child.process = None
        is_quick = time.monotonic() - child.started_s < QUICK_DEATH_S
        child.n_quick_deaths = child.n_quick_deaths + 1 if is_quick else 0
        if child.n_quick_deaths >= QUICK_DEATHS_ALLOWED:
            path = self.home / "logs" / f"{child.name}.log"
            raise Unavailable(f"The {child.name} process dies right after each start; {path} says why.")
        child.next_start_s = time.monotonic() + 0.2 * 2**child.n_quick_deaths

    def stop(self) -> None:
        """End the worker, which queues its work again, then the API, then the database."""
        if self._is_announced:  # the address of another one, which had this home first, stays
            (self.home / STATE_FILE).unlink(missing_ok=True)
        for child in reversed(self.children):
            if child.process is not None and child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        for child in self.children:
            if child.process is None:
                continue
            try:
                child.process.wait(max(0.1, deadline_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self.children = []
        if self._postgres is not None:
            self._postgres.stop()

    def _start_child(self, child: Child) -> None:
        logs = self.home / "logs"
        logs.mkdir(exist_ok=True)
        path = logs / f"{child.name}.log"
        if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("ab") as output:
            child.process = spawn(
                [sys.executable, *child.command],
                run_as=RunAs(None, None),
                cwd=Path.cwd(),
                env={**os.environ, "BUYBUDDY_HOME": str(self.home)},
                death_signal=signal.SIGKILL,
                output=output.fileno(),
            )
        child.started_s = time.monotonic()

    def _wait_until_ready(self) -> None:
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline_s:
            api = self.children[0].process
            if api is not None and api.poll() is not None:
                raise Unavailable(f"The API did not start; {self.home / 'logs' / 'api.log'} says why.")
            try:
                if httpx.get(f"{self.url}/ready", timeout=2).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise Unavailable(f"The API was not ready in {READY_TIMEOUT_S:.0f} s; see {self.home / 'logs' / 'api.log'}.")

    async def _prepare_accounts(self, dsn: str) -> str | None:
        """Make the first user, and a key for this machine's command line. Returns the new password, if any."""
        db = Database(dsn)
        try:
            async with db.transaction() as session:
                password = await accounts.create_admin(session, Passwords())
                await session.flush()
                key = await accounts.replace_cli_key(session)
        finally:
            await db.close()
        path = self.home / CLI_KEY_FILE
        path.parent.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(key)
        return password


def find_running(settings: Settings) -> tuple[str, str] | None:
    """Return the URL and key of the platform that runs in this home; None when none does."""
    home = settings.home_dir
    try:
        state = json.loads((home / STATE_FILE).read_text(encoding="utf-8"))
        key = (home / CLI_KEY_FILE).read_text(encoding="utf-8")
        httpx.get(f"{state['url']}/health", timeout=3).raise_for_status()
    except (OSError, ValueError, KeyError, httpx.HTTPError):
        return None
    return state["url"], key


def _take_port(host: str, port: int) -> int:
    """Return the port, or a free one for 0. Raises: Misconfigured when it is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Misconfigured(
                f"Port {port} on {host} cannot be used ({error.strerror}); choose another with --port or BUYBUDDY_PORT."
            ) from error
        return int(probe.getsockname()[1])
