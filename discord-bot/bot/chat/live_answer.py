"""
One living message: a status line that becomes the answer.

Frames change a `Screen` at once and never wait; one task brings the messages up to date, as often
as the channel takes it. What came meanwhile is shown together. The end goes out as soon as a
request is free and is tried until Discord takes it:

    take ──▶ Screen ──bell──▶ run: wait for a turn ─▶ draw what is different ─▶ … ─▶ the end

A message that cannot be edited, or not in time, is replaced: a new one says the same, all below it
are sent anew, and the old ones are deleted. Until then both are known, the old ones last.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
import structlog

from bot import texts
from bot.chat import buttons
from bot.chat.ask import QuestionId
from bot.chat.delivery import (
    MOST_FILES,
    Delivery,
    File,
    Gone,
    Rejected,
    Sent,
    Unchangeable,
    Undelivered,
    nonce_of,
)
from bot.chat.screen import Screen
from shared.protocol import SavedFile, ToClient

log = structlog.get_logger(__name__)
Fetch = Callable[[Sequence[SavedFile]], Awaitable[list[File]]]
MOST_PLANS = 5
"""How often the end is begun anew for what turned up in the middle."""


@dataclass(slots=True)
class _Shown:
    message_id: int
    text: str | None
    """None: found after a restart, its text is not known."""

    buttons: bool
    old: bool = False
    """Whether another message takes its place, so that it is to go."""


@dataclass(slots=True)
class LiveAnswer:
    """
    The messages of one question. `ask_id` changes when the same question is asked again.

    `found` are its messages where a bot before this one had begun.
    """

    question: QuestionId
    asker_id: int
    screen: Screen
    delivery: Delivery
    fetch: Fetch
    reply: bool = False
    """Whether the first message replies to the question (where there is no thread)."""

    on_sent: Callable[[], None] = lambda: None
    """Called when one more message of it stands in Discord."""

    on_cut: Callable[[], None] = lambda: None
    """Called when nothing more of it can be sent."""

    shown: list[_Shown] = field(default_factory=list)
    gone: bool = False
    _bell: anyio.Event = field(default_factory=anyio.Event)
    _waiting: anyio.CancelScope | None = None
    _last: Sent | None = None
    _anew: bool = False
    """Whether what was planned to be drawn is overtaken."""

    _started: QuestionId = field(init=False)

    def __post_init__(self) -> None:
        self._started = self.question

    @property
    def ask_id(self) -> str:
        """Under which the brain knows it now."""
        return str(self.question)

    @property
    def channel_id(self) -> int:
        """Where it is shown."""
        return self.question.channel_id

    @property
    def message_ids(self) -> list[int]:
        """Its messages in Discord, the first one first."""
        return [one.message_id for one in self.shown]

    def found(self, message_ids: Sequence[int], *, last: Sent | None = None) -> None:
        """
        These messages belong to this answer already, the first one first; `last` has its end.

        How many are before `last` the end tells, which comes again; the others it has replaced.
        """
        self.shown = [_Shown(one, None, buttons=True) for one in message_ids]
        self._last = last

    def take(self, frame: ToClient) -> None:
        """Follow a frame; never waits."""
        self.screen.take(frame)
        self.changed()

    def changed(self) -> None:
        """The screen is to be looked at."""
        self._bell.set()
        if self.screen.end is not None and self._waiting is not None:
            self._waiting.cancel()

    async def begin(self) -> None:
        """Show the first status line, unless a bot before this one did."""
        if self.shown:
            return
        try:
            await self.delivery.turn_to_send(self.channel_id)
            await self._send(0, self.screen.messages()[0], had_turn=True)
        except Gone:
            self.gone = True
        except Undelivered:
            self.changed()  # `run` goes on with it

    async def run(self) -> bool:
        """Until the end is shown; False when it could not be shown (then it is not to be acked)."""
        while not self._ended and not self.gone:
            await self._bell.wait()
            self._bell = anyio.Event()
            if not self._ended:
                await self._draw_some()
        if self.gone:
            return True
        return await self._draw_the_end()

    async def run_plainly(self) -> bool:
        """The same for an answer that cannot be drawn: its end, with as little as possible."""
        while not self._ended and not self.gone:
            await self._bell.wait()
            self._bell = anyio.Event()
        self.screen.plain = True
        return self.gone or await self._draw_the_end()

    # ------------------------------------------------------------------ drawing

    async def _draw_some(self) -> None:
        """One request: the first message that is different, when the channel takes it."""
        first = self._first_difference()
        new = first == len(self._standing)
        if first is None or not await self._turn(new=new):
            return
        at = self._first_difference()
        if self._ended or at is None or (at == len(self._standing)) is not new:
            self.delivery.give_back_turn(self.channel_id, to_send=new)
            self._bell.set()
            return
        wanted = self.screen.messages()
        try:
            if new:
                await self._send(at, wanted[at], had_turn=True)
                await self._drop_old(wanted)
            else:
                await self._edit(at, wanted[at], last=False)
        except Undelivered:
            self._bell.set()  # the next turn tries again
        except Gone:
            self.gone = self.screen.cut_at is None
        if self._first_difference() is not None:
            self._bell.set()

    def _first_difference(self) -> int | None:
        """Which message is not as it should be, or is not there yet."""
        standing = self._standing
        for at, text in enumerate(self.screen.messages()):
            if at >= len(standing) or standing[at].text != text:
                return at
        return None

    @property
    def _standing(self) -> list[_Shown]:
        return [one for one in self.shown if not one.old]

    def _give_up(self, at: int) -> None:
        """New messages take the places of this one and of all below it."""
        for one in self.shown[at:]:
            one.old = True
        self._anew = True

    async def _drop_old(self, wanted: Sequence[str]) -> None:
        """Delete what is replaced, once everything stands that is to replace it."""
        if len(self._standing) < len(wanted):
            return
        while self.shown and self.shown[-1].old:
            await self.delivery.delete(self.channel_id, self.shown[-1].message_id)
            self.shown.pop()

    @property
    def _ended(self) -> bool:
        return self.screen.end is not None

    async def _turn(self, *, new: bool) -> bool:
        """Wait for the channel; False when the end came first."""
        with anyio.CancelScope() as self._waiting:
            if new:
                await self.delivery.turn_to_send(self.channel_id)
            else:
                await self.delivery.turn_to_edit(self.channel_id)
        cut_short = self._waiting.cancelled_caught
        self._waiting = None
        return not cut_short

    async def _draw_the_end(self) -> bool:
        """As often as something turns up in the middle that changes what can be shown."""
        for _ in range(MOST_PLANS):
            self._anew = False
            is_there = await self._draw_the_end_as_planned()
            if not self._anew:
                break
        else:
            raise Unchangeable
        if not is_there:
            log.warning("answer.not_shown", ask_id=self.ask_id)
        return is_there

    async def _draw_the_end_as_planned(self) -> bool:
        """The words, then what is too much: messages, buttons above the last one."""
        wanted, files = self.screen.messages(), await self._files()
        standing = self._standing
        here = min(len(standing), len(wanted) - 1)
        changed = [at for at in range(here) if standing[at].text != wanted[at]]

        async def rest() -> None:
            for at in range(here, len(wanted) - 1):
                await self._send(at, wanted[at])
            await self._draw_the_last(len(wanted) - 1, wanted[-1], files)

        async def tidy() -> None:
            while len(self.shown) > len(wanted):
                await self.delivery.delete(self.channel_id, self.shown[-1].message_id)
                self.shown.pop()
            for at, text in enumerate(wanted[:-1]):
                if self.shown[at].buttons:
                    await self.delivery.turn_to_edit(self.channel_id)
                    await self._edit(at, text, last=False, end=True, had_turn=True)

        edits = [partial(self._edit, at, wanted[at], last=False, end=True) for at in changed]
        return await self._each([*edits, rest]) and (self._anew or await self._each([tidy]))

    async def _each(self, parts: Sequence[Callable[[], Awaitable[None]]]) -> bool:
        """All at the same time, because none may wait for another's turn; whether all are there."""
        undelivered = False

        async def one(part: Callable[[], Awaitable[None]]) -> None:
            nonlocal undelivered
            try:
                await part()
            except Gone:
                return
            except Undelivered:
                undelivered = True

        async with anyio.create_task_group() as tasks:
            for part in parts:
                tasks.start_soon(one, part)
        return not undelivered

    async def _draw_the_last(self, at: int, text: str, files: Sequence[File]) -> None:
        """With its files, or where those are refused without them and a line that says so."""
        more = files[MOST_FILES:]
        try:
            await self._place_the_last(at, text, files[:MOST_FILES])
            if more:
                nonce = nonce_of(self._started, "more")
                await self.delivery.send(self.channel_id, texts.MORE, nonce=nonce, files=more)
        except (Gone, Rejected) as refusal:
            if not files:
                raise
            self.screen.files_lost = texts.FILES_REFUSED
            if isinstance(refusal, Rejected):
                self.screen.files_lost = texts.FILES_REJECTED
            await self._place_the_last(at, self.screen.messages()[-1], ())

    async def _place_the_last(self, at: int, text: str, files: Sequence[File]) -> None:
        if self._last is not None:
            sent, self._last = self._last, None
            self.shown.insert(at, _Shown(sent.message_id, sent.text, buttons=True))
            self.on_sent()
            if sent.text.strip() == text.strip():
                return
        if at >= len(self._standing):
            await self._send(at, text, last=True, files=files)
        elif await self.delivery.turn_to_end(self.channel_id) == "send":
            log.info("answer.moved", ask_id=self.ask_id)
            try:
                await self._send(at, text, last=True, files=files, had_turn=True, instead=True)
            except (Gone, Rejected):
                await self._edit(at, text, last=True, end=True, files=files)
        else:
            await self._edit(at, text, last=True, end=True, files=files, had_turn=True)

    async def _files(self) -> list[File]:
        files = await self.fetch(self.screen.files) if self.screen.files else []
        if self.screen.whole_answer_as_file:
            files.append(File("answer.md", self.screen.text.encode()))
        return files

    # ------------------------------------------------------------------ requests

    async def _send(
        self,
        at: int,
        text: str,
        *,
        last: bool = False,
        files: Sequence[File] = (),
        had_turn: bool = False,
        instead: bool = False,
    ) -> None:
        """The message at `at`, which is none that stands, unless `instead` of that."""
        view = buttons.while_running(self.ask_id) if at == 0 else None
        view = buttons.below(self.ask_id, self.screen.end) if last else view
        replaced = self.shown[at:][:1] if instead else [one for one in self.shown if one.old][:1]
        try:
            sent = await self.delivery.send(
                self.channel_id,
                text,
                nonce=nonce_of(self._started, at, *(one.message_id for one in replaced)),
                view=view,
                files=files,
                reply_to=self.question.message_id if at == 0 and self.reply else None,
                had_turn=had_turn,
            )
        except Gone:
            if not (files or instead):
                self._cut()
            raise
        at = min(at, len(self._standing))
        self.shown.insert(at, _Shown(sent.message_id, text, buttons=view is not None))
        for one in self.shown[at + 1 :]:
            one.old = True
        self.on_sent()
        if sent.text.strip() != text.strip():  # it was sent before a restart
            if not self._ended:
                await self.delivery.turn_to_edit(self.channel_id)
            await self._edit(at, text, last=last, end=self._ended, files=files)

    def _cut(self) -> None:
        """Nothing more can be sent: what stands says so."""
        standing = len(self._standing)
        if standing and self.screen.cut_at is None:
            self.screen.cut_at = standing
            self._anew = True
            self.on_cut()

    async def _edit(
        self,
        at: int,
        text: str,
        *,
        last: bool,
        end: bool = False,
        files: Sequence[File] = (),
        had_turn: bool = False,
    ) -> None:
        if last:
            view = buttons.below(self.ask_id, self.screen.end)
        elif at == 0 and not end:
            view = buttons.while_running(self.ask_id)
        else:
            view = None
        shown = self.shown[at]
        try:
            await self.delivery.edit(
                self.channel_id,
                shown.message_id,
                text,
                view=view,
                files=files,
                persistent=end,
                had_turn=had_turn or not end,
            )
        except Unchangeable:
            log.info("answer.replaced", ask_id=self.ask_id)
            self._give_up(at)
            return
        shown.text, shown.buttons = text, view is not None
