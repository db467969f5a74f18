"""Approving without a person what is sure enough, and having people look at a sample of it."""
