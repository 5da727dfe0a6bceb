"""Being forgotten in conversations that others go on with."""

from typing import Any

from brain.context.attached import Attachings
from brain.context.repository import ConversationRepository
from brain.context.shelf import WITHDRAWN, Left, Shelf
from shared.clock import ManualClock
from shared.store import Change, Key, Put
from shared.store.counting import CountingStore

THREAD = "discord:77"


async def said(
    store: CountingStore, clock: ManualClock, user: str, question: str, *, order: int
) -> None:
    conversations = ConversationRepository(store, clock=clock)
    about: dict[str, Any] = {"route": "general", "model": "m"}
    await store.write(
        *conversations.remember(
            await conversations.load(THREAD),
            order=order,
            user_id=user,
            user_name=user.title(),
            door="discord",
            question=question,
            answer="yes",
            about=about,
        )
    )


async def test_others_keep_their_place_and_the_order(
    store: CountingStore, clock: ManualClock
) -> None:
    for order in range(250):
        await said(store, clock, ("anna", "bert")[order % 2], f"question {order}", order=order)
    shelf = Shelf(store, Attachings(store))
    assert await shelf.forget("bert") == Left(conversations=0, messages=125)
    opened = await shelf.open(THREAD, reader="anna", limit=1000)
    questions = [message.text for message in opened.messages if message.role == "user"]
    assert questions[:3] == ["question 0", WITHDRAWN, "question 2"]
    assert len(opened.messages) == 500
    assert opened.conversation.participants == {"anna": "Anna"}
    assert await shelf.listed("bert") == []
    assert await shelf.forget("bert") == Left(conversations=0, messages=0)


async def test_what_was_made_from_their_words_goes_too(
    store: CountingStore, clock: ManualClock
) -> None:
    await said(store, clock, "anna", "hello", order=1)
    await said(store, clock, "bert", "my secret", order=2)
    await store.write(
        Change(
            Key("conversations", THREAD, "~header"), set={"summary": "secret", "title": "secret"}
        )
    )
    await store.write(Put(Key("conversations", THREAD, "s#1"), {"text": "secret"}))
    await store.write(Change(Key("conversations", "of#anna", THREAD), set={"title": "secret"}))
    shelf = Shelf(store, Attachings(store))
    await shelf.forget("bert")
    assert "secret" not in str(await store.query("conversations", THREAD))
    assert [listed.title for listed in await shelf.listed("anna")] == [""]
    await said(store, clock, "anna", "go on", order=3)
    opened = await shelf.open(THREAD, reader="anna", limit=10)
    assert [message.text for message in opened.messages[-2:]] == ["go on", "yes"]


async def test_a_person_without_a_trace_is_forgotten_at_once(store: CountingStore) -> None:
    assert await Shelf(store, Attachings(store)).forget("nobody") == Left(
        conversations=0, messages=0
    )
    assert store.count["write"] == 0


async def test_an_index_row_whose_conversation_is_gone_is_swept(store: CountingStore) -> None:
    await store.write(
        Change(Key("conversations", "of#anna", "x"), set={"title": "", "updated_at": 1})
    )
    assert await Shelf(store, Attachings(store)).forget("anna") == Left(conversations=0, messages=0)
    assert await Shelf(store, Attachings(store)).listed("anna") == []
