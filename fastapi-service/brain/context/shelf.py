"""
All conversations of a person: listing, reading, deleting, leaving.

Not on the path of a question. The rows are those of `context/repository.py`; here they are read as
people look at them, with when it was said and which model said it.

Deleting must not lose against an answer that is just being written:

    raise the epoch → entries → index rows → header → entries again
    └ answers begun before are refused                └ of an answer begun in between
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from brain.context.attached import Attachings
from brain.context.conversation import Conversation, Made, first_doors
from brain.context.repository import HEADER, TABLE, made_in
from shared.errors import InvalidRequest, NotFound
from shared.store import (
    MAX_WRITES,
    Change,
    ConditionFailed,
    Delete,
    Item,
    Key,
    Matches,
    Put,
    Row,
    Store,
    Write,
)

WITHDRAWN = "[removed at the author's request]"
"""Stands in other people's conversations for what a forgotten person said."""

ENTRIES = "m#"
PLAIN_FIELDS = ("owner", "epoch", "named", "doors", "created_at", "updated_at")
ABOUT = ("request_id", "route", "model", "why", "sources", "usage", "timings", "stopped")
PAGE_ROWS = 200
_CURSOR = re.compile(r"\d{20}-[0-9]")


@dataclass(frozen=True, slots=True)
class Listed:
    """
    A conversation in somebody's list; `updated_at` is when they last asked there, `doors` are the
    surfaces it is used from, as far as they know.
    """

    key: str
    title: str
    updated_at: float
    doors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """
    One thing that was said. `about` belongs to answers: request_id, route, model, why, sources,
    usage and timings, each as it was in the end frame and None where it was not kept; so does
    `made`, the files that they handed over. `files` are what came with a question.
    """

    role: str
    text: str
    name: str
    at: float
    about: Mapping[str, Any]
    files: Sequence["Came"] = ()
    made: Sequence[Made] = ()


