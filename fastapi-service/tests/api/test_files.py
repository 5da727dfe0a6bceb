"""Files that people send: the doors they come through, what becomes of them, when they go."""

import base64
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from aiohttp import web

from made_files import picture, scanned_pdf
from rehearsal import default_script

SMALL = {"model": "rnj-1:8b"}
NOTES = b"The cat of the lighthouse is called Barnaby.\n"


def files_on_disk(platform: Any) -> list[Path]:
    folder = platform.brain.files.store.path(_Nameless).parent
    return sorted(folder.iterdir()) if folder.is_dir() else []


class _Nameless:
    file_id = "x"


def inline(data: bytes, name: str = "notes.txt") -> dict[str, Any]:
    return {"filename": name, "data_base64": base64.b64encode(data).decode()}


def asked(platform: Any, *, model: str = "") -> list[Any]:
    """What models were asked, in its order."""
    return [
        entry
        for entry in platform.rehearsal.record.requests
        if entry.messages and "format" not in entry.body and model in entry.model
    ]


def prompts(platform: Any) -> list[str]:
    """The last message of each."""
    return [str(entry.messages[-1]["text"]) for entry in asked(platform)]


async def upload(
    platform: Any, data: bytes, name: str = "notes.txt", *, user: str = "anna", **params: str
) -> httpx.Response:
    bearer = {} if user == "service" else {"bearer": platform.token(user)}
    async with platform.http(**bearer) as http:
        answer: httpx.Response = await http.post(
            "/api/files", files={"file": (name, data)}, params=params
        )
        return answer


# ------------------------------------------------------------------ POST /api/files


async def test_an_upload_is_kept_and_named_in_a_question(platform: Any) -> None:
    answer = await upload(platform, NOTES)
    assert answer.status_code == 201
    kept = answer.json()
    assert kept["filename"] == "notes.txt"
    assert (kept["media_type"], kept["size"]) == ("text/plain", len(NOTES))
    async with platform.person() as anna:
        await anna.hello()
        attachment = {"filename": "notes.txt", "file_id": kept["file_id"]}
        ask = await anna.ask("what is the cat called?", attachments=[attachment], options=SMALL)
        assert (await anna.end_of(ask))["type"] == "done"
        shown = [f["detail"] for f in anna.of(ask, "status") if f["stage"] == "reading_files"]
    assert shown == ["notes.txt"]
    assert NOTES.decode().strip() in prompts(platform)[-1]
    assert prompts(platform)[-1].endswith("what is the cat called?")


async def test_a_file_above_the_limit_is_refused_by_name_and_limit(start: Any) -> None:
    async with start(max_file_size_mb=0.001) as platform:
        answer = await upload(platform, b"x" * 1500, "big.txt")
        assert answer.status_code == 413
        error = answer.json()["error"]
        assert error["code"] == "file.too_large"
        assert "big.txt" in error["message"]
        assert "0.0 MB" not in error["message"]
        assert files_on_disk(platform) == []


async def test_a_body_far_above_the_limit_hears_so_too(start: Any) -> None:
    async with start(max_file_size_mb=0.1) as platform:
        answer = await upload(platform, b"x" * 20_000_000, "huge.bin")
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "file.too_large"
        assert files_on_disk(platform) == []


