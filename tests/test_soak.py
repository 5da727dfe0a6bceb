"""The soak of `benchmarks/soak.py`, short: faults at random, nothing lost, nothing cut."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MINUTES = 0.5


@pytest.mark.timeout(240)
def test_half_a_minute_of_faults_loses_no_answer_and_cuts_none(tmp_path: Path) -> None:
    command = ["benchmarks/soak.py", "--minutes", f"{MINUTES}", "--people", "5", "--calm"]
    done = subprocess.run(
        [sys.executable, *command, "--folder", str(tmp_path), "--seed", "11"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    told = json.loads((tmp_path / "soak.json").read_text())
    assert told["violations"] == []
    assert done.returncode == 0, done.stderr[-2000:]
    assert told["lost"] == 0
    assert told["ends"]["done"] >= 20
    assert sum(told["faults"].values()) >= 5
    assert told["faults"]["the brain is killed"] == 1
    assert told["looks"] > 0
    assert 0 < told["most_taken_gb"] <= told["hard_gb"]
