"""One JSON request to a model server, with what can go wrong told in our errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from brain.vram.errors import BackendUnreachable, LoadFailed, one_line

QUICK = aiohttp.ClientTimeout(total=5.0)
PATIENT = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
NOT_OFFERED = frozenset(
    {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED}
)
"""What a server says to a path it does not have."""

GONE = "nothing answers there"
"""The reason of `BackendUnreachable` where no server listens (a slow one has another)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and a body."""

    status: int
    text: str

    @property
    def body(self) -> Any:
        """The JSON of the body; None where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


class BrokeOff(LoadFailed):
    """The server was there and went away while it carried out an order."""


class Http:
    """The HTTP side of one server that speaks the OpenAI protocol."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """Whatever it answers. Raises `BackendUnreachable` when it does not."""
        try:
            async with (
                aiohttp.ClientSession(timeout=QUICK) as session,
                session.get(self.url + path, headers=headers) as response,
            ):
                return Answer(response.status, await response.text(errors="replace"))
        except TimeoutError as late:
            raise self.unreachable("it does not answer in time") from late
        except aiohttp.ClientError as failure:
            raise self.unreachable(GONE) from failure

    async def look(self, path: str, *, headers: Mapping[str, str] | None = None) -> Answer:
        """An answer that is a success, or says that there is no such path."""
        answer = await self.get(path, headers=headers)
        if answer.status != HTTPStatus.OK and answer.status not in NOT_OFFERED:
            raise self.unreachable(f"it answers with status {answer.status}")
        return answer

    async def order(
        self,
        model: str,
        path: str,
        *,
        body: bytes = b"{}",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """
        POST `body`, wait for as long as it takes, and return the JSON that comes (None for none).

        Raises `LoadFailed` when the server refuses (`BrokeOff` when it breaks off instead),
        `BackendUnreachable` when nobody is there.
        """
        sent = {"Content-Type": "application/json", **(headers or {})}
        try:
            async with (
                aiohttp.ClientSession(timeout=PATIENT) as session,
                session.post(self.url + path, data=body, params=params, headers=sent) as response,
            ):
                answer = Answer(response.status, await response.text(errors="replace"))
        except (aiohttp.ClientConnectorError, TimeoutError) as failure:
            raise self.unreachable(GONE) from failure
        except aiohttp.ClientError as broken:
            raise BrokeOff(model, f"the server broke off during {path}") from broken
        refusal = _refusal(answer)
        if refusal is not None:
            raise LoadFailed(model, refusal)
        return answer.body

    def unreachable(self, reason: str) -> BackendUnreachable:
        """The error that says so."""
        return BackendUnreachable(self.url, reason, kind="openai")


def _refusal(answer: Answer) -> str | None:
    """
    Why an order was not carried out; None when it was.

    LM Studio refuses with status 200 and an `error`, SGLang with `success: false`.
    """
    body = answer.body
    fields: dict[str, Any] = body if isinstance(body, dict) else {}
    failed = answer.status >= HTTPStatus.BAD_REQUEST
    if not failed and "error" not in fields and fields.get("success") is not False:
        return None
    match fields:
        case {"error": {"message": str(message)}} | {"error": str(message)}:
            return one_line(message)
        case {"message": str(message)} | {"detail": str(message)}:
            return one_line(message)
    return f"the server answers with status {answer.status}"