@pytest.mark.parametrize(
    "body",
    [
        {"content": b"hello", "headers": {"Content-Type": "text/plain"}},
        {"files": {"other": ("a.txt", b"hello")}},
        {"data": {"file": "hello"}},
        {"content": b"garbage", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
        {
            "content": b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"'
            b"\r\n\r\nbr",
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        },
    ],
    ids=["no form", "another field", "no file", "garbage", "nothing", "broken off"],
)
async def test_a_body_without_a_file_is_refused(platform: Any, body: dict[str, Any]) -> None:
    async with platform.http(platform.token("anna")) as http:
        answer = await http.post("/api/files", **body)
    assert answer.status_code == 422
    assert "field `file`" in answer.json()["error"]["message"]
    assert files_on_disk(platform) == []


async def test_fields_before_the_file_do_not_matter(platform: Any) -> None:
    async with platform.http(platform.token("anna")) as http:
        answer = await http.post(
            "/api/files", data={"note": "hi"}, files={"file": ("ä b.md", b"# A")}
        )
    assert answer.status_code == 201
    assert answer.json()["filename"] == "ä b.md"


async def test_an_empty_file_and_an_upload_without_a_token_are_refused(platform: Any) -> None:
    assert (await upload(platform, b"")).json()["error"]["code"] == "file.unreadable"
    async with platform.http("") as http:
        assert (await http.post("/api/files", files={"file": ("a", b"x")})).status_code == 401


async def test_bytes_arrive_unchanged_and_only_for_their_owner(platform: Any) -> None:
    data = os.urandom(300_000)
    file_id = (await upload(platform, data, "raw.bin")).json()["file_id"]
    for user, status in (("anna", 200), ("bert", 404)):
        async with platform.http(platform.token(user)) as http:
            answer = await http.get(f"/artifacts/{file_id}")
        assert answer.status_code == status
        assert (answer.content == data) is (status == 200)
    async with platform.person("bert") as bert:
        await bert.hello()
        refused = await bert.end_of(
            await bert.ask("read", attachments=[{"filename": "a", "file_id": file_id}])
        )
    assert refused["code"] == "not_found"


async def test_the_bot_uploads_for_a_person(platform: Any) -> None:
    file_id = (await upload(platform, NOTES, user="service", user_id="42")).json()["file_id"]
    async with platform.http(platform.token("discord:42")) as http:
        assert (await http.get(f"/artifacts/{file_id}")).content == NOTES


async def test_a_person_cannot_send_a_file_for_somebody_else(platform: Any) -> None:
    answer = await upload(platform, NOTES, user="anna", user_id="bert")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "auth.forbidden")


async def test_nothing_is_taken_for_somebody_whose_account_is_disabled(platform: Any) -> None:
    platform.brain.verifier.revoke([], disabled_users=["discord:42"])
    answer = await upload(platform, NOTES, user="service", user_id="42")
    assert answer.status_code == 403
    assert files_on_disk(platform) == []


# ------------------------------------------------------------------ with a question


