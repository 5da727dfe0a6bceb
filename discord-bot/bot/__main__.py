"""`python -m bot`: the Discord bot."""

import signal
import sys

import anyio
import structlog

from bot.client import Refused
from bot.config import Settings
from bot.health import serving
from bot.wiring import assembled
from shared.clock import SystemClock
from shared.log import configure
from shared.settings import load_settings

log = structlog.get_logger("bot")
WRONG_SETTINGS = 2
CANNOT_LISTEN = 3


async def run(settings: Settings) -> int:
    """Until a signal comes; the exit code."""
    clock = SystemClock()
    status = 0
    async with assembled(settings, clock=clock) as bot:
        try:
            async with (
                serving(settings.bind_address, settings.bot_health_port, bot.facts, clock=clock),
                anyio.create_task_group() as tasks,
            ):

                async def work() -> None:
                    nonlocal status
                    try:
                        await bot.run()
                    except* Refused as group:
                        refusal = group.exceptions[0]
                        print(f"Cannot start: {refusal}", file=sys.stderr)  # noqa: T201
                        status = WRONG_SETTINGS
                    tasks.cancel_scope.cancel()

                tasks.start_soon(work)
                with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for _ in signals:
                        break
                tasks.cancel_scope.cancel()
        except OSError as taken:
            log.error("bot.cannot_listen", port=settings.bot_health_port, error=taken.strerror)
            return CANNOT_LISTEN
    return status


def main() -> None:
    """Exit codes: 0 stopped, 2 wrong settings or token, 3 cannot listen."""
    settings = load_settings(Settings)
    configure("discord-bot", level=settings.log_level)
    sys.exit(anyio.run(run, settings))


if __name__ == "__main__":
    main()
