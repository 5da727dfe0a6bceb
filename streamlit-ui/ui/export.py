"""A conversation as a file to keep."""

import json
import re

from ui.conversation import Conversation, Message
from ui.words import title_of, under_an_answer

NAME_CHARS = 60


def markdown(conversation: Conversation) -> str:
    """For reading: a heading for each message, the words as they were."""
    parts = [f"# {title_of(conversation.title, chars=200)}"]
    for message in conversation.messages:
        parts += [_heading(message), message.text.strip()]
        parts += [f"*{said}*" for said in [under_an_answer(message)] if said]
        parts += ["\n".join(f"- [{one.title or one.url}]({one.url})" for one in message.sources)]
        parts += ["\n".join(f"- file: {name}" for name in _files(message))]
    return "\n\n".join(part for part in parts if part) + "\n"


def as_json(conversation: Conversation) -> str:
    """For programs: everything the brain tells about it."""
    told = conversation.model_dump(mode="json", exclude={"next", "running"})
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def filename(title: str, extension: str) -> str:
    """A name every file system takes."""
    words = re.findall(r"[\w-]+", title_of(title, chars=NAME_CHARS))
    return f"{'-'.join(words) or 'conversation'}.{extension}"


def _heading(message: Message) -> str:
    who = {"user": message.name or "You", "summary": "Summary of the above"}.get(
        message.role, "Trollama"
    )
    return f"## {who}" + (f", {message.at}" if message.at else "")


def _files(message: Message) -> list[str]:
    return [one.filename for one in message.files] + [one.filename for one in message.artifacts]
