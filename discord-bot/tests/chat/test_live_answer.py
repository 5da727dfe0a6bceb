"""Answers that grow in one channel: how fresh they are, how late they end, what it costs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import mean, median
from types import SimpleNamespace
from typing import Any

import aiohttp
import anyio
import discord
import pytest

from bot.chat.ask import QuestionId
from bot.chat.delivery import Delivery, File, Sent
from bot.chat.live_answer import LiveAnswer
from bot.chat.pacing import Limit, Pace, fair_share_seconds
from bot.chat.screen import Screen
from shared.protocol import Delta, Done, Failed, Status

FIVE = Limit(5, 5.0)
ONE_WAY = 0.05
WORDS_PER_SECOND = 8


@dataclass
class Written:
    """A message and everything it ever said."""

    id: int
    versions: list[tuple[float, str]]
    has_buttons: bool
    deleted: bool = False


@dataclass
class Place:
    """A channel of Discord behind a client: five requests of a kind in five seconds."""

    clock: Any
    pace: Pace
    number: int = 7
    written: list[Written] = field(default_factory=list)
    edits: list[float] = field(default_factory=list)
    refused: int = 0
    refuses: discord.HTTPException | None = None
    """How the next edits are refused."""
    fails: int = 0
    """So many of the next edits do not get through."""

    _buckets: dict[str, tuple[float, int]] = field(default_factory=dict)

    def get_partial_messageable(self, _: int) -> "Place":
        return self

    def get_partial_message(self, message_id: int) -> SimpleNamespace:
        async def edit(*, content: str, view: object, attachments: Sequence[object] = ()) -> None:
            if self.fails:
                self.fails -= 1
                raise aiohttp.ClientError
            if self.refuses is not None:
                raise self.refuses
            headers = await self._arrive("PATCH")
            self.edits.append(self.clock.monotonic())
            found = next(one for one in self.written if one.id == message_id)
            found.versions.append((self.clock.monotonic(), content))
            found.has_buttons = view is not None
            await self._leave("PATCH", headers)

        async def delete() -> None:
            next(one for one in self.written if one.id == message_id).deleted = True

        return SimpleNamespace(edit=edit, delete=delete)

    async def send(self, text: str, *, view: object = None, **_: object) -> SimpleNamespace:
        headers = await self._arrive("POST")
        versions = [(self.clock.monotonic(), text)]
        self.written.append(Written(len(self.written), versions, view is not None))
        await self._leave("POST", headers)
        return SimpleNamespace(id=len(self.written) - 1, content=text)

    async def _arrive(self, method: str) -> dict[str, str]:
        await self.clock.sleep(ONE_WAY)
        now = self.clock.monotonic()
        ends, left = self._buckets.get(method, (0.0, 0))
        if now >= ends:
            ends, left = now + FIVE.seconds, FIVE.requests
        self.refused += left == 0
        self._buckets[method] = ends, left - 1
        return {
            "X-RateLimit-Limit": f"{FIVE.requests}",
            "X-RateLimit-Remaining": f"{max(0, left - 1)}",
            "X-RateLimit-Reset-After": f"{ends - now:.3f}",
        }

    async def _leave(self, method: str, headers: dict[str, str]) -> None:
        await self.clock.sleep(ONE_WAY)
        self.pace.noted(method, self.number, headers)

    @property
    def there(self) -> list[Written]:
        return [one for one in self.written if not one.deleted]

    @property
    def most_edits_in_five_seconds(self) -> int:
        return max(sum(at <= one < at + 5 for one in self.edits) for at in self.edits)


@pytest.fixture
def pace(clock: Any) -> Pace:
    return Pace(interval_seconds=1.1, clock=clock)


@pytest.fixture
def place(clock: Any, pace: Pace) -> Place:
    return Place(clock, pace)


@pytest.fixture
def delivery(clock: Any, pace: Pace, place: Place) -> Delivery:
    made = Delivery(pace, clock=clock)
    made.use(place)  # type: ignore[arg-type]  # as much of a client as is needed
    return made


async def no_files(_: object) -> list[File]:
    return []


@dataclass
class Play:
    """One answer and when its words were said."""

    number: int
    answer: LiveAnswer
    said: list[float] = field(default_factory=list)
    done_at: float = 0.0
    shown: bool = False

    @property
    def id(self) -> str:
        return self.answer.ask_id

    async def grow(self, clock: Any, *, begins: float, seconds: float) -> None:
        await clock.sleep(begins)
        words = []
        for number in range(round(seconds * WORDS_PER_SECOND)):
            await clock.sleep(1 / WORDS_PER_SECOND)
            words.append(f"{self.number}w{number} ")
            self.said.append(clock.monotonic())
            self.answer.take(Delta(ask_id=self.id, attempt=1, text=words[-1]))
        self.done_at = clock.monotonic()
        text = "".join(words)
        self.answer.take(Done(ask_id=self.id, request_id="r", text=text, model=f"m{self.number}"))

    async def show(self) -> None:
        await self.answer.begin()
        self.shown = await self.answer.run()

    def late(self, place: Place) -> float:
        ends = [at for one in place.written for at, text in one.versions if self._ends(text)]
        return min(ends) - self.done_at

    def messages(self, place: Place) -> list[Written]:
        return [one for one in place.there if self._ends(one.versions[-1][1])]

    def _ends(self, text: str) -> bool:
        return text.endswith(f"-# m{self.number}")

    def ages(self, place: Place) -> list[float]:
        """How long the first word that is not on screen has waited, ten times a second."""
        steps = sorted(
            (at, text.count(f"{self.number}w"))
            for one in place.written
            for at, text in one.versions
        )
        found, at = [], self.said[0]
        while at < self.done_at:
            words = max((count for moment, count in steps if moment <= at), default=0)
            waits = words < len(self.said) and self.said[words] <= at
            found.append(at - self.said[words] if waits else 0.0)
            at += 0.1
        return found


def play(delivery: Delivery, number: int) -> Play:
    question = QuestionId(7, 7, number)
    return Play(number, LiveAnswer(question, 1, Screen(1900), delivery, no_files))


async def play_all(
    delivery: Delivery, clock: Any, begins: Sequence[float], seconds: Sequence[float]
) -> list[Play]:
    plays = [play(delivery, number) for number in range(len(begins))]
    async with anyio.create_task_group() as tasks:
        for one, begin, length in zip(plays, begins, seconds, strict=True):
            tasks.start_soon(partial(one.grow, clock, begins=begin, seconds=length))
            tasks.start_soon(one.show)
        await clock.advance(max(begins) + max(seconds) + 30)
    return plays


@pytest.mark.parametrize("answers", [1, 2, 4])
async def test_text_is_as_fresh_as_the_share_of_the_channel_allows(
    answers: int, delivery: Delivery, place: Place, clock: Any
) -> None:
    begins = [0.7 * number for number in range(answers)]
    plays = await play_all(delivery, clock, begins, [25.0] * answers)
    ages = [age for one in plays for age in one.ages(place)]
    rule = fair_share_seconds(FIVE, answers) / 2 + 2 * ONE_WAY
    assert mean(ages) <= 1.1 * rule
    assert place.most_edits_in_five_seconds <= 5
    assert place.refused == 0


async def test_ends_that_come_one_by_one_are_shown_at_once(
    delivery: Delivery, place: Place, clock: Any
) -> None:
    plays = await play_all(delivery, clock, [0.0] * 4, [12.0, 13.3, 14.6, 15.9])
    late = [one.late(place) for one in plays]
    assert median(late) <= 0.3
    assert max(late) <= 1.5
    assert all(one.shown and len(one.messages(place)) == 1 for one in plays)
    assert len(place.written) == 4  # edited, all of them
    assert place.most_edits_in_five_seconds <= 5


@pytest.mark.parametrize("length", [10.0, 10.4, 10.7, 11.1, 11.4])
async def test_four_that_end_in_the_same_instant_end_in_time_and_once(
    length: float, delivery: Delivery, place: Place, clock: Any
) -> None:
    plays = await play_all(delivery, clock, [0.0] * 4, [length] * 4)
    late = [one.late(place) for one in plays]
    assert median(late) <= 0.3
    assert max(late) <= 1.5
    assert [len(one.messages(place)) for one in plays] == [1] * 4
    assert len(place.there) == 4  # two were sent anew, and what stood in their place is gone
    assert len(place.written) == 6
    assert place.most_edits_in_five_seconds <= 5
    assert place.refused == 0


async def test_an_answer_that_was_sent_anew_knows_both_messages_until_one_is_gone(
    delivery: Delivery, place: Place, clock: Any
) -> None:
    one = play(delivery, 1)
    known: list[list[int]] = []
    one.answer.on_sent = lambda: known.append(one.answer.message_ids)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.show)
        await clock.advance(1)
        one.answer.take(Delta(ask_id=one.id, attempt=1, text="so "))
        await clock.advance(1)
        for _ in range(4):  # other ends take what the channel has left
            await place.pace.turn("PATCH", 7, urgent=True)
            place.pace.over("PATCH", 7)
        one.answer.take(Done(ask_id=one.id, request_id="r", text="so much", model="m1"))
        await clock.advance(1)
    assert known == [[0], [1, 0]]
    assert one.answer.message_ids == [1]


class ArchivedThread(discord.HTTPException):
    """The refusal that goes with one."""

    def __init__(self) -> None:
        self.status, self.code = 400, 50083


async def test_a_message_that_cannot_be_edited_is_replaced_while_the_answer_grows(
    delivery: Delivery, place: Place, clock: Any
) -> None:
    one = play(delivery, 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.show)
        await clock.advance(1)
        place.refuses = ArchivedThread()
        one.answer.take(Delta(ask_id=one.id, attempt=1, text="so "))
        await clock.advance(2)
        assert [text for _, text in place.there[-1].versions] == ["so "]
        assert place.written[0].deleted
        place.refuses = None
        one.answer.take(Done(ask_id=one.id, request_id="r", text="so much", model="m1"))
        await clock.advance(5)
    assert one.shown
    assert [written.id for written in place.there] == [1]
    assert len(one.messages(place)) == 1


async def test_an_end_that_was_sent_before_stays_and_what_it_replaced_goes(
    delivery: Delivery, place: Place, clock: Any
) -> None:
    for number, text in enumerate(("⏳ …", "so much\n-# m1")):
        place.written.append(Written(number, [(0.0, text)], has_buttons=True))
    one = play(delivery, 1)
    one.answer.found([0], last=Sent(1, "so much\n-# m1"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.show)
        one.answer.take(Done(ask_id=one.id, request_id="r", text="so much", model="m1"))
        await clock.advance(5)
    assert one.shown
    assert [written.id for written in place.there] == [1]
    assert place.edits == []


@pytest.mark.parametrize(
    ("code", "retryable", "has_buttons"),
    [("chat.cancelled", False, True), ("queue.full", True, True), ("internal", False, False)],
)
async def test_what_may_work_another_time_has_a_button_for_that(
    code: str, retryable: bool, has_buttons: bool, delivery: Delivery, place: Place, clock: Any
) -> None:
    one = play(delivery, 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.show)
        await clock.advance(1)
        one.answer.take(Failed(ask_id=one.id, code=code, message="No.", retryable=retryable))
        await clock.advance(1)
    assert place.there[0].has_buttons is has_buttons


async def test_words_come_before_buttons_at_the_end_of_a_long_answer(
    delivery: Delivery, place: Place, clock: Any
) -> None:
    (one,) = await play_all(delivery, clock, [0.0], [60.0])
    first, last = place.there
    assert one.late(place) <= 0.3
    assert not first.has_buttons
    assert last.has_buttons
    assert first.versions[-1][0] > last.versions[-1][0]


async def test_what_would_be_replaced_at_once_is_not_shown(
    delivery: Delivery, place: Place, clock: Any
) -> None:
    one = play(delivery, 1)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.show)
        await clock.advance(1)
        for stage in ("loading_model", "thinking"):
            one.answer.take(Status(ask_id=one.id, stage=stage))
            await clock.advance(0.3)
        one.answer.take(Done(ask_id=one.id, request_id="r", text="So.", model="m1"))
        await clock.advance(5)
    assert len(place.edits) == 2


async def test_an_edit_that_was_lost_is_tried_again_and_so_is_the_end(
    delivery: Delivery, place: Place, clock: Any
) -> None:
    one = play(delivery, 1)
    place.fails = 3
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.show)
        await clock.advance(1)
        one.answer.take(Delta(ask_id=one.id, attempt=1, text="so "))
        await clock.advance(2)
        one.answer.take(Done(ask_id=one.id, request_id="r", text="so much", model="m1"))
        await clock.advance(5)
    assert one.shown
    assert len(one.messages(place)) == 1
