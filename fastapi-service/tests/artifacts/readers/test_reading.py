"""Reading in a process of its own."""

import subprocess
import sys
from dataclasses import replace

import anyio
import psutil
import pytest

from brain.artifacts import reading
from brain.artifacts.errors import FileRefused, FileTooLarge, FileUnreadable, FileUnsupported
from brain.artifacts.limits import Limits
from brain.artifacts.readers.document import Document
from brain.artifacts.readers.reader import read
from brain.artifacts.readers.wire import Order, answer_from, order_bytes
from brain.artifacts.reading import COMMAND, ENVIRONMENT, read_safely
from made_files import docx, paragraph, pdf, pdf_bomb, picture, scanned_pdf, xlsx

LIMITS = Limits(max_bytes=10_000_000)
MEASURED = (
    "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)"
)


def readers() -> list[psutil.Process]:
    return [
        child
        for child in psutil.Process().children()
        if child.status() != psutil.STATUS_ZOMBIE and COMMAND[-1] in child.cmdline()
    ]


@pytest.mark.anyio
async def test_the_process_says_what_reading_here_says() -> None:
    data = scanned_pdf(pages=2)

    assert await read_safely("../scan.pdf", data, LIMITS) == read("scan.pdf", data, LIMITS)


@pytest.mark.anyio
async def test_a_refusal_of_the_process_is_raised_here() -> None:
    with pytest.raises(FileUnsupported, match=r"^a\.bin is a binary file"):
        await read_safely("a.bin", b"\0\1\2", LIMITS)


@pytest.mark.anyio
async def test_a_file_above_the_limit_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "COMMAND", ("no such program",))

    with pytest.raises(FileTooLarge, match="11 MB, and at most 10 MB"):
        await read_safely("a.bin", bytes(11_000_000), LIMITS)


@pytest.mark.anyio
async def test_a_file_that_takes_too_long_is_given_up_and_its_process_ends() -> None:
    hasty = replace(LIMITS, seconds=0.05)

    with pytest.raises(FileTooLarge, match=r"takes longer than 0\.05 seconds"):
        await read_safely("a.pdf", pdf(["Hello"]), hasty)

    assert not readers()


@pytest.mark.anyio
async def test_cancelling_ends_the_process() -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_safely, "a.pdf", scanned_pdf(pages=20), LIMITS)
        with anyio.fail_after(10):
            while not readers():
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()

    assert not readers()


@pytest.mark.anyio
async def test_at_most_two_files_are_read_at_once() -> None:
    most = 0
    left = 4

    async def read_one() -> None:
        nonlocal left
        await read_safely("a.txt", b"Hello", LIMITS)
        left -= 1

    async with anyio.create_task_group() as tasks:
        for _ in range(left):
            tasks.start_soon(read_one)
        with anyio.fail_after(30):
            while left:
                most = max(most, len(readers()))
                await anyio.sleep(0.01)

    assert most == 2


@pytest.mark.anyio
async def test_a_process_that_dies_costs_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "COMMAND", (sys.executable, "-c", "import os; os.abort()"))

    with pytest.raises(FileUnreadable, match=r"a\.txt cannot be read: it made its reader fail"):
        await read_safely("a.txt", b"Hello" * 100_000, LIMITS)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
async def test_a_pdf_that_unpacks_without_end_costs_a_sentence() -> None:
    starved = replace(LIMITS, memory_bytes=400_000_000)
    bomb = pdf_bomb(40_000_000)

    with pytest.raises(FileRefused, match=r"^bomb\.pdf "):
        await read_safely("bomb.pdf", bomb, starved)

    assert len(bomb) < 100_000


@pytest.mark.anyio
async def test_a_process_that_never_stops_talking_is_not_listened_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    endless = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    monkeypatch.setattr(reading, "COMMAND", (sys.executable, "-c", endless))
    monkeypatch.setattr(reading, "MAX_ANSWER_BYTES", 1_000_000)

    with pytest.raises(FileUnreadable, match="made its reader fail"):
        await read_safely("a.txt", b"Hello", LIMITS)


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
async def test_a_file_that_needs_more_memory_than_allowed_is_refused() -> None:
    starved = replace(LIMITS, memory_bytes=400_000_000)
    large = picture("PNG", (7000, 7100), mode="RGBA")

    with pytest.raises(FileTooLarge, match=r"large\.png needs too much memory"):
        await read_safely("large.png", large, starved)


@pytest.mark.anyio
async def test_the_process_sees_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "x" * 32)
    show = ("import os; print(sorted(os.environ))",)
    monkeypatch.setattr(reading, "COMMAND", (sys.executable, "-c", *show))
    seen: list[bytes] = []
    monkeypatch.setattr(reading, "answer_from", lambda raw: _remember(seen, raw))

    await read_safely("a.txt", b"Hello", LIMITS)

    assert b"PYTHONUTF8" in seen[0]
    assert b"JWT_SECRET" not in seen[0]


def _remember(seen: list[bytes], raw: bytes) -> Document:
    seen.append(raw)
    return Document(filename="a.txt", media_type="text/plain", kind="text")


@pytest.mark.parametrize(
    ("name", "data", "most_megabytes"),
    [
        ("plain.txt", b"Hello " * 1_600_000, 150),
        ("large.png", picture("PNG", (7000, 7100), mode="RGBA", colour=(1, 2, 3, 4)), 800),
        ("large.jpg", picture("JPEG", (7000, 7100)), 250),
        ("scan.pdf", scanned_pdf(pages=30), 250),
        ("rows.xlsx", xlsx({"S": [[n, "word"] for n in range(20_000)]}), 250),
        ("long.docx", docx(paragraph("word " * 20) * 8_000), 250),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process")
def test_the_memory_of_a_reader_stays_bounded(name: str, data: bytes, most_megabytes: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *COMMAND],
        input=order_bytes(Order(name, LIMITS, data)),
        capture_output=True,
        check=True,
        env=ENVIRONMENT,
    )
    peak_megabytes = int(done.stderr.split()[-1]) * 1024 / 1e6
    answer = answer_from(done.stdout)

    assert peak_megabytes < most_megabytes
    assert isinstance(answer, Document)
