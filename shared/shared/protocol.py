"""
The frames of `/ws/discord` and `/ws/chat`: JSON objects told apart by `type`.

Clients and the brain both use this page. Frames to the brain are parsed by `parse_to_brain`; frames
to a client are built here, numbered and written by `encode`, read by `parse_to_client`. Unknown
fields are ignored in both directions, so either side may grow.
"""

from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from shared.errors import InvalidRequest

PROTOCOL_VERSION = 1
MAX_FRAME_BYTES = 16 * 1024 * 1024
MAX_TEXT_CHARS = 100_000
MAX_TEXT_BYTES = 300_000
"""What of a question fits into one row of the store (400 KB) together with the rest of the job."""

Surface = Literal["discord", "web", "api"]
Stage = Literal[
    "waiting", "routing", "loading_model", "reading_files", "searching", "reading_page",
    "thinking", "generating", "saving",
]  # fmt: skip
Id = Annotated[str, Field(min_length=1, max_length=128)]
Word = Annotated[str, Field(max_length=128)]
LANGUAGE_TAG = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"
"""The shape of a BCP 47 tag: `de`, `pt-BR` (RFC 5646, section 2.1)."""


class Frame(BaseModel):
    """One JSON object on the wire."""

    model_config = ConfigDict(frozen=True, extra="ignore")


# ------------------------------------------------------------------ client → brain


class Attachment(Frame):
    """A file that comes with a question: its bytes, a reference or an address."""

    filename: Annotated[str, Field(min_length=1, max_length=255)]
    content_type: str = "application/octet-stream"
    size: Annotated[int, Field(ge=0)] = 0
    file_id: str | None = None
    data_base64: str | None = None
    url: str | None = None


class AskOptions(Frame):
    """What the asker wants different from the default."""

    route: Word | None = None
    model: Word | None = None
    think: bool | Literal["low", "medium", "high"] | None = None
    web_search: bool | None = None
    persona: Word | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    language: Annotated[str, Field(max_length=35, pattern=LANGUAGE_TAG)] | None = None


class Hello(Frame):
    """The first frame of a connection."""

    type: Literal["hello"] = "hello"
    client_id: Id
    protocol: int
    session_id: str | None = None
    after: Annotated[int, Field(ge=0)] = 0


class Ask(Frame):
    """A question. `user_id` is ignored where the token already says who asks."""

    type: Literal["ask"] = "ask"
    ask_id: Id
    user_id: str | None = Field(default=None, max_length=128)
    user_name: str | None = Field(default=None, max_length=128)
    conversation_id: Id
    text: str
    attachments: Annotated[list[Attachment], Field(max_length=20)] = []
    options: AskOptions = AskOptions()
    surface: Surface | None = None


class Cancel(Frame):
    """Stop this ask, wherever it is."""

    type: Literal["cancel"] = "cancel"
    ask_id: Id


class ConversationOrder(Frame):
    """Fields common to what can be done to a whole conversation."""

    conversation_id: Id
    user_id: str | None = Field(default=None, max_length=128)
    ask_id: Id


class Reset(ConversationOrder):
    """Forget what was said."""

    type: Literal["reset"] = "reset"


class Summarize(ConversationOrder):
    """Shorten what was said."""

    type: Literal["summarize"] = "summarize"


class Close(ConversationOrder):
    """Forget what was said; the place of the conversation goes away."""

    type: Literal["close"] = "close"


class Ack(Frame):
    """Everything up to `seq` has been shown to the person."""

    type: Literal["ack"] = "ack"
    seq: Annotated[int, Field(ge=0)]


class Ping(Frame):
    """Are you there?"""

    type: Literal["ping"] = "ping"


ToBrain = Hello | Ask | Cancel | Reset | Summarize | Close | Ack | Ping
_TO_BRAIN: dict[str, type[ToBrain]] = {
    "hello": Hello, "ask": Ask, "cancel": Cancel, "reset": Reset, "summarize": Summarize,
    "close": Close, "ack": Ack, "ping": Ping,
}  # fmt: skip


class Malformed(InvalidRequest):
    """A frame that is no JSON object or lacks a field; `ask_id` where it could be read."""

    code = "protocol.malformed"

    def __init__(self, message: str, *, ask_id: str | None = None) -> None:
        self.ask_id = ask_id
        super().__init__(message)


class UnknownType(Malformed):
    """A frame whose `type` this brain does not know."""

    code = "protocol.unknown_type"


