"""
What the bot must still know after a restart, in one small file.

    heard ──▶ unsettled ──settled──▶ behind us            (up to `since` everything was dealt with)
                 └ a question until the brain has it        `settled`: what was dealt with above it

Messages are named by their ids, which rise with time (Discord's documentation, Snowflakes). What
was written while nobody listened is found again by reading on from `since`.
"""

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import anyio
import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.clock import Clock

log = structlog.get_logger(__name__)
DISCORD_EPOCH_MS = 1_420_070_400_000
LATE_SECONDS = 5.0
"""How much later than a younger message an older one may still come over the gateway."""

MOST_DIRECT = 200
MOST_ANSWERS = 200
MOST_SETTLED = 5000
PAUSE_SECONDS = 0.1
Ids = list[Annotated[int, Field(gt=0)]]


def snowflake_at(seconds: float) -> int:
    """The smallest id of that moment (seconds since 1970)."""
    return max(0, int(seconds * 1000) - DISCORD_EPOCH_MS) << 22


class _Page(BaseModel):
    """The file. `direct`: channels of direct messages, which Discord never lists for bots."""

    model_config = ConfigDict(extra="ignore")

    since: int = 0
    settled: Ids = []
    direct: Ids = []
    answers: dict[str, Ids] = {}


class Memory:
    """
    Read once, written soon after every change by `run`; the file is only ever replaced whole.

    One that cannot be read counts as none: then nothing that was missed is looked for.
    """

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        page = _read(path)
        self.is_new = page is None
        page = page or _Page(since=snowflake_at(clock.now()))
        self._since = page.since
        self._newest = page.since
        self._settled = dict.fromkeys(page.settled)
        self._unsettled: set[int] = set()
        self._held = True
        self._direct = OrderedDict.fromkeys(page.direct)
        self._answers = OrderedDict(page.answers)
        self._bell = anyio.Event()
        self._bell.set()

    # ------------------------------------------------------------------ messages

    @property
    def since(self) -> int:
        """Up to this message everything was dealt with."""
        return self._since

    @property
    def direct(self) -> list[int]:
        """Channels of direct messages, the one used last first."""
        return list(reversed(self._direct))

    def hear(self, message_id: int) -> bool:
        """A message is being looked at, until `settle`; False when it was (or is) before."""
        if self.knows(message_id):
            return False
        self._unsettled.add(message_id)
        self._newest = max(self._newest, message_id)
        return True

    def knows(self, message_id: int) -> bool:
        """Whether it was heard (as far as that is not long ago)."""
        return message_id in self._unsettled or message_id in self._settled

    def settle(self, message_id: int) -> None:
        """Nothing more is to be done about it: it is no question, or the brain has it."""
        if message_id not in self._unsettled:
            return
        self._unsettled.discard(message_id)
        self._settled[message_id] = None
        self._advance()

    def hold(self) -> None:
        """Nobody listens (or has yet read on from `since`): what comes now proves nothing."""
        self._held = True

    def release(self) -> None:
        """Everything since `since` was heard."""
        self._held = False
        self._advance()

    def use_direct(self, channel_id: int) -> None:
        """Somebody wrote to us alone, there."""
        if next(reversed(self._direct), None) == channel_id:
            return
        self._direct[channel_id] = None
        self._direct.move_to_end(channel_id)
        while len(self._direct) > MOST_DIRECT:
            self._direct.popitem(last=False)
        self._bell.set()

    def _advance(self) -> None:
        if not self._held:
            late = self._newest - (int(LATE_SECONDS * 1000) << 22)
            sure = min(min(self._unsettled, default=self._newest) - 1, late)
            self._since = max(self._since, sure)
            for one in [one for one in self._settled if one <= self._since]:
                del self._settled[one]
        while len(self._settled) > MOST_SETTLED:
            del self._settled[next(iter(self._settled))]
        self._bell.set()

    # ------------------------------------------------------------------ answers

    def answer(self, ask_id: str) -> Sequence[int]:
        """The messages of one of the last answers, the first one first; empty for others."""
        return self._answers.get(ask_id, ())

    def answer_with(self, message_id: int) -> str | None:
        """Which of the last answers a message is part of, by its `ask_id`."""
        found = (ask_id for ask_id, ids in reversed(self._answers.items()) if message_id in ids)
        return next(found, None)

    def note_answer(self, ask_id: str, message_ids: Sequence[int]) -> None:
        """These are its messages now."""
        self._answers[ask_id] = list(message_ids)
        self._answers.move_to_end(ask_id)
        while len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
        self._bell.set()

    def forget_answer(self, ask_id: str) -> None:
        """Another answer has its messages now."""
        if self._answers.pop(ask_id, None) is not None:
            self._bell.set()

    # ------------------------------------------------------------------ the file

    async def run(self) -> None:
        """Keep the file up to date until cancelled."""
        complained = False
        while True:
            await self._bell.wait()
            self._bell = anyio.Event()
            try:
                await anyio.to_thread.run_sync(_replace, self._path, self._page())
            except OSError as failure:
                if not complained:
                    log.error("memory.not_written", file=str(self._path), error=failure.strerror)
                complained = True
            await self._clock.sleep(PAUSE_SECONDS)

    def _page(self) -> str:
        page = _Page(
            since=self._since,
            settled=list(self._settled),
            direct=list(self._direct),
            answers=dict(self._answers),
        )
        return page.model_dump_json()


def _read(path: Path) -> _Page | None:
    try:
        return _Page.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as failure:
        log.error("memory.not_read", file=str(path), error=type(failure).__name__)
        return None


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.new")
    beside.write_text(text)
    beside.replace(path)
