"""
The rows of the `conversations` table.

pk             sk                          what
<key>          ~header                     owner, participants, epoch, title
<key>          m#<epoch>#<order>#<0|1>     a question (0) or its answer (1)
of#<user id>   <key>                       which conversations a person takes part in

The header sorts behind all entries, so one query from the end brings it and the newest entries.
"""

from brain.context.conversation import Conversation, Entry, title_of
from shared.clock import Clock
from shared.store import (
    MAX_WRITES,
    Absent,
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

TABLE = "conversations"
HEADER = "~header"
LOAD_ENTRIES = 200


class ConversationRepository:
    """Reads conversations and says what must be written to remember a turn."""

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def load(self, key: str, *, entries: int = LOAD_ENTRIES) -> Conversation:
        """The conversation with its newest `entries`; an empty one where nothing was said yet."""
        rows = await self._store.query(TABLE, key, newest_first=True, limit=entries + 1)
        if not rows or rows[0].sk != HEADER:
            return Conversation(key)
        header = rows[0].item
        epoch = int(header["epoch"])
        current = f"m#{epoch:08d}#"
        said = [_entry(row) for row in rows[1:] if row.sk.startswith(current)]
        return Conversation(
            key=key,
            owner=header["owner"],
            participants=header["participants"],
            title=header.get("title", ""),
            epoch=epoch,
            entries=tuple(reversed(said)),
        )

    def remember(
        self,
        conversation: Conversation,
        *,
        order: int,
        user_id: str,
        user_name: str,
        question: str,
        answer: str,
        about: Item,
    ) -> list[Write]:
        """
        The writes that add one turn; `about` (route, model …) is kept with the answer.

        They are refused (`ConditionFailed`) when the conversation was reset since it was loaded.
        """
        now = self._clock.now()
        prefix = f"m#{conversation.epoch:08d}#{order:020d}#"
        title = conversation.title or title_of(question)
        return [
            self._header(conversation, user_id, user_name, title=title),
            Change(
                Key(TABLE, f"of#{user_id}", conversation.key),
                set={"title": title, "updated_at": now},
            ),
            Put(
                Key(TABLE, conversation.key, prefix + "0"),
                {
                    "role": "user",
                    "text": question,
                    "user_id": user_id,
                    "name": user_name,
                    "at": now,
                },
            ),
            Put(
                Key(TABLE, conversation.key, prefix + "1"),
                {"role": "assistant", "text": answer, "at": now, **about},
            ),
        ]

    async def reset(self, conversation: Conversation) -> None:
        """
        Forget everything said in `conversation`; who takes part stays.

        A turn that was loaded before cannot add to it any more.
        """
        if conversation.is_new:
            return
        change = Change(
            Key(TABLE, conversation.key, HEADER),
            set={"epoch": conversation.epoch + 1, "title": ""},
            when=Matches({"epoch": conversation.epoch}),
        )
        try:
            await self._store.write(change)
        except ConditionFailed:
            return  # somebody else reset it at the same moment
        await self._delete_entries(conversation.key, before_epoch=conversation.epoch + 1)

    async def _delete_entries(self, key: str, *, before_epoch: int) -> None:
        while True:
            rows = await self._store.query(TABLE, key, prefix="m#", limit=MAX_WRITES)
            old = [row.sk for row in rows if row.sk < f"m#{before_epoch:08d}#"]
            if not old:
                return
            await self._store.write(*(Delete(Key(TABLE, key, sk)) for sk in old))

    def _header(
        self, conversation: Conversation, user_id: str, user_name: str, *, title: str
    ) -> Write:
        key = Key(TABLE, conversation.key, HEADER)
        if conversation.is_new:
            return self._new_header(key, user_id, user_name, epoch=0, title=title)
        participants = {**conversation.participants, user_id: user_name}
        return Change(
            key,
            set={
                "updated_at": self._clock.now(),
                "participants": participants,
                "title": title,
            },
            when=Matches({"epoch": conversation.epoch}),
        )

    def _new_header(
        self, key: Key, user_id: str, user_name: str, *, epoch: int, title: str = ""
    ) -> Write:
        now = self._clock.now()
        header = {
            "owner": user_id,
            "participants": {user_id: user_name},
            "epoch": epoch,
            "title": title,
            "created_at": now,
            "updated_at": now,
        }
        return Put(key, header, when=Absent())


def _entry(row: Row) -> Entry:
    return Entry(row.item["role"], row.item["text"], row.item.get("name", ""))
