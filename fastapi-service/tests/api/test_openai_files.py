"""Files in requests of `/v1`, sent by the real, unmodified `openai` client."""

import base64
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import anyio
import openai
import orjson
import pytest
from openai import AsyncOpenAI

from brain.api.openai.answer import Answer
from brain.api.openai.asked import FileSaid, SentFile, parse
from brain.api.openai.errors import Unfit
from brain.api.openai.files import FileReader
from brain.artifacts.readers.document import Document
from made_files import pdf, picture, scanned_pdf

MODEL = "rnj-1:8b"
Client = Any


@pytest.fixture
async def ai(platform: Any) -> AsyncIterator[Client]:
    async with AsyncOpenAI(
        base_url=f"{platform.url}/v1", api_key=platform.token("anna"), max_retries=0, timeout=30
    ) as ai:
        yield ai


def part(name: str, data: bytes, *, head: str = "data:application/pdf;base64,") -> dict[str, Any]:
    encoded = head + base64.b64encode(data).decode()
    return {"type": "file", "file": {"filename": name, "file_data": encoded}}


async def ask(ai: Client, *parts: dict[str, Any], model: str = MODEL) -> Any:
    content = [*parts, {"type": "text", "text": "what does it say?"}]
    return await ai.chat.completions.create(
        model=model, messages=[{"role": "user", "content": content}]
    )


def heard(platform: Any) -> dict[str, Any]:
    last: dict[str, Any] = [
        entry
        for entry in platform.rehearsal.record.requests
        if entry.messages and "format" not in entry.body
    ][-1].messages[-1]
    return last


@pytest.mark.parametrize("head", ["data:application/pdf;base64,", ""])
async def test_a_pdf_is_quoted_where_it_stands(platform: Any, ai: Client, head: str) -> None:
    await ask(ai, part("cat.pdf", pdf(["Barnaby is a cat."]), head=head))
    text = heard(platform)["text"]
    assert "Barnaby is a cat." in text
    assert "“cat.pdf”" in text
    assert text.endswith("what does it say?")


async def test_pictures_and_scanned_pages_go_to_a_model_that_sees(
    platform: Any, ai: Client
) -> None:
    files = [part("a.png", picture("PNG")), part("scan.pdf", scanned_pdf(pages=2))]
    answer = await ask(ai, *files, model="auto")
    assert answer.model == "ministral-3:14b"
    assert heard(platform)["images"] == 3


async def test_an_upload_is_named_by_its_id(platform: Any, ai: Client) -> None:
    async with platform.http(platform.token("anna")) as http:
        sent = await http.post("/api/files", files={"file": ("a.txt", b"Barnaby purrs.")})
    mine = {"type": "file", "file": {"file_id": sent.json()["file_id"]}}
    await ask(ai, mine)
    assert "Barnaby purrs." in heard(platform)["text"]
    with pytest.raises(openai.NotFoundError):
        await ask(ai, {"type": "file", "file": {"file_id": "0" * 32}})


@pytest.mark.parametrize(
    ("sent", "code", "word"),
    [
        (part("x.bin", b"\0\1\2" * 99), "file.unsupported", "x.bin"),
        (part("x.pdf", b"%PDF-1.7 nothing"), "file.unreadable", "x.pdf"),
        ({"type": "file", "file": {"file_data": "%%%"}}, "file.unreadable", "file_data"),
        ({"type": "file", "file": {}}, "protocol.malformed", "messages.0.content.0.file"),
        ({"type": "file"}, "file.unsupported", "messages.0.content.0"),
    ],
    ids=["binary", "damaged", "not base64", "empty", "nothing"],
)
async def test_what_cannot_be_read_is_refused_in_openais_shape(
    ai: Client, sent: dict[str, Any], code: str, word: str
) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        await ask(ai, sent)
    assert refused.value.code == code
    assert word in refused.value.message


async def test_a_request_with_very_many_files_is_refused_before_one_is_read(
    platform: Any, ai: Client
) -> None:
    with pytest.raises(openai.BadRequestError, match="at most 20 files"):
        await ask(ai, *[{"type": "file", "file": {"file_id": "0" * 32}}] * 21)


def test_a_body_of_very_many_parts_is_refused_before_they_are_looked_at() -> None:
    parts = [{"type": "text", "text": 1}] * 10_001
    body = {"model": MODEL, "messages": [{"role": "user", "content": parts}]}
    with pytest.raises(Unfit, match="at most 10,000 parts"):
        parse(orjson.dumps(body))


async def test_reading_ends_with_the_client_who_asked_for_it() -> None:
    begun, ended = anyio.Event(), anyio.Event()

    async def read(sent: SentFile, where: str) -> FileSaid:
        begun.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()
        return FileSaid("", ())

    async def receive() -> dict[str, Any]:
        await begun.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        pytest.fail("nobody is there to be told anything")

    content = [{"type": "file", "file": {"file_id": "0" * 32}}]
    body = {"model": MODEL, "messages": [{"role": "user", "content": content}]}
    unused: Any = None
    answer = Answer(parse(orjson.dumps(body)), unused, read=read, desk=unused, clock=unused)
    with anyio.fail_after(5):
        await answer({"type": "http"}, receive, send)
    assert ended.is_set()


async def test_one_file_of_a_person_is_read_at_a_time_however_many_requests_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading: list[str] = []
    most: dict[str, int] = {}
    both = anyio.Event()

    async def read(name: str, data: bytes, limits: Any) -> Document:
        reading.append(name)
        most[name] = max(most.get(name, 0), reading.count(name))
        if len(set(reading)) == 2:
            both.set()
        await both.wait()  # one person does not wait for the other
        await anyio.wait_all_tasks_blocked()
        reading.remove(name)
        return Document(filename=name, media_type="text/plain", kind="text", text="x")

    monkeypatch.setattr("brain.api.openai.files.read_safely", read)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for person in ("anna", "bert") * 3:
                files: Any = SimpleNamespace(limits=None)
                sent = SentFile(filename=person, file_data="aGk=")
                tasks.start_soon(FileReader(files, person), sent, "messages.0")
    assert most == {"anna": 1, "bert": 1}