@dataclass(frozen=True, slots=True)
class Came:
    """A file that came with a question; of old ones the id is not known."""

    filename: str
    file_id: str | None


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation as people read it: one page of messages, oldest first."""

    conversation: Conversation
    created_at: float
    updated_at: float
    messages: Sequence[Message]
    next: str | None
    """Where the page before this one (older messages) begins; None when there is none."""


@dataclass(frozen=True, slots=True)
class Left:
    """What went when a person was forgotten."""

    conversations: int
    messages: int


class Shelf:
    """Reads and removes whole conversations."""

    def __init__(self, store: Store, attachings: Attachings) -> None:
        self._store = store
        self._attachings = attachings

    async def listed(self, user_id: str) -> list[Listed]:
        """Every conversation `user_id` takes part in, the newest first."""
        rows = await self._store.query(TABLE, _index(user_id))
        return sorted((_listed(row) for row in rows), key=lambda one: (-one.updated_at, one.key))

    async def open(
        self, key: str, *, reader: str | None, limit: int, after: str | None = None
    ) -> Opened:
        """
        The newest `limit` messages of a conversation, or those older than the page `after`.

        Raises `NotFound`, `ConversationForbidden` unless `reader` takes part or is None (operator).
        """
        header = await self._header(key)
        conversation = _conversation(key, header)
        if reader is not None:
            conversation.check_reader(reader)
        rows = await self._store.query(
            TABLE,
            key,
            prefix=_entries_of(conversation.epoch),
            after=None if after is None else _entries_of(conversation.epoch) + _place(after),
            limit=limit + 1,
            newest_first=True,
        )
        return Opened(
            conversation=conversation,
            created_at=header["created_at"],
            updated_at=header["updated_at"],
            messages=[_message(row.item) for row in reversed(rows[:limit])],
            next=_cursor(rows[limit - 1]) if len(rows) > limit else None,
        )

    async def checked(
        self, key: str, *, owner: str | None = None, reader: str | None = None
    ) -> Conversation:
        """
        The conversation without its messages, if `owner` began it and `reader` takes part.

        Raises `NotFound`, `ConversationForbidden`; a person who is None is not checked.
        """
        conversation = _conversation(key, await self._header(key))
        if owner is not None:
            conversation.check_owner(owner)
        if reader is not None:
            conversation.check_reader(reader)
        return conversation

    async def rename(self, key: str, name: str, *, person: str | None) -> None:
        """
        Call a conversation `name`, for everybody who takes part.

        Raises `NotFound`, `ConversationForbidden` unless `person` began it or is None (operator).
        """
        conversation = await self.checked(key, owner=person)
        named = {"named": name}
        try:
            await self._store.write(Change(Key(TABLE, key, HEADER), set=named, when=Matches()))
        except ConditionFailed as gone:
            raise _nothing() from gone
        await self._in_lists(key, {*conversation.participants, conversation.owner or ""}, named)

    async def closed_door(self, key: str, door: str) -> None:
        """The conversation is no longer used from `door`. Raises `NotFound`."""
        conversation = await self.checked(key)
        left = {"doors": [one for one in conversation.doors if one != door]}
        with suppress(ConditionFailed):  # deleted at this moment
            await self._store.write(Change(Key(TABLE, key, HEADER), set=left, when=Matches()))
        await self._in_lists(key, {*conversation.participants, conversation.owner or ""}, left)

    async def delete(self, key: str, *, person: str | None) -> int:
        """
        Remove a conversation for everybody; how many messages it had.

        Raises `NotFound`, `ConversationForbidden` unless `person` began it or is None (operator).
        """
        conversation = await self.checked(key, owner=person)
        while not await self._turn_away_answers(conversation):
            conversation = await self.checked(key, owner=person)  # it was reset at this moment
        removed = await self._remove_all_but_header(key)
        people = {*conversation.participants, conversation.owner or ""} - {""}
        index: list[Write] = [Delete(Key(TABLE, _index(user), key)) for user in sorted(people)]
        await self._write_all([*index, Delete(Key(TABLE, key, HEADER))])
        await self._attachings.detach_all(key)
        # A conversation that begins anew counts from epoch 0; what stands later is a leftover.
        removed += await self._remove_all_but_header(key, after=_entries_of(1))
        return removed

    async def forget(self, user_id: str, *, also: Collection[str] = ()) -> Left:
        """
        Delete what `user_id` began and blank what they said elsewhere, under this id or those of
        `also`. May be repeated.

        The place in the index goes last, so a run that broke off finds its way again.
        """
        deleted = blanked = 0
        for listed in await self.listed(user_id):
            item = await self._store.get(Key(TABLE, listed.key, HEADER))
            if item is not None and item["owner"] == user_id:
                blanked += await self.delete(listed.key, person=user_id)
                deleted += 1
            elif item is not None:
                blanked += await self._withdraw(listed.key, {user_id, *also})
            await self._store.write(Delete(Key(TABLE, _index(user_id), listed.key)))
        return Left(conversations=deleted, messages=blanked)

    async def untitle(self, key: str, people: Iterable[str]) -> None:
        """Take the title, which quotes the first question, out of these people's lists."""
        await self._in_lists(key, people, {"title": ""})

    async def _in_lists(self, key: str, people: Iterable[str], attributes: Item) -> None:
        for user in people:
            change = Change(Key(TABLE, _index(user), key), set=attributes, when=Matches())
            with suppress(ConditionFailed):  # it is not in that list (any more)
                await self._store.write(change)

    # ------------------------------------------------------------------ leaving

    async def _withdraw(self, key: str, ids: Collection[str]) -> int:
        blanked, after = 0, None
        while rows := await self._page(key, after=after):
            own = [row.sk for row in rows if row.item.get("user_id") in ids]
            derived = [row.sk for row in rows if _is_derived(row)]
            try:
                await self._write_all([_blank(key, sk) for sk in own])
                await self._write_all([Delete(Key(TABLE, key, sk)) for sk in derived])
            except ConditionFailed:
                continue  # reset meanwhile: look at this page again
            blanked += len(own)
            after = rows[-1].sk
        await self._take_out(key, ids)
        return blanked

    async def _take_out(self, key: str, ids: Collection[str]) -> None:
        """
        Leave only the plain fields of the header, without this person.

        Title, summary and whatever else it held were made from words that are gone.
        """
        while (item := await self._store.get(Key(TABLE, key, HEADER))) is not None:
            conversation = _conversation(key, item)
            people = {u: n for u, n in conversation.participants.items() if u not in ids}
            plain = {name: item[name] for name in PLAIN_FIELDS if name in item}
            header = plain | {"participants": people, "title": ""}
            same = Matches({"epoch": conversation.epoch})
            try:
                await self._store.write(Put(Key(TABLE, key, HEADER), header, when=same))
            except ConditionFailed:
                continue
            await self.untitle(key, people)
            return

    # ------------------------------------------------------------------ rows

    async def _turn_away_answers(self, conversation: Conversation) -> bool:
        change = Change(
            Key(TABLE, conversation.key, HEADER),
            set={"epoch": conversation.epoch + 1},
            when=Matches({"epoch": conversation.epoch}),
        )
        try:
            await self._store.write(change)
        except ConditionFailed:
            return False
        return True

    async def _header(self, key: str) -> Mapping[str, Any]:
        item = await self._store.get(Key(TABLE, key, HEADER))
        if item is None:
            raise _nothing()
        return item

    async def _page(self, key: str, *, after: str | None) -> Sequence[Row]:
        return await self._store.query(TABLE, key, after=after, limit=PAGE_ROWS)

    async def _remove_all_but_header(self, key: str, *, after: str | None = None) -> int:
        removed = 0
        while True:
            found = [row for row in await self._page(key, after=after) if row.sk != HEADER]
            if not found:
                return removed
            await self._write_all([Delete(Key(TABLE, key, row.sk)) for row in found])
            removed += sum(row.sk.startswith(ENTRIES) for row in found)

    async def _write_all(self, writes: Sequence[Write]) -> None:
        for start in range(0, len(writes), MAX_WRITES):
            await self._store.write(*writes[start : start + MAX_WRITES])


