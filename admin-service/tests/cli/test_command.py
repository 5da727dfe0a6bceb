"""The `trollama` command as a process, against a brain that follows a script."""

import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from pydantic import SecretStr

from admin.cli.logins import Login, Logins
from shared.protocol import Cancel, Done, Failed

TOKEN = "good-token"
FAR_AWAY = 4e9
AUTH = "http://127.0.0.1:9"
BrainFor = Callable[..., AbstractAsyncContextManager[Any]]
RUN = "from admin.cli import main; main()"


@pytest.fixture
def login_path(tmp_path: Path) -> Path:
    path = tmp_path / "cli.json"
    Logins(path).put(AUTH, Login(username="ada", token=SecretStr(TOKEN), expires_at=FAR_AWAY))
    return path


class Command:
    """A started `trollama`, and all it wrote once it ended."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.out = ""
        self.err = ""
        self.said = anyio.Event()

    async def read(self) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._read_out)
            group.start_soon(self._read_err)
        await self.process.wait()

    async def _read_out(self) -> None:
        assert self.process.stdout is not None
        async for chunk in self.process.stdout:
            self.out += chunk.decode()

    async def _read_err(self) -> None:
        assert self.process.stderr is not None
        async for chunk in self.process.stderr:
            self.err += chunk.decode()
            self.said.set()


@asynccontextmanager
async def trollama(
    *arguments: str, address: str, login_path: Path, stdin: bytes = b""
) -> AsyncIterator[Command]:
    environment = {
        "BRAIN_URL": address,
        "AUTH_URL": AUTH,
        "CLI_LOGIN_FILE": str(login_path),
    }
    async with await anyio.open_process(
        [sys.executable, "-c", RUN, *arguments], env=environment, stdin=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        if stdin:
            await process.stdin.send(stdin)
        await process.stdin.aclose()
        command = Command(process)
        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(command.read)
                yield command


async def answering(talk: Any) -> None:
    await talk.greet()
    ask = await talk.queue()
    end = Done(
        ask_id=ask.ask_id,
        request_id="request-1",
        text=f"You said: {ask.text}",
        route="general",
        model="m:1b",
        why="a test",
        rehearsal=True,
    )
    await talk.finish(end)


async def test_only_the_answer_is_on_stdout(brain_for: BrainFor, login_path: Path) -> None:
    async with (
        brain_for(answering) as brain,
        trollama("chat", "hello", address=brain.address, login_path=login_path) as command,
    ):
        pass
    assert command.process.returncode == 0
    assert command.out == "You said: hello\n"
    assert "general · m:1b · a test · rehearsal" in command.err
    assert "\x1b" not in command.out + command.err


async def test_a_question_may_come_from_a_pipe(brain_for: BrainFor, login_path: Path) -> None:
    async with (
        brain_for(answering) as brain,
        trollama(
            "chat", address=brain.address, login_path=login_path, stdin=b"from a pipe"
        ) as command,
    ):
        pass
    assert command.out == "You said: from a pipe\n"


async def test_json_prints_the_end_frame(brain_for: BrainFor, login_path: Path) -> None:
    async with (
        brain_for(answering) as brain,
        trollama(
            "chat", "--json", "hello", address=brain.address, login_path=login_path
        ) as command,
    ):
        pass
    assert Done.model_validate_json(command.out).text == "You said: hello"


async def test_wishes_travel_with_the_question(brain_for: BrainFor, login_path: Path) -> None:
    asks: list[Any] = []

    async def script(talk: Any) -> None:
        await talk.greet()
        asks.append(await talk.queue())
        await talk.finish(Done(ask_id=asks[0].ask_id, request_id="r", text="ok"))

    wishes = ("--model", "m:1b", "--route", "math", "--think", "--conversation", "mine")
    async with (
        brain_for(script) as brain,
        trollama("chat", *wishes, "hello", address=brain.address, login_path=login_path) as command,
    ):
        pass
    assert command.process.returncode == 0
    assert asks[0].conversation_id == "mine"
    options = asks[0].options
    assert (options.model, options.route, options.think) == ("m:1b", "math", True)


async def test_a_failure_is_its_sentence_and_status_1(
    brain_for: BrainFor, login_path: Path
) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        await talk.finish(Failed(ask_id=ask.ask_id, code="queue.full", message="Queue is full."))

    async with (
        brain_for(script) as brain,
        trollama("chat", "hello", address=brain.address, login_path=login_path) as command,
    ):
        pass
    assert command.process.returncode == 1
    assert command.out == ""
    assert command.err.endswith("Queue is full.\n")


async def test_ctrl_c_cancels_and_waits_for_the_end(brain_for: BrainFor, login_path: Path) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        ask = await talk.queue()
        assert (await talk.expect(Cancel)).ask_id == ask.ask_id
        await talk.finish(
            Failed(ask_id=ask.ask_id, code="chat.cancelled", message="Cancelled, as you wished.")
        )

    async with (
        brain_for(script) as brain,
        trollama("chat", "hello", address=brain.address, login_path=login_path) as command,
    ):
        await command.said.wait()
        command.process.send_signal(signal.SIGINT)
    assert command.process.returncode == 130
    assert command.err.endswith("Cancelled, as you wished.\n")


async def test_ctrl_c_does_not_wait_for_ever(brain_for: BrainFor, login_path: Path) -> None:
    async def script(talk: Any) -> None:
        await talk.greet()
        await talk.queue()
        await talk.expect(Cancel)  # and never says that it ended

    async with (
        brain_for(script) as brain,
        trollama("chat", "hello", address=brain.address, login_path=login_path) as command,
    ):
        await command.said.wait()
        command.process.send_signal(signal.SIGINT)
    assert command.process.returncode == 130
    assert "trollama cancel request-1" in command.err


async def test_nobody_there_says_how_to_start(free_address: str, login_path: Path) -> None:
    async with trollama("chat", "hello", address=free_address, login_path=login_path) as command:
        pass
    assert command.process.returncode == 1
    assert command.err == "Trollama is not running here; start it with ./start.sh\n"


async def test_status_without_a_brain_is_status_1(free_address: str, login_path: Path) -> None:
    async with trollama("status", address=free_address, login_path=login_path) as command:
        pass
    assert command.process.returncode == 1
    assert "down" in command.out
