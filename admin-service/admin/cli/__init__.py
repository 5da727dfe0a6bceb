"""The `trollama` command."""

from admin.cli.app import main

__all__ = ["main"]
