"""The supervisor with real child processes: small programs written into a folder of the test."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from admin.local.health import answers
from admin.local.logbook import Logbook, log_file
from admin.local.processes import describe_process, is_alive
from admin.local.programs import Program
from admin.local.restarts import Pace
from admin.local.state import PlatformState, ServiceState, read_state
from admin.local.supervisor import Supervisor
from shared.clock import SystemClock

LIMIT_SECONDS = 20
HOST = "127.0.0.1"
PACE = Pace(first_pause_seconds=0.05, max_deaths=3, start_seconds=15, stop_seconds=3)

PROGRAM = """
import http.server, pathlib, signal, sys, time
port, mode = int(sys.argv[1]), sys.argv[2]
print("hello from", mode, flush=True)
if mode == "crash":
    sys.exit("boom")
if mode == "refuse":
    sys.exit(2)
if mode == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if mode in ("slow", "quick"):
    def end(*_):
        time.sleep(0.2 if mode == "slow" else 0)
        with open("ended", "a") as file:
            file.write(mode + " ")
        sys.exit()
    signal.signal(signal.SIGTERM, end)

class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        held = mode == "held" and not pathlib.Path("open").exists()
        self.send_response(503 if held else 200)
        self.end_headers()
    def log_message(self, *args):
        pass

http.server.HTTPServer(("127.0.0.1", port), Health).serve_forever()
"""

DRIVER = """
import sys, anyio
from pathlib import Path
from admin.local.logbook import Logbook, log_file
from admin.local.restarts import Pace
from admin.local.programs import Program
from admin.local.supervisor import Supervisor
from shared.clock import SystemClock
root, port = Path.cwd(), sys.argv[1]
one = Program(name="one", module="fakeservice", arguments=(port, "ok"), ports=(int(port),),
              health_url=f"http://127.0.0.1:{port}/health/live")
with Logbook(log_file(root), echo=False) as book:
    anyio.run(Supervisor([one], root=root, rehearsal=False, model_servers=(), clock=SystemClock(),
                         logbook=book, pace=Pace()).run)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "fakeservice.py").write_text(PROGRAM)
    return tmp_path


def free_port() -> int:
    with socket.create_server((HOST, 0)) as server:
        return int(server.getsockname()[1])


def service(
    name: str, mode: str = "ok", *, after: tuple[str, ...] = (), ends_last: bool = False
) -> Program:
    port = free_port()
    return Program(
        name=name,
        module="fakeservice",
        arguments=(str(port), mode),
        ports=(port,),
        health_url=f"http://{HOST}:{port}/health/live",
        after=after,
        ends_last=ends_last,
    )


@asynccontextmanager
async def supervised(
    root: Path, *services: Program, pace: Pace = PACE
) -> AsyncIterator[Callable[[str], ServiceState]]:
    def state_of(name: str) -> ServiceState:
        state = read_state(root)
        found = {one.name: one for one in state.services} if state else {}
        return found.get(name, ServiceState(name=name))

    with Logbook(log_file(root), echo=False) as logbook:
        supervisor = Supervisor(
            services,
            root=root,
            rehearsal=False,
            model_servers=(),
            clock=SystemClock(),
            logbook=logbook,
            pace=pace,
        )
        async with anyio.create_task_group() as group:
            group.start_soon(supervisor.run)
            yield state_of
            group.cancel_scope.cancel()


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(LIMIT_SECONDS):
        while not true():
            await anyio.sleep(0.02)


def pid_of(state: ServiceState) -> int:
    assert state.process is not None
    return state.process.pid


async def test_a_service_becomes_live_and_is_ended_with_the_supervisor(root: Path) -> None:
    one = service("one")
    async with supervised(root, one) as state_of:
        await until(lambda: state_of("one").state == "live")
        process = state_of("one").process
        assert process is not None
        assert is_alive(process)
        assert await answers(one.health_url)
    assert not is_alive(process)
    assert read_state(root) is None
    assert "one       | hello from ok\n" in log_file(root).read_text()


async def test_a_service_waits_until_the_one_before_it_is_live(root: Path) -> None:
    async with supervised(
        root, service("first", "held"), service("second", after=("first",))
    ) as state_of:
        await until(lambda: state_of("first").process is not None)
        await until(lambda: "hello from held" in log_file(root).read_text())
        assert state_of("second").state == "waiting"
        (root / "open").touch()
        await until(lambda: state_of("second").state == "live")
        assert state_of("first").state == "live"


async def test_a_killed_service_comes_back(root: Path) -> None:
    async with supervised(root, service("one")) as state_of:
        await until(lambda: state_of("one").state == "live")
        first = pid_of(state_of("one"))
        os.kill(first, signal.SIGKILL)
        await until(lambda: state_of("one").state == "live" and pid_of(state_of("one")) != first)


