"""
The brain and auth-service, called from Streamlit's script threads, which know no event loop.

    script thread ──▶ Door.get/post/… ──▶ portal (one thread, one loop a process) ──▶ shared.http

Every call raises what `shared.http.Peer` raises: `Refused` with the server's own sentence, or an
`Upstream` that says which server cannot be reached.
"""

from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from io import BytesIO
from types import TracebackType
from typing import Any, Self, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from shared.http import Download, Params, Peer

T = TypeVar("T")
BRAIN_SECONDS = 15.0
AUTH_SECONDS = 30.0
"""A sign-in is slow on purpose, and many may wait for one."""

FILE_SECONDS = 60.0


class Door:
    """
    One of our servers, for threads. `token` is the person's sign-in.

    `always` makes headers that go with every call, in the thread of the call.
    """

    def __init__(
        self,
        portal: BlockingPortal,
        name: str,
        address: str,
        seconds: float,
        *,
        always: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self._portal = portal
        self._name = name
        self._address = address
        self._always = always
        self._peer = Peer(name, address, timeout_seconds=seconds)

    @property
    def peer(self) -> Peer:
        """The connection itself; its owner opens and closes it."""
        return self._peer

    def get(self, path: str, *, token: str | None = None, params: Params | None = None) -> Any:
        """The parsed JSON of the answer."""
        headers = self._headers(token)
        return self._portal.call(lambda: self._peer.get(path, params=params, headers=headers))

    def post(self, path: str, *, token: str | None = None, json: Any = None) -> Any:
        """The parsed JSON of the answer; None when it has no body."""
        headers = self._headers(token)
        return self._portal.call(lambda: self._peer.post(path, json=json, headers=headers))

    def patch(self, path: str, *, token: str | None = None, json: Any = None) -> Any:
        """The parsed JSON of the answer; None when it has no body."""
        headers = self._headers(token)
        return self._portal.call(lambda: self._peer.patch(path, json=json, headers=headers))

    def delete(self, path: str, *, token: str | None = None, json: Any = None) -> Any:
        """The parsed JSON of the answer; None when it has no body."""
        headers = self._headers(token)
        return self._portal.call(lambda: self._peer.delete(path, json=json, headers=headers))

    def upload(self, path: str, *, token: str, filename: str, data: bytes) -> Any:
        """Send a file as the field `file` of a form; the parsed JSON of the answer."""
        return self._alone(
            token, lambda peer: peer.upload(path, filename=filename, file=BytesIO(data))
        )

    def download(self, path: str, *, token: str) -> Download:
        """A file's bytes."""
        return self._alone(token, lambda peer: peer.download(path))

    def _headers(self, token: str | None) -> dict[str, str]:
        signed = {} if token is None else {"Authorization": f"Bearer {token}"}
        return signed | self._always()

    def _alone(self, token: str, ask: Callable[[Peer], Awaitable[T]]) -> T:
        """Files go over a connection of their own: they take longer than an answer may."""

        async def asked() -> T:
            async with Peer(
                self._name, self._address, token=token, timeout_seconds=FILE_SECONDS
            ) as peer:
                return await ask(peer)

        return self._portal.call(asked)


class Api:
    """Both doors. Opened with `with`; a process has one."""

    def __init__(
        self, *, brain_url: str, auth_url: str, person: Callable[[], dict[str, str]] = dict
    ) -> None:
        """`person`: headers that tell auth-service for whom this process calls just now."""
        self._urls = (brain_url, auth_url)
        self._person = person
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.portal = stack.enter_context(start_blocking_portal())
            brain_url, auth_url = self._urls
            self.brain = Door(self.portal, "The chat server", brain_url, BRAIN_SECONDS)
            self.auth = Door(
                self.portal, "The accounts server", auth_url, AUTH_SECONDS, always=self._person
            )
            for door in (self.brain, self.auth):
                stack.enter_context(self.portal.wrap_async_context_manager(door.peer))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
