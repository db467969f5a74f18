"""PostgreSQL for one machine, started and stopped with the platform: nothing to install, nothing left running.

Two locks say who may do what. `owner.lock` is held by the platform process: a second platform on the same home is told
so at once. `server.lock` is inherited by PostgreSQL and all its children: while any of them lives, orphans of a killed
server included, no second server can touch the data, and a left-over pid file never has to be believed.

The server listens on 127.0.0.1 with a generated password. A Unix socket would be limited to 107 bytes of path, and its
folder would have to be open to the server's user and to ours at once. The port is kept from start to start, so that
pools of other processes find a restarted server again.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from buybuddy.errors import Misconfigured, Unavailable
from buybuddy.infra.child_process import RunAs, choose_user, is_program_in_folder
from buybuddy.infra.postgres_binaries import make_readable_install
from buybuddy.infra.postgres_cluster import ROLE, PostgresCluster

_FAST_SHUTDOWN, _IMMEDIATE_SHUTDOWN = signal.SIGINT, signal.SIGQUIT
_POLL_S = 0.005
_LOG_LIMIT_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class PostgresAddress:
    """Where the server listens and who may come in; `repr` hides the password."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str

    @property
    def url(self) -> str:
        """A libpq URL. It insists on SCRAM: whoever else took the port is never sent the password in clear."""
        login = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}"
        return (
            f"postgresql://{login}@{self.host}:{self.port}/{quote(self.database, safe='')}"
            "?require_auth=scram-sha-256&sslmode=disable"
        )


@dataclass(frozen=True)
class _Credentials:
    password: str = field(repr=False)
    port: int


