"""Tables in DynamoDB: made when they are missing. Blocking; runs in a thread."""

import time
from typing import TYPE_CHECKING

import structlog
from botocore.exceptions import ClientError

from shared.store.dynamo.trouble import code_of
from shared.store.dynamo.values import EXPIRES_AT, PK, SK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 5.0
"""How long one call waits for a new table; AWS can take half a minute, over several calls."""


class TableNotReady(Exception):
    """The table has been ordered and is still being made."""


def ensure_table(client: "DynamoDBClient", name: str) -> None:
    """
    Return once the table is there and active; order it if nobody has.

    Raises `TableNotReady` when that takes longer than `PATIENCE_SECONDS`, and botocore's errors.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (status := _status(client, name)) != "ACTIVE":
        if status is None:
            _create(client, name)
        if time.monotonic() > deadline:
            raise TableNotReady(f"the table {name} is still being made")
        time.sleep(POLL_SECONDS)
    _let_rows_expire(client, name)


def _status(client: "DynamoDBClient", name: str) -> str | None:
    try:
        return client.describe_table(TableName=name)["Table"].get("TableStatus")
    except ClientError as error:
        if code_of(error) == "ResourceNotFoundException":
            return None
        raise


def _create(client: "DynamoDBClient", name: str) -> None:
    try:
        client.create_table(
            TableName=name,
            AttributeDefinitions=[
                {"AttributeName": PK, "AttributeType": "S"},
                {"AttributeName": SK, "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": PK, "KeyType": "HASH"},
                {"AttributeName": SK, "KeyType": "RANGE"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
    except ClientError as error:
        if code_of(error) != "ResourceInUseException":  # another service ordered it just now
            raise


def _let_rows_expire(client: "DynamoDBClient", name: str) -> None:
    """Turn on time to live. Reads do not depend on it, so a refusal is only logged."""
    try:
        found = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        if found.get("TimeToLiveStatus") == "DISABLED":
            client.update_time_to_live(
                TableName=name,
                TimeToLiveSpecification={"Enabled": True, "AttributeName": EXPIRES_AT},
            )
    except ClientError as error:
        log.warning("store.no_time_to_live", table=name, error=str(error))
