"""The command line: one file per verb, each parses, calls the library and prints."""

from earvid.cli.app import app, main

__all__ = ["app", "main"]
