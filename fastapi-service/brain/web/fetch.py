"""
Fetches one page: as robots.txt wishes, through the guard, within limits, as text.

    fetch ──> robots ──> download ──> guard ──> the web
      └─────> reading ──> a process of its own
"""

import anyio

from brain.web.download import Downloader
from brain.web.errors import FetchFailed
from brain.web.guard import check_url, host_of
from brain.web.page import Page
from brain.web.reading import ReadFile, read
from brain.web.robots import Robots
from shared.clock import Clock

MAX_BYTES = 5_000_000
SECONDS = 15.0
_SAID = {
    401: "wants a sign-in before it shows this page",
    403: "does not show this page to programs",
    404: "has no such page",
    410: "has removed this page",
    429: "asks us to come back later",
}


class Fetcher:
    """Fetches pages. One for the whole brain: it remembers what sites allow."""

    def __init__(
        self,
        downloader: Downloader,
        clock: Clock,
        *,
        read_file: ReadFile,
        max_bytes: int = MAX_BYTES,
        seconds: float = SECONDS,
    ) -> None:
        self._downloader = downloader
        self._robots = Robots(downloader, clock)
        self._read_file = read_file
        self._max_bytes = max_bytes
        self._seconds = seconds

    async def fetch(self, url: str) -> Page:
        """
        The page at `url`, at most 5 MB, in at most 15 seconds for everything together.

        Raises `FetchFailed` (or its `Refused`) with a sentence in every other case.
        """
        address = check_url(url.strip())
        try:
            with anyio.fail_after(self._seconds):
                download = await self._downloader.get(
                    str(address.copy_with(fragment=None)),
                    max_bytes=self._max_bytes,
                    before=self._robots.check,
                )
                if download.status >= 300:
                    raise FetchFailed(_sentence(host_of(download.url), download.status))
                return await read(download, self._read_file)
        except TimeoutError as late:
            raise FetchFailed(f"The page of {host_of(address)} takes too long.") from late


def _sentence(host: str, status: int) -> str:
    said = _SAID.get(status)
    return f"{host} {said}." if said else f"{host} answered with the status {status}."
