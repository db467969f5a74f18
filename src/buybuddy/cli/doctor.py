"""`buybuddy doctor`: what works here and what is missing, in plain words."""

import importlib.util
import platform
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import httpx
import typer

from buybuddy.cli.environment import read_settings
from buybuddy.cli.output import JsonOption, explain_os_error, out, print_json
from buybuddy.connections import database_url, open_storage
from buybuddy.errors import BuybuddyError, Misconfigured
from buybuddy.infra.embedded_postgres import EmbeddedPostgres
from buybuddy.settings import Settings
from buybuddy.supervisor import find_running

LEAST_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `is_needed` tells a fault from something that is merely not there."""

    name: str
    is_ok: bool
    says: str
    is_needed: bool = True


def doctor(as_json: JsonOption = False) -> None:
    """Say what works on this machine and what is missing."""
    try:
        settings = read_settings()
        findings = [_guarded(name, check, settings) for name, check in CHECKS.items()]
    except Misconfigured as error:
        findings = [Finding("Settings", False, error.detail)]
    if as_json:
        print_json({"ok": all(f.is_ok or not f.is_needed for f in findings), "findings": [asdict(f) for f in findings]})
    else:
        for finding in findings:
            mark = "[green]✓[/]" if finding.is_ok else "[red]✗[/]" if finding.is_needed else "[yellow]–[/]"
            out.print(f"{mark} [bold]{finding.name}[/]: {finding.says}", highlight=False)
    if any(finding.is_needed and not finding.is_ok for finding in findings):
        raise typer.Exit(1)


def _guarded(name: str, check: Callable[[Settings], Finding], settings: Settings) -> Finding:
    try:
        return check(settings)
    except BuybuddyError as error:
        return Finding(name, False, error.detail)
    except OSError as error:
        return Finding(name, False, explain_os_error(error))


def _python(_: Settings) -> Finding:
    return Finding("Python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _home(settings: Settings) -> Finding:
    home = settings.home_dir
    free = shutil.disk_usage(home).free
    is_enough = free >= LEAST_FREE_BYTES
    return Finding("Home", is_enough, f"{home}, {free / 1e9:.1f} GB free" + ("" if is_enough else "; 2 GB are needed"))


def _database(settings: Settings) -> Finding:
    if settings.database_url is not None:
        database_url(settings)
        return Finding("Database", True, "DATABASE_URL is set; 'buybuddy up' checks that it answers")
    if (address := EmbeddedPostgres(settings.home_dir).address()) is not None:
        return Finding("Database", True, f"embedded PostgreSQL is running on port {address.port}")
    with tempfile.TemporaryDirectory(prefix="buybuddy-doctor-") as folder, EmbeddedPostgres(Path(folder)):
        return Finding("Database", True, "embedded PostgreSQL starts and stops here")


def _storage(settings: Settings) -> Finding:
    storage = open_storage(settings)
    storage.check_writable()
    return Finding("Storage", True, f"{settings.storage_url or storage.local_root} can be written")


def _platform(settings: Settings) -> Finding:
    running = find_running(settings)
    if running is None:
        return Finding("Platform", False, "not running; 'make run' or 'buybuddy up' starts it", is_needed=False)
    answer = httpx.get(f"{running[0]}/ready", timeout=10)
    return Finding("Platform", answer.is_success, f"{running[0]} answers: {answer.text}")


def _segmenter(_: Settings) -> Finding:
    spec = importlib.util.find_spec("rembg")
    folders = list(spec.submodule_search_locations or []) if spec else []
    is_there = any((Path(folder) / "u2netp.onnx").is_file() for folder in folders)
    return Finding(
        "Segmenter", is_there, "u2netp, offline" if is_there else "u2netp's weights are missing: 'make setup'"
    )


def _encoder(settings: Settings) -> Finding:
    path = settings.models_dir / "efficientnet-lite0.onnx"
    if not path.is_file():
        raise Misconfigured(f"{path} is missing: 'make setup' exports it")
    return Finding("Encoder", True, f"EfficientNet-Lite0, offline ({path.stat().st_size / 1e6:.0f} MB)")


def _video(_: Settings) -> Finding:
    missing = {"h264", "hevc", "vp9", "libdav1d", "mpeg4"} - av.codecs_available
    if missing:
        return Finding("Video", False, f"this PyAV cannot decode {', '.join(sorted(missing))}")
    return Finding("Video", True, "H.264, HEVC, VP9, AV1 and MPEG-4 can be decoded")


def _pages(settings: Settings) -> Finding:
    is_built = (settings.web_dir / "index.html").is_file()
    return Finding("Web pages", is_built, "built" if is_built else "not built; 'make web' builds them", is_needed=False)


CHECKS: dict[str, Callable[[Settings], Finding]] = {
    "Python": _python,
    "Home": _home,
    "Database": _database,
    "Storage": _storage,
    "Segmenter": _segmenter,
    "Encoder": _encoder,
    "Video": _video,
    "Web pages": _pages,
    "Platform": _platform,
}
