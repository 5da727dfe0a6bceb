"""A model dies in the middle of an answer: noticed at once, answered once."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import psutil
import pytest

from brain.catalogue.models import ModelSpec
from brain.vram.books import FROZEN_AFTER
from brain.vram.core import Core
from brain.vram.events import Acquire, Event, Leave, LoadDone, Lost, Snapshot, StartLoad
from brain.vram.options import VramOptions
from brain.vram.residents import Inventory, Place, ServerFacts
from brain.wiring.memory import INVENTORY_EVERY_SECONDS
from rehearsal.replies import SIGN
from small_machine import children

MODEL = "rnj-1:8b"
PIN = {"model": MODEL}
COUNT = 150
WHOLE = " ".join(str(n) for n in range(1, COUNT + 1)) + f"\n\n{SIGN}"
NOTICED_SECONDS = 1.0
AT_WORST_SECONDS = 65.0


def start(box: Any) -> None:
    script = Path(box.folder) / "script.toml"
    script.write_text(
        "real_memory_mb_per_gb = 10\n"
        f'[[models]]\nname = "{MODEL}"\nsize_gb = 5.1\ntokens_per_second = 20\n'
    )
    box.settings["VRAM_PROFILE"] = "balanced"
    ports = [str(box.ports[name]) for name in ("ollama", "openai")]
    box.start(
        "rehearsal", "--ollama-port", ports[0], "--openai-port", ports[1], "--speed", "5",
        "--script", str(script), live="/",
    )  # fmt: skip
    box.start("auth")
    box.start("brain")


def runner(box: Any) -> psutil.Process:
    """The process that holds the model's memory."""
    (process,) = children(box.processes["rehearsal"].pid)
    return process


async def status(box: Any) -> Any:
    return await anyio.to_thread.run_sync(box.call, f"{box.url}/vram/status")


async def until(box: Any, holds: Callable[[Any], bool], *, seconds: float) -> Any:
    deadline = monotonic() + seconds
    while not holds(told := await status(box)):
        assert monotonic() < deadline, told
        await anyio.sleep(0.02)
    return told


def crashes(told: Any) -> list[Any]:
    return [one for one in told["decisions"] if one["kind"] == "crash"]


def shown(client: Any, ask_id: str) -> str:
    """What a client that follows the protocol has on its screen."""
    attempt, text = 1, ""
    for frame in client.seen:
        if frame.get("ask_id") == ask_id and frame["type"] in ("status", "delta"):
            if frame["attempt"] > attempt:
                attempt, text = frame["attempt"], ""
            text += frame["text"] if frame["type"] == "delta" else ""
    return text


async def test_a_killed_model_is_noticed_within_a_second_and_the_person_sees_one_answer(
    box: Any,
) -> None:
    start(box)
    async with box.bot() as client:
        await client.hello("bot")
        asked = await client.ask(f"count to {COUNT}", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        first = runner(box).pid
        os.kill(first, signal.SIGKILL)
        killed_at = monotonic()
        again = await client.until(lambda frame: frame.get("attempt") == 2)
        assert monotonic() - killed_at < NOTICED_SECONDS
        told = await until(box, lambda told: bool(crashes(told)), seconds=NOTICED_SECONDS)
        assert crashes(told)[0]["victims"] == [MODEL]
        done = await client.end_of(asked)
    assert again["type"] == "status"
    assert (done["type"], done["attempt"], done["text"]) == ("done", 2, WHOLE)
    assert shown(client, asked).strip() == WHOLE
    assert len(client.of(asked, "done")) == 1
    assert client.of(asked, "failed") == []
    assert runner(box).pid != first
    told = await status(box)
    assert len(crashes(told)) == 1
    assert [one["state"] for one in told["loaded_models"]] == ["ready"]


async def test_a_model_unloaded_behind_our_back_during_an_answer_costs_nobody_anything(
    box: Any,
) -> None:
    start(box)
    body = {"model": MODEL, "prompt": "", "keep_alive": 0}
    url = f"http://127.0.0.1:{box.ports['ollama']}/api/generate"
    async with box.bot() as client:
        await client.hello("bot")
        asked = await client.ask(f"count to {COUNT}", options=PIN)
        await client.until(lambda frame: frame["type"] == "delta")
        await anyio.to_thread.run_sync(box.call, url, body)
        done = await client.end_of(asked)
        assert (done["type"], done["attempt"], done["text"]) == ("done", 1, WHOLE)
        later = await client.end_of(await client.ask("hello", options=PIN))
        assert later["type"] == "done"


# ------------------------------------------------------------------ nobody was using it


class Watched:
    """A core whose server is looked at as often as the brain does, in virtual time."""

    def __init__(self) -> None:
        spec = ModelSpec(name=MODEL, size_gb=5.0)
        server = ServerFacts("ollama", "ollama", "http://o", loads=True)
        options = VramOptions(soft_gb=12.0, hard_gb=14.0)
        self.core = Core(specs={MODEL: spec}, servers=[server], options=options)
        self.installed = {MODEL: spec}
        self.at = 1000.0
        self.effects: list[Any] = []

    def step(self, event: Event) -> None:
        self.effects += self.core.step(event)

    def look(self, loaded: dict[str, float] | None) -> None:
        """What the server tells the next time it is asked; None: nothing."""
        self.at += INVENTORY_EVERY_SECONDS
        inventory = None if loaded is None else Inventory(self.installed, loaded)
        version = self.core.books.version
        self.step(Snapshot("ollama", version, self.at, inventory, "" if inventory else "silent"))

    def with_model(self) -> "Watched":
        self.look({})
        self.step(Acquire(1, MODEL, self.at))
        (load,) = [one for one in self.effects if isinstance(one, StartLoad)]
        self.step(LoadDone(load.place, load.epoch, self.at, 1.0, 5.0))
        return self

    @property
    def loaded(self) -> bool:
        return Place("ollama", MODEL) in self.core.books.residents


@pytest.mark.parametrize("in_use", [False, True])
def test_a_model_that_vanished_in_silence_is_noticed_in_time_and_counted_once(
    in_use: bool,
) -> None:
    house = Watched().with_model()
    if not in_use:
        house.step(Leave(1, house.at, True))
    began = house.at
    while house.loaded:
        house.look({})
    assert house.at - began <= AT_WORST_SECONDS - INVENTORY_EVERY_SECONDS
    crashes = [len(some) for some in house.core.books.breaker.crashes().values()]
    assert crashes == ([1] if in_use else []), "an idle one was put away by its server"
    assert len([one for one in house.effects if isinstance(one, Lost)]) == int(in_use)


def test_a_server_that_does_not_tell_is_never_taken_for_one_without_models() -> None:
    house = Watched().with_model()
    for _ in range(10 * FROZEN_AFTER):
        house.look(None)
    assert house.loaded
    assert house.core.books.breaker.crashes() == {}
