import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from admin.local.processes import Process, describe_process, end, is_alive, signal_process

SLEEPER = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(60)"
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", SLEEPER]) as child:
        yield child
        child.kill()


def described(pid: int) -> Process:
    found = describe_process(pid)
    assert found is not None
    return found


def test_a_process_is_known_by_pid_and_start(sleeper: subprocess.Popen[bytes]) -> None:
    assert is_alive(described(sleeper.pid))


def test_another_process_with_the_same_pid_is_not_ours(sleeper: subprocess.Popen[bytes]) -> None:
    earlier = Process(sleeper.pid, described(sleeper.pid).started - 1000)
    assert not is_alive(earlier)
    signal_process(earlier, signal.SIGKILL)
    assert end([earlier], patience_seconds=0.1) == []
    assert sleeper.poll() is None


def test_a_zombie_is_not_alive(sleeper: subprocess.Popen[bytes]) -> None:
    ours = described(sleeper.pid)
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert not is_alive(ours)


def test_a_willing_process_ends_on_request(sleeper: subprocess.Popen[bytes]) -> None:
    assert end([described(sleeper.pid)], patience_seconds=5) == []
    assert sleeper.wait() == -signal.SIGTERM


def test_a_stubborn_process_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        ours = described(child.pid)
        assert end([ours], patience_seconds=0.2) == [ours]
        assert child.wait() == -signal.SIGKILL
