# Generated from _async/__init__.py by scripts/generate.py, not to be edited.
"""One of the two forms of the client; _sync/ is generated from _async/."""
