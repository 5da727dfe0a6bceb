"""`trollama` where a person or a broken pipe is at the other end, as a process."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
from pydantic import SecretStr

from admin.cli.logins import Login, Logins
from admin.cli.status import console_for, show_status
from admin.config import Settings
from admin.local.processes import describe_process
from admin.local.state import PlatformState, write_state
from shared.protocol import Cancel, Delta, Done, Failed, Notice

AUTH = "http://127.0.0.1:9"
BrainFor = Callable[..., AbstractAsyncContextManager[Any]]
RUN = [sys.executable, "-c", "from admin.cli import main; main()"]
ERASE_LINE = "\x1b[2K"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "cli.json"
    login = Login(username="ada", token=SecretStr("good-token"), expires_at=4e9)
    Logins(path).put(AUTH, login)
    return {"AUTH_URL": AUTH, "CLI_LOGIN_FILE": str(path), "TERM": "xterm", "COLUMNS": "60"}


class Terminal:
    """A program at a terminal, and everything it showed there."""

    def __init__(self, program: subprocess.Popen[bytes], fd: int) -> None:
        self.program = program
        self.shown = ""
        self._fd = fd

    async def until(self, text: str) -> None:
        """Return when `text` is shown."""
        while text not in self.shown:
            self.shown += (await anyio.to_thread.run_sync(os.read, self._fd, 4096)).decode()

    async def to_the_end(self) -> int:
        """Return the exit status when the program has ended."""
        with suppress(OSError):  # EIO: nobody holds the other side any more (pty(7))
            await self.until("never shown \0")
        return await anyio.to_thread.run_sync(self.program.wait)


@contextmanager
def at_a_terminal(*arguments: str, environment: dict[str, str]) -> Iterator[Terminal]:
    ours, theirs = pty.openpty()
    program = subprocess.Popen(
        [*RUN, *arguments],
        stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Terminal(program, ours)
    finally:
        program.kill()
        program.wait()
        os.close(ours)


def run(
    *arguments: str, environment: dict[str, str], **where: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *arguments],
        env=environment, stderr=subprocess.PIPE, text=True, timeout=30, check=False, **where,
    )  # fmt: skip


async def test_what_was_answered_before_ctrl_c_stays(
    brain_for: BrainFor, environment: dict[str, str]
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        await talk.send(Delta(ask_id=ask.ask_id, attempt=1, text="Half of an answer"))
        await talk.expect(Cancel)
        await talk.finish(Failed(ask_id=ask.ask_id, code="chat.cancelled", message="Cancelled."))

    async with brain_for(script) as brain:
        given = environment | {"BRAIN_URL": brain.address}
        with anyio.fail_after(30), at_a_terminal("chat", "hello", environment=given) as terminal:
            await terminal.until("Half of an answer")
            terminal.program.send_signal(signal.SIGINT)
            assert await terminal.to_the_end() == 130
    after = terminal.shown.split("Half of an answer", 1)[1]
    assert after.startswith("\r\n")
    assert "Cancelled." in after
    assert ERASE_LINE not in after


async def test_a_notice_does_not_make_the_answer_be_told_twice(
    brain_for: BrainFor, environment: dict[str, str]
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        await talk.send(Delta(ask_id=ask.ask_id, attempt=1, text="first "))
        await talk.send(Notice(code="service.stopping", message="Going down."))
        await talk.send(Delta(ask_id=ask.ask_id, attempt=1, text="second"))
        await talk.finish(Done(ask_id=ask.ask_id, request_id="r", text="first second"))

    async with brain_for(script) as brain:
        given = environment | {"BRAIN_URL": brain.address}
        with anyio.fail_after(30), at_a_terminal("chat", "hello", environment=given) as terminal:
            assert await terminal.to_the_end() == 0
    assert terminal.shown.count("first") == 1
    assert terminal.shown.index("Going down.") < terminal.shown.index("second")


async def test_the_request_is_named_so_that_it_can_be_cancelled_elsewhere(
    brain_for: BrainFor, environment: dict[str, str]
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.queue()
        await talk.expect(Cancel)

    async with brain_for(script) as brain:
        given = environment | {"BRAIN_URL": brain.address}
        with anyio.fail_after(30), at_a_terminal("chat", "hello", environment=given) as terminal:
            await terminal.until("request-1")
    assert "\x1b[2mrequest request-1" in terminal.shown, "dim"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line_and_status_1(environment: dict[str, str]) -> None:
    for command in (("status",), ("--help",)):
        with Path("/dev/full").open("w") as full:
            ended = run(*command, environment=environment | {"BRAIN_URL": AUTH}, stdout=full)
        assert ended.returncode == 1
        assert ended.stderr == "The output cannot be written: No space left on device.\n"


async def test_a_reader_that_left_is_one_line_and_status_1(
    brain_for: BrainFor, environment: dict[str, str]
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        await talk.send(Done(ask_id=ask.ask_id, request_id="r", text="an answer"))

    ours, theirs = os.pipe()
    os.close(ours)
    async with brain_for(script) as brain:
        given = environment | {"BRAIN_URL": brain.address}
        ended = await anyio.to_thread.run_sync(
            lambda: run("chat", "hello", environment=given, stdout=theirs)
        )
    os.close(theirs)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == "The output cannot be written: Broken pipe."
    assert "Traceback" not in ended.stderr


async def test_a_command_to_copy_is_not_broken_by_a_narrow_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    own = describe_process(os.getpid())
    assert own is not None
    write_state(tmp_path, PlatformState(supervisor=own, rehearsal=True, asked=1, services=()))
    out = StringIO()
    settings = Settings(_env_file=None, brain_url=AUTH, auth_url=AUTH)
    await show_status(settings, root=tmp_path, console=console_for(out))
    assert "ollama pull gpt-oss:20b && ./stop.sh && ./start.sh\n" in out.getvalue()


@pytest.mark.parametrize("name", ["BRAIN_URL", "AUTH_URL", "LOG_LEVEL", "OLLAMA_HOST"])
def test_a_nonsense_setting_is_one_line(environment: dict[str, str], name: str) -> None:
    ended = run("status", environment=environment | {name: "?"}, stdout=subprocess.DEVNULL)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"Cannot start: {name} must be ")
    assert ended.stderr.count("\n") == 1


def test_no_output_at_all_is_no_traceback(environment: dict[str, str]) -> None:
    command = f"exec {sys.executable} -c 'from admin.cli import main; main()' chat hello >&-"
    given = environment | {"BRAIN_URL": AUTH}
    ended = subprocess.run(
        ["sh", "-c", command], env=given, stderr=subprocess.PIPE, text=True, timeout=30, check=False
    )
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
