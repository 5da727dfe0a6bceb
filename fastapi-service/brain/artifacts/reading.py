"""Reads a file of somebody else in a process of its own, so that a hostile one costs an error."""

import sys
from subprocess import DEVNULL, PIPE

import anyio
import structlog
from anyio.abc import ByteReceiveStream, ByteSendStream, Process
from anyio.lowlevel import RunVar

from brain.artifacts.errors import FileTooLarge, FileUnreadable
from brain.artifacts.limits import MEGA, Limits, check_size
from brain.artifacts.readers.document import Document
from brain.artifacts.readers.filenames import clean_name
from brain.artifacts.readers.wire import Garbled, Order, Refusal, answer_from, order_bytes

log = structlog.get_logger(__name__)

AT_ONCE = 2
"""Readers at the same time; the others wait, so that a burst of files leaves memory to models."""
MAX_ANSWER_BYTES = 100 * MEGA
"""Above every answer that `Limits` allow: what a reader gone wild may send."""
COMMAND = (sys.executable, "-P", "-m", "brain.artifacts.readers.worker")
ENVIRONMENT = {"PYTHONUTF8": "1", "OPENBLAS_NUM_THREADS": "1"}
"""No secret of the brain; and one thread, because each takes address space away."""

_places: RunVar[anyio.CapacityLimiter | None] = RunVar("places of file readers")


async def read_safely(filename: str, data: bytes, limits: Limits) -> Document:
    """
    What `readers.reader.read` says, from a process with `limits` on its memory and time; without
    the environment, hence the secrets, of this one. Cancelling ends the process.

    Raises `FileTooLarge`, `FileUnsupported` or `FileUnreadable`; also when the process dies.
    """
    name = clean_name(filename)
    check_size(name, len(data), limits)
    async with _limiter():
        raw, status = await _run(Order(name, limits, data))
    try:
        answer = answer_from(raw)
    except Garbled as wrong:
        log.warning("file.reader_died", status=status, bytes=len(data))
        raise FileUnreadable(
            name, "cannot be read: it made its reader fail. Please save it anew and send that."
        ) from wrong
    match answer:
        case Refusal(error=error, cause=cause):
            log.info("file.refused", code=error.code, cause=cause, bytes=len(data))
            raise error
        case Document():
            return answer


async def _run(order: Order) -> tuple[bytes, int]:
    """What the process wrote, and how it ended."""
    limits = order.limits
    try:
        with anyio.fail_after(limits.seconds):
            async with await anyio.open_process(
                COMMAND, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env=ENVIRONMENT
            ) as process:
                return await _exchange(process, order_bytes(order))
    except TimeoutError as late:
        raise FileTooLarge(
            order.filename,
            f"takes longer than {limits.seconds:g} seconds to read. Please send a part of it.",
        ) from late


async def _exchange(process: Process, order: bytes) -> tuple[bytes, int]:
    assert process.stdin is not None
    assert process.stdout is not None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_send, process.stdin, order)
        raw = await _receive(process.stdout)
        if len(raw) > MAX_ANSWER_BYTES:
            process.kill()
            raw = b""
        status = await process.wait()
        tasks.cancel_scope.cancel()
    return raw, status


async def _send(stdin: ByteSendStream, order: bytes) -> None:
    try:
        await stdin.send(order)
        await stdin.aclose()
    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # it has died; what it said, or did not say, tells


async def _receive(stdout: ByteReceiveStream) -> bytes:
    parts = bytearray()
    async for part in stdout:
        parts += part
        if len(parts) > MAX_ANSWER_BYTES:
            break
    return bytes(parts)


def _limiter() -> anyio.CapacityLimiter:
    """One an event loop."""
    limiter = _places.get(None)
    if limiter is None:
        limiter = anyio.CapacityLimiter(AT_ONCE)
        _places.set(limiter)
    return limiter
