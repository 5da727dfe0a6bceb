"""How the lines of an answer are read."""

from contextlib import ExitStack
from typing import Any

import pytest

from brain.llm.connection import Connection, Patience, new_session
from brain.llm.pace import Pace
from brain.vram.orchestrator import Server

LINES = 20


@pytest.mark.parametrize(
    ("others", "most", "least"), [(0, LINES, LINES // 2), (200, LINES // 4, 1)], ids=["few", "many"]
)
async def test_lines_of_a_moment_are_given_together_while_many_are_answered(
    puppet: Any, others: int, most: int, least: int
) -> None:
    puppet.lines = [b"a line\n"] * LINES
    puppet.gap_seconds = 0.004
    pace, given = Pace(), list[list[bytes]]()
    await puppet.start()
    with ExitStack() as stack:
        for _ in range(others):
            stack.enter_context(pace.answer())
        async with new_session() as session:
            connection = Connection(
                session,
                server=Server("puppet", "openai", puppet.url, rehearsal=True),
                model="puppet",
                patience=Patience(5.0, 5.0),
                pace=pace,
            )
            async for lines in connection.lines("/v1/chat/completions", {}):
                connection.spoke()
                given.append(lines)
    await puppet.stop()
    assert sum(map(len, given)) == LINES
    assert least <= len(given) <= most
