"""How often a channel is written to."""

from functools import partial
from itertools import pairwise
from typing import Any

import anyio
import pytest

from bot.chat.pacing import Allowance, Bucket, Limit, Pace, fair_share_seconds, pause_seconds
from shared.clock import Clock

FIVE = Limit(5, 5.0)
pause = partial(pause_seconds, now=10.0, default_seconds=1.1, spaced=True, urgent=False)


def test_the_first_request_goes_at_once() -> None:
    assert pause(Bucket()) <= 0


def test_without_headers_the_interval_holds() -> None:
    assert pause(Bucket(grew_at=9.9)) == pytest.approx(1.0)
    assert pause(Bucket(grew_at=9.9), urgent=True) <= 0


def test_growth_is_spread_over_what_is_not_kept_for_ends() -> None:
    assert fair_share_seconds(FIVE, 1) == pytest.approx(1.25)
    assert fair_share_seconds(FIVE, 4) == pytest.approx(5.0)
    assert pause(Bucket(FIVE, counted=(9.0,), grew_at=9.0)) == pytest.approx(0.25)
    assert pause(Bucket(FIVE, counted=(9.0,), grew_at=9.0), spaced=False) <= 0


def test_the_last_request_is_kept_for_the_end_of_an_answer() -> None:
    bucket = Bucket(FIVE, counted=(6.0, 7.0, 8.0, 8.5), grew_at=8.5)
    assert pause(bucket) == pytest.approx(1.0)
    assert pause(bucket, urgent=True) <= 0


def test_no_end_goes_out_before_an_earlier_request_stops_counting() -> None:
    bucket = Bucket(FIVE, counted=(4.0, 6.0, 7.0, 8.0, 8.5, 9.0))
    assert pause(bucket, urgent=True) == pytest.approx(1.0)
    assert pause(bucket, urgent=True, ahead=1) == pytest.approx(2.0)


def test_what_discord_says_is_left_holds_also_when_we_counted_less() -> None:
    one_left = Bucket(FIVE, told=Allowance(1, reset_at=14.0))
    assert pause(one_left) == pytest.approx(4.0)
    assert pause(one_left, urgent=True) <= 0
    assert pause(one_left, urgent=True, ahead=1) == pytest.approx(4.0)


def test_requests_of_a_channel_go_one_after_another_unless_one_hangs() -> None:
    assert pause(Bucket(FIVE, under_way_since=9.9), urgent=True) == pytest.approx(0.9)


class Channel:
    """A bucket as Discord keeps it: five requests in five seconds, refilled all at once."""

    def __init__(self, pace: Pace, clock: Clock, number: int = 7) -> None:
        self.pace, self.clock, self.number = pace, clock, number
        self.arrived: list[float] = []
        self.refused = 0
        self._left, self._reset_at = 5, -1.0

    async def edit(self, *, urgent: bool = False, round_trip: float = 0.1) -> None:
        """What the bot does for one edit."""
        await self.pace.turn("PATCH", self.number, urgent=urgent)
        await self.clock.sleep(round_trip / 2)
        now = self.clock.monotonic()
        if now >= self._reset_at:
            self._left, self._reset_at = 5, now + 5
        self.refused += self._left == 0
        self._left = max(0, self._left - 1)
        self.arrived.append(now)
        headers = {
            "X-RateLimit-Limit": "5",
            "X-RateLimit-Remaining": str(self._left),
            "X-RateLimit-Reset-After": f"{self._reset_at - now:.3f}",
        }
        await self.clock.sleep(round_trip / 2)
        self.pace.noted("PATCH", self.number, headers)

    @property
    def most_in_five_seconds(self) -> int:
        return max(sum(at <= one < at + 5 for one in self.arrived) for at in self.arrived)


@pytest.fixture
def pace(clock: Any) -> Pace:
    return Pace(interval_seconds=1.1, clock=clock)


@pytest.fixture
def channel(pace: Pace, clock: Any) -> Channel:
    return Channel(pace, clock)


async def grow(channel: Channel, until: float, shown: list[float]) -> None:
    """An answer that always has something new to show."""
    while channel.clock.monotonic() < until:
        await channel.edit()
        shown.append(channel.clock.monotonic())


async def test_no_five_seconds_have_more_than_five_requests(channel: Channel, clock: Any) -> None:
    async def answer(length: float, round_trip: float) -> None:
        while clock.monotonic() < length:
            await channel.edit(round_trip=round_trip)
        await channel.edit(urgent=True, round_trip=round_trip)

    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(answer, 5.0 + 1.7 * number, 0.02 + 0.09 * (number % 4))
        await clock.advance(90)
    assert channel.refused == 0
    assert channel.most_in_five_seconds == 5


async def test_a_request_counts_from_its_answer(pace: Pace, clock: Any) -> None:
    went: list[float] = []
    told = {
        "X-RateLimit-Limit": "5",
        "X-RateLimit-Remaining": "4",
        "X-RateLimit-Reset-After": "5",
    }

    async def end() -> None:
        await pace.turn("PATCH", 7, urgent=True)
        went.append(clock.monotonic())
        await clock.sleep(0.2)
        pace.noted("PATCH", 7, told)

    async with anyio.create_task_group() as tasks:
        for _ in range(6):
            tasks.start_soon(end)
        await clock.advance(20)
    assert went == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 5.2])


