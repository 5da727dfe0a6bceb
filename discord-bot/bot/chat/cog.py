"""
The conversations: what is heard becomes questions, what the brain says becomes living messages.

    Discord ─heard─▶ decide ─▶ thread? ─▶ Ask ─▶ link            link ─frame─▶ LiveAnswer ─▶ Discord
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import discord
import structlog
from anyio.abc import TaskGroup

from bot import texts
from bot.chat import buttons
from bot.chat.ask import (
    Decision,
    QuestionId,
    Rules,
    decide,
    parse_question_id,
    title_of,
    wants_cancel,
)
from bot.chat.attachments import sorted_out
from bot.chat.delivery import Delivery, Gone, Undelivered, nonce_of
from bot.chat.hearing import facts_of, is_said, words_of
from bot.chat.live_answer import Fetch, LiveAnswer
from bot.chat.screen import Screen
from bot.link import Link
from shared.clock import Clock
from shared.protocol import Ask, AskOptions, Done, Failed, ToClient

log = structlog.get_logger(__name__)
REMEMBERED = 2000
THREAD_ARCHIVES_AFTER_MINUTES: Literal[1440] = 1440
AGAIN_SECONDS = 30.0
"""How long to wait when Discord did not take the end of an answer for minutes."""

ALREADY_HAS_A_THREAD = 160004
K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Rated:
    """Which answer a message is the end of, for the thumbs below it."""

    ask_id: str
    route: str | None
    model: str | None


@dataclass(slots=True)
class _Open:
    answer: LiveAnswer
    ask: Ask | None
    """None: asked before this process began."""

    content: str = ""


@dataclass(slots=True)
class Chat:
    """All questions in hand. Handlers are called from one event loop, one step at a time."""

    link: Link
    delivery: Delivery
    fetch: Fetch
    tasks: TaskGroup
    clock: Clock
    rules: Rules
    limit: int
    max_file_size_mb: float
    other_end: Callable[[Done | Failed], bool] = lambda _: False
    """Takes the ends of what is no question (reset, summarize, close)."""

    _open: dict[str, _Open] = field(default_factory=dict)
    _finished: OrderedDict[str, None] = field(default_factory=OrderedDict)
    _decisions: OrderedDict[int, Decision] = field(default_factory=OrderedDict)
    _rated: OrderedDict[int, Rated] = field(default_factory=OrderedDict)
    _joined: set[int] = field(default_factory=set)
    _bots_in_a_row: dict[int, int] = field(default_factory=dict)

    # ------------------------------------------------------------------ what people do

    async def heard(self, message: discord.Message, own: discord.ClientUser) -> None:
        """A message was written somewhere we can see it."""
        if not is_said(message):
            return
        channel_id = message.channel.id
        in_a_row = self._bots_in_a_row.get(channel_id, 0)
        facts = facts_of(message, own, joined=self._joined, bots_in_a_row=in_a_row)
        decision = decide(facts, self.rules)
        if not facts.is_self:
            _remember(self._decisions, channel_id, decision)
            self._bots_in_a_row[channel_id] = in_a_row + 1 if facts.is_bot else 0
        if decision.does == "ignore":
            return
        words = words_of(message, own.id)
        if wants_cancel(words.text):
            await self._cancel_by_words(message)
            return
        if not words.text and not words.files:
            await self._say(message, texts.HELP)
            return
        log.info("message.heard", where=facts.where, because=decision.because)
        target = channel_id
        if decision.does == "open_thread":
            target = await self._open_thread(message, title_of(words.text))
        self._joined.add(target)
        self.ask(message, own, target=target)

    def ask(
        self,
        message: discord.Message,
        own: discord.ClientUser,
        *,
        target: int,
        round_: int = 0,
        options: AskOptions | None = None,
    ) -> None:
        """Ask what `message` says, and show the answer in the channel `target`."""
        question = QuestionId(target, message.channel.id, message.id, round_)
        while str(question) in self._open or str(question) in self._finished:
            question = question.again
        ask, complaints = self._ask_of(question, message, own, options)
        answer = self._answer(question, message.author.id)
        answer.reply = target == message.channel.id and message.guild is not None
        self._open[answer.ask_id] = _Open(answer, ask, message.content)
        if not self.link.connected:
            answer.screen.status = texts.GOES_ON
        self.link.ask(ask)
        self.tasks.start_soon(self._see_through, answer)
        if complaints:
            self.tasks.start_soon(self._say, message, "\n".join(f"⚠️ {one}" for one in complaints))

    async def edited(self, message: discord.Message, own: discord.ClientUser) -> None:
        """A question that is being answered is asked again when its words change."""
        opened = next(
            (one for one in self._open.values() if one.answer.question.message_id == message.id),
            None,
        )
        if opened is None or opened.ask is None or opened.content == message.content:
            return
        answer = opened.answer
        if answer.screen.end is not None:
            return
        old = answer.ask_id
        self._forget(old)
        self.link.cancel(old)
        answer.question = answer.question.again
        answer.screen = Screen(self.limit, status=texts.CHANGED)
        ask, _ = self._ask_of(answer.question, message, own, opened.ask.options)
        self._open[answer.ask_id] = _Open(answer, ask, message.content)
        self.link.ask(ask)
        answer.changed()

    def deleted(self, message_id: int) -> None:
        """A question whose message is gone is stopped."""
        for ask_id, opened in self._open.items():
            if opened.answer.question.message_id == message_id:
                opened.answer.screen.closing_words = f"🛑 {texts.DELETED}"
                self.link.cancel(ask_id)

    def cancel_newest(self, user_id: int, channel_id: int) -> bool:
        """Stop the last question of this person here; whether there was one."""
        for ask_id, opened in reversed(self._open.items()):
            answer = opened.answer
            here = channel_id in (answer.question.channel_id, answer.question.home_id)
            if here and answer.asker_id in (user_id, 0) and answer.screen.end is None:
                self.link.cancel(ask_id)
                return True
        return False

    def stop(self, ask_id: str, user_id: int, *, is_admin: bool) -> bool:
        """Stop this question if it is this person's; whether it was."""
        opened = self._open.get(ask_id)
        if opened is None:
            return False
        if opened.answer.asker_id not in (user_id, 0) and not is_admin:
            return False
        self.link.cancel(ask_id)
        return True

    def rated(self, message_id: int) -> Rated | None:
        """Which answer this message ends, if we still know."""
        return self._rated.get(message_id)

    def decision_in(self, channel_id: int) -> Decision | None:
        """What was decided on the last message there, for `/why`."""
        return self._decisions.get(channel_id)

    @property
    def running(self) -> int:
        """Questions without an end."""
        return len(self._open)

    # ------------------------------------------------------------------ what the brain says

    def frame(self, frame: ToClient) -> None:
        """One frame; never waits."""
        ask_id = getattr(frame, "ask_id", None)
        if ask_id is None:
            log.info("brain.said", type=frame.type, code=getattr(frame, "code", None))
            return
        opened = self._open.get(ask_id)
        if opened is None and ask_id not in self._finished:
            if isinstance(frame, Done | Failed) and self.other_end(frame):
                return
            opened = self._recover(ask_id)
        if opened is not None:
            opened.answer.take(frame)
        elif isinstance(frame, Done | Failed):
            self.link.shown(ask_id)

    def brain_is(self, *, connected: bool) -> None:
        """The connection came or went; people see why nothing moves."""
        if connected:
            return
        for opened in self._open.values():
            opened.answer.screen.status = texts.GOES_ON
            opened.answer.changed()

    # ------------------------------------------------------------------ helpers

    def _answer(self, question: QuestionId, asker_id: int) -> LiveAnswer:
        return LiveAnswer(question, asker_id, Screen(self.limit), self.delivery, self.fetch)

    def _recover(self, ask_id: str) -> _Open | None:
        """An answer that a bot before this one began; it goes on in the messages it has."""
        question = parse_question_id(ask_id)
        if question is None:
            return None
        answer = self._answer(question, 0)
        answer.reply = question.channel_id == question.home_id
        self._open[ask_id] = opened = _Open(answer, None)
        self._joined.add(question.channel_id)
        self.tasks.start_soon(self._go_on, answer)
        return opened

    async def _go_on(self, answer: LiveAnswer) -> None:
        question, ask_id = answer.question, answer.ask_id
        try:
            answer.found(
                await self.delivery.search(
                    question.channel_id,
                    after=question.message_id,
                    fits=lambda message: buttons.belongs_to(message, ask_id),
                )
            )
        except (Gone, Undelivered):
            log.info("answer.not_found", ask_id=ask_id)
        await self._see_through(answer)

    async def _see_through(self, answer: LiveAnswer) -> None:
        """From the first status line to the end that was shown."""
        try:
            await answer.begin()
            while not await answer.run():
                await self.clock.sleep(AGAIN_SECONDS)
        except Exception:
            log.exception("answer.broke", ask_id=answer.ask_id)
        end = answer.screen.end
        if answer.gone and end is None:
            self.link.cancel(answer.ask_id)
        if isinstance(end, Done) and answer.shown:
            rated = Rated(answer.ask_id, end.route, end.model)
            _remember(self._rated, answer.shown[-1].message_id, rated)
        self._forget(answer.ask_id)
        self.link.shown(answer.ask_id)

    def _forget(self, ask_id: str) -> None:
        self._open.pop(ask_id, None)
        _remember(self._finished, ask_id, None)

    def _ask_of(
        self,
        question: QuestionId,
        message: discord.Message,
        own: discord.ClientUser,
        options: AskOptions | None,
    ) -> tuple[Ask, list[str]]:
        words = words_of(message, own.id)
        files, complaints = sorted_out(words.files, self.max_file_size_mb)
        ask = Ask(
            ask_id=str(question),
            user_id=f"discord:{message.author.id}",
            user_name=message.author.display_name[:128],
            conversation_id=f"discord:{question.channel_id}",
            text=words.text or "What is this?",
            attachments=files,
            options=options or AskOptions(),
            surface="discord",
        )
        return ask, complaints

    async def _open_thread(self, message: discord.Message, name: str) -> int:
        """The thread's id, or the channel's where we may not open one."""

        async def call(_: discord.Client) -> int:
            try:
                thread = await message.create_thread(
                    name=name, auto_archive_duration=THREAD_ARCHIVES_AFTER_MINUTES
                )
            except discord.HTTPException as failure:
                if failure.code == ALREADY_HAS_A_THREAD:
                    return message.id
                raise
            return thread.id

        try:
            return await self.delivery.call("open_thread", call)
        except (Gone, Undelivered):
            return message.channel.id

    async def _cancel_by_words(self, message: discord.Message) -> None:
        if not self.cancel_newest(message.author.id, message.channel.id):
            await self._say(message, texts.NOTHING_TO_CANCEL)

    async def _say(self, message: discord.Message, text: str) -> None:
        try:
            await self.delivery.send(
                message.channel.id,
                text,
                nonce=nonce_of("say", message.id, text),
                reply_to=message.id,
            )
        except (Gone, Undelivered):
            log.info("message.not_sent")


def _remember(book: OrderedDict[K, V], key: K, value: V) -> None:
    book[key] = value
    book.move_to_end(key)
    while len(book) > REMEMBERED:
        book.popitem(last=False)
