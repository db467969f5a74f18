"""A real Chromium for the browser tests: the machine's, else Playwright's own, else the system package manager's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MAC_CHROME = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
INSTALL_LIMIT_S = 300


class NoChromium(Exception):
    """Says what was tried; the tests are skipped with it as their reason."""


def find_chromium(playwright: Playwright) -> Path:
    """Return a Chromium's program, installing one when there is none. Raises: NoChromium."""
    found = _on_this_machine(playwright)
    if found is not None:
        return found
    tried = [f"none of {', '.join(NAMES)} is on the PATH"]
    for what, command in _installers():
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False, shell=False
        )
        found = _on_this_machine(playwright)
        if found is not None:
            return found
        last_line = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        tried.append(f"{what} failed: {last_line[0]}")
    raise NoChromium("; ".join(tried))


def _on_this_machine(playwright: Playwright) -> Path | None:
    chosen = os.environ.get("CHROMIUM")
    candidates = [chosen, *(shutil.which(name) for name in NAMES), MAC_CHROME, playwright.chromium.executable_path]
    return next((Path(path) for path in candidates if path and Path(path).is_file()), None)


def _installers() -> list[tuple[str, list[str]]]:
    installers = [("Playwright's download", [sys.executable, "-m", "playwright", "install", "chromium"])]
    if shutil.which("apt-get") and os.geteuid() == 0:
        installers.append(
            ("apt-get", ["sh", "-c", "apt-get update -q && apt-get install -qy --no-install-recommends chromium"])
        )
    elif shutil.which("brew"):
        installers.append(("brew", ["brew", "install", "--cask", "chromium"]))
    return installers
