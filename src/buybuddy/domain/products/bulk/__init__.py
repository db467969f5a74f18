"""Work on many products at once: noted first, then done batch by batch."""
