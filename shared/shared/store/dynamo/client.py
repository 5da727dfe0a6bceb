"""
Requests to DynamoDB through boto3, in threads.

Which requests are sent again. botocore's own retries are off: they would repeat an addition that
did happen, or report its condition as failed the second time. Instead

* what certainly did not happen (contention, throttling, nobody there) is sent again;
* what may have happened (the answer was lost) is sent again only where the caller says that a
  second time does no harm; else it ends as `StoreUnavailable`, which promises nothing either way.

So a failed condition is never about our own first attempt.
"""

import random
from collections.abc import Collection
from functools import partial
from typing import Any, Literal

import anyio
import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import StoreUnavailable
from shared.settings import StoreSettings
from shared.store.dynamo.tables import TableNotReady, ensure_table
from shared.store.dynamo.trouble import Trouble, trouble_of

THREADS = 32
CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 3.0
CONTENTION_SECONDS = 5.0
"""How long others may be in the way before a request gives up."""
TRIES = 2
"""How often a request is sent at most when nobody answers."""
PAUSE_SECONDS = 0.02
MAX_PAUSE_SECONDS = 0.5

Operation = Literal[
    "get_item", "query", "put_item", "update_item", "delete_item", "transact_write_items"
]


class Client:
    """One boto3 client, made at the first request, with the tables made before they are used."""

    def __init__(self, settings: StoreSettings, *, tables: Collection[str]) -> None:
        self._settings = settings
        self._tables = sorted(tables)
        self._boto: Any = None
        self._prepared = False
        self._preparing = anyio.Lock()
        self._threads = anyio.CapacityLimiter(THREADS)

    async def call(
        self, operation: Operation, arguments: dict[str, Any], *, repeatable: bool
    ) -> dict[str, Any]:
        """
        The answer to `operation`, sent again where that is right.

        Raises `ClientError` when DynamoDB judged the request (`Trouble.VERDICT`), and
        `StoreUnavailable` for everything else.
        """
        deadline = anyio.current_time() + CONTENTION_SECONDS
        sent = 0
        while True:
            await self._prepare()
            try:
                return await self._send(operation, arguments)
            except (ClientError, BotoCoreError) as error:
                sent += 1
                trouble = trouble_of(error)
                if trouble is Trouble.VERDICT:
                    raise
                if not _again(trouble, sent, repeatable, in_time=anyio.current_time() < deadline):
                    raise StoreUnavailable(str(error)) from error
                self._prepared &= trouble is not Trouble.NO_TABLE
            # Real time on purpose: it is the network's, not the application's.
            longest = min(MAX_PAUSE_SECONDS, PAUSE_SECONDS * 2**sent)
            await anyio.sleep(random.uniform(PAUSE_SECONDS, longest))

    async def aclose(self) -> None:
        """Close the connections."""
        if self._boto is not None:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._boto.close)

    async def _send(self, operation: Operation, arguments: dict[str, Any]) -> dict[str, Any]:
        # A cancelled read is left behind; a cancelled write is waited for, so that whatever the
        # caller writes while it cleans up comes after it.
        answer: dict[str, Any] = await anyio.to_thread.run_sync(
            partial(getattr(self._boto, operation), **arguments),
            abandon_on_cancel=operation in ("get_item", "query"),
            limiter=self._threads,
        )
        return answer

    async def _prepare(self) -> None:
        if self._prepared:
            return
        async with self._preparing:
            if not self._prepared:
                try:
                    await anyio.to_thread.run_sync(self._connect)
                except (ClientError, BotoCoreError, TableNotReady) as error:
                    raise StoreUnavailable(str(error)) from error
                self._prepared = True

    def _connect(self) -> None:
        if self._boto is None:
            self._boto = _boto_client(self._settings)
        for table in self._tables:
            ensure_table(self._boto, table)


def _again(trouble: Trouble, sent: int, repeatable: bool, *, in_time: bool) -> bool:
    match trouble:
        case Trouble.CONTENDED:
            return in_time
        case Trouble.UNREACHED | Trouble.NO_TABLE:
            return sent < TRIES
        case Trouble.UNKNOWN:
            return repeatable and sent < TRIES
    return False


def _boto_client(settings: StoreSettings) -> Any:
    """DynamoDB Local takes any credentials but insists on some; boto3 finds those for AWS."""
    local = settings.dynamodb_endpoint is not None
    secret = settings.dynamodb_secret_key
    return boto3.session.Session().client(
        "dynamodb",
        endpoint_url=settings.dynamodb_endpoint,
        region_name=settings.dynamodb_region,
        aws_access_key_id=settings.dynamodb_access_key or ("local" if local else None),
        aws_secret_access_key=secret.get_secret_value() if secret else ("local" if local else None),
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"total_max_attempts": 1},
            max_pool_connections=THREADS,
        ),
    )
