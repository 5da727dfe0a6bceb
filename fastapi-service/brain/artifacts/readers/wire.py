"""
What a reading process is told, and what it answers.

Both are one line of JSON and then bytes: the file, or the data of the images one after the other.
Not pickle: a file that has taken over its reader must not reach further through the answer.
"""

from dataclasses import asdict, dataclass
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from brain.artifacts.errors import FileRefused, FileTooLarge, FileUnreadable, FileUnsupported
from brain.artifacts.limits import Limits
from brain.artifacts.readers.document import Document, Image, Kind

Note = Annotated[str, Field(max_length=300)]
"""Notes are shown to a model as our own words, so a file must not get many in."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to read."""

    filename: str
    limits: Limits
    data: bytes


class Garbled(Exception):
    """The answer is not one that a reader gives."""


class _Size(BaseModel):
    model_config = ConfigDict(extra="forbid")
    media_type: str
    width: int
    height: int
    size: int


class _Answer(BaseModel):
    """The line of JSON: a document or, with `code`, a refusal."""

    model_config = ConfigDict(extra="forbid")
    filename: str
    code: str = ""
    why: str = ""
    cause: str = ""
    media_type: str = ""
    kind: Kind = "text"
    text: str = ""
    notes: Annotated[tuple[Note, ...], Field(max_length=8)] = ()
    language: str = ""
    images: tuple[_Size, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no document; `cause` is the class of the exception behind it, for the log."""

    error: FileRefused
    cause: str


def order_bytes(order: Order) -> bytes:
    """For the standard input of a reading process."""
    line = orjson.dumps({"filename": order.filename, "limits": asdict(order.limits)})
    return line + b"\n" + order.data


def order_from(line: bytes, data: bytes) -> Order:
    """The opposite of `order_bytes`, split at the first line end."""
    told = orjson.loads(line)
    return Order(filename=told["filename"], limits=Limits(**told["limits"]), data=data)


def answer_bytes(answer: Document | Refusal) -> bytes:
    """For the standard output of a reading process."""
    match answer:
        case Refusal(error=error, cause=cause):
            refused = _Answer(filename=error.filename, code=error.code, why=error.why, cause=cause)
            return refused.model_dump_json().encode() + b"\n"
        case Document(images=images):
            sizes = tuple(
                _Size(media_type=one.media_type, width=one.width, height=one.height,
                      size=len(one.data))
                for one in images
            )  # fmt: skip
            line = _Answer(
                filename=answer.filename,
                media_type=answer.media_type,
                kind=answer.kind,
                text=answer.text,
                notes=answer.notes,
                language=answer.language,
                images=sizes,
            )
            return b"\n".join(
                [line.model_dump_json().encode(), b"".join(one.data for one in images)]
            )


def answer_from(raw: bytes) -> Document | Refusal:
    """The opposite of `answer_bytes`. Raises `Garbled`."""
    line, _, data = raw.partition(b"\n")
    try:
        answer = _Answer.model_validate_json(line)
    except ValidationError as wrong:
        raise Garbled from wrong
    if answer.code:
        return Refusal(_error(answer), answer.cause)
    return Document(
        filename=answer.filename,
        media_type=answer.media_type,
        kind=answer.kind,
        text=answer.text,
        notes=answer.notes,
        language=answer.language,
        images=tuple(_images(answer.images, data)),
    )


def _error(answer: _Answer) -> FileRefused:
    for kind in (FileTooLarge, FileUnsupported, FileUnreadable):
        if kind.code == answer.code:
            return kind(answer.filename, answer.why)
    raise Garbled


def _images(sizes: tuple[_Size, ...], data: bytes) -> list[Image]:
    images = []
    for one in sizes:
        content, data = data[: one.size], data[one.size :]
        if len(content) != one.size:
            raise Garbled
        images.append(Image(one.media_type, content, one.width, one.height))
    return images
