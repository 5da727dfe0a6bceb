"""
Records on their way to the log server, over a thread of its own.

    any thread ──put()──▶ waiting ──▶ queue ──numbered──▶ unacknowledged ──TCP──▶ log server
                             └────── bounded together ──────┘  ◀── {"written": number}

`put` never waits. Each record is numbered; it is kept until the log server says that it is in the
files, and sent again after a broken connection (the server drops what it has). While the server is
away at most `LIMIT_BYTES` are kept; what comes beyond is counted, and a record `log.dropped` with
the count stands in the place of the gap.
"""

import atexit
import secrets
import socket
import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

import structlog

log = structlog.get_logger(__name__)
LIMIT_BYTES = 8 * 1024 * 1024
MAX_RECORD_BYTES = 131_072
"""The log server takes lines of a megabyte; a character may become six bytes."""

BATCH_BYTES = 524_288
GATHER_SECONDS = 0.02
"""Records of so long leave together, so that a busy service is not disturbed by each of them."""

ANSWER_SECONDS = 30.0
"""A server that takes nothing and says nothing for so long is tried again on a new connection."""

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
TELL_AFTER_SECONDS = 5.0
FLUSH_SECONDS = 1.0


class LogShipper:
    """
    Sends what it is given to the log server at `host:port`.

    `dropped(count)` makes the record that tells of a gap.
    """

    def __init__(
        self, host: str, port: int, *, dropped: Callable[[int], str], limit_bytes: int = LIMIT_BYTES
    ) -> None:
        self._address = (host, port)
        self._dropped = dropped
        self._limit_bytes = limit_bytes
        self._sender = secrets.token_hex(8)
        self._lock = threading.RLock()  # a finalizer may log while we are in `put`
        self._waiting: deque[str] = deque()
        self._held_bytes = 0
        self._missed = 0
        self._idle = False
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log shipping", daemon=True)
        # Below: the thread's own.
        self._queue: deque[str] = deque()
        self._unacknowledged: deque[tuple[int, bytes, int]] = deque()
        self._number = 0
        self._away_since: float | None = None
        self._told = False

    def start(self) -> None:
        """Begin to send; what is left at the end of the interpreter is flushed then."""
        self._thread.start()
        atexit.register(self.close)

    def put(self, record: str) -> None:
        """Send `record`, a JSON object without line ends, as soon as it can be. Never waits."""
        if len(record) > MAX_RECORD_BYTES:
            record = self._dropped(1)
        with self._lock:
            # After a gap nothing is taken until the gap is noted.
            if self._missed or self._held_bytes >= self._limit_bytes:
                self._missed += 1
            else:
                self._held_bytes += len(record)
                self._waiting.append(record)
        if self._idle:
            self._idle = False
            self._wake.set()

    @property
    def held_bytes(self) -> int:
        """Of records that are not acknowledged yet (in characters)."""
        return self._held_bytes

    def close(self) -> None:
        """Wait until everything is acknowledged, for `FLUSH_SECONDS` at most."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(FLUSH_SECONDS)
        atexit.unregister(self.close)

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._await_work():
            number = self._number
            try:
                with socket.create_connection(self._address, timeout=ANSWER_SECONDS) as connection:
                    self._talk(connection)
            except OSError:
                self._note_away()
            if self._closing.is_set():
                return  # nobody there; the records are on stderr
            pause = FIRST_PAUSE_SECONDS if self._number > number else pause * 2
            pause = min(pause, LONGEST_PAUSE_SECONDS)
            self._closing.wait(pause)

    def _talk(self, connection: socket.socket) -> None:
        """Until there is nothing more to say, ever, or the connection breaks (`OSError`)."""
        connection.sendall(b"".join(line for _, line, _ in self._unacknowledged))
        self._until_acknowledged(connection)
        self._note_back()
        while self._await_work():
            self._closing.wait(GATHER_SECONDS)
            connection.sendall(self._next_batch())
            self._until_acknowledged(connection)

    def _await_work(self) -> bool:
        """Sleep until there is something to send; False when there is nothing and never will be."""
        with self._lock:
            if self._waiting or self._queue or self._unacknowledged:
                return True
            self._wake.clear()
            self._idle = True
        while not self._closing.is_set():
            self._wake.wait()
            if self._waiting:
                return True
        return bool(self._waiting)

    def _next_batch(self) -> bytes:
        """What waits, numbered, and from now on unacknowledged."""
        with self._lock:
            waiting, self._waiting = self._waiting, deque()
        self._queue.extend(waiting)
        lines, size = [], 0
        while self._queue and size < BATCH_BYTES:
            record = self._queue.popleft()
            self._number += 1
            end = f',"log_sender":"{self._sender}","log_number":{self._number}}}\n'
            line = (record[:-1] + end).encode("utf-8", "replace")
            self._unacknowledged.append((self._number, line, len(record)))
            lines.append(line)
            size += len(line)
        return b"".join(lines)

    def _until_acknowledged(self, connection: socket.socket) -> None:
        rest = b""
        while self._unacknowledged:
            answer = connection.recv(4096)
            if not answer:
                raise ConnectionResetError
            *lines, rest = (rest + answer).split(b"\n")
            if lines:
                self._forget(_number_in(lines[-1]))

    def _forget(self, written: int) -> None:
        freed = 0
        while self._unacknowledged and self._unacknowledged[0][0] <= written:
            freed += self._unacknowledged.popleft()[2]
        with self._lock:
            self._held_bytes -= freed
            self._note_gap()

    def _note_gap(self) -> None:
        """Once there is room again, tell what is missing, and take records again."""
        if self._missed and self._held_bytes * 2 <= self._limit_bytes:
            note = self._dropped(self._missed)
            self._missed = 0
            self._held_bytes += len(note)
            self._waiting.append(note)

    def _note_away(self) -> None:
        now = monotonic()
        if self._away_since is None:
            self._away_since = now
        elif not self._told and now - self._away_since > TELL_AFTER_SECONDS:
            self._told = True
            host, port = self._address
            log.warning(
                "log.unreachable",
                message="The log server cannot be reached; what is logged is kept for it.",
                host=host,
                port=port,
            )

    def _note_back(self) -> None:
        if self._told and self._away_since is not None:
            log.info("log.reached", after_seconds=round(monotonic() - self._away_since, 1))
        self._away_since, self._told = None, False


def _number_in(answer: bytes) -> int:
    try:
        return int(answer.removeprefix(b'{"written":').removesuffix(b"}"))
    except ValueError as other:
        raise ConnectionAbortedError("this is no log server") from other
