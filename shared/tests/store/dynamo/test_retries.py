"""
Which requests are sent again: `DynamoStore` against a server that answers from a script.

The server is real (a socket, boto3 on the other end); only what it says is written down here.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
import orjson
import pytest
from pydantic import SecretStr

from shared.clock import ManualClock
from shared.errors import StoreUnavailable
from shared.settings import StoreSettings
from shared.store import Absent, Change, ConditionFailed, Key, Put
from shared.store.dynamo import DynamoStore

KEY = Key("things", "a")
OTHER = Key("things", "b")
ONE = Put(KEY, {"n": 1})
FIRST = Put(KEY, {"n": 1}, when=Absent())
COUNT = Change(KEY, add={"n": 1})

OK: tuple[int, dict[str, Any]] = (200, {})
HANG_UP: tuple[int, dict[str, Any]] = (0, {})
READY = {
    "DescribeTable": (200, {"Table": {"TableStatus": "ACTIVE"}}),
    "DescribeTimeToLive": (200, {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED"}}),
}


def refusal(code: str, status: int = 400, **more: Any) -> tuple[int, dict[str, Any]]:
    return status, {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": code, **more}


def cancelled(*codes: str) -> tuple[int, dict[str, Any]]:
    return refusal(
        "TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes]
    )


@dataclass
class Script:
    """Answers in order (the last one for ever) and remembers what was asked."""

    answers: list[tuple[int, dict[str, Any]]] = field(default_factory=lambda: [OK])
    table: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if operation == "DescribeTable" and self.table:
            return self.table.pop(0)
        if operation in READY:
            return READY[operation]
        self.asked.append((operation, body))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.asked]

    async def serve(self, stream: anyio.abc.SocketStream) -> None:
        """One connection: requests with Content-Length in, JSON out."""
        buffer = b""
        async with stream:
            while True:
                while b"\r\n\r\n" not in buffer:
                    buffer += await stream.receive()
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                lines = head.decode().split("\r\n")[1:]
                headers = {n.lower(): v for n, _, v in (line.partition(": ") for line in lines)}
                while len(buffer) < int(headers["content-length"]):
                    buffer += await stream.receive()
                length = int(headers["content-length"])
                body, buffer = orjson.loads(buffer[:length]), buffer[length:]
                operation = headers["x-amz-target"].partition(".")[2]
                status, content = self.answer(operation, body)
                if not status:
                    return
                text = orjson.dumps(content)
                await stream.send(
                    f"HTTP/1.1 {status} x\r\nContent-Type: application/x-amz-json-1.0\r\n"
                    f"Content-Length: {len(text)}\r\n\r\n".encode()
                    + text
                )


@asynccontextmanager
async def _serving(script: Script, port: int = 0) -> AsyncIterator[int]:
    async def one(stream: anyio.abc.SocketStream) -> None:
        try:
            await script.serve(stream)
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, one)
        yield listener.extra(anyio.abc.SocketAttribute.local_port)
        tasks.cancel_scope.cancel()


def _store(port: int, clock: ManualClock) -> DynamoStore:
    settings = StoreSettings(
        store_url="dynamodb:",
        dynamodb_endpoint=f"http://127.0.0.1:{port}",
        dynamodb_access_key="someone",
        dynamodb_secret_key=SecretStr("something"),
        _env_file=None,
    )
    return DynamoStore(settings, tables=["things"], clock=clock)


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def store(script: Script, clock: ManualClock) -> AsyncIterator[DynamoStore]:
    async with _serving(script) as port:
        opened = _store(port, clock)
        yield opened
        await opened.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        refusal("ProvisionedThroughputExceededException"),
        refusal("ThrottlingException"),
        refusal("TransactionConflictException"),
    ],
    ids=lambda answer: str(answer[1]["message"]),
)
async def test_what_did_not_happen_is_sent_again(
    store: DynamoStore, script: Script, answer: tuple[int, dict[str, Any]]
) -> None:
    script.answers = [answer, answer, OK]
    await store.write(COUNT)
    assert script.operations == ["UpdateItem"] * 3


async def test_a_conflict_of_transactions_is_tried_again(
    store: DynamoStore, script: Script
) -> None:
    script.answers = [cancelled("TransactionConflict", "None"), OK]
    await store.write(ONE, Put(OTHER, {}))
    assert script.operations == ["TransactWriteItems"] * 2


@pytest.mark.parametrize("answer", [HANG_UP, refusal("InternalServerError", 500)], ids=str)
async def test_a_transaction_whose_answer_was_lost_is_sent_again_with_its_token(
    store: DynamoStore, script: Script, answer: tuple[int, dict[str, Any]]
) -> None:
    script.answers = [answer, OK]
    await store.write(FIRST, Put(OTHER, {}))
    assert script.operations == ["TransactWriteItems"] * 2
    assert script.asked[0] == script.asked[1]


@pytest.mark.parametrize("answer", [HANG_UP, refusal("InternalServerError", 500)], ids=str)
@pytest.mark.parametrize("write", [FIRST, COUNT], ids=["condition", "addition"])
async def test_a_lone_write_that_may_have_happened_is_not_sent_again(
    store: DynamoStore, script: Script, write: Put | Change, answer: tuple[int, dict[str, Any]]
) -> None:
    script.answers = [answer, refusal("ConditionalCheckFailedException")]
    with pytest.raises(StoreUnavailable):
        await store.write(write)
    assert len(script.asked) == 1


async def test_an_unconditional_put_whose_answer_was_lost_is_sent_again(
    store: DynamoStore, script: Script
) -> None:
    script.answers = [HANG_UP, OK]
    await store.write(ONE)
    assert script.operations == ["PutItem"] * 2


async def test_a_read_is_sent_again_once(store: DynamoStore, script: Script) -> None:
    script.answers = [HANG_UP]
    with anyio.fail_after(5), pytest.raises(StoreUnavailable):
        await store.get(KEY)
    assert script.operations == ["GetItem"] * 2


async def test_reads_ask_for_what_was_written_last(store: DynamoStore, script: Script) -> None:
    script.answers = [OK, (200, {"Items": []})]
    await store.get(KEY)
    await store.query("things", "a")
    assert [body["ConsistentRead"] for _, body in script.asked] == [True, True]


async def test_a_table_that_vanished_is_made_again(store: DynamoStore, script: Script) -> None:
    await store.write(COUNT)
    script.answers = [refusal("ResourceNotFoundException"), OK, OK]
    script.table = [refusal("ResourceNotFoundException")]
    await store.write(COUNT)
    assert script.operations == ["UpdateItem", "UpdateItem", "CreateTable", "UpdateItem"]


async def test_a_table_made_by_someone_else_meanwhile_is_fine(
    store: DynamoStore, script: Script
) -> None:
    script.table = [refusal("ResourceNotFoundException")]
    script.answers = [refusal("ResourceInUseException"), OK]
    await store.write(COUNT)
    assert script.operations == ["CreateTable", "UpdateItem"]


async def test_wrong_credentials_are_unavailable_at_once(
    store: DynamoStore, script: Script
) -> None:
    script.answers = [refusal("UnrecognizedClientException")]
    with pytest.raises(StoreUnavailable) as failed:
        await store.get(KEY)
    assert "UnrecognizedClientException" in failed.value.reason
    assert "something" not in failed.value.reason
    assert len(script.asked) == 1


async def test_the_first_write_whose_condition_failed_is_named(
    store: DynamoStore, script: Script
) -> None:
    script.answers = [cancelled("None", "ConditionalCheckFailed", "ConditionalCheckFailed")]
    with pytest.raises(ConditionFailed) as refused:
        await store.write(ONE, Put(OTHER, {}, when=Absent()), Put(Key("things", "c"), {}))
    assert refused.value.index == 1


async def test_a_database_that_is_down_is_unavailable_within_seconds_until_it_is_up(
    script: Script, clock: ManualClock
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    store = _store(port, clock)
    with anyio.fail_after(3):
        with pytest.raises(StoreUnavailable):
            await store.get(KEY)
        with pytest.raises(StoreUnavailable):
            await store.write(FIRST)
    async with _serving(script, port):
        await store.write(FIRST)
    with anyio.fail_after(3), pytest.raises(StoreUnavailable):
        await store.write(FIRST)
    async with _serving(script, port):
        await store.write(FIRST)
    await store.aclose()
