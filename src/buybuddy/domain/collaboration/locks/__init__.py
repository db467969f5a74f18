"""Exclusive locks with fencing tokens."""
