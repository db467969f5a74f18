"""Training of the network that turns pictures into vectors: the one room, with its stages, that knows torch."""
