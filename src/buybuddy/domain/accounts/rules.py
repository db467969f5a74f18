"""Decisions about sign-in, roles and keys that need no database."""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from typing import Literal, get_args

Role = Literal["viewer", "operator", "engineer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)

# What a key can be limited to: the tags of the routes. A route with another tag, or none, is closed to a limited key.
Area = Literal[
    "audit", "augmentation", "dashboard", "datasets", "embeddings", "events", "jobs", "locks", "matching",
    "notifications", "presence", "products", "real-images", "search", "videos",
]  # fmt: skip
AREAS: tuple[Area, ...] = get_args(Area)

# Closed to every key but the console's: a stolen key must not become an account. `getMe` tells a program who it is.
PEOPLE_ONLY_TAGS = frozenset({"auth", "users"})
OPEN_TO_KEYS = frozenset({"getMe"})

FREE_FAILURES = {"account": 5, "address": 20}
FIRST_BLOCK_S, LONGEST_BLOCK_S = 2.0, 900.0
FAILURES_FORGOTTEN_AFTER_S = 3600.0
SESSION_IDLE_HOURS = 72
API_KEY_PREFIX = "bbk_"
LEAST_PASSWORD_LENGTH = 10
MOST_KEYS = 100
SHOWN_USER_AGENT = 200
NAME_PATTERN = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"


def allows(role: str, needed: str) -> bool:
    """Tell whether a role includes another: viewer < operator < engineer < admin."""
    return ROLES.index(role) >= ROLES.index(needed)


def lesser(role: Role, other: Role) -> Role:
    """Return the one of two roles that may do less."""
    return other if allows(role, other) else role


def missing_scope(scopes: Collection[str] | None, tags: Iterable[str]) -> str | None:
    """Return the area that a key would need and does not have; None when it may go on.

    Args:
        scopes: the areas that a key is limited to; None when it is not.
        tags: of the route that is called.
    """
    if scopes is None:
        return None
    areas = list(tags)
    return None if any(area in scopes for area in areas) else next(iter(areas), "none of the areas")


def shortened_user_agent(user_agent: str | None) -> str | None:
    """Return what a browser says that it is, printable and not too long."""
    shown = "".join(letter for letter in user_agent or "" if letter.isprintable())[:SHOWN_USER_AGENT]
    return shown or None


def block_s(kind: Literal["account", "address"], n_failures: int) -> float:
    """Return how long sign-in is refused after this many failures in a row: none, then doubling."""
    n_too_many = n_failures - FREE_FAILURES[kind]
    return 0.0 if n_too_many < 0 else min(FIRST_BLOCK_S * 2.0 ** min(n_too_many, 20), LONGEST_BLOCK_S)


def new_secret() -> str:
    """Return 256 random bits as text."""
    return secrets.token_urlsafe(32)


def new_password() -> str:
    """Return a generated password of 120 random bits."""
    return new_secret()[:20]


def hash_secret(secret: str) -> bytes:
    """Hash a random secret for storage; it has too much entropy to need a slow hash."""
    return hashlib.sha256(secret.encode()).digest()
