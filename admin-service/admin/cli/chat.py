"""`trollama chat`: one question, or one conversation."""

import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from admin.cli.asking import Asking
from admin.cli.door import Door
from admin.cli.screen import LiveScreen, PlainScreen, Screen
from shared.clock import Clock
from shared.protocol import Ask, AskOptions, Attachment, Done, End

CANCEL_SECONDS = 2.0
"""The brain promises the end of a cancelled ask within this time (protocol section 3)."""

CANCELLED = 130
"""Exit status of a program ended by Ctrl-C (128 + SIGINT)."""

FAILED = 1


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person wants different from the default."""

    options: AskOptions
    conversation_id: str
    as_json: bool = False
    files: tuple[Path, ...] = ()
    """What comes with the question."""
    save: Path | None = None
    """Where files that come out of the answer are put; None leaves them with the brain."""


def new_conversation() -> str:
    """An id for a conversation that begins now."""
    return f"cli-{secrets.token_hex(8)}"


def question(text: str, wishes: Wishes, attachments: Sequence[Attachment] = ()) -> Ask:
    """The frame for a question."""
    return Ask(
        ask_id=secrets.token_hex(16),
        conversation_id=wishes.conversation_id,
        text=text,
        options=wishes.options,
        attachments=list(attachments),
    )


@contextmanager
def screen_for(wishes: Wishes) -> Iterator[Screen]:
    """A live screen at a terminal, a plain one elsewhere."""
    if sys.stdout.isatty() and sys.stderr.isatty() and not wishes.as_json:
        with LiveScreen(sys.stdout, sys.stderr) as live:
            yield live
    else:
        yield PlainScreen(sys.stdout, sys.stderr, as_json=wishes.as_json)


async def ask_once(
    text: str,
    wishes: Wishes,
    *,
    door: Door,
    clock: Clock,
    attachments: Sequence[Attachment] = (),
) -> tuple[int, End | None]:
    """
    Ask, show, and return the exit status and the end.

    0: answered, 1: failed, 130: cancelled with Ctrl-C.
    """
    with screen_for(wishes) as screen:
        ask = question(text, wishes, attachments)
        asking = Asking(door, ask, screen=screen, clock=clock)
        return await _until_end_or_interrupt(asking, screen)


async def _until_end_or_interrupt(asking: Asking, screen: Screen) -> tuple[int, End | None]:
    status = CANCELLED
    ended: list[End] = []
    interrupted = False
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with anyio.create_task_group() as group:

            async def run() -> None:
                ended.append(await asking.run())
                group.cancel_scope.cancel()

            group.start_soon(run)
            async for _ in signals:
                if interrupted:
                    break  # the second Ctrl-C does not wait
                interrupted = True
                screen.stage("cancelling")
                await asking.cancel()
                group.cancel_scope.deadline = anyio.current_time() + CANCEL_SECONDS
            group.cancel_scope.cancel()
    if not ended:
        screen.note(_not_confirmed(asking.request_id))
    elif not interrupted:
        status = 0 if isinstance(ended[0], Done) else FAILED
    return status, ended[0] if ended else None


def _not_confirmed(request_id: str | None) -> str:
    if request_id is None:
        return "Stopped waiting."
    return f"The brain did not confirm; to be sure: trollama cancel {request_id}"  # it may run on
