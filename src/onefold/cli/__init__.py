"""The command line: `onefold serve`, `demo`, `keys`, `sources`, `users`, `audiences`."""

from onefold.cli.main import app, main

__all__ = ["app", "main"]
