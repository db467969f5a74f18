"""Decisions about sign-in and roles that need no database."""

import hashlib
import secrets
from typing import Literal, get_args

Role = Literal["viewer", "operator", "engineer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

FREE_FAILURES = {"account": 5, "address": 20}
FIRST_BLOCK_S, LONGEST_BLOCK_S = 2.0, 900.0
FAILURES_FORGOTTEN_AFTER_S = 3600.0
SESSION_IDLE_HOURS = 72
API_KEY_PREFIX = "bbk_"
LEAST_PASSWORD_LENGTH = 10


def allows(role: str, needed: str) -> bool:
    """Tell whether a role includes another: viewer < operator < engineer < admin."""
    return ROLES.index(role) >= ROLES.index(needed)


def block_s(kind: Literal["account", "address"], n_failures: int) -> float:
    """Return how long sign-in is refused after this many failures in a row: none, then doubling."""
    n_too_many = n_failures - FREE_FAILURES[kind]
    return 0.0 if n_too_many < 0 else min(FIRST_BLOCK_S * 2.0 ** min(n_too_many, 20), LONGEST_BLOCK_S)


def new_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> bytes:
    """Hash a random secret for storage; it has too much entropy to need a slow hash."""
    return hashlib.sha256(secret.encode()).digest()
