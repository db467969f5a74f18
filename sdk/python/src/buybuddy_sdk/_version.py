"""The version of this package."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("buybuddy-sdk")
except PackageNotFoundError:  # run from its sources
    VERSION = "0"
