"""
The two calls to Discord that tell who consented (OAuth2, authorization code grant).

Source: Discord's developer documentation, "OAuth2" and "Get Current User"; RFC 6749, 4.1.3;
RFC 7636 for `code_verifier`.
"""

from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import anyio
import httpx
from pydantic import BaseModel, Field, ValidationError

from auth.errors import DiscordRefused

TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 64 * 1024
AT_ONCE = 8
"""Calls under way; whoever comes then waits, `TIMEOUT_SECONDS` at most."""


@dataclass(frozen=True, slots=True)
class Application:
    """What the operator registered with Discord; `redirect_uri` must be listed there."""

    client_id: str
    client_secret: str
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class DiscordPerson:
    """Who consented: the id, and the name others see."""

    id: str
    name: str


class _Grant(BaseModel):
    access_token: str = Field(min_length=1, max_length=2048, repr=False)


class _Me(BaseModel):
    id: str = Field(pattern=r"^[0-9]{1,20}$")
    username: str
    global_name: str | None = None


class DiscordApi:
    """Speaks to Discord at `base_url` (ends in `/api/v10`). Opened with `async with`."""

    def __init__(self, base_url: str, application: Application) -> None:
        self._base_url = base_url
        self._application = application
        self._room = anyio.CapacityLimiter(AT_ONCE)
        self._client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, failure, traceback)

    def consent_url(self, *, state: str, challenge: str) -> str:
        """Where a browser asks its person; `challenge` is the S256 of the verifier."""
        asked = {
            "response_type": "code",
            "client_id": self._application.client_id,
            "scope": "identify",
            "redirect_uri": self._application.redirect_uri,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        place = urlsplit(self._base_url)
        return f"{place.scheme}://{place.netloc}/oauth2/authorize?{urlencode(asked)}"

    async def person(self, *, code: str, verifier: str) -> DiscordPerson:
        """Who gave this code. Raises `DiscordRefused`."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._application.redirect_uri,
            "code_verifier": verifier,
        }
        own = httpx.BasicAuth(self._application.client_id, self._application.client_secret)
        try:
            with anyio.fail_after(TIMEOUT_SECONDS):
                async with self._room:
                    grant = _Grant.model_validate_json(
                        await self._read("POST", "/oauth2/token", data=form, auth=own)
                    )
                    bearer = {"Authorization": f"Bearer {grant.access_token}"}
                    me = _Me.model_validate_json(
                        await self._read("GET", "/users/@me", headers=bearer)
                    )
        except (TimeoutError, httpx.HTTPError, ValidationError) as failure:
            raise DiscordRefused(type(failure).__name__) from failure
        return DiscordPerson(me.id, me.global_name or me.username)

    async def _read(self, method: str, path: str, **content: object) -> bytes:
        request = self._client.stream(method, self._base_url + path, **content)  # type: ignore[arg-type]
        body = bytearray()
        async with request as answer:
            if answer.status_code != 200:
                raise DiscordRefused(f"{path} answered {answer.status_code}")
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > MAX_ANSWER_BYTES:
                    raise DiscordRefused(f"{path} answered far too much")
        return bytes(body)
