"""The operations of `shared.store.base.Store`, asked of DynamoDB."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import uuid4

from botocore.exceptions import ClientError

from shared.clock import Clock
from shared.settings import StoreSettings
from shared.store.base import (
    Always,
    Change,
    ConditionFailed,
    Delete,
    Item,
    ItemTooLarge,
    Key,
    Matches,
    Put,
    Row,
    Write,
)
from shared.store.dynamo.client import Client, Operation
from shared.store.dynamo.requests import query_arguments, removal_of_expired, write_arguments
from shared.store.dynamo.trouble import refused_write, too_large_write
from shared.store.dynamo.values import EXPIRES_AT, SK, address, decode, item_of, name_of
from shared.store.items import check_key, check_query, check_writes

DYNAMO_MAX_ITEM_BYTES = 400 * 1024
"""Above this DynamoDB refuses a change; it counts names, values and keys."""


class DynamoStore:
    """
    `Store` in tables of DynamoDB, which are made at the first request; see `shared.store.base`.

    A transaction carries a token that DynamoDB remembers for ten minutes, so a lost answer is asked
    for again. A lone write with a condition or an addition is not sent again once it may have
    happened: it raises `StoreUnavailable`.
    """

    def __init__(self, settings: StoreSettings, *, tables: Collection[str], clock: Clock) -> None:
        self._client = Client(settings, tables=tables)
        self._tables = frozenset(tables)
        self._clock = clock

    async def get(self, key: Key) -> Item | None:
        check_key(key, self._tables)
        found = await self._client.call(
            "get_item",
            {"TableName": key.table, "Key": address(key), "ConsistentRead": True},
            repeatable=True,
        )
        row = found.get("Item")
        if row is None or (EXPIRES_AT in row and decode(row[EXPIRES_AT]) <= self._clock.now()):
            return None
        return item_of(row)

    async def query(
        self,
        table: str,
        pk: str,
        *,
        prefix: str = "",
        after: str | None = None,
        limit: int | None = None,
        newest_first: bool = False,
    ) -> Sequence[Row]:
        check_query(table, pk, limit, self._tables)
        page = query_arguments(
            table, pk, prefix=prefix, after=after, newest_first=newest_first, now=self._clock.now()
        )
        rows: list[Row] = []
        # A page is at most 1 MB, and expired rows are left out after it was cut.
        while page is not None:
            if limit is not None:
                page["Limit"] = limit - len(rows)
            found = await self._client.call("query", page, repeatable=True)
            rows += [Row(row[SK]["S"], item_of(row)) for row in found["Items"]]
            last = found.get("LastEvaluatedKey")
            full = limit is not None and len(rows) >= limit
            page = None if last is None or full else page | {"ExclusiveStartKey": last}
        return rows

    async def write(self, *writes: Write) -> None:
        check_writes(writes, self._tables)
        await self._carry_out(writes)

    async def add(self, key: Key, attribute: str, amount: int) -> int:
        change = Change(key, add={attribute: amount})
        check_writes([change], self._tables)
        answer = await self._carry_out([change], ReturnValues="UPDATED_NEW")
        return int(decode(answer["Attributes"][name_of(attribute)]))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _carry_out(self, writes: Sequence[Write], **more: Any) -> Mapping[str, Any]:
        while True:
            now = self._clock.now()
            operation, arguments = _request(writes, now)
            try:
                return await self._client.call(
                    operation, arguments | more, repeatable=_is_repeatable(writes)
                )
            except ClientError as error:
                index = refused_write(error)
                if index is None:
                    raise _mistake(writes, error) from error
            if not await self._cleared(writes[index], now):
                raise ConditionFailed(index)

    async def _cleared(self, write: Write, now: float) -> bool:
        """Whether an expired row was what refused `write`, and is out of the way now."""
        if not isinstance(write, Change) or isinstance(write.when, Matches):
            return False
        try:
            # Not repeatable: the second time it would find nothing and look like a live row.
            await self._client.call(
                "delete_item", removal_of_expired(write.key, now), repeatable=False
            )
        except ClientError as error:
            if refused_write(error) is None:
                raise
            # Not expired any more. An unconditional change takes the row as it is now.
            return isinstance(write.when, Always)
        return True


def _request(writes: Sequence[Write], now: float) -> tuple[Operation, dict[str, Any]]:
    """One conditional request for one write, a transaction for more."""
    if len(writes) == 1:
        operation: Operation
        match writes[0]:
            case Put():
                operation = "put_item"
            case Change():
                operation = "update_item"
            case Delete():
                operation = "delete_item"
        return operation, write_arguments(writes[0], now)
    steps = [{_step(write): write_arguments(write, now)} for write in writes]
    return "transact_write_items", {"TransactItems": steps, "ClientRequestToken": str(uuid4())}


def _step(write: Write) -> str:
    match write:
        case Put():
            return "Put"
        case Change():
            return "Update"
        case Delete():
            return "Delete"


def _is_repeatable(writes: Sequence[Write]) -> bool:
    """Whether sending it twice has the effect of once."""
    [first, *others] = writes
    if others:
        return True
    return isinstance(first.when, Always) and not (isinstance(first, Change) and first.add)


def _mistake(writes: Sequence[Write], error: ClientError) -> Exception:
    index = too_large_write(error)
    if index is not None:
        return ItemTooLarge(writes[index].key, DYNAMO_MAX_ITEM_BYTES)
    return ValueError(str(error))
