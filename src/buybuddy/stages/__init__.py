"""Stages: Spec in, Result out. They see object storage and nothing else of the platform."""
