"""The `trollama` command."""

import sys

EXIT_INTERRUPTED = 130


def main() -> None:
    """Entry point; Ctrl-C while the command is still being read in is no traceback."""
    try:
        from admin.cli.app import main as run  # takes most of a second

        run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
