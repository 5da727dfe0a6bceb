"""The way to the brain: one authenticated WebSocket at a time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus

from admin.cli.calls import is_here
from admin.cli.errors import NotRunning, UpgradeRefused
from shared.protocol import MAX_FRAME_BYTES

OPEN_SECONDS = 10.0
UNAUTHORIZED = 401


class Tokens(Protocol):
    """Where tokens come from (`sign_in.SignIn`, or a list in a test)."""

    async def token(self) -> str:
        """A token that is good now."""

    async def renew(self, refused: str) -> str:
        """Another one, after this was refused."""


class Door:
    """Opens `/ws/chat` of the brain at `address`."""

    def __init__(self, address: str, tokens: Tokens) -> None:
        self._address = address
        self._tokens = tokens

    @asynccontextmanager
    async def open(self) -> AsyncIterator[ClientConnection]:
        """
        One connection; a refused token is replaced once.

        Raises `NotRunning`, `UpgradeRefused`, and what getting a token raises.
        """
        token = await self._tokens.token()
        try:
            socket = await self._connect(token)
        except InvalidStatus as refusal:
            if refusal.response.status_code != UNAUTHORIZED:
                raise self._refused(refusal) from refusal
            socket = await self._second_try(await self._tokens.renew(token))
        async with socket:
            yield socket

    async def _second_try(self, token: str) -> ClientConnection:
        try:
            return await self._connect(token)
        except InvalidStatus as refusal:
            raise self._refused(refusal) from refusal

    async def _connect(self, token: str) -> ClientConnection:
        try:
            return await connect(
                self._address.replace("http", "ws", 1) + "/ws/chat",
                additional_headers={"Authorization": f"Bearer {token}"},
                max_size=MAX_FRAME_BYTES,
                open_timeout=OPEN_SECONDS,
                proxy=None,
            )
        except InvalidStatus:
            raise
        except (OSError, TimeoutError, InvalidHandshake, EOFError) as nobody:
            raise NotRunning(self._address, here=is_here(self._address)) from nobody

    def _refused(self, refusal: InvalidStatus) -> Exception:
        status = refusal.response.status_code
        if status >= 500:  # it starts or stops right now
            return NotRunning(self._address, here=is_here(self._address))
        return UpgradeRefused(status)