async def test_a_file_inside_the_frame_is_read(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        ask = await anna.ask("which cat?", attachments=[inline(NOTES)], options=SMALL)
        assert (await anna.end_of(ask))["type"] == "done"
    assert "Barnaby" in prompts(platform)[-1]
    assert len(files_on_disk(platform)) == 1


async def test_a_file_without_a_word_is_a_question(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        ask = await anna.ask("", attachments=[inline(NOTES)], options=SMALL)
        assert (await anna.end_of(ask))["type"] == "done"
        refused = await anna.end_of(await anna.ask("  "))
    assert refused["code"] == "protocol.malformed"
    assert "Barnaby" in prompts(platform)[-1]


async def test_a_repeated_ask_keeps_its_files_once(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        for _ in range(3):
            await anna.ask("cat?", ask_id="same", attachments=[inline(NOTES)], options=SMALL)
        end = await anna.end_of("same")
        await anna.ask("cat?", ask_id="same", attachments=[inline(NOTES)], options=SMALL)
        assert (await anna.end_of("same"))["text"] == end["text"]
    assert len(files_on_disk(platform)) == 1
    assert len(prompts(platform)) == 1


async def test_the_same_ask_through_two_connections_keeps_its_files_once(platform: Any) -> None:
    body = {
        "ask_id": "same",
        "conversation_id": "talk",
        "text": "cat?",
        "attachments": [inline(NOTES * 10_000)],
        "options": SMALL,
    }
    async with platform.http(platform.token("anna")) as http, anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(lambda: http.post("/api/discord/message", json=body))
    with anyio.fail_after(10):
        while len(files_on_disk(platform)) != 1:
            await anyio.sleep(0.01)
    assert len(set(prompts(platform))) <= 1


async def test_a_refused_ask_leaves_no_file(start: Any) -> None:
    async with start(maintenance_mode_hard=True) as platform:
        async with platform.person() as anna:
            await anna.hello()
            refused = await anna.end_of(await anna.ask("cat?", attachments=[inline(NOTES)]))
        assert refused["code"] == "maintenance.hard"
        assert files_on_disk(platform) == []


@pytest.mark.parametrize(
    ("attachment", "code", "word"),
    [
        (inline(b"x" * 1_100_000, "big.txt"), "file.too_large", "big.txt is too large"),
        (inline(b"", "none.txt"), "file.unreadable", "none.txt is empty"),
        ({"filename": "a.txt", "data_base64": "%%%"}, "file.unreadable", "a.txt arrived damaged"),
        (inline(b"\0\1\2" * 99, "tool.bin"), "file.unsupported", "tool.bin"),
        (inline(b"%PDF-1.7 nothing", "bad.pdf"), "file.unreadable", "bad.pdf"),
        ({"filename": "a.txt"}, "protocol.malformed", "`attachments.0`"),
        ({"filename": "a.txt", "file_id": "f" * 32}, "not_found", "does not exist"),
        ({"filename": "a", "url": "https://cdn.discordapp.com/a"}, "auth.forbidden", "the file"),
    ],
    ids=["large", "empty", "damaged", "binary", "bad pdf", "nothing", "gone", "address"],
)
async def test_each_refusal_ends_the_ask_with_its_code_and_sentence(
    start: Any, attachment: dict[str, Any], code: str, word: str
) -> None:
    async with start(max_file_size_mb=1) as platform, platform.person() as anna:
        await anna.hello()
        end = await anna.end_of(await anna.ask("read this", attachments=[attachment]))
        assert (end["type"], end["code"]) == ("failed", code)
        assert word in end["message"]
        assert "1 MB" in end["message"] or code != "file.too_large"


async def test_what_a_file_says_is_still_known_at_the_next_question(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        await anna.end_of(await anna.ask("cat?", attachments=[inline(NOTES)], options=SMALL))
        await anna.end_of(await anna.ask("and its colour?", options=SMALL))
    said = asked(platform)[-1].messages
    assert [m["role"] for m in said][-3:] == ["user", "assistant", "user"]
    assert "Barnaby" in said[-3]["text"]
    assert "Barnaby" not in said[-1]["text"]


async def test_a_file_too_long_for_the_model_is_cut_and_everybody_is_told(platform: Any) -> None:
    novel = "\n".join(f"Chapter {n}: nothing happens on this day, again." for n in range(8_000))
    async with platform.person() as anna:
        await anna.hello()
        ask = await anna.ask(
            "sum it up", attachments=[inline(novel.encode(), "novel.txt")], options=SMALL
        )
        end = await anna.end_of(ask)
    assert end["type"] == "done"
    assert "characters of novel.txt fitted beside the question._" in end["text"]
    assert "It is cut" in prompts(platform)[-1]
    assert "Chapter 0:" in prompts(platform)[-1]
    assert 4_000 < asked(platform)[-1].prompt_tokens < 16_384


# ------------------------------------------------------------------ pictures


async def test_a_picture_goes_to_a_model_that_sees(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        photo = inline(picture("PNG"), "photo.png")
        ask = await anna.ask("what is in the photo?", attachments=[photo])
        end = await anna.end_of(ask)
        shown = [f["detail"] for f in anna.of(ask, "status") if f["stage"] == "reading_files"]
    assert end["model"] == "ministral-3:14b"
    assert "1 image came with it" in end["text"]
    assert shown == ["photo.png", "Analyzing image…"]


async def test_the_words_in_a_picture_are_read_by_ocr(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        photo = inline(picture("PNG"), "sign.png")
        ask = await anna.ask("what does the text say?", attachments=[photo])
        end = await anna.end_of(ask)
        shown = [f["detail"] for f in anna.of(ask, "status") if f["stage"] == "reading_files"]
    assert "Analyzing image with OCR…" in shown
    ocr = asked(platform, model="deepseek-ocr:3b")
    assert [message["images"] for message in ocr[0].messages] == [1]
    assert end["model"] != "deepseek-ocr:3b"
    assert "sign.png" in prompts(platform)[-1]
    assert end["usage"]["input_tokens"] > 0


async def test_a_scanned_pdf_is_read_by_ocr_without_being_asked(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        ask = await anna.ask("sum it up", attachments=[inline(scanned_pdf(pages=2), "scan.pdf")])
        assert (await anna.end_of(ask))["type"] == "done"
    assert len(asked(platform, model="deepseek-ocr:3b")) == 2


async def test_nothing_is_transcribed_for_a_model_that_is_not_there(platform: Any) -> None:
    async with platform.person() as anna:
        await anna.hello()
        scan = inline(scanned_pdf(pages=2), "scan.pdf")
        ask = await anna.ask("sum it up", attachments=[scan], options={"model": "nope:1b"})
        assert (await anna.end_of(ask))["code"] == "model.unavailable"
    assert not asked(platform, model="deepseek-ocr:3b")


async def test_twenty_pictures_of_a_question_are_transcribed_and_not_one_more(
    platform: Any,
) -> None:
    scans = [inline(scanned_pdf(pages=9), f"{name}.pdf") for name in "abc"]
    async with platform.person() as anna:
        await anna.hello()
        end = await anna.end_of(await anna.ask("sum it up", attachments=scans))
    assert len(asked(platform, model="deepseek-ocr:3b")) == 20
    assert "c.pdf: Pictures left out, as 20 can be seen at a time: 7." in end["text"]


async def test_a_picture_that_no_model_can_see_is_refused_with_advice(start: Any) -> None:
    usual = default_script()
    blind = [one for one in usual.models if "vision" not in one.capabilities]
    script = usual.model_copy(update={"models": tuple(blind)})
    async with start(script=script) as platform, platform.person() as anna:
        await anna.hello()
        photo = inline(picture("PNG"), "photo.png")
        end = await anna.end_of(await anna.ask("what is it?", attachments=[photo]))
    assert (end["type"], end["code"]) == ("failed", "file.unsupported")
    assert "photo.png is a picture" in end["message"]
    assert "ollama pull" in end["message"]


async def test_a_cancel_ends_the_reading_of_a_picture(start: Any) -> None:
    async with start(speed=0.2) as platform, platform.person() as anna:
        await anna.hello()
        photo = inline(picture("PNG"), "sign.png")
        ask = await anna.ask("read the text", attachments=[photo])
        await anna.until(lambda frame: "OCR" in str(frame.get("detail")))
        await anna.send("cancel", ask_id=ask)
        with anyio.fail_after(2):
            assert (await anna.end_of(ask))["code"] == "chat.cancelled"


# ------------------------------------------------------------------ from Discord's address


@asynccontextmanager
async def discord_files(**files: bytes) -> AsyncIterator[tuple[str, list[str]]]:
    asked: list[str] = []

    async def serve(request: web.Request) -> web.Response:
        asked.append(request.path)
        name = request.match_info["name"]
        if name == "moved.txt":
            raise web.HTTPFound("/notes.txt")
        if name not in files:
            raise web.HTTPNotFound
        return web.Response(body=files[name])

    app = web.Application()
    app.router.add_get("/{name}", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", asked
    finally:
        await runner.cleanup()


async def test_the_bot_names_files_by_their_address(start: Any) -> None:
    async with (
        discord_files(**{"notes.txt": NOTES}) as (url, _),
        start(discord_api_base=f"{url}/api/v10") as platform,
        platform.bot() as bot,
    ):
        await bot.hello()
        attachment = {"filename": "notes.txt", "url": f"{url}/notes.txt"}
        end = await bot.end_of(await bot.ask("cat?", attachments=[attachment], options=SMALL))
        assert end["type"] == "done"
        assert "Barnaby" in prompts(platform)[-1]


async def test_no_other_address_is_asked(start: Any) -> None:
    async with (
        discord_files(**{"notes.txt": NOTES, "big.txt": b"x" * 2000}) as (url, fetched),
        start(discord_api_base=f"{url}/api/v10", max_file_size_mb=0.001) as platform,
        platform.bot() as bot,
    ):
        await bot.hello()
        port = url.rpartition(":")[2]
        for address, code in (
            (f"http://localhost:{port}/notes.txt", "protocol.malformed"),
            (f"{url.replace('http:', 'https:')}/notes.txt", "protocol.malformed"),
            (f"http://anna@127.0.0.1:{port}/notes.txt", "protocol.malformed"),
            ("http://169.254.169.254/latest/meta-data", "protocol.malformed"),
            ("https://cdn.discordapp.com.example.org/a", "protocol.malformed"),
            ("file:///etc/passwd", "protocol.malformed"),
            (f"{url}/moved.txt", "file.unreadable"),
            (f"{url}/none.txt", "file.unreadable"),
            (f"{url}/big.txt", "file.too_large"),
        ):
            attachment = {"filename": "a.txt", "url": address}
            end = await bot.end_of(await bot.ask("cat?", attachments=[attachment]))
            assert (address, end["code"]) == (address, code)
        assert files_on_disk(platform) == []
    assert fetched == ["/moved.txt", "/none.txt", "/big.txt"]


async def test_a_slow_fetch_holds_up_only_its_own_conversation(start: Any) -> None:
    async with (
        slow_files() as (url, release),
        start(discord_api_base=url) as platform,
        platform.bot() as bot,
    ):
        await bot.hello()
        slow = {"filename": "a.txt", "url": f"{url}/a.txt"}
        first = await bot.ask("cat?", conversation_id="1", attachments=[slow], options=SMALL)
        behind = await bot.ask("and?", conversation_id="1", options=SMALL)
        other = await bot.ask("hello", conversation_id="2", options=SMALL)
        assert (await bot.end_of(other))["type"] == "done"
        assert not bot.of(first, "queued")
        assert not bot.of(behind, "queued")
        release.set()
        ends = [await bot.until(lambda frame: frame["type"] == "done") for _ in range(2)]
    assert [end["ask_id"] for end in ends] == [first, behind]


async def test_a_cancel_ends_a_fetch_and_leaves_nothing(start: Any) -> None:
    async with (
        slow_files() as (url, release),
        start(discord_api_base=url) as platform,
        platform.bot() as bot,
    ):
        await bot.hello()
        slow = {"filename": "a.txt", "url": f"{url}/a.txt"}
        ask = await bot.ask("cat?", attachments=[slow], options=SMALL)
        await bot.send("ping")
        await bot.until(lambda frame: frame["type"] == "pong")
        await bot.send("cancel", ask_id=ask)
        with anyio.fail_after(2):
            assert (await bot.end_of(ask))["code"] == "chat.cancelled"
        release.set()
        assert (await bot.end_of(await bot.ask("hello", options=SMALL)))["type"] == "done"
        ends = [frame for frame in bot.seen if frame["type"] in ("done", "failed")]
        assert [end["ask_id"] for end in ends].count(ask) == 1
        assert len(prompts(platform)) == 1
        assert files_on_disk(platform) == []


@asynccontextmanager
async def slow_files() -> AsyncIterator[tuple[str, anyio.Event]]:
    """Files that come when the event is set."""
    release = anyio.Event()

    async def serve(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response(body=NOTES)

    app = web.Application()
    app.router.add_get("/{name}", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", release
    finally:
        release.set()
        await runner.cleanup()


# ------------------------------------------------------------------ when they go


async def test_uploads_go_after_their_time_but_not_under_a_waiting_question(start: Any) -> None:
    async with start(upload_cleanup_hours=0.3 / 3600, speed=2.0) as platform:
        async with platform.person() as anna:
            await anna.hello()
            await anna.ask("count to 30", options=SMALL)
            second = await anna.ask("cat?", attachments=[inline(NOTES)], options=SMALL)
            end = await anna.end_of(second)
        assert end["type"] == "done", end
        assert end["timings"]["queued_ms"] > 300
        with anyio.fail_after(5):
            while files_on_disk(platform):
                await anyio.sleep(0.02)


async def test_a_question_finds_its_file_after_a_restart(start: Any) -> None:
    slow = start(upload_cleanup_hours=0.2 / 3600, speed=0.2)
    async with slow as platform, platform.person() as anna:
        await anna.hello()
        ask = await anna.ask("cat?", attachments=[inline(NOTES)], options=SMALL)
        await anna.until(lambda frame: frame["type"] == "queued")
    await anyio.sleep(0.25)
    async with start(upload_cleanup_hours=0.2 / 3600) as platform:
        async with platform.person() as anna:
            await anna.hello()
            assert (await anna.end_of(ask))["type"] == "done"
        assert "Barnaby" in prompts(platform)[-1]


async def test_forget_me_takes_files_along(platform: Any) -> None:
    await upload(platform, NOTES)
    await upload(platform, NOTES, user="bert")
    async with platform.http(platform.token("anna")) as http:
        assert (await http.delete("/api/user/anna")).json()["deleted"]["files"] == 1
    assert len(files_on_disk(platform)) == 1
