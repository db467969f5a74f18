"""Measuring matching against a truth: how often photos find their product and products their photos."""
