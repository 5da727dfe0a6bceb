"""
The one file of a multipart body (RFC 7578), passed on while it arrives.

A body is never held as a whole: python-multipart is given each piece of it and hands out what of
the file was in there.
"""

from collections.abc import AsyncIterator
from contextlib import suppress

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from shared.errors import InvalidRequest

FIELD = b"file"
MAX_HEAD_BYTES = 16 * 1024
"""What may stand before the file: its headers, and fields nobody asked for."""


class NoFile(InvalidRequest):
    """The body holds no file where one must be."""

    def __init__(self) -> None:
        super().__init__(
            "Please correct the body: it must be multipart/form-data with a field `file` that "
            "has a filename."
        )


class SentFile:
    """The field `file` of a request. `begin` first; then the bytes, once."""

    def __init__(self, request: Request) -> None:
        self._body = request.stream()
        self._parser = self._new_parser(request.headers.get("content-type", ""))
        self._header = b""
        self._value = b""
        self._headers: dict[bytes, bytes] = {}
        self._in_file = False
        self._ended = False
        self._pieces: list[bytes] = []
        self._filename = ""

    async def begin(self) -> str:
        """Read on until the file begins; its name. Raises `NoFile`."""
        read = 0
        while not self._filename:
            piece = await self._next()
            read += len(piece)
            if not piece or read > MAX_HEAD_BYTES + len(piece):
                raise NoFile
            self._feed(piece)
        return self._filename

    async def pieces(self) -> AsyncIterator[bytes]:
        """Its bytes. Raises `NoFile` when the body breaks off."""
        while True:
            for piece in self._pieces:
                yield piece
            self._pieces.clear()
            if self._ended:
                return
            piece = await self._next()
            if not piece:
                raise NoFile
            self._feed(piece)

    async def drain(self) -> None:
        """Read what is left, so that a client that is still sending hears the answer."""
        with suppress(HTTPException, ClientDisconnect):
            async for _ in self._body:
                pass

    async def _next(self) -> bytes:
        """More of the body, b"" at its end or when its sender has gone."""
        try:
            return await anext(self._body, b"")
        except ClientDisconnect:
            return b""

    def _feed(self, piece: bytes) -> None:
        try:
            self._parser.write(piece)
        except MultipartParseError as broken:
            raise NoFile from broken

    def _new_parser(self, content_type: str) -> MultipartParser:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != b"multipart/form-data" or not boundary:
            raise NoFile
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_header_begin": self._on_header_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
            },
        )

    # ------------------------------------------------------------------ heard from the parser

    def _on_part_begin(self) -> None:
        self._headers = {}

    def _on_header_begin(self) -> None:
        self._header, self._value = b"", b""

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[self._header.lower()] = self._value

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"filename", b"").decode("utf-8", "replace")
        self._in_file = options.get(b"name") == FIELD and bool(name) and not self._filename
        if self._in_file:
            self._filename = name

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(data[start:end])

    def _on_part_end(self) -> None:
        self._ended = self._ended or self._in_file
        self._in_file = False