class EmbeddedPostgres:
    """One PostgreSQL server in `home`/postgres; a context manager that starts and stops it.

    Args:
        home: the platform's folder; may lie under folders closed to the server's user, such as /root.
        database: created when missing, owned by an ordinary role that may make databases and roles. The extensions
            pg_trgm and vector are in every new database.
    """

    def __init__(self, home: Path, *, database: str = "buybuddy") -> None:
        self._folder = home.absolute() / "postgres"
        self._data = self._folder / "data"
        self._database = database
        self._owner_fd: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._holder: threading.Thread | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    @property
    def is_running(self) -> bool:
        """Whether the server that this object started is alive."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The server's process id while it is running."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def log_path(self) -> Path:
        """Where the server writes its log."""
        return self._folder / "postgres.log"

    def address(self) -> PostgresAddress | None:
        """Return the address of the server of this home, whichever process started it; None when none is running."""
        credentials = self._find_credentials()
        state = _read_pid_file(self._data)
        if credentials is None or state is None or not state.is_ready:
            return None
        if not is_program_in_folder(state.pid, "postgres", self._data):
            return None
        return PostgresAddress("127.0.0.1", state.port, ROLE, credentials.password, self._database)

    def start(self, timeout_s: float = 30) -> PostgresAddress:
        """Start the server, or return its address when this object has it running already.

        A server that was killed is started again on the same port; orphans of it are waited for.

        Args:
            timeout_s: for everything together, recovery after a crash included.
        Raises:
            Misconfigured: another process runs this home, the home cannot be used, or PostgreSQL is not installed.
            Unavailable: it did not come up in time; the end of its log is in the message.
        """
        deadline = time.monotonic() + timeout_s
        if not self.is_running:
            try:
                self._take_ownership()
                self._start_server(deadline)
            except (OSError, subprocess.SubprocessError) as error:
                self.stop()
                raise Misconfigured(f"PostgreSQL cannot use {self._folder}: {error}.") from error
            except BaseException:
                self.stop()
                raise
        address = self.address()
        if address is None:
            raise Unavailable(f"PostgreSQL stopped right after its start; see {self.log_path}.")
        return address

    def stop(self) -> None:
        """Shut the server down, wait until it is gone and give the home free. Does nothing when it is not running."""
        if self._process is not None and self._holder is not None:
            for number, patience_s in ((_FAST_SHUTDOWN, 30), (_IMMEDIATE_SHUTDOWN, 10), (signal.SIGKILL, 10)):
                if not self._holder.is_alive():
                    break
                self._process.send_signal(number)
                self._holder.join(patience_s)
        self._process = self._holder = None
        if self._owner_fd is not None:
            os.close(self._owner_fd)
            self._owner_fd = None

    # --- steps of a start --------------------------------------------------------------------------------------------

    def _take_ownership(self) -> None:
        if self._owner_fd is not None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = _open_lock(self._folder / "owner.lock")
        if not _try_lock(fd):
            holder = os.pread(fd, 32, 0).decode(errors="replace").strip()
            os.close(fd)
            raise Misconfigured(
                f"Another process (pid {holder or 'unknown'}) already runs the database in {self._folder}. "
                "Stop it first, or choose another home."
            )
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self._owner_fd = fd

    def _start_server(self, deadline: float) -> None:
        run_as = choose_user(self._data)
        cluster = PostgresCluster(make_readable_install(run_as), self._data, run_as)
        lock_fd = self._wait_for_orphans(deadline)
        try:
            credentials = self._find_credentials()
            if credentials is None or not self._data.exists():
                credentials = credentials or _Credentials(secrets.token_urlsafe(32), _find_free_port())
                self._save_credentials(credentials)
                cluster.create_or_repair(credentials.password, lock_fd, deadline)
            cluster.check_version()
            self._remove_stale_pid_file()
            if not _is_port_free(credentials.port):
                credentials = _Credentials(credentials.password, _find_free_port())
                self._save_credentials(credentials)
            self._launch(cluster, credentials.port, lock_fd)
        finally:
            os.close(lock_fd)  # the server has its own copy
        self._wait_until_ready(deadline)
        self._create_database(credentials, run_as)

    def _wait_for_orphans(self, deadline: float) -> int:
        """Take the lock that every process of an earlier server still holds, and hurry that server on."""
        fd = _open_lock(self._folder / "server.lock")
        signalled_at: float | None = None
        while not _try_lock(fd):
            now = time.monotonic()
            state = _read_pid_file(self._data)
            if now >= deadline:
                os.close(fd)
                raise Unavailable(f"Processes of an earlier server still use {self._data}; wait for them or end them.")
            if state is not None and is_program_in_folder(state.pid, "postgres", self._data):
                if signalled_at is None:
                    signalled_at = now
                    os.kill(state.pid, _FAST_SHUTDOWN)
                elif now - signalled_at > 10:
                    signalled_at = now
                    os.kill(state.pid, _IMMEDIATE_SHUTDOWN)
            time.sleep(_POLL_S * 2)
        return fd

    def _remove_stale_pid_file(self) -> None:
        """Nobody holds `server.lock`, so a pid file is a left-over, unless somebody else started a server by hand."""
        state = _read_pid_file(self._data)
        if state is not None and is_program_in_folder(state.pid, "postgres", self._data):
            raise Misconfigured(
                f"A PostgreSQL that the platform did not start (pid {state.pid}) uses {self._data}. Stop it first."
            )
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _launch(self, cluster: PostgresCluster, port: int, lock_fd: int) -> None:
        """Start the server from a thread that lives as long as it: Linux ties a child to its parent's thread."""
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_LIMIT_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        started: list[subprocess.Popen[bytes] | OSError | subprocess.SubprocessError] = []
        is_started = threading.Event()

        def hold() -> None:
            try:
                with self.log_path.open("ab") as log:
                    process = cluster.spawn_server(port, log.fileno(), lock_fd)
            except (OSError, subprocess.SubprocessError) as error:  # handed to the caller below
                started.append(error)
                is_started.set()
                return
            started.append(process)
            is_started.set()
            process.wait()

        self._holder = threading.Thread(target=hold, name="embedded-postgres", daemon=True)
        self._holder.start()
        is_started.wait()
        outcome = started[0]
        if isinstance(outcome, (OSError, subprocess.SubprocessError)):
            raise outcome
        self._process = outcome

    def _wait_until_ready(self, deadline: float) -> None:
        while True:
            state = _read_pid_file(self._data)
            if state is not None and state.is_ready and state.pid == self.pid:
                return
            if not self.is_running:
                raise Unavailable(f"PostgreSQL did not start. {self._log_tail()}")
            if time.monotonic() >= deadline:
                raise Unavailable(f"PostgreSQL was not ready in time. {self._log_tail()}")
            time.sleep(_POLL_S)

    def _create_database(self, credentials: _Credentials, run_as: RunAs) -> None:
        url = PostgresAddress("127.0.0.1", credentials.port, ROLE, credentials.password, "postgres").url
        try:
            with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
                found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self._database]).fetchone()
                if found is None:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(self._database)))
        except psycopg.Error as error:
            raise Unavailable(f"PostgreSQL runs but did not let us in: {error}") from error

    # --- files -------------------------------------------------------------------------------------------------------

    @property
    def _credentials_path(self) -> Path:
        return self._folder / "credentials.json"

    def _find_credentials(self) -> _Credentials | None:
        try:
            return _Credentials(**json.loads(self._credentials_path.read_text()))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as error:
            raise Misconfigured(f"{self._credentials_path} is damaged; delete it and start again.") from error

    def _save_credentials(self, credentials: _Credentials) -> None:
        partial = self._credentials_path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(asdict(credentials), file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._credentials_path)

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            lines = self.log_path.read_text(errors="replace").splitlines()[-8:]
            return f"The end of {self.log_path}:\n" + "\n".join(lines)
        return f"Its log should be in {self.log_path}."


@dataclass(frozen=True)
class _PidFile:
    pid: int
    port: int
    is_ready: bool


def _read_pid_file(data: Path) -> _PidFile | None:
    """Read postmaster.pid. Source: PostgreSQL's pidfile.h: line 1 pid, line 4 port, line 8 state."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
        return _PidFile(int(lines[0]), int(lines[3]), len(lines) > 7 and lines[7].strip() == "ready")
    except (OSError, ValueError, IndexError):  # missing, or being written at this moment
        return None


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _try_lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_port_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
