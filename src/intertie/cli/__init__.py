"""The command line: parse arguments, call the API, print. No logic."""

from intertie.cli.main import main

__all__ = ["main"]
