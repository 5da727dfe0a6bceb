"""
Is a message for us, and which question is it? Pure: facts in, decision out.

A question's id says where it was asked and where it is answered, so that a bot that has just
started can show the answer of a question it has never seen.
"""

import re
from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

Where = Literal["dm", "channel", "thread", "forum"]
"""`thread`: any thread; `forum`: the thread of a forum post."""

CANCEL_WORDS = re.compile(
    r"(please\s+)?(cancel|stop|abort)\s+(that|the|this|my)\s+(request|question|answer)(\s+please)?"
    r"[.!\s]*",
    re.I,
)
MENTION = re.compile(r"<@!?(\d+)>")
MAX_BOT_QUESTIONS = 3
"""In a row in one channel; then bots that mention each other have talked enough."""

MAX_TITLE = 80
MAX_QUOTE = 600


@dataclass(frozen=True, slots=True)
class QuestionId:
    """Where a question stands, where it is answered, and how often it was asked before."""

    channel_id: int
    home_id: int
    message_id: int
    round: int = 0

    def __str__(self) -> str:
        return f"q-{self.channel_id}-{self.home_id}-{self.message_id}-{self.round}"

    @property
    def again(self) -> "QuestionId":
        """The same question, asked once more."""
        return QuestionId(self.channel_id, self.home_id, self.message_id, self.round + 1)


def parse_question_id(ask_id: str) -> QuestionId | None:
    """None for what was not made by `QuestionId`."""
    match ask_id.split("-"):
        case ["q", *numbers] if len(numbers) == 4 and all(map(str.isdecimal, numbers)):
            return QuestionId(*map(int, numbers))
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may talk to us where; an empty set allows all."""

    guilds: Set[int] = frozenset()
    channels: Set[int] = frozenset()
    roles: Set[int] = frozenset()
    users: Set[int] = frozenset()
    talk_channels: Set[int] = frozenset()
    plain_channels: Set[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody somewhere. `channel_id` is that of the parent where it is a thread."""

    user_id: int
    role_ids: Set[int]
    guild_id: int | None
    channel_id: int | None


@dataclass(frozen=True, slots=True)
class Heard:
    """The facts of one message. `channel_id` is that of the parent where it stands in a thread."""

    where: Where
    channel_id: int
    guild_id: int | None
    author_id: int
    role_ids: Set[int]
    is_self: bool
    is_bot: bool
    mentions_us: bool
    replies_to_us: bool
    our_thread: bool
    empty: bool
    bots_in_a_row: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why; the reason is what `/why` shows."""

    does: Literal["ignore", "answer", "open_thread"]
    because: str


def decide(heard: Heard, rules: Rules) -> Decision:
    """Whether a message is a question for us, and where it is answered."""
    ignore = _ignored(heard, rules)
    if ignore is not None:
        return Decision("ignore", ignore)
    called = heard.mentions_us or heard.replies_to_us
    if heard.where == "dm":
        return Decision("answer", "a direct message")
    free = heard.channel_id in rules.talk_channels
    if heard.where in ("thread", "forum"):
        if heard.our_thread or called or free:
            return Decision("answer", "in a thread I take part in" if not called else "mentioned")
        return Decision("ignore", "I was not mentioned in this thread")
    if not called and not free:
        return Decision("ignore", "I was not mentioned")
    if heard.channel_id in rules.plain_channels:
        return Decision("answer", "this channel is without threads")
    return Decision("open_thread", "mentioned" if called else "I answer everything here")


def _ignored(heard: Heard, rules: Rules) -> str | None:
    checks = [
        (heard.is_self, "it is my own message"),
        (heard.is_bot and not heard.mentions_us, "another bot that did not mention me"),
        (
            heard.is_bot and heard.bots_in_a_row >= MAX_BOT_QUESTIONS,
            "bots have talked enough here; a person must go on",
        ),
        (heard.empty and not heard.mentions_us, "there is nothing in it to answer"),
    ]
    who = Who(heard.author_id, heard.role_ids, heard.guild_id, heard.channel_id)
    return next((why for is_so, why in checks if is_so), not_allowed(who, rules))


def not_allowed(who: Who, rules: Rules) -> str | None:
    """The setting that keeps them out there; None: they may."""
    in_guild = who.guild_id is not None
    checks = [
        (rules.users and who.user_id not in rules.users, "DISCORD_ALLOWED_USERS"),
        (rules.guilds and in_guild and who.guild_id not in rules.guilds, "DISCORD_ALLOWED_GUILDS"),
        (
            rules.channels and in_guild and who.channel_id not in rules.channels,
            "DISCORD_ALLOWED_CHANNELS",
        ),
        (rules.roles and not rules.roles & who.role_ids, "DISCORD_ALLOWED_ROLES"),
    ]
    return next((why for is_so, why in checks if is_so), None)


def wants_cancel(text: str) -> bool:
    """Whether someone says "cancel that request" and nothing else."""
    return CANCEL_WORDS.fullmatch(text.strip()) is not None


def cleaned(content: str, own_id: int, names: dict[int, str]) -> str:
    """`content` without our own mention, and with the names of other people for theirs."""

    def named(found: re.Match[str]) -> str:
        mentioned = int(found[1])
        if mentioned == own_id:
            return ""
        return f"@{names[mentioned]}" if mentioned in names else found[0]

    return MENTION.sub(named, content).strip()


def with_quote(text: str, author: str, quoted: str) -> str:
    """`text` behind what it replies to."""
    quoted = quoted.strip()
    if not quoted:
        return text
    if len(quoted) > MAX_QUOTE:
        quoted = f"{quoted[:MAX_QUOTE]}…"
    lines = "\n".join(f"> {line}" for line in quoted.splitlines())
    return f"> {author} wrote:\n{lines}\n\n{text}"


def title_of(text: str) -> str:
    """A thread's name from the question (Discord takes 1 to 100 characters)."""
    line = " ".join(text.split())
    if len(line) > MAX_TITLE:
        cut = line.rfind(" ", MAX_TITLE // 2, MAX_TITLE)
        line = f"{line[: cut if cut > 0 else MAX_TITLE]}…"
    return line or "A question"
