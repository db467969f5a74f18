"""Published indexes: folders of vectors that never change, built once and searched by many."""

from buybuddy.infra.vectors.facts import IndexDamaged, IndexFacts, IndexKind, IndexOrigin

__all__ = ["IndexDamaged", "IndexFacts", "IndexKind", "IndexOrigin"]
