"""Writing an answer bit by bit; headers go with the first bit, so failing before has a status."""

from aiohttp import web


class Stream:
    """
    An HTTP answer whose length nobody knows yet.

    Until `send` is called nothing has left; afterwards the status is 200 whatever happens.
    """

    def __init__(self, request: web.Request, content_type: str) -> None:
        self._request = request
        self.response = web.StreamResponse(headers={"Content-Type": content_type})

    @property
    def started(self) -> bool:
        """Whether anything has left."""
        return self.response.prepared

    async def send(self, text: bytes) -> None:
        """Send `text`; `ConnectionError` when the client is gone."""
        if not self.response.prepared:
            await self.response.prepare(self._request)
        await self.response.write(text)

    async def finish(self) -> web.StreamResponse:
        """The end, as HTTP wants it."""
        if not self.response.prepared:
            await self.response.prepare(self._request)
        await self.response.write_eof()
        return self.response


def break_connection(request: web.Request) -> None:
    """Close the connection in the middle of an answer, as a process that dies does."""
    if request.transport is not None:
        request.transport.close()
