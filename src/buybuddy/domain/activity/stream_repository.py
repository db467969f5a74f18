"""Every query about open event streams."""

import uuid
from collections.abc import Collection

from buybuddy.domain.accounts.rules import SESSION_IDLE_HOURS
from buybuddy.infra.db.reader import Reader

_LIVE = f"""
    SELECT s.id FROM sessions s JOIN users u ON u.id = s.user_id
    WHERE s.id = ANY(%(sessions)s) AND u.disabled_at IS NULL AND s.expires_at > clock_timestamp()
      AND s.last_seen_at > clock_timestamp() - interval '{SESSION_IDLE_HOURS} hours'
    UNION ALL
    SELECT k.id FROM api_keys k JOIN users u ON u.id = k.user_id
    WHERE k.id = ANY(%(keys)s) AND u.disabled_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp())
"""


async def find_live(
    reader: Reader, session_ids: Collection[uuid.UUID], key_ids: Collection[uuid.UUID]
) -> set[uuid.UUID]:
    """Return which of these sessions and keys still open anything. Raises: Unavailable."""
    rows = await reader.rows(_LIVE, {"sessions": list(session_ids), "keys": list(key_ids)})
    return {row.id for row in rows}