async def test_a_crash_loop_is_given_up_with_its_last_words(root: Path) -> None:
    async with supervised(root, service("one", "crash"), service("two")) as state_of:
        await until(lambda: state_of("one").state == "failed")
        assert "3 times in a row" in (state_of("one").reason or "")
        assert state_of("one").tail == ("hello from crash", "boom")
        await until(lambda: state_of("two").state == "live")


async def test_wrong_settings_are_not_tried_again(root: Path) -> None:
    async with supervised(root, service("one", "refuse")) as state_of:
        await until(lambda: state_of("one").state == "failed")
        assert log_file(root).read_text().count("hello from refuse") == 1


async def test_a_taken_port_is_named_with_its_holder_and_tried_again_on_request(
    root: Path,
) -> None:
    one = service("one")
    with socket.create_server((HOST, one.ports[0])):
        async with supervised(root, one) as state_of:
            await until(lambda: state_of("one").state == "failed")
            reason = state_of("one").reason or ""
            assert f"port {one.ports[0]} is taken by" in reason
            assert str(os.getpid()) in reason


async def test_a_request_starts_what_was_given_up(root: Path) -> None:
    one = service("one")
    blocker = socket.create_server((HOST, one.ports[0]))
    async with supervised(root, one) as state_of:
        await until(lambda: state_of("one").state == "failed")
        blocker.close()
        os.kill(os.getpid(), signal.SIGUSR1)
        await until(lambda: state_of("one").state == "live")
        state = read_state(root)
        assert state is not None
        assert state.asked == 2


async def test_a_service_that_never_answers_is_ended(root: Path) -> None:
    pace = Pace(first_pause_seconds=0.05, max_deaths=1, start_seconds=0.5, stop_seconds=3)
    async with supervised(root, service("one", "held"), pace=pace) as state_of:
        await until(lambda: state_of("one").state == "failed")
        assert "did not answer in time" in (state_of("one").reason or "")


async def test_a_service_that_ignores_the_request_to_end_is_killed(root: Path) -> None:
    pace = Pace(stop_seconds=0.3)
    async with supervised(root, service("one", "stubborn"), pace=pace) as state_of:
        await until(lambda: state_of("one").state == "live")
        process = state_of("one").process
    assert process is not None
    assert not is_alive(process)


@asynccontextmanager
async def driver(root: Path) -> AsyncIterator[tuple[subprocess.Popen[bytes], PlatformState]]:
    """A supervisor in a process of its own, with one live service."""
    program = [sys.executable, "-c", DRIVER, str(free_port())]
    with subprocess.Popen(program, cwd=root) as process:  # noqa: ASYNC220 - forks and returns
        try:
            await until(lambda: (state := read_state(root)) is not None and state.all_live)
            state = read_state(root)
            assert state is not None
            yield process, state
        finally:
            process.kill()


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death"
)
async def test_a_killed_supervisor_leaves_no_orphan(root: Path) -> None:
    async with driver(root) as (process, state):
        child = state.services[0].process
        assert child is not None
        process.kill()
        await until(lambda: not is_alive(child))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_everything(root: Path, number: signal.Signals) -> None:
    async with driver(root) as (process, state):
        child = state.services[0].process
        assert child is not None
        process.send_signal(number)
        assert await anyio.to_thread.run_sync(process.wait) == 0
        assert not is_alive(child)
        assert read_state(root) is None


async def test_down_ends_only_what_the_state_names(root: Path) -> None:
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    with subprocess.Popen(sleeper) as bystander:  # noqa: ASYNC220 - forks and returns
        async with driver(root) as (process, state):
            down = [sys.executable, "-m", "admin.local", "down"]
            said = await anyio.run_process(down, cwd=root)
            assert said.stdout.decode() == "Stopped one.\n"
            assert process.wait() == 0
            child = state.services[0].process
            assert child is not None
            assert not is_alive(child)
            again = await anyio.run_process(down, cwd=root)
            assert again.stdout.decode() == "Nothing is running.\n"
        assert describe_process(bystander.pid) is not None
        assert bystander.poll() is None
        bystander.kill()


async def test_what_takes_the_last_words_of_the_others_ends_last(root: Path) -> None:
    logs, one = service("logs", "quick", ends_last=True), service("one", "slow")
    async with supervised(root, logs, one) as state_of:
        await until(lambda: {state_of(name).state for name in ("logs", "one")} == {"live"})
        os.kill(os.getpid(), signal.SIGTERM)
        await until(lambda: not (root / "data" / "run" / "local.json").exists())
    assert (root / "ended").read_text() == "slow quick "
