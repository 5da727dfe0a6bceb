"""What every command needs: settings, an event loop, somebody's name, and failures as sentences."""

import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import anyio
import typer

from admin.cli.calls import CALL_SECONDS, Method, call
from admin.cli.door import UNAUTHORIZED
from admin.cli.logins import Logins, login_file
from admin.cli.sign_in import SignIn
from admin.cli.words import printable
from admin.config import ROOT, Settings
from shared.clock import SystemClock
from shared.http import Refused
from shared.settings import load_settings

T = TypeVar("T")


def run(work: Callable[[Settings], Awaitable[T]]) -> T:
    """What `work` returns. Output that cannot be written ends the command with a sentence."""
    settings = load_settings(Settings, env_file=_env_file())

    async def with_settings() -> T:
        return await work(settings)

    try:
        return anyio.run(with_settings)
    except BaseExceptionGroup as group:
        failure = _only(group)
        if not isinstance(failure, OSError):
            raise failure from group
    except OSError as lost:
        failure = lost
    gave_out(failure)  # here, because Typer would end without a word when nobody reads any more
    raise typer.Exit(1)


def sign_in(settings: Settings) -> SignIn:
    """The sign-in of this terminal."""
    return SignIn(
        settings.auth_address,
        logins=Logins(login_file(settings)),
        clock=SystemClock(),
        say=complain,
    )


async def call_signed_in(
    settings: Settings, method: Method, path: str, *, seconds: float = CALL_SECONDS
) -> Any:
    """
    The brain's JSON answer to whoever is signed in.

    Raises what `call` and getting a token raise.
    """
    address = settings.brain_address

    async def ask(token: str) -> Any:
        return await call(method, address, path, token=token, seconds=seconds)

    return await signed_in(settings, ask)


async def signed_in(settings: Settings, ask: Callable[[str], Awaitable[T]]) -> T:
    """What `ask` returns for the token of whoever is signed in; a refused one is renewed once."""
    here = sign_in(settings)
    token = await here.token()
    try:
        return await ask(token)
    except Refused as refusal:
        if refusal.status != UNAUTHORIZED:
            raise
    return await ask(await here.renew(token))


def gave_out(failure: OSError) -> None:
    """Say why output could not be written, to whoever still listens."""
    what = f"{failure.filename}: " if failure.filename else "The output cannot be written: "
    # What could not be written would be tried again, and fail again, when Python ends.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    complain(f"{what}{failure.strerror}.")


def complain(line: str) -> None:
    """A line for the person, beside what the command prints."""
    typer.echo(printable(line), err=True)


def _only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one failure inside nested groups; a task group wraps even a single one."""
    failure: BaseException = group
    while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
        failure = failure.exceptions[0]
    return failure


def _env_file() -> Path:
    """The clone's `.env`, wherever the command is called from."""
    return ROOT / ".env"
