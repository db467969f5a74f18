"""What tests stand on: a real PostgreSQL, real storage, the whole platform as a person starts it."""

import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from buybuddy.domain.accounts.service import ADMIN_USERNAME
from buybuddy.infra.db import Database
from buybuddy.infra.db.migrate import upgrade_schema
from buybuddy.infra.embedded_postgres import EmbeddedPostgres
from buybuddy.settings import Settings
from buybuddy.supervisor import CLI_KEY_FILE, Supervisor
from buybuddy_sdk import Client

SHARED_DATA = Path(os.environ.get("BUYBUDDY_SHARED_DATA", Path(__file__).parents[1].parent / "shared" / "data"))


@dataclass(frozen=True)
class RunningPlatform:
    """A platform in a home of its own."""

    url: str
    username: str
    password: str = field(repr=False)
    home: Path
    key: str = field(repr=False)
    supervisor: Supervisor = field(repr=False)

    def client(self) -> Client:
        return Client(self.url, self.key)


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """The platform as `buybuddy up` starts it, shared by the tests that only use it."""
    home = tmp_path_factory.mktemp("platform")
    supervisor = Supervisor(Settings.for_home(home), port=0)
    supervisor.start()
    with supervisor.watching():
        assert supervisor.admin_password is not None
        key = (home / CLI_KEY_FILE).read_text(encoding="utf-8")
        yield RunningPlatform(supervisor.url, ADMIN_USERNAME, supervisor.admin_password, home, key, supervisor)


@pytest.fixture(scope="session")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database with the schema and nothing in it but what the test itself adds."""
    with EmbeddedPostgres(tmp_path_factory.mktemp("database")) as postgres:
        address = postgres.address()
        assert address is not None
        upgrade_schema(address.url)
        yield address.url


@pytest.fixture
async def db(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real clips and photos; a test that needs it is skipped with the reason when it is not there."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"real clips and photos are not here: {SHARED_DATA} (BUYBUDDY_SHARED_DATA)")
    return SHARED_DATA
