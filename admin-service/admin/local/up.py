"""`./start.sh`: bring up what is down, show how it goes, return when everything is live."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import anyio

from admin.config import Settings
from admin.local import words
from admin.local.env_file import ensure_env_file
from admin.local.health import answers
from admin.local.logbook import Logbook, log_file
from admin.local.processes import Process, describe_process, end, signal_process
from admin.local.programs import programs
from admin.local.restarts import Pace
from admin.local.start_lock import StartLock
from admin.local.state import PlatformState, leftovers, read_state, running
from admin.local.supervisor import Supervisor
from admin.local.watch import NOT_LIVE, until_live
from admin.private_file import make_private_folder
from shared.clock import SystemClock
from shared.settings import load_settings

OLLAMA_VERSION = "http://127.0.0.1:11434/api/version"
EXIT_INTERRUPTED = 130


async def up(root: Path, *, rehearsal: bool, foreground: bool) -> int:
    """Start what is down of the platform in `root`; the exit status for the shell."""
    async with StartLock(root, clock=SystemClock()) as lock:
        return await _start(root, lock, rehearsal=rehearsal, foreground=foreground)


async def _start(root: Path, lock: StartLock, *, rehearsal: bool, foreground: bool) -> int:
    for name in await anyio.to_thread.run_sync(ensure_env_file, root):
        words.say(f"Wrote a strong random {name} into .env.")
    settings = load_settings(Settings)
    if (state := running(root)) is not None:
        return await _again(root, state, rehearsal=rehearsal)
    await _sweep(root)
    rehearsed = rehearsal or not (settings.names_model_server or await answers(OLLAMA_VERSION))
    words.say("Starting …")
    if foreground:
        return await _attached(root, settings, lock, rehearsal=rehearsed)
    return await _detached(root, rehearsal=rehearsed)


async def supervise(root: Path, settings: Settings, *, rehearsal: bool, echo: bool) -> None:
    """Run everything here, until a signal comes."""
    with Logbook(log_file(root), echo=echo) as logbook:
        await Supervisor(
            programs(settings, rehearsal=rehearsal),
            root=root,
            rehearsal=rehearsal,
            model_servers=settings.model_servers,
            clock=SystemClock(),
            logbook=logbook,
            pace=Pace(),
        ).run()


async def _sweep(root: Path) -> None:
    """End services whose supervisor is gone; on Linux the kernel has done it already."""
    state = read_state(root)
    left = leftovers(state) if state is not None else []
    if left:
        words.say(f"Ending {len(left)} services left by an earlier start …")
        await anyio.to_thread.run_sync(lambda: end(left, patience_seconds=Pace().stop_seconds))


async def _again(root: Path, state: PlatformState, *, rehearsal: bool) -> int:
    if rehearsal and not state.rehearsal:
        words.say("Trollama runs with real models; ./stop.sh first, then ./start.sh --rehearsal.")
        return NOT_LIVE
    words.say("Already running:" if state.all_live else "Partly running:")
    words.show_services(state)
    if state.all_live:
        words.show_next_steps(state)
        return 0
    words.say("Starting what is down …")
    signal_process(state.supervisor, signal.SIGUSR1)
    return await until_live(root, state.supervisor, asked=state.asked + 1)


async def _detached(root: Path, *, rehearsal: bool) -> int:
    """Start a supervisor that outlives this terminal, and wait until everything is live."""
    make_private_folder(log_file(root).parent)
    with log_file(root).open("ab") as log:
        child = subprocess.Popen(  # noqa: ASYNC220 - forks and returns; it must outlive this process
            [
                *(sys.executable, "-m", "admin.local", "supervise"),
                *(["--rehearsal"] if rehearsal else []),
            ],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    supervisor = describe_process(child.pid)
    assert supervisor is not None  # a child not yet waited for keeps its pid
    return await _wait_or_end(root, supervisor)


async def _wait_or_end(root: Path, supervisor: Process) -> int:
    """Ctrl-C while it starts ends what was started."""
    status = EXIT_INTERRUPTED
    async with anyio.create_task_group() as group:

        async def wait() -> None:
            nonlocal status
            status = await until_live(root, supervisor)
            group.cancel_scope.cancel()

        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            group.start_soon(wait)
            async for _ in signals:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    words.say("Stopping …")
                    await anyio.to_thread.run_sync(
                        lambda: end([supervisor], patience_seconds=Pace().stop_seconds + 2)
                    )
                break
    return status


async def _attached(root: Path, settings: Settings, lock: StartLock, *, rehearsal: bool) -> int:
    """Run everything in this process, with the logs on the terminal."""
    own = describe_process(os.getpid())
    assert own is not None
    status = 0
    async with anyio.create_task_group() as group:

        async def announce() -> None:
            nonlocal status
            status = await until_live(root, own)
            lock.release()
            if status != 0:
                signal_process(own, signal.SIGTERM)

        group.start_soon(announce)
        await supervise(root, settings, rehearsal=rehearsal, echo=True)
        group.cancel_scope.cancel()
    words.say("Stopped.")
    return status
