"""What exists on the stand-in: guilds, channels, people and their messages."""

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import Any

Json = dict[str, Any]

EPOCH_MS = 1_420_070_400_000
"""First millisecond of 2015, where snowflakes begin."""


class Kind(IntEnum):
    """Types of channels."""

    TEXT = 0
    DM = 1
    THREAD = 11
    FORUM = 15


class May(IntFlag):
    """Permissions the stand-in looks at."""

    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_APPLICATION_COMMANDS = 1 << 31
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


BOT_PERMISSIONS = 326417632320
"""What the bot's invitation asks for; no more is granted."""

PEOPLE_PERMISSIONS = BOT_PERMISSIONS | May.USE_APPLICATION_COMMANDS

EPHEMERAL = 1 << 6
LOADING = 1 << 7
HAS_THREAD = 1 << 5


class Snowflakes:
    """Ids that rise with time, as Discord makes them."""

    def __init__(self) -> None:
        self._last = 0

    def at(self, wall: float) -> int:
        """A new id for the second `wall` since 1970; never one given before."""
        self._last = max(self._last + 1, (int(wall * 1000) - EPOCH_MS) << 22)
        return self._last


@dataclass(slots=True)
class Person:
    """A user: a person, or another bot."""

    id: int
    name: str
    bot: bool = False
    display: str | None = None

    @property
    def shown(self) -> str:
        """The name others see."""
        return self.display or self.name


@dataclass(slots=True)
class Role:
    """A role of a guild."""

    id: int
    name: str
    permissions: int


@dataclass(slots=True)
class Member:
    """A person in a guild."""

    person: Person
    joined: str
    roles: list[int] = field(default_factory=list)
    nick: str | None = None


@dataclass(slots=True)
class Guild:
    """A server; its first role is @everyone and has its id."""

    id: int
    name: str
    owner: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)


@dataclass(slots=True)
class Attachment:
    """A file on the CDN."""

    id: int
    channel: int
    filename: str
    media_type: str
    content: bytes
    description: str | None = None


@dataclass(slots=True)
class Version:
    """What a message said, from a real monotonic second on."""

    at: float
    content: str


@dataclass(slots=True)
class Message:
    """A message; `versions` are all its texts with their moments, the first is the creation."""

    id: int
    channel: int
    author: Person
    content: str
    created: str
    type: int = 0
    flags: int = 0
    edited: str | None = None
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    reactions: dict[str, list[int]] = field(default_factory=dict)
    mentions: list[Person] = field(default_factory=list)
    everyone: bool = False
    mention_roles: list[int] = field(default_factory=list)
    reply_to: int | None = None
    replied: "Message | None" = None
    nonce: str | int | None = None
    invoked: Json | None = None
    """`interaction_metadata` of an answer to a command."""
    seen_by: int | None = None
    """The only person who sees an ephemeral message."""
    versions: list[Version] = field(default_factory=list)


@dataclass(slots=True)
class ThreadState:
    """What a thread has beside a channel."""

    owner: int
    created: str
    archived_at: str
    archived: bool = False
    locked: bool = False
    auto_archive: int = 1440
    members: dict[int, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    said: int = 0


@dataclass(slots=True)
class Channel:
    """A channel, a forum, a thread or a DM with the bot."""

    id: int
    kind: Kind
    name: str
    guild: int | None = None
    parent: int | None = None
    topic: str | None = None
    position: int = 0
    recipient: Person | None = None
    denied: int = 0
    """Permissions taken from the bot here."""
    thread: ThreadState | None = None
    messages: dict[int, Message] = field(default_factory=dict)
    deleted: list[Message] = field(default_factory=list)
    typing: list[float] = field(default_factory=list)
    """Real seconds at which the bot began to type."""


@dataclass(slots=True)
class Interaction:
    """A person's use of a command or a button."""

    id: int
    token: str
    kind: int
    person: Person
    channel: Channel
    data: Json
    made: float
    message: Message | None = None
    answered: int | None = None
    """The callback type the bot answered with; None while it has not."""
    answered_at: float | None = None
    original: Message | None = None
    modal: Json | None = None
    choices: list[Json] | None = None
