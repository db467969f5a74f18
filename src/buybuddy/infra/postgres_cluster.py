"""The data folder of the embedded PostgreSQL: how it is made, what settings its server runs with, who may come in."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from buybuddy.errors import Misconfigured, Unavailable
from buybuddy.infra.child_process import IS_LINUX, RunAs, spawn

ROLE = "buybuddy"
EXTENSIONS = ("pg_trgm", "vector")
_MAJOR_VERSION = "18"
_HBA = (
    "# Written by the platform: only this machine, only with the password.\nhost all all 127.0.0.1/32 scram-sha-256\n"
)
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def shared_buffers_mb(memory_bytes: int) -> int:
    """Return how much to cache: an eighth of the machine's memory, from 128 MB to 2 GB; it is taken as it is used."""
    return max(128, min(memory_bytes // 8 // 2**20, 2048))


_SETTINGS = {
    # Durable: an acknowledged row survives the loss of power.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # One small machine that does other work as well.
    "shared_buffers": f"{shared_buffers_mb(os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES'))}MB",
    "max_connections": "100",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "effective_cache_size": "2GB",
    "max_wal_size": "1GB",
    "random_page_cost": "1.1",
    "jit": "off",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    # Reachable from this machine only.
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %a ",
    "log_min_duration_statement": "2000",
    "logging_collector": "off",
}


class PostgresCluster:
    """One data folder and the programs to work on it.

    Args:
        install: folder with bin, lib and share, readable by `run_as`.
        data: the data folder; may not exist yet.
        run_as: whom every program runs as, and who owns the data.
    """

    def __init__(self, install: Path, data: Path, run_as: RunAs) -> None:
        self._install = install
        self._data = data
        self._run_as = run_as

    def create_or_repair(self, password: str, lock_fd: int, deadline: float) -> None:
        """Make the data folder when there is none, else only give the role a new password (the old one is lost).

        A new folder gets its name when it is complete: a start that was killed half-way leaves nothing to trip over.

        Args:
            password: of the role; URL-safe characters only.
            lock_fd: held by every process started here.
            deadline: in time.monotonic() seconds.
        Raises: Misconfigured, Unavailable
        """
        if self._data.exists():
            self.check_version()
            self._run_single_user(
                self._data, "postgres", [f"ALTER ROLE {ROLE} PASSWORD '{password}'"], lock_fd, deadline
            )
            return
        new = self._data.with_name("data.new")
        if new.exists():
            shutil.rmtree(new)
        new.mkdir(mode=0o700)
        if self._run_as.uid is not None and self._run_as.gid is not None:
            os.chown(new, self._run_as.uid, self._run_as.gid)
        initdb: list[Path | str] = [
            self._install / "bin/initdb",
            f"--pgdata={self._data_argument(new)}",
            "--username=postgres",
            "--auth=reject",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
            "--data-checksums",
        ]
        self._run(initdb, new, b"", lock_fd, deadline)
        (new / "pg_hba.conf").write_text(_HBA)
        # Only a superuser may install `vector`, so template1 has it and every new database inherits it.
        statements = [f"CREATE EXTENSION {name}" for name in EXTENSIONS]
        statements.append(f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE PASSWORD '{password}'")
        self._run_single_user(new, "template1", statements, lock_fd, deadline)
        new.rename(self._data)
        _sync_folder(self._data.parent)

    def check_version(self) -> None:
        """Refuse data of another major version. Raises: Misconfigured."""
        version = (self._data / "PG_VERSION").read_text().strip()
        if version != _MAJOR_VERSION:
            raise Misconfigured(
                f"{self._data} was written by PostgreSQL {version}, installed is {_MAJOR_VERSION}. "
                "Dump it with the old version and restore it, or choose another home."
            )

    def spawn_server(self, port: int, log_fd: int, lock_fd: int) -> subprocess.Popen[bytes]:
        """Start the server; it shuts itself down (fast) when the calling thread ends. Raises: OSError."""
        settings = [f"--{name}={value}" for name, value in {**_SETTINGS, "port": str(port)}.items()]
        return spawn(
            [self._install / "bin/postgres", "-D", self._data_argument(self._data), *settings],
            run_as=self._run_as,
            cwd=self._data,
            env=_ENVIRONMENT,
            death_signal=signal.SIGINT,
            output=log_fd,
            keep_fds=(lock_fd,),
        )

    def _data_argument(self, folder: Path) -> str:
        """Name the working folder for the program. As another user we may stand in a folder that no path leads to."""
        return "/proc/self/cwd" if IS_LINUX and self._run_as.is_other_user else str(folder)

    def _run_single_user(
        self, folder: Path, database: str, statements: list[str], lock_fd: int, deadline: float
    ) -> None:
        """Run statements, one a line, as the superuser, without a server and without a superuser's password."""
        command: list[Path | str] = [
            self._install / "bin/postgres",
            "--single",
            "-D",
            self._data_argument(folder),
            database,
        ]
        output = self._run(command, folder, "".join(f"{line}\n" for line in statements).encode(), lock_fd, deadline)
        if "ERROR:" in output or "FATAL:" in output:
            raise Misconfigured(f"The new database in {folder} could not be prepared: {output[-500:]}")

    def _run(self, command: Sequence[Path | str], cwd: Path, stdin: bytes, lock_fd: int, deadline: float) -> str:
        process = spawn(
            command,
            run_as=self._run_as,
            cwd=cwd,
            env=_ENVIRONMENT,
            death_signal=signal.SIGTERM,
            stdin=subprocess.PIPE,
            keep_fds=(lock_fd,),
        )
        with process:
            try:
                output, _ = process.communicate(stdin, timeout=max(deadline - time.monotonic(), 1))
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise Unavailable(f"{Path(command[0]).name} did not finish in time in {cwd}.") from error
        text = output.decode(errors="replace")
        if process.returncode != 0:
            raise Misconfigured(f"{Path(command[0]).name} failed in {cwd}: {text[-800:]}")
        return text


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
