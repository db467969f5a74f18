"""Frozen versions of a dataset: their manifests, splits and hashes."""
