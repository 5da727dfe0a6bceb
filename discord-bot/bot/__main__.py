"""`python -m bot`: the Discord bot."""

import signal
import sys

import anyio
import structlog

from bot.client import Refused
from bot.config import Settings
from bot.health import serving
from bot.wiring import Bot, assembled
from shared.clock import SystemClock
from shared.log import configure
from shared.settings import load_settings

log = structlog.get_logger("bot")
WRONG_SETTINGS = 2
CANNOT_LISTEN = 3


async def run(settings: Settings) -> int:
    """Until a signal comes; the exit code."""
    clock = SystemClock()
    host, port = settings.listens_on, settings.bot_health_port
    async with assembled(settings, clock=clock) as bot:
        try:
            async with serving(host, port, bot.facts, settled=lambda: bot.settled, clock=clock):
                return await _until_a_signal(bot)
        except OSError as taken:
            log.error("bot.cannot_listen", port=port, error=taken.strerror)
            return CANNOT_LISTEN


async def _until_a_signal(bot: Bot) -> int:
    status = 0
    async with anyio.create_task_group() as tasks:

        async def work() -> None:
            nonlocal status
            try:
                await bot.run()
            except* Refused as refused:
                print(f"Cannot start: {_innermost(refused)}", file=sys.stderr)  # noqa: T201
                status = WRONG_SETTINGS
            tasks.cancel_scope.cancel()

        tasks.start_soon(work)
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                break
        tasks.cancel_scope.cancel()
    return status


def _innermost(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def main() -> None:
    """Exit codes: 0 stopped, 2 wrong settings or token, 3 cannot listen."""
    settings = load_settings(Settings)
    configure("discord-bot", level=settings.log_level, server=settings.log_server)
    sys.exit(anyio.run(run, settings))


if __name__ == "__main__":
    main()
