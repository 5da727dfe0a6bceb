import os
from pathlib import Path

from admin.local.processes import Process, describe_process
from admin.local.state import (
    PlatformState,
    ServiceState,
    State,
    forget_state,
    read_state,
    running,
    state_file,
    write_state,
)

GONE = Process(pid=1, started=0.0)


def platform(*states: State, supervisor: Process = GONE) -> PlatformState:
    services = tuple(ServiceState(name=f"s{n}", state=state) for n, state in enumerate(states))
    return PlatformState(supervisor=supervisor, rehearsal=False, services=services)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state = platform("live", "failed")
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    forget_state(tmp_path)
    assert read_state(tmp_path) is None


def test_a_broken_file_is_no_state(tmp_path: Path) -> None:
    write_state(tmp_path, platform("live"))
    state_file(tmp_path).write_text("{")
    assert read_state(tmp_path) is None


def test_it_runs_only_while_its_supervisor_does(tmp_path: Path) -> None:
    write_state(tmp_path, platform("live"))
    assert running(tmp_path) is None
    own = describe_process(os.getpid())
    assert own is not None
    write_state(tmp_path, platform("live", supervisor=own))
    assert running(tmp_path) is not None


def test_it_is_settled_when_nothing_more_happens_by_itself() -> None:
    assert platform("live", "live").settled
    assert platform("live", "failed").settled
    assert platform("failed", "waiting").settled
    assert not platform("live", "waiting").settled
    assert not platform("live", "starting").settled
    assert not platform("resting", "failed").settled