def parse_to_brain(text: str | bytes) -> ToBrain:
    """The frame in `text`. Raises `Malformed` (field named) or `UnknownType`."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as invalid:
        raise Malformed(f"The frame is not valid JSON: {invalid.msg}.") from invalid
    if not isinstance(body, dict):
        raise Malformed("The frame must be a JSON object with a field `type`.")
    ask_id = body.get("ask_id")
    known_ask_id = ask_id if isinstance(ask_id, str) and 0 < len(ask_id) <= 128 else None
    kind = body.get("type")
    if not isinstance(kind, str):
        raise Malformed("The field `type` is missing or not a string.", ask_id=known_ask_id)
    frame = _TO_BRAIN.get(kind)
    if frame is None:
        known = ", ".join(_TO_BRAIN)
        raise UnknownType(
            f"There is no frame of type {kind[:60]!r}; known are {known}.", ask_id=known_ask_id
        )
    try:
        return frame.model_validate(body)
    except ValidationError as invalid:
        raise Malformed(field_problems(invalid), ask_id=known_ask_id) from invalid


def field_problems(invalid: ValidationError) -> str:
    """A sentence that names each wrong field and what is wrong with it, never its value."""
    problems = [
        f"`{'.'.join(str(part) for part in error['loc'])}`: {error['msg'].lower()}"
        for error in invalid.errors(include_input=False, include_url=False)[:5]
    ]
    return f"Please correct {'; '.join(problems)}."


# ------------------------------------------------------------------ brain → client


class Welcome(Frame):
    """The answer to `hello`."""

    type: Literal["welcome"] = "welcome"
    session_id: str
    protocol: int = PROTOCOL_VERSION
    resumed: bool


class Pong(Frame):
    """Yes."""

    type: Literal["pong"] = "pong"


class Queued(Frame):
    """The ask is safe in the store. `position` 1 = next."""

    type: Literal["queued"] = "queued"
    ask_id: str
    request_id: str
    position: int
    maintenance: bool = False


class Status(Frame):
    """Where the ask is right now."""

    type: Literal["status"] = "status"
    ask_id: str
    stage: Stage
    attempt: int = 1
    detail: str | None = None
    position: int | None = None
    model: str | None = None
    eta_seconds: float | None = None


class Delta(Frame):
    """A piece of the answer; a higher `attempt` than seen before means: start over."""

    type: Literal["delta"] = "delta"
    ask_id: str
    attempt: int
    text: str


class Thinking(Frame):
    """A piece of the model's reasoning, for those who asked to see it."""

    type: Literal["thinking"] = "thinking"
    ask_id: str
    attempt: int = 1
    text: str


class SavedFile(Frame):
    """A file that came out of an answer; `url` is a path for those who sign in, or a link."""

    artifact_id: str
    filename: str
    media_type: str
    size: int
    url: str


class Artifact(SavedFile):
    """A file came out of the answer."""

    type: Literal["artifact"] = "artifact"
    ask_id: str


class Source(Frame):
    """A page the answer rests on."""

    title: str
    url: str


class Usage(Frame):
    """Tokens the backend counted."""

    input_tokens: int = 0
    output_tokens: int = 0


class Budget(Frame):
    """The asker's week."""

    used: int
    limit: int
    resets_at: str


class Timings(Frame):
    """Where the time went, in whole milliseconds; None where it never got that far."""

    queued_ms: int = 0
    routing_ms: int = 0
    load_ms: int = 0
    first_token_ms: int | None = None
    total_ms: int = 0


class Done(Frame):
    """The end of an ask that was answered. `text` is the whole answer and always wins."""

    type: Literal["done"] = "done"
    ask_id: str
    request_id: str
    attempt: int = 1
    text: str
    route: str | None = None
    model: str | None = None
    why: str | None = None
    rehearsal: bool = False
    sources: list[Source] = []
    artifacts: list[SavedFile] = []
    usage: Usage = Usage()
    budget: Budget | None = None
    timings: Timings = Timings()


class Failed(Frame):
    """The end of an ask that was not answered, or a frame that could not be read."""

    type: Literal["failed"] = "failed"
    ask_id: str | None = None
    code: str
    message: str
    retryable: bool = False


class Notice(Frame):
    """Something everybody should know, or everybody in the conversation it names."""

    type: Literal["notice"] = "notice"
    code: str
    message: str
    conversation_id: str | None = None


ToClient = Welcome | Pong | Queued | Status | Delta | Thinking | Artifact | Done | Failed | Notice
End = Done | Failed
_to_client: TypeAdapter[ToClient] = TypeAdapter(Annotated[ToClient, Field(discriminator="type")])


def encode(frame: ToClient, seq: int | None = None) -> str:
    """`frame` as JSON text, with its number in front where it has one."""
    fields = vars(frame) if seq is None else {"seq": seq, **vars(frame)}
    return orjson.dumps(fields, default=vars).decode()  # a third of what pydantic takes


def parse_to_client(text: str | bytes) -> tuple[int | None, ToClient]:
    """The number (None for `welcome` and `pong`) and the frame in `text`, or `Malformed`."""
    try:
        body: dict[str, Any] = orjson.loads(text)
        return body.get("seq"), _to_client.validate_python(body)
    except (orjson.JSONDecodeError, AttributeError, ValidationError) as invalid:
        raise Malformed("The brain sent a frame this client cannot read.") from invalid
