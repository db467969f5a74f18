"""The settings that a command runs with."""

from pydantic import ValidationError

from buybuddy.errors import Misconfigured
from buybuddy.settings import Settings


def read_settings() -> Settings:
    """Return the settings. Raises: Misconfigured, which names the variables that are wrong and not their values."""
    try:
        return Settings()
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc']))}: {_reason(fault['msg'])}" for fault in error.errors())
        raise Misconfigured(f"A setting is wrong: {'; '.join(faults)}.") from None


def _reason(message: str) -> str:
    return message[:1].lower() + message[1:]
