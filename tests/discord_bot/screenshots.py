"""`python tests/discord_bot/screenshots.py FOLDER`: pictures of what people see, to look at."""

import os
import sys
from pathlib import Path

import pytest

SCENES = Path(__file__).with_name("test_screenshots.py")


def main() -> int:
    """Play every scene and keep its pictures; 0 when all of them worked."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1]).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["PICTURES"] = str(folder)
    return pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", str(SCENES)])


if __name__ == "__main__":
    sys.exit(main())