def _nothing() -> NotFound:
    return NotFound("There is no such conversation.")


def _index(user_id: str) -> str:
    return f"of#{user_id}"


def _entries_of(epoch: int) -> str:
    return f"{ENTRIES}{epoch:08d}#"


def _conversation(key: str, header: Mapping[str, Any]) -> Conversation:
    return Conversation(
        key=key,
        owner=header["owner"],
        participants=header["participants"],
        title=header.get("named") or header.get("title", ""),
        epoch=int(header["epoch"]),
        doors=tuple(header.get("doors") or first_doors(key)),
    )


def _message(item: Mapping[str, Any]) -> Message:
    return Message(
        role=item["role"],
        text=item["text"],
        name=item.get("name", ""),
        at=item["at"],
        about={
            **{name: item.get(name) for name in ABOUT},
            "sources": item.get("sources", []),
            "stopped": item.get("stopped", False),
        },
        files=[Came(one["filename"], one.get("file_id")) for one in item.get("files", ())],
        made=made_in(item),
    )


def _listed(row: Row) -> Listed:
    item = row.item
    title = item.get("named") or item["title"]
    doors = tuple(item.get("doors") or first_doors(row.sk))
    return Listed(row.sk, title, item["updated_at"], doors)


def _blank(key: str, sk: str) -> Change:
    gone = {"text": WITHDRAWN, "name": "", "user_id": "", "files": []}
    return Change(Key(TABLE, key, sk), set=gone, when=Matches())


def _is_derived(row: Row) -> bool:
    """Whether it is neither the header nor something that was said, but made from it."""
    return row.sk != HEADER and not row.sk.startswith(ENTRIES)


def _cursor(row: Row) -> str:
    return "-".join(row.sk.split("#")[2:])


def _place(cursor: str) -> str:
    if not _CURSOR.fullmatch(cursor):
        raise InvalidRequest("Please correct `after`: take it from `next` of the page before.")
    return cursor.replace("-", "#")
