"""The bodies of requests: JSON, or a form with `payload_json` and files; and what they may hold."""

from typing import Any

import orjson
from aiohttp import BodyPartReader, web

from rehearsal.discord.errors import Refused, invalid
from rehearsal.discord.state import State
from rehearsal.discord.world import Json
from rehearsal.discord.writing import File

LONGEST_CONTENT = 2000
MOST_FILES = 10


async def read(request: web.Request, state: State) -> tuple[Json, list[File]]:
    """The JSON object and the files of a request. Raises `Refused`."""
    if not request.content_type.startswith("multipart/"):
        return _object(await request.read()), []
    body: Json = {}
    parts: dict[str, File] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        content = bytes(await part.read(decode=True))
        if part.name == "payload_json":
            body = _object(content)
        elif part.name is not None and part.name.startswith("files["):
            if len(content) > state.rules.largest_file:
                raise Refused(413, 40005, "Request entity too large")
            kind = part.headers.get("Content-Type")
            media_type = None if kind in (None, "application/octet-stream") else kind
            parts[part.name[6:-1]] = File(part.filename or "file", content, media_type)
    if len(parts) > MOST_FILES:
        raise invalid("files", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    return body, [_described(key, file, body) for key, file in sorted(parts.items())]


def _described(key: str, file: File, body: Json) -> File:
    for entry in body.get("attachments") or ():
        if str(entry.get("id")) == key:
            name = str(entry.get("filename") or file.name)
            return File(name, file.content, file.media_type, entry.get("description"))
    return file


def _object(raw: bytes) -> Json:
    try:
        body: Any = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError as broken:
        problem = "The request body contains invalid JSON."
        raise Refused(400, 50109, problem) from broken
    if not isinstance(body, dict):
        raise invalid("_", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    return body


def check_message(body: Json) -> None:
    """Raise `Refused` where content, embeds or components break Discord's limits."""
    content = body.get("content")
    if content is not None and len(str(content)) > LONGEST_CONTENT:
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
    if len(body.get("embeds") or ()) > 10:
        raise invalid("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    allowed = body.get("allowed_mentions")
    if allowed and allowed.get("users") and "users" in (allowed.get("parse") or ()):
        raise invalid(
            "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
            "parse:[\"users\"] and users: [ids...] are mutually exclusive.",
        )  # fmt: skip
    _check_rows(body.get("components") or [])


def _check_rows(rows: list[Json]) -> None:
    if len(rows) > 5:
        raise invalid("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    seen: set[str] = set()
    for index, row in enumerate(rows):
        inside = row.get("components") or []
        at = f"components.{index}.components"
        if row.get("type") == 1 and not 1 <= len(inside) <= 5:
            raise invalid(at, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        for place, part in enumerate(inside):
            _check_part(part, f"{at}.{place}", seen)


def _check_part(part: Json, at: str, seen: set[str]) -> None:
    custom = part.get("custom_id")
    if len(str(part.get("label") or "")) > 80:
        raise invalid(f"{at}.label", "BASE_TYPE_MAX_LENGTH", "Must be 80 or fewer in length.")
    if custom is None:
        return
    if not 1 <= len(custom) <= 100:
        length = "Must be between 1 and 100 in length."
        raise invalid(f"{at}.custom_id", "BASE_TYPE_BAD_LENGTH", length)
    if custom in seen:
        raise invalid(
            f"{at}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED",
            "Component custom id cannot be duplicated",
        )  # fmt: skip
    seen.add(custom)
