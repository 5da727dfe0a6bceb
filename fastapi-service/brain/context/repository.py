"""
The rows of the `conversations` table.

pk             sk                          what
<key>          ~header                     owner, participants, epoch, title, doors, checkpoint …
<key>          m#<epoch>#<order>#<0|1>     a question (0) or its answer (1)
<key>          m#<epoch>#<order>#2         the sign that everything up to some order was summarised
of#<user id>   <key>                       which conversations a person takes part in

The header sorts behind all entries, so one query from the end brings it and the newest entries.
`checkpoints` in the header counts the checkpoints: whoever writes one must have seen the last one.
`title` follows from the first question; `named` is what a person called it instead, and stays out
of what a turn writes, so that a name given while an answer is written is not lost. `turn` is the
order of the newest turn: whoever rewrites the header beside the turns must have seen it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from brain.context.checkpoint import Checkpoint
from brain.context.conversation import Conversation, Entry, Made, first_doors, title_of
from brain.context.enclosed import Enclosed, kept
from brain.llm.tokens import estimate
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
        said = [_entry(row) for row in rows[1:] if row.sk.startswith(current) and _is_said(row)]
        checkpoint = header.get("checkpoint")
        return Conversation(
            key=key,
            owner=header["owner"],
            participants=header["participants"],
            title=header.get("named") or header.get("title", ""),
            epoch=epoch,
            doors=tuple(header.get("doors") or first_doors(key)),
            entries=tuple(reversed(said)),
            checkpoint=Checkpoint.from_item(checkpoint) if checkpoint else None,
        )

    async def uncovered(self, conversation: Conversation) -> Sequence[Entry]:
        """The oldest entries that the checkpoint of `conversation` does not stand for."""
        prefix = f"m#{conversation.epoch:08d}#"
        upto = conversation.checkpoint.upto if conversation.checkpoint else None
        rows = await self._store.query(
            TABLE,
            conversation.key,
            prefix=prefix,
            after=None if upto is None else f"{prefix}{upto:020d}#~",
            limit=LOAD_ENTRIES,
        )
        return [_entry(row) for row in rows if _is_said(row)]

    def keep_checkpoint(
        self, conversation: Conversation, checkpoint: Checkpoint, *, order: int
    ) -> list[Write]:
        """
        The writes that make `checkpoint` the one of `conversation`, with a sign behind `order`.

        They are refused (`ConditionFailed`) when the conversation was reset or got another
        checkpoint since it was loaded.
        """
        sign = f"m#{conversation.epoch:08d}#{order:020d}#2"
        return [
            Change(
                Key(TABLE, conversation.key, HEADER),
                set={"checkpoint": checkpoint.to_item(), "checkpoints": checkpoint.number},
                when=Matches(
                    {"epoch": conversation.epoch, "checkpoints": conversation.checkpoints}
                ),
            ),
            Put(
                Key(TABLE, conversation.key, sign),
                {"role": "summary", "text": checkpoint.news, "at": checkpoint.at},
            ),
        ]

    async def write(self, writes: Sequence[Write]) -> None:
        """All of `writes` or none. Raises `ConditionFailed`, `StoreUnavailable`."""
        await self._store.write(*writes)

    def remember(
        self,
        conversation: Conversation,
        *,
        order: int,
        user_id: str,
        user_name: str,
        door: str,
        question: str,
        answer: str,
        about: Item,
        file_ids: Sequence[str] = (),
        enclosed: Sequence[Enclosed] = (),
        made: Sequence[Made] = (),
    ) -> list[Write]:
        """
        The writes that add one turn asked through `door`; `about` (route, model …) is kept with
        the answer.

        So is `made`, the files that it handed over; of those that came with the question
        (`file_ids`, read as `enclosed`) a part is kept with it.

        They are refused (`ConditionFailed`) when the conversation was reset since it was loaded.
        """
        now = self._clock.now()
        prefix = f"m#{conversation.epoch:08d}#{order:020d}#"
        title = conversation.title or title_of(question or _names(enclosed))
        used = {"title": title, "doors": sorted({*conversation.doors, door}), "updated_at": now}
        return [
            self._header(conversation, user_id, user_name, turn=order, used=used),
            Change(Key(TABLE, f"of#{user_id}", conversation.key), set=used),
            Put(
                Key(TABLE, conversation.key, prefix + "0"),
                {
                    "role": "user",
                    "text": question,
                    "user_id": user_id,
                    "name": user_name,
                    "at": now,
                    "tokens": estimate(question),
                    **({"files": _files(enclosed, file_ids)} if enclosed else {}),
                },
            ),
            Put(
                Key(TABLE, conversation.key, prefix + "1"),
                {
                    "role": "assistant",
                    "text": answer,
                    "at": now,
                    "tokens": estimate(answer),
                    "checkpoints": conversation.checkpoints,
                    **({"made": [one._asdict() for one in made]} if made else {}),
                    **about,
                },
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
            set={
                "epoch": conversation.epoch + 1,
                "title": "",
                "checkpoint": None,
                "checkpoints": 0,
            },
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
        self,
        conversation: Conversation,
        user_id: str,
        user_name: str,
        *,
        turn: int,
        used: Mapping[str, Any],
    ) -> Write:
        key = Key(TABLE, conversation.key, HEADER)
        participants = {**conversation.participants, user_id: user_name}
        changed = {"participants": participants, "turn": turn, **used}
        if not conversation.is_new:
            return Change(key, set=changed, when=Matches({"epoch": conversation.epoch}))
        created = {"owner": user_id, "epoch": 0, "checkpoints": 0}
        return Put(key, created | changed | {"created_at": used["updated_at"]}, when=Absent())


def _is_said(row: Row) -> bool:
    return row.item["role"] in ("user", "assistant")


def _entry(row: Row) -> Entry:
    item: dict[str, Any] = row.item
    return Entry(
        role=item["role"],
        text=item["text"],
        name=item.get("name", ""),
        order=int(row.sk.split("#")[2]),
        tokens=item.get("tokens"),
        route=item.get("route"),
        model=item.get("model"),
        checkpoints=item.get("checkpoints", 0),
        enclosed=tuple(Enclosed.from_item(one) for one in item.get("files", ())),
        made=made_in(item),
    )


def made_in(item: Mapping[str, Any]) -> tuple[Made, ...]:
    """The files that an answer handed over, by its row."""
    return tuple(
        Made(**{name: one[name] for name in Made._fields if name in one})
        for one in item.get("made", ())
    )


def _files(enclosed: Sequence[Enclosed], file_ids: Sequence[str]) -> list[Item]:
    """What is kept of the files of a question, each with its id: they were read in their order."""
    ids = [*file_ids, *[None] * len(enclosed)]
    return [
        one.to_item() | {"file_id": file_id}
        for one, file_id in zip(kept(enclosed), ids, strict=False)
    ]


def _names(enclosed: Sequence[Enclosed]) -> str:
    return ", ".join(one.filename for one in enclosed)
