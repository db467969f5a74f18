"""Clients of other systems, and of our own API."""
