"""Work on a question begins while it is written; nobody notices, whatever becomes of the write."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from shared.errors import StoreUnavailable
from trapped_web import trapped_web

PIN = {"model": "rnj-1:8b"}


class Gate:
    """Holds every write that would take a job, until it is opened or told to fail."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self.opened = anyio.Event()
        self.writes = 0
        self.fails = False
        self.happens = False
        """Whether a write that fails has happened all the same."""

    @contextmanager
    def before(self, platform: Any) -> Iterator[None]:
        write = platform.store.write

        async def held(*writes: Any) -> None:
            self.writes += 1
            self.reached.set()
            await self.opened.wait()
            if self.happens or not self.fails:
                await write(*writes)
            if self.fails:
                raise StoreUnavailable("test")

        platform.store.write = held
        try:
            yield
        finally:
            self.opened.set()
            platform.store.write = write


def spoken(platform: Any) -> int:
    """How often a model was asked to speak; to be loaded it is asked nothing."""
    asked = platform.rehearsal.record.requests
    return sum(bool(one.messages) for one in asked)


def of(client: Any, ask_id: str) -> list[str]:
    """The kinds of frames that were seen about this ask."""
    return [frame["type"] for frame in client.seen if frame.get("ask_id") == ask_id]


async def caught_up(client: Any, *, seconds: float = 0.05) -> None:
    """Everything the brain had to say so far has been seen."""
    await anyio.sleep(seconds)
    await client.send("ping")
    await client.until(lambda frame: frame["type"] == "pong")


async def test_nothing_is_told_and_no_model_speaks_before_the_question_is_kept(
    platform: Any,
) -> None:
    gate = Gate()
    async with platform.person() as client:
        await client.hello()
        with gate.before(platform):
            ask_id = await client.ask("hello", options=PIN)
            await gate.reached.wait()
            await caught_up(client)
            assert of(client, ask_id) == []
            assert spoken(platform) == 0
            gate.opened.set()
            done = await client.end_of(ask_id)
    assert done["type"] == "done"
    assert of(client, ask_id)[:2] == ["queued", "status"]


async def test_a_question_that_is_not_taken_leaves_nothing_but_its_refusal(platform: Any) -> None:
    gate = Gate()
    gate.fails = True
    async with platform.person() as client:
        await client.hello()
        with gate.before(platform):
            ask_id = await client.ask("hello", options=PIN)
            await gate.reached.wait()
            await caught_up(client)
            gate.opened.set()
            end = await client.end_of(ask_id)
        assert end["code"] == "store.unavailable"
        await caught_up(client)
        assert of(client, ask_id) == ["failed"]
        assert spoken(platform) == 0
        assert platform.brain.worker._works == {}
        again = await client.end_of(await client.ask("hello again", options=PIN))
    assert again["type"] == "done"


async def test_no_heartbeat_is_written_before_the_question(
    platform: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("brain.chat.worker.HEARTBEAT_SECONDS", 0.005)
    gate = Gate()
    async with platform.person() as client:
        await client.hello()
        with gate.before(platform):
            ask_id = await client.ask("hello", options=PIN)
            await gate.reached.wait()
            await caught_up(client)
            assert gate.writes == 1
            gate.opened.set()
            assert (await client.end_of(ask_id))["type"] == "done"


async def test_no_model_chooses_the_route_before_the_question_is_kept(platform: Any) -> None:
    gate = Gate()
    async with platform.person() as client:
        await client.hello()
        with gate.before(platform):
            ask_id = await client.ask("Is it worth it?")
            await gate.reached.wait()
            await caught_up(client, seconds=0.2)
            assert not platform.brain.vram.status().loaded
            assert not platform.rehearsal.record.requests
            gate.opened.set()
            done = await client.end_of(ask_id)
    assert "chosen by" in done["why"]


async def test_nothing_is_searched_for_before_the_question_is_kept(start: Any) -> None:
    gate = Gate()
    async with trapped_web() as web, start(**web.settings) as platform, platform.person() as client:
        await client.hello()
        with gate.before(platform):
            text = "Please search for the lighthouse of Dunmere"
            ask_id = await client.ask(text, options=PIN)
            await gate.reached.wait()
            await caught_up(client, seconds=0.2)
            assert web.searched == []
            gate.opened.set()
            assert (await client.end_of(ask_id))["type"] == "done"
        assert web.searched == ["the lighthouse of Dunmere"]


async def test_a_repeat_of_what_the_store_had_taken_begins_with_its_own_frames(
    platform: Any,
) -> None:
    gate = Gate()
    gate.fails = gate.happens = True
    async with platform.person() as client:
        await client.hello()
        with gate.before(platform):
            ask_id = await client.ask("hello", options=PIN)
            await gate.reached.wait()
            gate.opened.set()
            assert (await client.end_of(ask_id))["code"] == "store.unavailable"
        client.seen.clear()
        await client.ask("hello", options=PIN, ask_id=ask_id)
        end = await client.end_of(ask_id)
    attempts = [frame["attempt"] for frame in client.seen if "attempt" in frame]
    assert attempts == [end["attempt"]] * len(attempts)


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancel_while_it_is_written_is_one_end(platform: Any, fails: bool) -> None:
    gate = Gate()
    gate.fails = fails
    async with platform.person() as client:
        await client.hello()
        with gate.before(platform):
            ask_id = await client.ask("hello", options=PIN)
            await gate.reached.wait()
            await client.send("cancel", ask_id=ask_id)
            await caught_up(client)
            gate.opened.set()
            end = await client.end_of(ask_id)
        await caught_up(client)
    assert end["code"] in ("chat.cancelled", "store.unavailable")
    assert of(client, ask_id).count("failed") == 1
    assert spoken(platform) == 0
