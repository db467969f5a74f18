"""How each entry point reaches the platform's parts, as the settings say."""

from buybuddy.errors import Unavailable
from buybuddy.infra.embedded_postgres import EmbeddedPostgres
from buybuddy.infra.storage import ObjectStorage
from buybuddy.settings import Settings
from buybuddy.stages.messages import Setup


def database_url(settings: Settings) -> str:
    """Return DATABASE_URL, or the address of the embedded server. Raises: Unavailable when that is not running."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    address = EmbeddedPostgres(settings.home_dir).address()
    if address is None:
        raise Unavailable("The embedded database is not running; 'buybuddy up' starts it.")
    return address.url


def storage_url(settings: Settings) -> str:
    """Return STORAGE_URL, or the folder in the home."""
    return settings.storage_url or f"file://{settings.home_dir / 'storage'}"


def open_storage(settings: Settings) -> ObjectStorage:
    return ObjectStorage(storage_url(settings))


def stage_setup(settings: Settings) -> Setup:
    """Return what a stage process of this machine is told first."""
    return Setup(
        storage_url=storage_url(settings),
        models_dir=settings.models_dir,
        scratch_dir=settings.home_dir / "scratch",
        n_threads=settings.stage_threads,
    )
