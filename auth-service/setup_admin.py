"""`python setup_admin.py`: `auth.setup_admin` from this folder, with the settings of the clone."""

import os
from pathlib import Path

from auth.setup_admin import main

CLONE = Path(__file__).resolve().parent.parent

if __name__ == "__main__":
    if (CLONE / ".env").is_file():  # in a container the settings come from the environment
        os.chdir(CLONE)
    main()
