"""Photos from stores: the pool that people match with products."""
