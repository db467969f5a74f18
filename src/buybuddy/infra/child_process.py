"""Start a program as another user, tied to the life of this process, and recognise it again by its pid.

What only Linux can do is in this file: /proc and PR_SET_PDEATHSIG. On macOS a child is not told when its parent is
killed; it lives on until the next start of the same home finds and stops it.
"""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from buybuddy.errors import Misconfigured

IS_LINUX = sys.platform.startswith("linux")
_PR_SET_PDEATHSIG = 1
_SERVICE_USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class RunAs:
    """Who a child runs as; both None means as ourselves."""

    uid: int | None = None
    gid: int | None = None

    @property
    def is_other_user(self) -> bool:
        return self.uid is not None


def choose_user(existing: Path) -> RunAs:
    """Decide who a server runs as: ourselves, or as root an existing ordinary user.

    Args:
        existing: a folder that may exist already; then its owner is kept, so that a later-added user changes nothing.
    Raises: Misconfigured when we are root and there is no ordinary user to change to.
    """
    if os.geteuid() != 0:
        return RunAs()
    if not IS_LINUX:
        raise Misconfigured(
            "The embedded PostgreSQL can only be started as root on Linux; start it as an ordinary user."
        )
    if existing.exists() and existing.stat().st_uid != 0:
        status = existing.stat()
        return RunAs(status.st_uid, status.st_gid)
    for name in _SERVICE_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return RunAs(entry.pw_uid, entry.pw_gid)
    raise Misconfigured(
        "PostgreSQL refuses to run as root, and neither the user 'postgres' nor 'nobody' exists. "
        "Run the platform as an ordinary user or set DATABASE_URL."
    )


def spawn(
    command: Sequence[str | Path],
    *,
    run_as: RunAs,
    cwd: Path,
    env: Mapping[str, str],
    death_signal: signal.Signals,
    stdin: int = subprocess.DEVNULL,
    output: int = subprocess.PIPE,
    keep_fds: tuple[int, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start a program in its own session; on Linux the kernel sends it `death_signal` when the calling THREAD ends.

    Args:
        command: absolute path of the program, then its arguments.
        run_as: who it runs as.
        cwd: its working folder, entered before the user is changed: folders above it need not be open to that user.
        env: its whole environment; nothing of ours is passed on.
        death_signal: what it gets when we are gone.
        output: file descriptor (or PIPE) for both stdout and stderr.
        keep_fds: descriptors that stay open in the child, such as a lock that it is to hold.
    Raises: OSError when it cannot be started.
    """
    return subprocess.Popen(
        [str(part) for part in command],
        cwd=cwd,
        env=dict(env),
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        pass_fds=keep_fds,
        start_new_session=True,
        user=run_as.uid,
        group=run_as.gid,
        extra_groups=[] if run_as.is_other_user else None,
        # Runs after the user has been changed, which would have cleared the signal.
        preexec_fn=_die_with_parent(death_signal) if IS_LINUX else None,
    )


def _die_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """Build the child's last step before exec; everything it needs is looked up here, before the fork."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent_pid = os.getpid()
    number = int(death_signal)

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent_pid:  # the parent died between fork and prctl
            os._exit(1)

    return prepare


def is_program_in_folder(pid: int, program: str, folder: Path) -> bool:
    """Tell whether a pid is a given program working in a given folder, and not a stranger who got the same number.

    Args:
        pid: a process id read from somewhere, possibly long gone and given to another process.
        program: file name of the executable, e.g. 'postgres'.
        folder: its working folder.
    """
    if not IS_LINUX:
        return _is_program_by_ps(pid, program, folder)
    try:
        argv0 = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
        if Path(os.fsdecode(argv0)).name != program:
            return False
        return Path(f"/proc/{pid}/cwd").samefile(folder)
    except OSError:  # gone, or another user's and hidden from us: not ours in both cases
        return False


def _is_program_by_ps(pid: int, program: str, folder: Path) -> bool:
    listing = subprocess.run(
        ["/bin/ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, timeout=5, check=False
    ).stdout.strip()
    words = listing.split()
    return bool(words) and Path(words[0]).name == program and str(folder) in listing
