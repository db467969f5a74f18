"""Password hashing: argon2id, a few at a time, the same work whether or not the user exists."""

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

N_AT_ONCE = 2


class Passwords:
    """Hashes and checks passwords off the event loop; each takes 64 MiB, so only a few run at once."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        self._slots = asyncio.Semaphore(N_AT_ONCE)
        self._unknown_user_hash = self._hasher.hash("no user has this password")

    async def hash(self, password: str) -> str:
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Check a password; None costs the same time and never matches."""
        async with self._slots:
            is_right = await asyncio.to_thread(self._verify, password, password_hash or self._unknown_user_hash)
        return is_right and password_hash is not None

    def _verify(self, password: str, password_hash: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False
