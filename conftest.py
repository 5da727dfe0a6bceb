"""
Imports the packages whose folder has their own name before pytest can mistake the folder for them.

In importlib mode pytest registers `rehearsal/tests/conftest.py` as `rehearsal.tests.conftest`, and
with it the folder `rehearsal` as the package, unless the real one is there already.
"""

import rehearsal
import shared

assert rehearsal.__file__ is not None
assert shared.__file__ is not None
