"""Every setting, read from the environment and `.env` here and nowhere else."""

import os
import re
import secrets
import sys
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, HttpUrl, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from buybuddy.errors import Misconfigured

SHORTEST_SECRET = 32
FEWEST_LETTERS = 8  # different ones; 32 random ones have more, in whatever alphabet they are written
# What examples, tutorials and people in a hurry write: it does not count towards the length.
WEAK_PARTS = re.compile("secret|change.?me|password|passphrase|example|default|0123456789|your|development", re.I)


class FileSecretSource(PydanticBaseSettingsSource):
    """Read NAME from the file that NAME_FILE points at, the way container secrets are mounted."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        alias = field.validation_alias if isinstance(field.validation_alias, str) else field_name.upper()
        path = os.environ.get(f"{alias}_FILE")
        if path is None:
            return None, alias, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), alias, False
        except OSError as error:
            raise Misconfigured(f"{alias}_FILE points at {path}, which cannot be read: {error.strerror}.") from error
        except UnicodeDecodeError:  # not chained: it would show what the file holds
            raise Misconfigured(f"{alias}_FILE points at {path}, which is no text.") from None

    def __call__(self) -> dict[str, Any]:
        values = {}
        for name, field in self.settings_cls.model_fields.items():
            value, alias, _ = self.get_field_value(field, name)
            if value is not None:
                values[alias] = value
        return values


class Settings(BaseSettings):
    """What can be set from outside; with nothing set, everything runs on this machine."""

    # What was given is not repeated in errors: some of it is secret.
    model_config = SettingsConfigDict(env_file=".env", extra="ignore", hide_input_in_errors=True)

    home: Path = Field(Path(".buybuddy"), validation_alias="BUYBUDDY_HOME")
    environment: Literal["development", "production"] = Field("development", validation_alias="BUYBUDDY_ENV")
    host: str = Field("127.0.0.1", validation_alias="BUYBUDDY_HOST")
    port: int = Field(8000, ge=0, le=65535, validation_alias="BUYBUDDY_PORT")
    server_url: str | None = Field(None, validation_alias="BUYBUDDY_SERVER")
    api_key: SecretStr | None = Field(None, validation_alias="BUYBUDDY_API_KEY")

    database_url: SecretStr | None = Field(None, validation_alias="DATABASE_URL")
    storage_url: str | None = Field(None, validation_alias="STORAGE_URL", repr=False)  # it may hold a key
    jwt_secret: SecretStr | None = Field(None, validation_alias="JWT_SECRET")
    jwt_secret_previous: SecretStr | None = Field(None, validation_alias="JWT_SECRET_PREVIOUS")
    buybuddy_api_url: HttpUrl | None = Field(None, validation_alias="BUYBUDDY_API_URL")
    buybuddy_default_role: Literal["viewer", "operator", "engineer", "admin"] = Field(
        "viewer", validation_alias="BUYBUDDY_DEFAULT_ROLE"
    )
    buybuddy_timeout_s: float = Field(15, gt=0, le=120, validation_alias="BUYBUDDY_TIMEOUT_S")

    models_dir: Path = Field(Path(sys.prefix) / "share" / "buybuddy" / "models", validation_alias="BUYBUDDY_MODELS_DIR")
    web_dir: Path = Field(
        Path(__file__).resolve().parents[2] / "apps" / "web" / "out", validation_alias="BUYBUDDY_WEB_DIR"
    )
    shared_data: Path = Field(Path("../shared/data"), validation_alias="BUYBUDDY_SHARED_DATA")

    stage_processes: int = Field(1, ge=1, le=64, validation_alias="BUYBUDDY_STAGE_PROCESSES")
    stage_threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, le=256, validation_alias="BUYBUDDY_STAGE_THREADS"
    )
    upload_max_bytes: int = Field(4 * 1024**3, ge=1, validation_alias="BUYBUDDY_UPLOAD_MAX_BYTES")
    session_hours: float = Field(24 * 7, gt=0, le=24 * 365, validation_alias="BUYBUDDY_SESSION_HOURS")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", validation_alias="BUYBUDDY_LOG_LEVEL")

    @classmethod
    def for_home(cls, home: Path) -> "Settings":
        """Return the settings of the environment, but for another home.

        Settings are never found by their field's name: HOME and HOST are other programs' variables.
        """
        return cls(**{"BUYBUDDY_HOME": home})  # type: ignore[arg-type]  # the alias is known at run time only

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, FileSecretSource(settings_cls), dotenv_settings

    @property
    def home_dir(self) -> Path:
        """The absolute home; made, private to its owner, when it is not there."""
        home = self.home.expanduser().resolve()
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return home

    def signing_key(self) -> bytes:
        """Return the key that signs links; generated once and kept in the home when JWT_SECRET is unset.

        Raises: Misconfigured when it is weak, or missing in production.
        """
        if self.jwt_secret is not None:
            return self._checked_secret(self.jwt_secret.get_secret_value(), "JWT_SECRET")
        if self.environment == "production":
            raise Misconfigured("JWT_SECRET must be set when BUYBUDDY_ENV=production.")
        path = self.home_dir / "secrets" / "signing-key"
        return self._checked_secret(read_or_create_secret(path), f"The key in {path}")

    def signing_keys(self) -> tuple[bytes, ...]:
        """Return the signing key, and behind it the one before, which still opens what it has sealed.

        Raises: Misconfigured when one is weak.
        """
        previous = self.jwt_secret_previous.get_secret_value() if self.jwt_secret_previous else ""
        if not previous:
            return (self.signing_key(),)
        return self.signing_key(), self._checked_secret(previous, "JWT_SECRET_PREVIOUS")

    def _checked_secret(self, secret: str, name: str) -> bytes:
        """Raises: Misconfigured when it is short, and outside development also when it can be guessed."""
        if len(secret) < SHORTEST_SECRET:
            raise Misconfigured(f"{name} must be random and at least {SHORTEST_SECRET} characters long.")
        n_unusual = len(WEAK_PARTS.sub("", secret))
        if self.environment != "development" and (n_unusual < SHORTEST_SECRET or len(set(secret)) < FEWEST_LETTERS):
            raise Misconfigured(f"{name} is not random: it repeats itself, or is taken from an example.")
        return secret.encode()

    def buybuddy_url(self) -> str | None:
        """Return where Buybuddy's API is; None when sign-in there is not turned on.

        Raises: Misconfigured when passwords would go over the network in the clear.
        """
        url = self.buybuddy_api_url
        if url is None:
            return None
        if url.scheme != "https" and url.host not in ("localhost", "127.0.0.1", "[::1]"):
            raise Misconfigured("BUYBUDDY_API_URL must begin with https://: passwords are sent to it.")
        return str(url).rstrip("/")


def read_or_create_secret(path: Path) -> str:
    """Return the secret kept in a 0600 file; written once, whole or not at all, when it is not there."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        temporary = path.with_suffix(f".{secrets.token_hex(4)}")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)  # fails when another process was first; theirs is then the one
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text(encoding="utf-8")
