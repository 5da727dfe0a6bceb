"""A conversation: who takes part, and what was said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

from brain.context.checkpoint import Checkpoint
from brain.context.enclosed import Enclosed
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


def in_discord(conversation_id: str) -> str:
    """The key of a conversation in Discord, whose ids may come without their prefix."""
    prefixed = conversation_id.startswith(DISCORD_PREFIX)
    return conversation_id if prefixed else DISCORD_PREFIX + conversation_id


def title_of(question: str) -> str:
    """The first words of a question on one line, as the name of its conversation."""
    line = " ".join(question.split())
    return line if len(line) <= MAX_TITLE_CHARS else line[: MAX_TITLE_CHARS - 1].rstrip() + "…"


def first_doors(key: str) -> tuple[str, ...]:
    """Where a conversation is at home of which nobody wrote down where it was asked in."""
    return ("discord",) if key.startswith(DISCORD_PREFIX) else ("web",)


class Made(NamedTuple):
    """A file that came out of an answer. `size` in bytes, `expires_at` in seconds since 1970."""

    file_id: str
    filename: str
    version: int
    media_type: str = "application/octet-stream"
    size: int = 0
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One thing that was said.

    `order` is the same for a question and its answer. `tokens` is the estimate of the text alone,
    None where nobody made one. Of a question also what came with it; of an answer the route, the
    model, how many checkpoints there were when it was made, and the files that it handed over.
    """

    role: Literal["user", "assistant"]
    text: str
    name: str = ""
    order: int = 0
    tokens: int | None = None
    route: str | None = None
    model: str | None = None
    checkpoints: int = 0
    enclosed: tuple[Enclosed, ...] = ()
    made: tuple[Made, ...] = ()


@dataclass(frozen=True, slots=True)
class Conversation:
    """
    What the store knows: the header and the newest entries, oldest first.

    `epoch` rises with every reset; what belongs to an earlier one is forgotten. `checkpoint` stands
    for everything up to its `upto`. `doors` are the surfaces it is used from.
    """

    key: str
    owner: str | None = None
    participants: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    epoch: int = 0
    doors: tuple[str, ...] = ()
    entries: tuple[Entry, ...] = ()
    checkpoint: Checkpoint | None = None

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever stored under this key."""
        return self.owner is None

    @property
    def checkpoints(self) -> int:
        """How many checkpoints were made since the last reset."""
        return self.checkpoint.number if self.checkpoint else 0

    @property
    def recent(self) -> Sequence[Entry]:
        """What the checkpoint does not stand for, oldest first."""
        upto = self.checkpoint.upto if self.checkpoint else -1
        return [entry for entry in self.entries if entry.order > upto]

    @property
    def last_answer(self) -> tuple[Entry, Entry] | None:
        """The newest question that was answered, and the answer."""
        for question, answer in reversed(list(pairwise(self.entries))):
            if (question.role, answer.role) == ("user", "assistant"):
                return question, answer
        return None

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
