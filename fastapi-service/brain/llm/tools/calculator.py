"""Sums for models, which are bad at them."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio.to_thread
from strands import tool

from brain.web.calculator import evaluate


async def work_out(expression: str) -> str:
    """`expression` with its value. Raises `NotWorkedOut`; the loop is free meanwhile."""
    value = await anyio.to_thread.run_sync(evaluate, expression, abandon_on_cancel=True)
    return f"{' '.join(expression.split())} = {value}"


def calculator_tool(call: Callable[[str], Awaitable[str]]) -> Callable[..., Any]:
    """`call` as a model sees it."""

    @tool
    async def calculator(expression: str) -> str:
        """Work out a sum exactly. Use it for every calculation that matters.

        Args:
            expression: For example 12 * (7 + 3), 15% of 80, sqrt(2), 5!, sin(30 deg), 7 mod 3.
        """
        return await call(expression)

    return calculator
