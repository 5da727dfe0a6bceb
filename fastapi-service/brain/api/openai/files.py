"""
Files in a request of `/v1`: content parts of type `file`, as what they say.

OpenAI's API reference, "Create chat completion", file content part: `file_data` (a `data:` address,
or bare base64) with a `filename`, or the `file_id` of an upload.
"""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass
from weakref import WeakValueDictionary

import anyio
from anyio.lowlevel import RunVar
from anyio.to_thread import run_sync

from brain.api.openai.asked import FileSaid, SentFile
from brain.api.openai.errors import Unfit
from brain.artifacts.readers.document import Document
from brain.artifacts.reading import read_safely
from brain.context.enclosed import Enclosed, quoted
from brain.llm.tokens import estimate
from brain.wiring.files import Files

_DATA = re.compile(r"data:[^,]{0,200},")
NAMELESS = "file"
NO_LIMIT = 10**9
"""Tokens: what is too long for the model is for the caller to shorten, as all text here is."""

_turns: RunVar[WeakValueDictionary[str, anyio.Lock] | None] = RunVar("turns of people at reading")


@dataclass(frozen=True, slots=True)
class FileReader:
    """Reads for one person, one file at a time, however many requests they make."""

    files: Files
    user_id: str

    async def __call__(self, sent: SentFile, where: str) -> FileSaid:
        """
        The words of a file as a quotation, and its pictures.

        Raises `Unfit`, `FileRefused`, `NoSuchFile`.
        """
        if sent.file_id is not None:
            kept = await self.files.store.find(sent.file_id, owner=self.user_id)
            name, data = kept.filename, await self.files.store.read(kept)
        elif sent.file_data is not None:
            name, data = sent.filename or NAMELESS, await run_sync(_bytes, sent.file_data, where)
        else:
            raise Unfit(where, "it has neither `file_data` nor `file_id`")
        async with _turn_of(self.user_id):
            document = await read_safely(name, data, self.files.limits)
        images = tuple((image.media_type, image.data) for image in document.images)
        return FileSaid(await run_sync(_quotation, document), images)


def _turn_of(user_id: str) -> anyio.Lock:
    """One an event loop and person, for as long as somebody waits for it."""
    turns = _turns.get(None)
    if turns is None:
        turns = WeakValueDictionary()
        _turns.set(turns)
    return turns.setdefault(user_id, anyio.Lock())


def _bytes(file_data: str, where: str) -> bytes:
    head = _DATA.match(file_data)
    try:
        return b64decode(file_data[head.end() :] if head else file_data, validate=True)
    except (NotBase64, ValueError) as broken:
        raise Unfit(f"{where}.file_data", "it is not base64", code="file.unreadable") from broken


def _quotation(document: Document) -> str:
    text = document.text
    said = Enclosed(document.filename, text, len(text), estimate(text), document.notes)
    return quoted([said], room=NO_LIMIT).text
