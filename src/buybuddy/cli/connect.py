"""Which platform a command talks to: `--server`, the one that runs in this home, or one started for the command."""

from collections.abc import Iterator
from contextlib import contextmanager

from buybuddy.cli.environment import read_settings
from buybuddy.cli.output import err
from buybuddy.connections import open_storage
from buybuddy.errors import Misconfigured
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, Supervisor, find_running
from buybuddy_sdk import Client


class LocalClient(Client):
    """A client of a platform whose storage is this home's."""


@contextmanager
def connect(server: str | None) -> Iterator[Client]:
    """Open a client; a platform that is started for it ends with it and keeps all its data.

    Raises: Misconfigured, Unavailable.
    """
    settings = read_settings()
    server = server or settings.server_url
    if server:
        if settings.api_key is None or not settings.api_key.get_secret_value():
            raise Misconfigured("Set BUYBUDDY_API_KEY to a key of that server (Settings, API keys).")
        with Client(server, settings.api_key.get_secret_value()) as client:
            yield client
        return
    running = find_running(settings)
    if running is not None:
        with LocalClient(*running) as client:
            yield client
        return
    with run_platform(settings) as supervisor, LocalClient(supervisor.url, cli_key(settings)) as client:
        yield client


@contextmanager
def run_platform(settings: Settings) -> Iterator[Supervisor]:
    """Run this home's platform while the block runs; what had begun when its start failed is stopped, too.

    Raises: Misconfigured, Unavailable.
    """
    with err.status("starting the platform for this command ..."):
        supervisor = Supervisor(settings, port=0)
        try:
            supervisor.start()
        except BaseException:
            supervisor.stop()
            raise
    with supervisor.watching():
        yield supervisor


def cli_key(settings: Settings) -> str:
    return (settings.home_dir / CLI_KEY_FILE).read_text(encoding="utf-8")


def local_folder(prefix: str) -> str | None:
    """Return the folder of this machine that holds the objects below a prefix; None when storage is elsewhere."""
    root = open_storage(read_settings()).local_root
    return str(root / prefix) if root is not None else None
