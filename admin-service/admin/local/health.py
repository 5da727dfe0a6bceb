"""Does a server answer?"""

from urllib.parse import urlsplit

import anyio

from shared.errors import BoundaryError
from shared.http import Peer

PROBE_EVERY_SECONDS = 0.1
PROBE_SECONDS = 2.0


async def answers(url: str) -> bool:
    """Whether `url` answers 200 within two seconds."""
    parts = urlsplit(url)
    server = f"{parts.scheme}://{parts.netloc}"
    try:
        async with Peer("The service", server, timeout_seconds=PROBE_SECONDS) as peer:
            await peer.get(parts.path)
    except BoundaryError:
        return False
    return True


async def until_it_answers(url: str) -> None:
    """Return when `url` answers 200; the caller sets the limit."""
    while not await answers(url):  # noqa: ASYNC110 - another process cannot set an Event here
        await anyio.sleep(PROBE_EVERY_SECONDS)
