"""The embedded PostgreSQL against kills, left-overs and closed folders; every test uses a real server."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from buybuddy.errors import Misconfigured
from buybuddy.infra.child_process import choose_user
from buybuddy.infra.embedded_postgres import EmbeddedPostgres, PostgresAddress
from buybuddy.infra.postgres_binaries import make_readable_install

SOURCE = Path(__file__).resolve().parents[2] / "src"
HOLD_SCRIPT = """
import sys, time
from pathlib import Path
from buybuddy.infra.child_process import choose_user
from buybuddy.infra.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
address = server.start()
print(server.pid, flush=True)
time.sleep(120)
"""
needs_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel signal is Linux only")


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that only we may enter, as under /root or pytest's own temporary folder."""
    folder = Path(tempfile.mkdtemp(prefix="bb-"))
    yield folder
    shutil.rmtree(folder)


def wait_until(is_done: Callable[[], bool], timeout_s: float = 15) -> bool:
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not is_done():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.02)
    return True


def is_alive(pid: int) -> bool:
    """A process that has ended and only waits for init to take note of it is not alive."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def start_in_other_process(home: Path) -> tuple[subprocess.Popen[str], int]:
    parent = subprocess.Popen(
        [sys.executable, "-c", HOLD_SCRIPT, str(home)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def write_row(address: PostgresAddress, text: str) -> None:
    with psycopg.connect(address.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", [text])


def read_rows(address: PostgresAddress) -> list[str]:
    with psycopg.connect(address.url) as connection:
        return [row[0] for row in connection.execute("SELECT text FROM kept ORDER BY text")]


def test_a_new_home_gets_a_server_with_extensions_that_is_quick_to_start_again(home: Path) -> None:
    started = time.monotonic()
    with EmbeddedPostgres(home) as server:
        cold_s = time.monotonic() - started
        address = server.start()
        with psycopg.connect(address.url) as connection:
            for name in ("pg_trgm", "vector"):
                connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
            distance = connection.execute("SELECT '[1,0]'::vector <=> '[1,0]'::vector").fetchone()
            facts = connection.execute(
                "SELECT current_setting('data_checksums'), current_setting('fsync'), pg_encoding_to_char(encoding),"
                " lower('ÇĞÖŞÜ'), (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)"
                " FROM pg_database WHERE datname = current_database()"
            ).fetchone()
        assert distance == (0.0,)
        assert facts == ("on", "on", "UTF8", "çğöşü", False)
    assert server.address() is None
    started = time.monotonic()
    with EmbeddedPostgres(home) as server:
        warm_s = time.monotonic() - started
        assert server.address() == address, "pools of other processes must find the server again"
    assert cold_s < 20
    assert warm_s < 5


def test_repr_hides_the_password_and_files_are_private(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        address = server.start()
    assert address.password not in repr(address)
    assert (home / "postgres").stat().st_mode & 0o077 == 0
    assert (home / "postgres/credentials.json").stat().st_mode & 0o077 == 0


def test_a_wrong_password_is_refused(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        address = server.start()
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(address.url.replace(address.password, "wrong"))


def test_rows_survive_kill_of_the_server_with_clients_connected(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        address = server.start()
        write_row(address, "before")
        busy = psycopg.connect(address.url)
        busy.execute("SELECT 1")
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: not server.is_running)
        assert server.start() == address
        assert server.pid != pid
        assert read_rows(address) == ["before"]
        with pytest.raises(psycopg.OperationalError):
            busy.execute("SELECT 1")
        busy.close()


@needs_linux
def test_no_server_outlives_a_killed_parent_and_the_next_start_keeps_the_rows(home: Path) -> None:
    parent, server_pid = start_in_other_process(home)
    address = EmbeddedPostgres(home).address()
    assert address is not None
    write_row(address, "acknowledged")
    parent.kill()
    parent.wait()
    with EmbeddedPostgres(home) as server:  # at once, while the old server may still be shutting down
        assert not is_alive(server_pid)
        assert read_rows(server.start()) == ["acknowledged"]
    assert parent.stdout is not None
    parent.stdout.close()


@needs_linux
def test_a_killed_parent_leaves_no_server_even_when_nobody_starts_again(home: Path) -> None:
    parent, server_pid = start_in_other_process(home)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not is_alive(server_pid), 5)
    assert parent.stdout is not None
    parent.stdout.close()


@needs_linux
def test_a_server_started_from_a_thread_outlives_that_thread(home: Path) -> None:
    server = EmbeddedPostgres(home)
    starter = threading.Thread(target=server.start)
    starter.start()
    starter.join()
    try:
        address = server.address()
        assert address is not None
        write_row(address, "still here")
    finally:
        server.stop()


def test_a_second_start_on_one_home_fails_clearly_and_disturbs_nobody(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        with pytest.raises(Misconfigured, match=f"pid {os.getpid()}"):
            EmbeddedPostgres(home).start()
        assert server.is_running
        seen_from_elsewhere = EmbeddedPostgres(home).address()
        assert seen_from_elsewhere == server.address()


def test_a_recycled_pid_in_the_pid_file_is_neither_believed_nor_killed(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        write_row(server.start(), "kept")
        pid = server.pid
        assert pid is not None
        pid_file = (home / "postgres/data/postmaster.pid").read_text()
        owner = (home / "postgres/data").stat()
    drop = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    innocent = subprocess.Popen(["/bin/sleep", "60"], cwd="/", **drop)  # type: ignore[call-overload]
    try:
        left_over = home / "postgres/data/postmaster.pid"
        left_over.write_text(pid_file.replace(str(pid), str(innocent.pid), 1))
        assert EmbeddedPostgres(home).address() is None
        with EmbeddedPostgres(home) as server:
            assert read_rows(server.start()) == ["kept"]
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_lost_credentials_are_replaced_without_touching_the_rows(home: Path) -> None:
    with EmbeddedPostgres(home) as server:
        first = server.start()
        write_row(first, "kept")
    (home / "postgres/credentials.json").unlink()
    with EmbeddedPostgres(home) as server:
        second = server.start()
        assert second.password != first.password
        assert read_rows(second) == ["kept"]


def test_a_creation_cut_off_half_way_is_begun_anew(home: Path) -> None:
    half = home / "postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home) as server:
        write_row(server.start(), "fine")
    assert not half.exists()


def test_data_of_another_major_version_is_refused(home: Path) -> None:
    with EmbeddedPostgres(home):
        pass
    (home / "postgres/data/PG_VERSION").write_text("17\n")
    with pytest.raises(Misconfigured, match="PostgreSQL 17"):
        EmbeddedPostgres(home).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user here")
@needs_linux
def test_an_ordinary_user_runs_it_as_themselves(home: Path) -> None:
    shutil.chown(home, "nobody")
    pid = os.fork()
    if pid == 0:  # the interpreter may lie where that user cannot start it anew, so this one changes instead
        status = 1
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            with EmbeddedPostgres(home) as server:
                write_row(server.start(), "mine")
                status = 0 if read_rows(server.start()) == ["mine"] else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert (home / "postgres/data").stat().st_uid == 65534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
@needs_linux
def test_programs_in_a_closed_folder_are_copied_to_where_the_server_can_read_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    package = closed / "embedded_postgres"
    package.mkdir()
    import_path = next(entry for entry in sys.path if (Path(entry) / "embedded_postgres/pginstall").is_dir())
    (package / "__init__.py").touch()
    for folder in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(Path(import_path) / folder, closed / folder, ignore=shutil.ignore_patterns("include"))
    monkeypatch.syspath_prepend(str(closed))
    reachable = Path(tempfile.mkdtemp(prefix="bb-reach-", dir="/var/tmp"))
    reachable.chmod(0o755)
    run_as = choose_user(home)
    try:
        for _ in range(2):  # copied once, then found again
            install = make_readable_install(run_as, reachable)
            assert install.is_relative_to(reachable)
            version = subprocess.run(
                [install / "bin/postgres", "--version"],
                user=run_as.uid,
                group=run_as.gid,
                extra_groups=[],
                capture_output=True,
                check=True,
            )
            assert version.stdout.startswith(b"postgres (PostgreSQL) 18")
    finally:
        shutil.rmtree(reachable)
