"""Photos on their way into the pool."""
