"""A soak: the whole platform, simulated people, and things that go wrong. See `../soak.py`."""

import sys
from pathlib import Path

# The small machine and its hog are the tests', which live beside the benchmarks.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests" / "support"))
