"""
Bot, brain and Discord as processes of their own, killed with `kill -9` while answers stream.

Afterwards the messages in the stand-in are counted: each question has one answer, whole, in the
words the brain keeps, and nothing stands beside it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import pytest

from box import Box

SECONDS = 30.0
PEOPLE = ("ada", "grace", "linus")
COUNTED = 550
"""Up to here each answer counts: two messages."""

SPEED = 5
DOWN_SECONDS = 1.0
pytestmark = pytest.mark.timeout(90)


@dataclass
class Asked:
    """A question in direct messages: where it stands, and the how manieth it is there."""

    channel: str
    message: int
    number: int


@dataclass
class Show:
    """Everything that takes part."""

    box: Box
    asked: list[Asked] = field(default_factory=list)
    rounds: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.box.ports['discord']}/rehearsal"

    def act(self, what: str, **fields: Any) -> Any:
        return self.box.call(f"{self.url}/discord/act/{what}", fields)

    def gateway(self, do: str, **fields: Any) -> None:
        self.box.call(f"{self.url}/discord/gateway", {"do": do, **fields})

    def faults(self, *faults: dict[str, Any]) -> None:
        self.box.call(f"{self.url}/discord/faults", list(faults))

    def ask(self) -> None:
        """Everybody asks something that takes seconds to say."""
        self.rounds += 1
        self.asked = []
        for person in PEOPLE:
            said = self.act("dm", person=person, text=f"count to {COUNTED}")
            self.asked.append(Asked(said["channel_id"], int(said["id"]), self.rounds))

    def own(self, asked: Asked) -> list[dict[str, Any]]:
        """What the bot wrote there since."""
        told = self.box.call(f"{self.url}/discord/messages?channel={asked.channel}")
        return [one for one in told if one["author"]["bot"] and int(one["id"]) > asked.message]

    def bot_is_connected(self) -> bool:
        told = self.box.call(f"http://127.0.0.1:{self.box.ports['bot']}/health")
        return bool(told["status"] == "healthy")

    def until(self, true: Callable[[], bool]) -> None:
        deadline = monotonic() + SECONDS
        while not true():
            if monotonic() > deadline:
                seen = [[one["content"][-80:] for one in self.own(each)] for each in self.asked]
                raise AssertionError(f"{seen}\n{self.box.log('bot')[-3000:]}")
            sleep(0.1)

    def until_streaming(self) -> None:
        """Every answer has begun to grow."""
        self.until(lambda: all(_numbers(self.own(one)) for one in self.asked))

    def check(self) -> None:
        """Each question has its one answer."""
        self.until(lambda: all(_ended(self.own(one)) for one in self.asked))
        sleep(0.5)  # for what should not come
        for one in self.asked:
            messages = self.own(one)
            assert [bool(message["components"]) for message in messages] == [False, True]
            assert _numbers(messages) == list(range(1, COUNTED + 1))
            assert _words(messages) == self._kept(one)
        assert self.box.call(f"{self.url}/discord/log")["unhandled"] == []

    def _kept(self, one: Asked) -> str:
        name = quote(f"discord:{one.channel}", safe="")
        opened = self.box.call(
            f"{self.box.url}/api/conversations/{name}",
            bearer=self.box.secrets["SERVICE_TOKEN"],
        )
        answers = [said["text"] for said in opened["messages"] if said["role"] == "assistant"]
        assert len(answers) == one.number
        return "".join(answers[-1].split())


def _ended(messages: list[dict[str, Any]]) -> bool:
    """No button of a running answer is left."""
    rows = [row for one in messages for row in one["components"]]
    labels = [part["label"] for row in rows for part in row["components"]]
    return labels == ["Regenerate", "Other model"]


def _text(messages: list[dict[str, Any]]) -> str:
    return re.sub(r"\n?-# .*", "", "\n".join(one["content"] for one in messages))


def _words(messages: list[dict[str, Any]]) -> str:
    return "".join(_text(messages).split())


def _numbers(messages: list[dict[str, Any]]) -> list[int]:
    return [int(found) for found in re.findall(r"\b\d+\b", _text(messages))]


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    box = Box(tmp_path_factory.mktemp("show"))
    box.ports |= {"discord": box.free_port(), "bot": box.free_port()}
    at = f"127.0.0.1:{box.ports['discord']}"
    box.settings = {
        "DISCORD_TOKEN": "rehearsal",
        "DISCORD_API_BASE": f"http://{at}/api/v10",
        "DISCORD_GATEWAY_URL": f"ws://{at}/gateway",
        "BOT_HEALTH_PORT": str(box.ports["bot"]),
        "STREAM_CHUNK_INTERVAL": "0.3",
        "VRAM_PROFILE": "conservative",
    }
    try:
        box.start(
            "rehearsal",
            *("--ollama-port", str(box.ports["ollama"])),
            *("--openai-port", str(box.ports["openai"])),
            *("--discord-port", str(box.ports["discord"])),
            *("--speed", str(SPEED)),
            live="/",
        )
        box.start("brain")
        box.start("bot")
        show = Show(box)
        show.until(show.bot_is_connected)
        yield show
    finally:
        box.stop()


def test_the_bot_is_killed(show: Show) -> None:
    show.ask()
    show.until_streaming()
    show.box.kill("bot")
    show.box.start("bot")
    show.check()


def test_the_bot_is_killed_before_it_learns_what_it_sent(show: Show) -> None:
    show.ask()
    show.until_streaming()
    messages = {"path": "/messages", "times": "forever"}
    too_old = {"kind": "error", "status": 429, "code": 30046, "retry_after": 0.01}
    show.faults(
        {**messages, **too_old, "method": "PATCH"},
        {**messages, "kind": "reset", "done": True, "method": "POST"},
    )
    show.until(lambda: all(len(show.own(one)) > 1 for one in show.asked))
    show.box.kill("bot")
    show.box.call(f"{show.url}/discord/faults", method="DELETE")
    show.box.start("bot")
    show.check()


def test_the_brain_is_killed(show: Show) -> None:
    show.ask()
    show.until_streaming()
    show.box.kill("brain")
    show.box.start("brain")
    show.check()


def test_bot_and_brain_are_killed_before_they_spoke(show: Show) -> None:
    show.ask()
    show.box.kill("bot")
    show.box.kill("brain")
    show.box.start("brain")
    show.box.start("bot")
    show.check()


def test_the_gateway_closes_and_is_back(show: Show) -> None:
    show.ask()
    show.until_streaming()
    show.gateway("drop")
    show.gateway("drop", code=4000)
    show.check()


def test_the_gateway_asks_to_come_again(show: Show) -> None:
    show.ask()
    show.until_streaming()
    show.gateway("reconnect")
    sleep(0.2)
    show.gateway("invalidate", resumable=True)
    show.check()


def test_the_session_is_lost_with_what_was_said_meanwhile(show: Show) -> None:
    show.gateway("forget")
    show.gateway("drop", code=4000)
    show.ask()
    show.check()


def test_discord_is_gone_for_a_while(show: Show) -> None:
    show.ask()
    show.until_streaming()
    with pytest.raises(ConnectionError):
        show.box.call(f"{show.url}/kill", {"down_seconds": DOWN_SECONDS})
    sleep(DOWN_SECONDS + 0.2)
    show.check()
