"""What a site's robots.txt asks of us (RFC 9309), remembered for a while."""

import re
from dataclasses import dataclass

import anyio.to_thread
import httpx
from protego import Protego

from brain.web.download import Downloader
from brain.web.errors import FetchFailed, Refused
from brain.web.guard import host_of
from shared.clock import Clock

AGENT = "Trollama"
MAX_BYTES = 512 * 1024
"""RFC 9309 section 2.5: at least 500 KiB have to be read."""
KEEP_SECONDS = 3600.0
"""Section 2.4 allows a day."""
MAX_SITES = 100
_AGENT_LINE = re.compile(r"\s*user[- ]?agent\b[\s:]*(.*)", re.IGNORECASE)
_OTHERS = "User-agent: others"


@dataclass(frozen=True, slots=True)
class _Rules:
    rules: Protego
    until: float


class Robots:
    """The rules of the sites visited lately."""

    def __init__(self, downloader: Downloader, clock: Clock) -> None:
        self._downloader = downloader
        self._clock = clock
        self._known: dict[str, _Rules] = {}

    async def check(self, url: httpx.URL) -> None:
        """
        Raises `Refused` where the site does not want `url` to be fetched by programs, and
        `FetchFailed` where its wishes cannot be had.
        """
        site = str(url.copy_with(path="/robots.txt", query=None, fragment=None))
        known = self._known.get(site)
        if known is None or known.until <= self._clock.monotonic():
            known = _Rules(await self._fetched(site), self._clock.monotonic() + KEEP_SECONDS)
            self._remember(site, known)
        if not known.rules.can_fetch(str(url), AGENT):
            raise Refused(f"{host_of(url)} does not want this page to be fetched by programs.")

    async def _fetched(self, site: str) -> Protego:
        """RFC 9309 section 2.3.1: no file means everything is allowed, a failing server nothing."""
        answer = await self._downloader.get(site, max_bytes=MAX_BYTES)
        if answer.status >= 500:
            host = host_of(answer.url)
            raise FetchFailed(f"{host} does not say whether its pages may be fetched right now.")
        # A hostile file takes a second.
        return await anyio.to_thread.run_sync(parsed, answer.body)

    def _remember(self, site: str, rules: _Rules) -> None:
        self._known.pop(site, None)
        self._known[site] = rules
        while len(self._known) > MAX_SITES:
            del self._known[next(iter(self._known))]


def parsed(body: bytes) -> Protego:
    """
    The rules in a robots.txt. Other programs are given one name first: Protego gives each rule to
    each agent of its group, and 20,000 agents times 20,000 rules fit into a file.
    """
    lines = body.decode("utf-8", "replace").splitlines()
    return Protego.parse("\n".join(_OTHERS if _for_others(line) else line for line in lines))


def _for_others(line: str) -> bool:
    found = _AGENT_LINE.match(line.partition("#")[0])
    name = found[1].strip().lower() if found else ""
    return name not in ("", "*", AGENT.lower())
