"""How often a channel is written to."""

from functools import partial

import anyio
import pytest

from bot.chat.pacing import Allowance, Pace, pause_seconds
from shared.clock import ManualClock

pause = partial(pause_seconds, last_at=10.0, default_seconds=1.1, urgent=False)


def test_the_first_request_goes_at_once() -> None:
    assert pause(None, now=10.0, last_at=float("-inf")) == 0


def test_without_headers_the_interval_holds() -> None:
    assert pause(None, now=10.1) == pytest.approx(1.0)


def test_what_is_left_is_spread_over_the_time_it_must_last() -> None:
    assert pause(Allowance(4, reset_at=14.0), now=10.0) == pytest.approx(1.0)


def test_the_last_request_is_kept_for_the_end_of_an_answer() -> None:
    one_left = Allowance(1, reset_at=14.0)
    assert pause(one_left, now=10.0) == pytest.approx(4.0)
    assert pause(one_left, now=10.0, urgent=True) == 0


def test_where_several_answers_grow_more_is_kept() -> None:
    three_left = Allowance(3, reset_at=14.0)
    assert pause(three_left, now=10.0, kept=3) == pytest.approx(4.0)
    assert pause(three_left, now=10.0, kept=3, urgent=True) == 0


def test_nothing_goes_out_when_nothing_is_left() -> None:
    assert pause(Allowance(0, reset_at=14.0), now=10.0, urgent=True) == pytest.approx(4.0)


def test_after_the_reset_only_the_interval_holds() -> None:
    assert pause(Allowance(0, reset_at=10.5), now=10.6) == pytest.approx(0.5)
    assert pause(Allowance(0, reset_at=10.5), now=10.6, urgent=True) == 0


class Channel:
    """A bucket as Discord keeps it: five requests in five seconds."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.sent: list[float] = []
        self.refused = 0
        self._left, self._reset_at = 5, -1.0

    def request(self) -> dict[str, str]:
        now = self.clock.monotonic()
        if now >= self._reset_at:
            self._left, self._reset_at = 5, now + 5
        if self._left == 0:
            self.refused += 1
        self._left = max(0, self._left - 1)
        self.sent.append(now)
        rest = self._reset_at - now
        return {"X-RateLimit-Remaining": str(self._left), "X-RateLimit-Reset-After": f"{rest:.3f}"}


async def test_four_answers_in_one_channel_never_pass_its_limit() -> None:
    clock = ManualClock()
    pace = Pace(interval_seconds=1.1, clock=clock)
    channel = Channel(clock)

    async def answer(edits: int) -> None:
        for left in range(edits, -1, -1):
            await pace.turn("PATCH", 7, urgent=left == 0)
            headers = channel.request()
            await clock.sleep(0.05)
            pace.noted("PATCH", 7, headers)

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(answer, 10)
        await clock.advance(600)
    assert len(channel.sent) == 44
    assert channel.refused == 0


async def test_channels_do_not_hold_each_other_up() -> None:
    clock = ManualClock()
    pace = Pace(interval_seconds=1.1, clock=clock)
    await pace.turn("PATCH", 1)
    await pace.turn("PATCH", 2)
    await pace.turn("POST", 1)
    assert clock.monotonic() == 0


def test_headers_that_say_nothing_are_passed_over() -> None:
    pace = Pace(interval_seconds=1.1, clock=ManualClock())
    pace.noted("PATCH", 1, {"X-RateLimit-Remaining": "many", "X-RateLimit-Reset-After": "1"})