@pytest.mark.parametrize("answers", [1, 2, 4, 7])
async def test_answers_in_one_channel_share_it_evenly(
    answers: int, channel: Channel, clock: Any
) -> None:
    shown: list[list[float]] = [[] for _ in range(answers)]
    async with anyio.create_task_group() as tasks:
        for one in shown:
            tasks.start_soon(grow, channel, 120.0, one)
        await clock.advance(200)
    share = fair_share_seconds(FIVE, answers)
    for one in shown:
        gaps = [later - before for before, later in pairwise(one)]
        assert sum(gaps) / len(gaps) == pytest.approx(share, rel=0.05, abs=0.1)
        assert max(gaps) < share + 0.3


async def test_an_end_goes_before_those_who_waited_longer(channel: Channel, clock: Any) -> None:
    ended: list[float] = []

    async def end(at: float) -> None:
        await clock.sleep(at)
        await channel.edit(urgent=True)
        ended.append(clock.monotonic() - at)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(grow, channel, 60.0, [])
        for at in (20.0, 21.4, 22.8, 40.0, 40.0):
            tasks.start_soon(end, at)
        await clock.advance(100)
    *alone, second_of_two = sorted(ended)
    assert max(alone) <= 0.3
    assert second_of_two <= 1.5


async def test_ends_that_come_at_once_do_not_all_wait_for_the_same_edit(
    channel: Channel, pace: Pace, clock: Any
) -> None:
    went: list[str] = []

    async def end() -> None:
        went.append(await pace.turn_of_end(7, patience_seconds=1.3))
        pace.over(went[-1], 7)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(grow, channel, 60.0, [])
        await clock.advance(20)
        for _ in range(4):
            tasks.start_soon(end)
        await clock.advance(1.4)
        assert sorted(went) == ["PATCH", "PATCH", "POST", "POST"]
        await clock.advance(90)


async def test_a_turn_that_was_not_needed_costs_nobody_anything(
    channel: Channel, pace: Pace, clock: Any
) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(channel.edit)
        await clock.advance(2)
        for _ in range(9):
            await pace.turn("PATCH", 7, urgent=True)
            pace.give_back("PATCH", 7)
        assert clock.monotonic() == 2


async def test_channels_do_not_hold_each_other_up(pace: Pace, clock: Any) -> None:
    await pace.turn("PATCH", 1)
    await pace.turn("PATCH", 2)
    await pace.turn("POST", 1)
    assert clock.monotonic() == 0


async def test_all_channels_together_stay_below_fifty_a_second(pace: Pace, clock: Any) -> None:
    channels = [Channel(pace, clock, number) for number in range(200)]
    async with anyio.create_task_group() as tasks:
        for one in channels:
            tasks.start_soon(grow, one, 15.0, [])
        await clock.advance(12)
        for one in channels[:20]:
            tasks.start_soon(partial(one.edit, urgent=True))
        await clock.advance(40)
    arrived = sorted(at for one in channels for at in one.arrived)
    assert max(sum(at <= one < at + 1 for one in arrived) for at in arrived[::7]) <= 50
    assert max(len(one.arrived) for one in channels) - min(len(c.arrived) for c in channels) <= 2


async def test_other_requests_of_the_bot_count_for_that_too(pace: Pace, clock: Any) -> None:
    for _ in range(45):
        pace.began()
    went: list[float] = []

    async def edit() -> None:
        await pace.turn("PATCH", 1, urgent=True)
        went.append(clock.monotonic())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(edit)
        await clock.advance(3)
    assert went == [pytest.approx(1.0)]


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry-After": "3", "X-RateLimit-Scope": "shared"}, (3.0, 0.0)),
        ({"Retry-After": "3", "X-RateLimit-Global": "true"}, (3.0, 3.0)),
        ({"X-RateLimit-Remaining": "many", "X-RateLimit-Reset-After": "1"}, (0.0, 0.0)),
    ],
)
async def test_a_refusal_stops_what_it_is_about(
    headers: dict[str, str], waits: tuple[float, float], pace: Pace, clock: Any
) -> None:
    await pace.turn("PATCH", 1, urgent=True)
    pace.noted("PATCH", 1, headers)
    went: dict[int, float] = {}

    async def edit(channel_id: int) -> None:
        await pace.turn("PATCH", channel_id, urgent=True)
        went[channel_id] = clock.monotonic()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(edit, 1)
        tasks.start_soon(edit, 2)
        await clock.advance(10)
    assert (went[1], went[2]) == pytest.approx(waits)


async def test_who_gives_up_waiting_holds_nobody_up(
    channel: Channel, pace: Pace, clock: Any
) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(partial(channel.edit, urgent=True))
        await clock.advance(1)
        with anyio.CancelScope() as waiting:
            async with anyio.create_task_group() as others:
                others.start_soon(pace.turn, "PATCH", 7)
                others.start_soon(pace.turn, "PATCH", 7)
                await anyio.wait_all_tasks_blocked()
                waiting.cancel()
        tasks.start_soon(partial(channel.edit, urgent=True))
        await clock.advance(10)
    assert len(channel.arrived) == 6
    assert channel.refused == 0
