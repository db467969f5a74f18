"""Long-running work: accepted in a transaction, run by a worker, applied once."""
