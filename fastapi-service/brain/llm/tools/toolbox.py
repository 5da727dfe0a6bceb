"""
What one answer may do on the web, within limits that no model and no page can move.

    search ──▶ addresses ──▶ pages ──▶ numbered sources
                  ▲             │
                  └── links ────┘

Whatever comes back is data: it is quoted between marks that it cannot forge, and a failure is a
sentence for the model, never a failed answer. A page can talk a model into calling a tool; what it
cannot do is make that matter: there are so many calls and no more, the tools only read, and they
open no address but those that the person wrote, a search found, or a page that was read holds.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal

import anyio
import structlog

from brain.llm.tools.calculator import calculator_tool, work_out
from brain.llm.tools.fetch_page import Reader, fetch_page_tool
from brain.llm.tools.sources import Cited, Sources
from brain.llm.tools.web_search import HITS, OneTry, fitting, found, web_search_tool
from brain.web.errors import WebFailed
from brain.web.fetch import Fetcher
from brain.web.index import PageIndex
from brain.web.instructions import quoted_hits
from brain.web.page import Page
from brain.web.search import Hit, Search
from shared.clock import Clock
from shared.errors import BoundaryError

log = structlog.get_logger(__name__)
ToolName = Literal["web_search", "fetch_page", "calculator"]
Show = Callable[[Literal["searching", "reading_page", "generating"], str | None], None]
"""Where the answer is, and what it is about there: the words searched for, the page's address."""

