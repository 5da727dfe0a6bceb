"""
The body of `POST /v1/chat/completions`: what of it we serve, and what becomes of it.

OpenAI's API reference, "Create chat completion". Fields we do not know are ignored, as everywhere;
known ones that would change the answer and that we cannot serve are refused by name.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brain.api.openai.errors import Unfit
from brain.api.openai.images import address_of, image_in
from brain.chat.completion import Request
from brain.llm.messages import (
    Call,
    Image,
    Result,
    Sampling,
    Schema,
    Script,
    Think,
    Tool,
    ToolChoice,
    Turn,
)

MAX_PARTS = 10_000
"""In one request; looking at so many takes 0.2 s, in which nobody else is served."""

MAX_FILES = 20
"""Files in one request, as many as with one question elsewhere (`Ask.attachments`)."""

Penalty = Annotated[float, Field(ge=-2, le=2)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]


class _Shape(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _ImageUrl(_Shape):
    url: str


class SentFile(_Shape):
    """A file in a message: its bytes, or the id of an upload."""

    filename: str | None = None
    file_data: str | None = None
    file_id: str | None = None


class FileSaid(NamedTuple):
    """What became of a file: its words as a quotation, and its pictures."""

    text: str
    images: Sequence[Image]


ReadFile = Callable[[SentFile, str], Awaitable[FileSaid]]
"""Reads a file that stands at the place in the body, and names that place when it cannot."""


class _Part(_Shape):
    type: str
    text: str | None = None
    refusal: str | None = None
    image_url: _ImageUrl | None = None
    file: SentFile | None = None


class _CalledFunction(_Shape):
    name: Name
    arguments: str = "{}"


class _ToolCall(_Shape):
    id: str
    type: Literal["function"] = "function"
    function: _CalledFunction


class _Message(_Shape):
    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[_Part] | None = None
    tool_calls: list[_ToolCall] | None = None
    tool_call_id: str | None = None


class _Function(_Shape):
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(_Shape):
    type: Literal["function"]
    function: _Function


class _Named(_Shape):
    name: str


class _NamedTool(_Shape):
    type: Literal["function"]
    function: _Named


class _JsonSchema(_Shape):
    schema_: dict[str, Any] | None = Field(default=None, alias="schema")


class _Format(_Shape):
    type: Literal["text", "json_object", "json_schema"]
    json_schema: _JsonSchema | None = None


class _StreamOptions(_Shape):
    include_usage: bool | None = False


class Asked(_Shape):
    """The body, field by field."""

    model: Annotated[str, Field(min_length=1, max_length=128)]
    messages: Annotated[list[_Message], Field(min_length=1, max_length=10_000)]
    stream: bool | None = False
    stream_options: _StreamOptions | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    response_format: _Format | None = None
    tools: Annotated[list[_Tool], Field(max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | _NamedTool | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high"] | None = None
    n: int | None = 1
    logprobs: bool | None = False
    functions: list[Any] | None = None

    @property
    def include_usage(self) -> bool:
        """Whether a stream is to end with the counts."""
        return bool(self.stream_options and self.stream_options.include_usage)

    async def with_files_read(self, read: ReadFile) -> "Asked":
        """The same with what files say in place of them. Raises `Unfit` and what `read` raises."""
        if sum(map(_files_in, self.messages)) > MAX_FILES:
            raise Unfit("messages", f"at most {MAX_FILES} files can be read for one answer")
        messages = [
            await _with_files_read(message, f"messages.{number}", read)
            for number, message in enumerate(self.messages)
        ]
        return self.model_copy(update={"messages": messages})

    def request(self) -> Request:
        """What is asked, in our words. Raises `Unfit`."""
        self._check_what_we_do_not_serve()
        tools, choice = self._tools()
        script = Script(
            model=self.model,
            turns=_turns(self.messages),
            tools=tools,
            tool_choice=choice,
            sampling=self._sampling(),
            schema=self._schema(),
            think=self._think(),
        )
        return Request(script, streams=bool(self.stream))

    def _check_what_we_do_not_serve(self) -> None:
        if self.n not in (None, 1):
            raise Unfit("n", "one answer is given to a request")
        if self.logprobs:
            raise Unfit("logprobs", "they are not available here")
        if self.functions:
            raise Unfit("functions", "please use `tools`")

    def _sampling(self) -> Sampling:
        stop = [self.stop] if isinstance(self.stop, str) else self.stop or []
        limit = self.max_completion_tokens
        return Sampling(
            max_tokens=self.max_tokens if limit is None else limit,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            stop=tuple(mark for mark in stop if mark),
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
        )

    def _tools(self) -> tuple[Sequence[Tool], ToolChoice]:
        tools = tuple(
            Tool(
                tool.function.name,
                tool.function.description or "",
                tool.function.parameters or {"type": "object", "properties": {}},
            )
            for tool in self.tools or ()
        )
        match self.tool_choice:
            case "none":
                return (), "auto"
            case None | "auto":
                return tools, "auto"
            case "required":
                wanted = tools
            case _NamedTool() as named:
                wanted = tuple(tool for tool in tools if tool.name == named.function.name)
        if not wanted:
            raise Unfit("tool_choice", "it asks for a tool that is not among `tools`")
        return wanted, "required"

    def _schema(self) -> Schema | None:
        match self.response_format:
            case None | _Format(type="text"):
                return None
            case _Format(type="json_object"):
                return "json"
            case _Format(json_schema=_JsonSchema(schema_=dict() as schema)):
                return schema
            case _:
                raise Unfit("response_format.json_schema.schema", "it is missing")

    def _think(self) -> Think | None:
        match self.reasoning_effort:
            case None:
                return None
            case "none" | "minimal":
                return False
            case effort:
                return effort


def parse(body: bytes) -> Asked:
    """The request in `body`. Raises `Unfit` with the first field that is wrong."""
    try:
        raw = orjson.loads(body)
        if _parts_in(raw) > MAX_PARTS:
            raise Unfit("messages", f"at most {MAX_PARTS:,} parts are read")
        return Asked.model_validate(raw)
    except orjson.JSONDecodeError as invalid:
        raise Unfit("body", "it is not valid JSON") from invalid
    except ValidationError as invalid:
        error = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in error["loc"]) or "body"
        raise Unfit(where, error["msg"].lower()) from invalid


def _parts_in(raw: Any) -> int:
    match raw:
        case {"messages": list(messages)}:
            contents = [one.get("content") for one in messages if isinstance(one, dict)]
            return sum(len(content) for content in contents if isinstance(content, list))
    return 0


def _turns(messages: Iterable[_Message]) -> Sequence[Turn | Result]:
    turns: list[Turn | Result] = []
    names: dict[str, str] = {}
    for number, message in enumerate(messages):
        where = f"messages.{number}"
        text = _text(message, where)
        match message.role:
            case "tool":
                call_id = message.tool_call_id or ""
                if call_id not in names:
                    raise Unfit(f"{where}.tool_call_id", "no tool call before it has this id")
                turns.append(Result(call_id, names[call_id], text))
            case "assistant":
                calls = tuple(_calls(message, where))
                names.update((call.id, call.name) for call in calls)
                turns.append(Turn("assistant", text, calls=calls))
            case "user":
                turns.append(Turn("user", text, images=tuple(_images(message, where))))
            case "system" | "developer":
                turns.append(Turn("system", text))
    return turns


def _text(message: _Message, where: str) -> str:
    match message.content:
        case None if message.role == "assistant":
            return ""
        case None:
            raise Unfit(f"{where}.content", "it is missing")
        case str() as text:
            return text
        case parts:
            return "\n".join(
                _part(part, f"{where}.content.{number}")
                for number, part in enumerate(parts)
                if not (part.type == "image_url" and message.role == "user")
            )


def _part(part: _Part, where: str) -> str:
    match part:
        case _Part(type="text", text=str() as text) | _Part(type="refusal", refusal=str() as text):
            return text
        case _Part(type="text" | "refusal"):
            raise Unfit(where, "its text is missing")
        case _Part(type="image_url"):
            why = "pictures can only stand in messages of the user"
            raise Unfit(where, why, code="file.unsupported")
        case _:
            why = f"parts of type {part.type[:40]!r} cannot be read here"
            raise Unfit(where, why, code="file.unsupported")


def _files_in(message: _Message) -> int:
    parts = message.content if isinstance(message.content, list) else ()
    return sum(part.type == "file" for part in parts)


async def _with_files_read(message: _Message, where: str, read: ReadFile) -> _Message:
    if message.role != "user" or not isinstance(message.content, list):
        return message
    parts: list[_Part] = []
    for number, part in enumerate(message.content):
        if part.type != "file" or part.file is None:
            parts.append(part)
            continue
        said = await read(part.file, f"{where}.content.{number}.file")
        parts.append(_Part(type="text", text=said.text))
        parts += [
            _Part(type="image_url", image_url=_ImageUrl(url=address_of(image)))
            for image in said.images
        ]
    return message.model_copy(update={"content": parts})


def _images(message: _Message, where: str) -> Iterable[Image]:
    if message.content is None or isinstance(message.content, str):
        return
    for number, part in enumerate(message.content):
        if part.type == "image_url":
            place = f"{where}.content.{number}.image_url"
            if part.image_url is None:
                raise Unfit(place, "it is missing")
            yield image_in(part.image_url.url, place)


def _calls(message: _Message, where: str) -> Iterable[Call]:
    for number, call in enumerate(message.tool_calls or ()):
        try:
            arguments = orjson.loads(call.function.arguments or "{}")
        except orjson.JSONDecodeError:
            arguments = None
        if not isinstance(arguments, dict):
            place = f"{where}.tool_calls.{number}.function.arguments"
            raise Unfit(place, "they are not a JSON object in a string")
        yield Call(call.id, call.function.name, arguments)
