"""A conversation's messages as JSON, with links to their files that are good for a while."""

from collections.abc import Iterable
from typing import Any

from brain.artifacts.keeping import NoSuchFile
from brain.context.conversation import Made
from brain.context.shelf import Came, Message, Opened
from brain.wiring import Brain
from shared.clock import iso


async def opened_told(opened: Opened, brain: Brain) -> dict[str, Any]:
    """Who takes part, and one page of messages."""
    conversation = opened.conversation
    attached = await brain.attachings.of(conversation.key)
    return {
        "title": conversation.title,
        "owner": conversation.owner,
        "participants": [
            {"user_id": user, "name": name} for user, name in conversation.participants.items()
        ],
        "doors": doors_told(conversation.doors, attached=bool(attached)),
        "attached": [
            {"discord_conversation_id": one.place, "shared": one.shared} for one in attached
        ],
        "created_at": iso(opened.created_at),
        "updated_at": iso(opened.updated_at),
        "messages": [await _message(one, brain) for one in opened.messages],
        "next": opened.next,
    }


def doors_told(doors: Iterable[str], *, attached: bool) -> list[str]:
    """Where a conversation is used from; an attached thread is a door before anybody asks there."""
    return sorted({*doors, "discord"} if attached else set(doors))


async def _message(one: Message, brain: Brain) -> dict[str, Any]:
    told = {"role": one.role, "text": one.text, "name": one.name, "at": iso(one.at)}
    if one.role != "assistant":
        return told | {"files": [await _came(file, one.at, brain) for file in one.files]}
    return told | dict(one.about) | {"artifacts": [_made(made, brain) for made in one.made]}


def _made(made: Made, brain: Brain) -> dict[str, Any]:
    """`url` is null once the file has expired."""
    gone = made.expires_at <= brain.clock.now()
    return {
        "artifact_id": made.file_id,
        "filename": made.filename,
        "version": made.version,
        "media_type": made.media_type,
        "size": made.size,
        "expires_at": iso(made.expires_at),
        "url": None if gone else brain.files.links.signed(made.file_id, until=made.expires_at),
    }


async def _came(file: Came, at: float, brain: Brain) -> dict[str, Any]:
    """What else is known of it while it is kept; old ones are not even looked for."""
    told: dict[str, Any] = {"filename": file.filename, "file_id": file.file_id, "url": None}
    if file.file_id is None or at + brain.files.upload_seconds < brain.clock.now():
        return told
    try:
        kept = await brain.files.store.find(file.file_id, owner=None)
    except NoSuchFile:
        return told
    url = brain.files.links.signed(kept.file_id, until=kept.expires_at)
    return told | {"media_type": kept.media_type, "size": kept.size, "url": url}