LEAST_ROOM = 500
"""Characters; less is not worth a call."""
PAGE_CHARS = 6000
"""Of one page, about 1500 tokens."""
SHOWN_CHARS = 200
"""Of what a model searches for or opens, in the status of its answer."""
PAGES_AT_FIRST = 3
"""How many hits are read when a search is made before the model speaks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What tools use; one for the whole brain."""

    search: Search
    fetcher: Fetcher
    index: PageIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of one answer: calls of each tool, seconds of one call and of all together."""

    web_search: int = 5
    fetch_page: int = 8
    calculator: int = 20
    call_seconds: float = 30.0
    seconds: float = 120.0

    def calls(self, tool: ToolName) -> int:
        """How often `tool` may be called."""
        match tool:
            case "web_search":
                return self.web_search
            case "fetch_page":
                return self.fetch_page
            case "calculator":
                return self.calculator


LIMITS = Limits()


class Toolbox:
    """
    The tools of one answer to `question`. `room_chars` is how much their results may take together.

    `from_person` is what the person wrote, now and before: the addresses in it may be read.
    """

    def __init__(
        self,
        web: Web,
        *,
        question: str,
        from_person: Sequence[str],
        show: Show,
        clock: Clock,
        room_chars: int,
        limits: Limits = LIMITS,
        nonce: Callable[[], str] = lambda: token_hex(8),
    ) -> None:
        self._search = OneTry(web.search)
        self._question = question
        self._show = show
        self._clock = clock
        self._room = room_chars
        self._limits = limits
        self._nonce = nonce
        self._sources = Sources()
        self._reader = Reader(web.fetcher, web.index, self._sources)
        self._calls: Counter[ToolName] = Counter()
        self._spent = 0.0
        for text in (question, *from_person):
            self._sources.open_all_in(text)

    @property
    def sources(self) -> tuple[Cited, ...]:
        """The pages whose text the model was given, by the numbers it was given for them."""
        return self._sources.cited

    @property
    def used(self) -> bool:
        """Whether the model called a tool."""
        return bool(self._calls)

    def tools(self, names: Collection[ToolName]) -> list[Callable[..., Any]]:
        """Those of `names`, for an agent."""
        tools: dict[ToolName, Callable[..., Any]] = {
            "web_search": web_search_tool(self.web_search),
            "fetch_page": fetch_page_tool(self.fetch_page),
            "calculator": calculator_tool(self.calculator),
        }
        return [tools[name] for name in tools if name in names]

    async def web_search(self, query: str) -> str:
        """What a search found, or a sentence."""

        async def search() -> str:
            self._show("searching", query[:SHOWN_CHARS])
            room = min(self._room, PAGE_CHARS)
            return await found(
                self._search, query, sources=self._sources, room=room, nonce=self._nonce()
            )

        return await self._call("web_search", search)

    async def fetch_page(self, url: str, looking_for: str = "") -> str:
        """What a page says about `looking_for`, else about the question, or a sentence."""

        async def read() -> str:
            self._show("reading_page", url[:SHOWN_CHARS])
            page = await self._reader.fetch(url)
            return await self._quoted([page], looking_for or self._question, PAGE_CHARS)

        return await self._call("fetch_page", read)

    async def calculator(self, expression: str) -> str:
        """The value of a sum, or a sentence."""
        return await self._call("calculator", lambda: work_out(expression))

    async def look_up(self, query: str) -> str:
        """
        Search for `query` and read the first pages, before the model speaks: what they say about
        the question, as numbered sources; where none could be read the results, which are no
        sources; or a sentence. Nothing of it is a call of the model.
        """
        began = self._clock.monotonic()
        try:
            with anyio.fail_after(self._limits.call_seconds):
                text = await self._looked_up(query)
        except TimeoutError:
            text = "The search took too long and gave nothing. Say that the web was not searched."
        except BoundaryError as failed:
            log.info("tool.failed", tool="look_up", code=failed.code)
            text = f"The search failed: {failed.message} Say that the web was not searched."
        except Exception:  # pages are hostile, and libraries raise anything
            log.exception("tool.crashed", tool="look_up")
            text = "The search failed. Say that the web was not searched."
        self._spent += self._clock.monotonic() - began
        self._room -= len(text)
        return text

    async def _looked_up(self, query: str) -> str:
        self._show("searching", query[:SHOWN_CHARS])
        hits = await self._search.find(query, HITS)
        for hit in hits:
            self._sources.open(hit.url)
        pages: dict[str, Page] = {}
        with anyio.move_on_after(self._limits.call_seconds / 2):
            async with anyio.create_task_group() as tasks:
                for hit in hits[:PAGES_AT_FIRST]:
                    tasks.start_soon(self._into, pages, hit)
        in_order = [pages[hit.url] for hit in hits if hit.url in pages]
        if in_order:
            return await self._quoted(in_order, self._question, self._room)
        return quoted_hits(fitting(hits, self._room), self._nonce())

    async def _into(self, pages: dict[str, Page], hit: Hit) -> None:
        self._show("reading_page", hit.url)
        try:
            pages[hit.url] = await self._reader.fetch(hit.url)
        except WebFailed as failed:
            log.info("tool.failed", tool="look_up", code=failed.code)
        except Exception:  # one page of several
            log.exception("tool.crashed", tool="look_up")

    async def _quoted(self, pages: Sequence[Page], question: str, most: int) -> str:
        room = min(most, self._room)
        return await self._reader.quote(pages, question, room=room, nonce=self._nonce())

    async def _call(self, tool: ToolName, work: Callable[[], Awaitable[str]]) -> str:
        refusal = self._refusal(tool)
        if refusal is not None:
            return refusal
        self._calls[tool] += 1
        began = self._clock.monotonic()
        try:
            left = self._limits.seconds - self._spent
            with anyio.fail_after(min(self._limits.call_seconds, left)):
                text = await work()
        except TimeoutError:
            text = f"{tool} took too long and gave nothing."
        except BoundaryError as failed:
            log.info("tool.failed", tool=tool, code=failed.code)
            text = failed.message
        except Exception:  # as above
            log.exception("tool.crashed", tool=tool)
            text = f"{tool} failed. Answer with what you have."
        finally:
            self._spent += self._clock.monotonic() - began
        self._room -= len(text)
        self._show("generating", None)
        log.info("tool.called", tool=tool, seconds=round(self._clock.monotonic() - began, 3))
        return text

    def _refusal(self, tool: ToolName) -> str | None:
        """Why `tool` is not run; the model has to go on with what it has."""
        if self._calls[tool] >= self._limits.calls(tool):
            return f"{tool} cannot be used again for this answer. Answer with what you have."
        if self._spent >= self._limits.seconds:
            return "The time for tools is over. Answer with what you have."
        if self._room < LEAST_ROOM and tool != "calculator":
            return "There is no room for more to read. Answer with what you have."
        return None
