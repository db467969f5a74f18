"""Which product to match next, and how much is left."""
