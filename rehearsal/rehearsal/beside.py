"""Tasks beside a block of code."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def beside() -> AsyncIterator[TaskGroup]:
    """
    A task group that is cancelled when the block ends.

    A failure of the block itself leaves it as it was raised, not as a group of one.
    """
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except Exception as problem:  # noqa: BLE001 - raised again below
            failure = problem
        finally:
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
