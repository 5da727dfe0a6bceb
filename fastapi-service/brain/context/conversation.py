"""A conversation: who takes part, and what was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from brain.context.errors import ConversationForbidden

DISCORD_PREFIX = "discord:"
MAX_TITLE_CHARS = 80


def key_of(conversation_id: str, *, user_id: str) -> str:
    """
    The store's key of a conversation.

    Discord's ids are unique by themselves; a web client makes its own, which mean something only
    together with their owner (protocol section 2).
    """
    if conversation_id.startswith(DISCORD_PREFIX):
        return conversation_id
    return f"user:{user_id}:{conversation_id}"


def title_of(question: str) -> str:
    """The first words of a question on one line, as the name of its conversation."""
    line = " ".join(question.split())
    return line if len(line) <= MAX_TITLE_CHARS else line[: MAX_TITLE_CHARS - 1].rstrip() + "…"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was said."""

    role: Literal["user", "assistant"]
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Conversation:
    """
    What the store knows: the header and the newest entries, oldest first.

    `epoch` rises with every reset; what belongs to an earlier one is forgotten.
    """

    key: str
    owner: str | None = None
    participants: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    epoch: int = 0
    entries: tuple[Entry, ...] = ()

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever stored under this key."""
        return self.owner is None

    def check_reader(self, user_id: str) -> None:
        """Raise `ConversationForbidden` unless `user_id` takes part here."""
        if not self.is_new and user_id != self.owner and user_id not in self.participants:
            raise ConversationForbidden("read or continue this conversation")

    def check_owner(self, user_id: str) -> None:
        """Raise `ConversationForbidden` unless `user_id` asked here first."""
        if not self.is_new and user_id != self.owner:
            raise ConversationForbidden(
                "reset or delete this conversation; only the person who began it and admins may"
            )
