"""The command line: `buybuddy`."""

from buybuddy.cli.main import main

__all__ = ["main"]
