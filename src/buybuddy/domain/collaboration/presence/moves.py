"""How often one person may come and go: each time is an event that every open page hears."""

import time
import uuid
from collections import deque

from buybuddy.errors import BuybuddyError

MOST_MOVES, WITHIN_S = 20, 10.0
FORGET_ABOVE = 1_000  # users


class TooManyMoves(BuybuddyError):
    """Somebody changes places faster than others need to hear of."""

    code = "TOO_MANY_MOVES"
    http_status = 429
    is_retryable = True


class MoveLimit:
    """Counts each user's moves in this process; nothing is stored."""

    def __init__(self) -> None:
        self._moves: dict[uuid.UUID, deque[float]] = {}

    def count(self, user_id: uuid.UUID, now_s: float | None = None) -> None:
        """Count a move. Raises: TooManyMoves instead, when there were too many within the last seconds."""
        now_s = time.monotonic() if now_s is None else now_s
        moves = self._moves.setdefault(user_id, deque())
        while moves and moves[0] <= now_s - WITHIN_S:
            moves.popleft()
        if len(moves) >= MOST_MOVES:
            pause_s = max(1, round(moves[0] + WITHIN_S - now_s))
            raise TooManyMoves("You change places too fast for others to follow; wait a moment.", retry_after_s=pause_s)
        moves.append(now_s)
        if len(self._moves) > FORGET_ABOVE:
            self._moves = {one: times for one, times in self._moves.items() if times and times[-1] > now_s - WITHIN_S}
