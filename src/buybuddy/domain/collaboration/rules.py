"""Decisions about working together that need no database."""

import re
import uuid
from dataclasses import dataclass, field
from typing import Literal

from buybuddy.domain.accounts.rules import Role

ResourceType = Literal["product", "dataset", "matching"]

LOCKED_FOR_S = 300
SEEN_WITHIN_S = 60
MOST_TABS = 50  # of one user; the one not seen for longest gives way
MOST_SHOWN = 500
MOST_NOTIFICATIONS = 500  # of one user; the oldest give way
NOTIFICATIONS_KEPT_DAYS = 90
TAB_ID = re.compile(r"[A-Za-z0-9_-]{0,64}")

# What an edit needs, its lock needs too; else somebody who may not edit could keep others from it.
ROLE_TO_LOCK: dict[ResourceType, Role] = {"product": "operator", "matching": "operator", "dataset": "engineer"}


@dataclass(frozen=True)
class Holder:
    """One tab of one session or key: what holds a lock and what is somewhere. An empty tab is the session itself."""

    user_id: uuid.UUID
    username: str = field(compare=False)
    session_id: uuid.UUID | None
    key_id: uuid.UUID | None
    tab_id: str = ""


@dataclass(frozen=True)
class Place:
    """Where a tab is: a page, and the resource that it shows."""

    page: str
    resource_type: str | None = None
    resource_id: uuid.UUID | None = None
