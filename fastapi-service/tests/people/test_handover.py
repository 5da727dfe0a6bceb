"""Another name in conversations that go on meanwhile."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from brain.context.conversation import Conversation
from brain.context.handover import hand_over
from brain.context.repository import ConversationRepository
from shared.clock import ManualClock
from shared.store import Change, Delete, Key, Write
from shared.store.counting import CountingStore

THREAD = "discord:77"
FORMER = "discord:1"


class Desk:
    """A thread in which the former one and Bert have asked."""

    def __init__(self, store: CountingStore, clock: ManualClock) -> None:
        self.store = store
        self.clock = clock
        self.conversations = ConversationRepository(store, clock=clock)
        self.busy = False
        self.order = 0

    async def load(self) -> Conversation:
        return await self.conversations.load(THREAD)

    async def said(self, user: str, loaded: Conversation | None = None) -> None:
        self.order += 1
        about: dict[str, Any] = {"route": "general", "model": "m"}
        writes = self.conversations.remember(
            loaded or await self.load(),
            order=self.order,
            user_id=user,
            user_name=user,
            door="discord",
            question="a question",
            answer="yes",
            about=about,
        )
        await self.store.write(*writes)

    async def hand_over(self) -> bool:
        return await hand_over(
            self.store, former=FORMER, heir="anna", is_busy=lambda key: key == THREAD and self.busy
        )

    async def people(self) -> set[str]:
        return set((await self.load()).participants)

    async def listed(self, user: str) -> list[dict[str, Any]]:
        return [row.item for row in await self.store.query("conversations", f"of#{user}")]


@pytest.fixture
async def desk(store: CountingStore, clock: ManualClock) -> Desk:
    desk = Desk(store, clock)
    await desk.said(FORMER)
    await desk.said("bert")
    return desk


def behind_the_first_write(
    store: CountingStore, monkeypatch: pytest.MonkeyPatch, then: Callable[[], Awaitable[None]]
) -> None:
    write = store.write

    async def once(*writes: Write) -> None:
        monkeypatch.undo()
        await write(*writes)
        await then()

    monkeypatch.setattr(store, "write", once)


async def test_who_was_loaded_before_and_ends_later_takes_nobody_out(
    desk: Desk, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = await desk.load()

    async def bert_asks() -> None:
        desk.busy = True

    behind_the_first_write(store, monkeypatch, bert_asks)
    assert not await desk.hand_over()
    await desk.said("bert", loaded)
    desk.busy = False
    assert await desk.hand_over()
    assert await desk.people() == {"anna", "bert"}
    assert await desk.listed(FORMER) == []


async def test_who_began_and_ended_in_between_takes_nobody_out(
    desk: Desk, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = await desk.load()

    async def bert_is_answered() -> None:
        await desk.said("bert", loaded)

    behind_the_first_write(store, monkeypatch, bert_is_answered)
    assert not await desk.hand_over()
    assert await desk.hand_over()
    assert await desk.people() == {"anna", "bert"}
    assert (await desk.load()).owner == "anna"


async def test_a_conversation_that_was_reset_meanwhile_is_handed_over_by_the_next(
    desk: Desk, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reset() -> None:
        await desk.conversations.reset(await desk.load())

    behind_the_first_write(store, monkeypatch, reset)
    assert not await desk.hand_over()
    assert await desk.hand_over()
    assert await desk.people() == {"anna", "bert"}


@pytest.mark.parametrize("heir_is_newer", [False, True])
async def test_the_newer_place_in_the_list_stays(
    desk: Desk, store: CountingStore, clock: ManualClock, heir_is_newer: bool
) -> None:
    at = (await desk.listed(FORMER))[0]["updated_at"] + (5 if heir_is_newer else -5)
    own = {"title": "mine", "updated_at": at}
    await store.write(Change(Key("conversations", "of#anna", THREAD), set=own))
    assert await desk.hand_over()
    assert [one["title"] for one in await desk.listed("anna")] == [
        "mine" if heir_is_newer else "a question"
    ]


async def test_a_conversation_that_is_gone_is_in_nobodys_list(
    desk: Desk, store: CountingStore
) -> None:
    await store.write(Delete(Key("conversations", THREAD, "~header")))
    desk.busy = True
    assert not await desk.hand_over()
    desk.busy = False
    assert await desk.hand_over()
    assert await desk.listed(FORMER) == await desk.listed("anna") == []
