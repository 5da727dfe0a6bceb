"""`python -m brain.artifacts.readers.worker`: reads one file, within limits, and ends."""

import math
import os
import sys

from brain.artifacts.errors import FileRefused
from brain.artifacts.limits import Limits
from brain.artifacts.readers.document import Document
from brain.artifacts.readers.reader import read
from brain.artifacts.readers.wire import Order, Refusal, answer_bytes, order_from

NICENESS = 10
"""Answers that are being streamed go first."""


def main() -> None:
    """Standard input and output as `readers.wire` says. Whatever happens, it ends by itself."""
    line = sys.stdin.buffer.readline()
    order = order_from(line, b"")
    confine(order.limits)
    answer = answered(Order(order.filename, order.limits, sys.stdin.buffer.read()))
    sys.stdout.buffer.write(answer_bytes(answer))


def answered(order: Order) -> Document | Refusal:
    """The document, or why there is none."""
    try:
        return read(order.filename, order.data, order.limits)
    except FileRefused as refused:
        return Refusal(refused, type(refused.__cause__).__name__ if refused.__cause__ else "")


def confine(limits: Limits) -> None:
    """
    From now on this process has so much memory and time, writes no file (which includes a core dump
    with somebody's file in it), and yields to others. On Windows there is none of that, and outside
    Linux no bound on memory, because macOS does not keep it.
    """
    if sys.platform == "win32":
        return
    import resource

    os.nice(NICENESS)
    seconds = math.ceil(limits.seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (seconds + 1, seconds + 2))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))


if __name__ == "__main__":
    main()
