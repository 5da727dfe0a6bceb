"""A conversation as the brain tells it. Fields it does not send (yet) have a default."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

Door = str
"""`web`, `discord` or `api`: where a conversation is used from."""


class Told(BaseModel):
    """Part of an answer of the brain; unknown fields are ignored, so that it may grow."""

    model_config = ConfigDict(frozen=True, extra="ignore")


def _named(value: Any) -> Any:
    """A file of which only the name is kept."""
    return {"filename": value} if isinstance(value, str) else value


class SentFile(Told):
    """A file that came with a question; `url` is None once it is no longer kept."""

    filename: str
    file_id: str | None = None
    media_type: str | None = None
    size: int | None = None
    url: str | None = None


class MadeFile(Told):
    """A file that came out of an answer; `url` is None once it is no longer kept."""

    artifact_id: str
    filename: str
    media_type: str | None = None
    size: int | None = None
    url: str | None = None


class Source(Told):
    """A page an answer rests on."""

    title: str = ""
    url: str


class Usage(Told):
    """Tokens of an answer."""

    input_tokens: int = 0
    output_tokens: int = 0


class Timings(Told):
    """Where the time of an answer went, in milliseconds."""

    total_ms: int = 0


class Participant(Told):
    """Somebody who asked in a conversation."""

    user_id: str
    name: str = ""


class Message(Told):
    """A question, an answer, or the summary of all before it. `at` is ISO 8601."""

    role: Literal["user", "assistant", "summary"]
    text: str
    name: str | None = None
    at: str = ""
    request_id: str | None = None
    route: str | None = None
    model: str | None = None
    why: str | None = None
    sources: tuple[Source, ...] = ()
    usage: Usage | None = None
    timings: Timings | None = None
    stopped: bool = False
    artifacts: tuple[MadeFile, ...] = ()
    files: tuple[Annotated[SentFile, BeforeValidator(_named)], ...] = ()


class Running(Told):
    """A question without its end yet; `surface` is the door it was asked at."""

    request_id: str
    text: str
    name: str | None = None
    surface: str | None = None


class Conversation(Told):
    """Who takes part and a stretch of messages, oldest first; `next` leads to older ones."""

    conversation_id: str
    title: str = ""
    owner: str | None = None
    participants: tuple[Participant, ...] = ()
    updated_at: str = ""
    doors: tuple[Door, ...] = ()
    messages: tuple[Message, ...] = ()
    next: str | None = None
    running: tuple[Running, ...] = ()

    @property
    def asked_elsewhere(self) -> tuple[Running, ...]:
        """Questions of other doors; those of the web are drawn by the page that asked."""
        return tuple(one for one in self.running if one.surface != "web")

    @property
    def state(self) -> tuple[str, ...]:
        """Differs when something was said or asked since, here or elsewhere."""
        return (self.updated_at, *(one.request_id for one in self.asked_elsewhere))


class Listed(Told):
    """A line in the list of conversations."""

    conversation_id: str
    title: str = ""
    updated_at: str
    doors: tuple[Door, ...] = ()

    @property
    def in_discord(self) -> bool:
        """Whether it is a thread there, or attached to one."""
        return "discord" in self.doors or self.conversation_id.startswith("discord:")


class Page(Told):
    """A stretch of the list."""

    conversations: tuple[Listed, ...]
    next: str | None = None


class Week(Told):
    """A person's budget; `limit` without the bonus."""

    tier: str = "free"
    used: int = 0
    reserved: int = 0
    limit: int | None = None
    bonus: int = 0
    resets_at: str = ""
    enforced: bool = True
    preferences: dict[str, Any] = {}
    conversations: int = 0
