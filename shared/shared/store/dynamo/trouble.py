"""What DynamoDB's refusals and silences mean for a request, and whether it may be sent again."""

from enum import Enum, auto
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

CONDITION = "ConditionalCheckFailed"
INVALID = "ValidationError"
TOO_LARGE = "maximum allowed size"

CONTENDED = frozenset({
    "ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException",
    "TransactionConflictException", "TransactionInProgressException",
})  # fmt: skip


class Trouble(Enum):
    """Why a request did not succeed."""

    VERDICT = auto()
    """Not done: a condition does not hold or the request is wrong; the asker must know which."""
    CONTENDED = auto()
    """Not done: others were in the way, or we were too fast."""
    UNREACHED = auto()
    """Not done: nobody was there."""
    NO_TABLE = auto()
    """Not done: the table is not there (yet, or any more)."""
    UNKNOWN = auto()
    """Perhaps done: the request went out and no answer came back."""
    REFUSED = auto()
    """Not done, nor will it be: credentials, permissions, configuration."""


def trouble_of(error: ClientError | BotoCoreError) -> Trouble:
    """Why the request that ended with `error` did not succeed."""
    match error:
        case ClientError():
            return _trouble_of_answer(error)
        case EndpointConnectionError() | ConnectTimeoutError():
            return Trouble.UNREACHED
        case HTTPClientError():
            return Trouble.UNKNOWN
        case _:
            return Trouble.REFUSED


def _trouble_of_answer(error: ClientError) -> Trouble:
    match code_of(error):
        case "ConditionalCheckFailedException" | "ValidationException":
            return Trouble.VERDICT
        case "TransactionCanceledException":
            codes = {reason.get("Code") for reason in _reasons(error)}
            return Trouble.VERDICT if codes & {CONDITION, INVALID} else Trouble.CONTENDED
        case "ResourceNotFoundException":
            return Trouble.NO_TABLE
        case code if code in CONTENDED:
            return Trouble.CONTENDED
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
    return Trouble.UNKNOWN if status >= 500 else Trouble.REFUSED


def refused_write(error: ClientError) -> int | None:
    """Which write's condition did not hold, or None when the error is about something else."""
    if code_of(error) == "ConditionalCheckFailedException":
        return 0
    codes = [reason.get("Code") for reason in _reasons(error)]
    return codes.index(CONDITION) if CONDITION in codes else None


def too_large_write(error: ClientError) -> int | None:
    """Which write would make its row too large, or None when the error is about something else."""
    for index, reason in enumerate(_reasons(error)):
        if TOO_LARGE in (reason.get("Message") or ""):
            return index
    return 0 if TOO_LARGE in str(error) else None


def code_of(error: ClientError) -> str:
    """DynamoDB's name for the error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _reasons(error: ClientError) -> list[dict[str, Any]]:
    """One `{Code, Message}` for each write of a cancelled transaction; empty for other errors."""
    found: Any = error.response.get("CancellationReasons", [])
    return list(found)
