"""Processes that are surely ours: a pid alone may have been given to somebody else since."""

import os
import signal
import time
from dataclasses import dataclass

import psutil

SAME_START_SECONDS = 2.0
"""psutil derives a start time from the clock, which may be set; a pid returns much later."""

LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Process:
    """One process for the whole of its life: its pid and when it started (seconds since 1970)."""

    pid: int
    started: float


def describe_process(pid: int) -> Process | None:
    """The process that has `pid` now, or None when there is none."""
    try:
        return Process(pid, psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


def is_alive(process: Process) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    try:
        found = psutil.Process(process.pid)
        same = abs(found.create_time() - process.started) < SAME_START_SECONDS
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def signal_process(process: Process, number: signal.Signals) -> None:
    """Send a signal to that process, if it is still there."""
    if is_alive(process):
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to the whole process group of `leader`, if there is one left."""
    try:
        os.killpg(leader, number)
    except (ProcessLookupError, PermissionError):  # macOS says EPERM for a group of zombies
        return


def end(processes: list[Process], *, patience_seconds: float) -> list[Process]:
    """
    End these processes: SIGTERM, and SIGKILL for those still there after `patience_seconds`.

    Returns those that had to be killed. Blocks; meant for a worker thread or a script.
    """
    for process in processes:
        signal_process(process, signal.SIGTERM)
    stubborn = _still_alive(processes, patience_seconds)
    for process in stubborn:
        signal_process(process, signal.SIGKILL)
    _still_alive(stubborn, patience_seconds)
    return stubborn


def _still_alive(processes: list[Process], seconds: float) -> list[Process]:
    # Not psutil.wait_procs: it waits for a zombie until its parent reaps it, which may be never.
    deadline = time.monotonic() + seconds
    while left := [process for process in processes if is_alive(process)]:
        if time.monotonic() >= deadline:
            break
        time.sleep(LOOK_EVERY_SECONDS)
    return left
