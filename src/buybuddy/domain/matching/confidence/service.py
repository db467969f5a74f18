"""Learning from decisions, and saying how sure we are of a card."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence

from buybuddy.domain.matching.candidates.service import Candidate
from buybuddy.domain.matching.confidence import repository
from buybuddy.domain.matching.confidence.rules import Curve, differs, fit_curve
from buybuddy.domain.vectors import repository as vectors_repository
from buybuddy.domain.vectors.tables import Encoder
from buybuddy.infra.db import Session

LEARNS_EVERY = dt.timedelta(minutes=1)
MEANINGFUL = 0.01  # of a confidence; less is not worth counting the queue anew
GROWN_BY = 1.05  # decisions


async def learn(session: Session) -> bool:
    """Learn anew when people have decided since, once a minute at most; called by the worker's sweep.

    Returns: whether another curve serves now.
    """
    encoder = await vectors_repository.find_serving(session)
    if encoder is None:
        return False
    known = await repository.find_calibration(session, encoder.id, every=LEARNS_EVERY)
    if known is not None and not known.is_due:
        return False
    if not await repository.try_keeping_still(session):
        return False  # the next sweep learns
    decisions = await repository.newest_decisions(session, encoder.id)
    curve = await asyncio.to_thread(fit_curve, decisions)
    if known is not None and not _is_news(known.curve, curve):
        await repository.note_looked_at(session, encoder.id)
        return False
    await repository.keep_curve(session, encoder.id, curve)
    return True


def _is_news(known: Curve, curve: Curve) -> bool:
    return curve.n_decisions > known.n_decisions * GROWN_BY or differs(known, curve, MEANINGFUL)


async def confidences(
    session: Session, product_id: uuid.UUID, cards: Sequence[Candidate], encoder: Encoder | None
) -> dict[uuid.UUID, float]:
    """Return how sure we are of each card, by its first photo's id."""
    curve = await repository.find_curve(session, encoder.id) if encoder is not None else Curve()
    photo_ids = [card.photo.id for card in cards]
    others = await repository.best_of_others(session, encoder.id, product_id, photo_ids) if encoder is not None else {}
    sure = {}
    for card in cards:
        other = others.get(card.photo.id)
        margin = card.similarity - other if card.similarity is not None and other is not None else None
        sure[card.photo.id] = curve.confidence(card.similarity, margin, card.tier)
    return sure
