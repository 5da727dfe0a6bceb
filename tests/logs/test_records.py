"""What stands in the logs of all services about a message, and what never does."""

import base64
import secrets
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

import pytest

from chat_client import Client
from town import Town

pytestmark = pytest.mark.timeout(120)
SMALL = {"model": "rnj-1:8b"}
MARK = f"xylophage{secrets.token_hex(6)}"
"""A word nobody else says."""


def marked(where: str) -> str:
    return f"{MARK}{where}"


async def asked(client: Client, text: str, **more: Any) -> dict[str, Any]:
    return await client.end_of(await client.ask(text, options=SMALL, **more))


def test_one_request_id_follows_a_message_from_discord_through_all_services(town: Town) -> None:
    said = town.act("dm", person="ada", text="What is 2 + 3?")
    town.until(lambda: "5" in town.said_in(said["channel_id"]))

    def services_of_it() -> set[str]:
        records = town.records()
        [request_id] = {
            one["request_id"] for one in records
            if one["event"] == "ask.queued" and one["surface"] == "discord"
        }  # fmt: skip
        return {one["service"] for one in records if one.get("request_id") == request_id}

    town.until(lambda: any(one["event"] == "ask.queued" for one in town.records()))
    town.until(lambda: services_of_it() == {"discord-bot", "fastapi-service", "auth-service"})


def test_every_service_is_in_the_logs_and_every_line_is_a_whole_record(town: Town) -> None:
    wanted = {"discord-bot", "fastapi-service", "auth-service", "logging-service"}
    town.until(lambda: {one["service"] for one in town.records()} >= wanted)
    for one in town.records():
        assert {"timestamp", "level", "service", "event", "message"} <= one.keys()


async def test_no_words_no_tokens_and_no_secrets_are_in_any_log(town: Town) -> None:
    box, never = town.box, [*town.box.secrets.values()]
    password, wrong = marked("password"), marked("wrong-password")
    anna = {"username": "anna", "password": password}
    box.call(f"{box.auth_url}/register", anna)
    assert town.refused(f"{box.auth_url}/login", {**anna, "password": wrong}) == 401
    assert town.refused(f"{box.auth_url}/login", {"username": "anna", "pass": password}) == 422
    token = box.call(f"{box.auth_url}/login", anna)["access_token"]
    key = box.call(f"{box.auth_url}/keys", {"name": marked("key-name")}, bearer=token)["key"]
    code = box.call(f"{box.auth_url}/link/code", {}, bearer=token)["code"]
    never += [token, token.rpartition(".")[2], key, key.removeprefix("tr-"), code]

    note = base64.b64encode(marked("file").encode()).decode()
    file = {"filename": marked("name.txt"), "content_type": "text/plain", "data_base64": note}
    async with box.person(token) as client:
        await client.hello("tests")
        done = await asked(client, f"hello {marked('text')}", attachments=[file])
        assert done["type"] == "done"
        pdf = base64.b64encode(b"%PDF-1.7 " + marked("pdf").encode()).decode()
        broken = {"filename": marked("broken.pdf"), "data_base64": pdf}
        assert (await asked(client, marked("broken"), attachments=[broken]))["type"] == "failed"
        unknown = await client.ask(marked("unknown"), options={"model": marked("model")})
        assert (await client.end_of(unknown))["type"] == "failed"
        assert (await asked(client, marked("long") * 20_000))["code"] == "chat.too_long"
        assert (await asked(client, f"http://127.0.0.1:9/{marked('page')} says what?"))["ask_id"]
        await client.send("ask", text=marked("malformed"), ask_id=7)
        await client.send(marked("unknown-type"))
        searched = await client.ask(marked("search"), options={**SMALL, "web_search": True})
        assert (await client.end_of(searched))["type"] in ("done", "failed")
        box.call(f"{box.control_url}/faults", [{"kind": "drop", "after_tokens": 1}])
        await asked(client, marked("dies"))
    for path in (f"/api/conversations?q={marked('words')}", f"/{marked('path')}"):
        with suppress(HTTPError):
            box.call(f"{box.url}{path}", bearer=token)
    assert town.refused(f"{box.url}/api/conversations", bearer=marked("bearer")) == 401
    completion = {"model": "rnj-1:8b", "messages": [{"role": "user", "content": marked("api")}]}
    assert box.call(f"{box.url}/v1/chat/completions", completion, bearer=key)["choices"]
    assert town.refused(f"{box.url}/v1/chat/completions", completion, bearer="tr-" + MARK) == 401
    assert town.refused(f"{box.url}/v1/chat/completions", [marked("body")], bearer=key) == 400

    upload = [{"name": marked("discord.txt"), "data_base64": note}]
    said = town.act("dm", person="grace", text=f"hello {marked('discord')}", files=upload)
    channel = said["channel_id"]
    town.until(lambda: "-# " in town.said_in(channel))
    for given in (marked("code"), code):
        town.act("slash", person="grace", channel=channel, command="link", options={"code": given})
    link = {"code": code, "provider": "discord", "provider_user_id": "1815"}
    box.call(f"{box.auth_url}/link/redeem", link, bearer=box.secrets["SERVICE_TOKEN"])
    town.act("edit", person="grace", channel=channel, message=said["id"], text=marked("edited"))
    page = f"http://127.0.0.1:{box.ports['ui']}"
    assert town.refused(f"{page}/{marked('page')}", method="POST") in (404, 405)

    expected = {"login.succeeded", "login.refused", "identity.linked", "ask.queued", "ask.failed"}
    town.until(lambda: expected <= {one["event"] for one in town.records()})
    town.end()
    text = town.text()
    for secret in (*never, MARK, quote(MARK), base64.b64encode(MARK.encode()).decode()[:16]):
        assert secret not in text, _around(text, secret)


def _around(text: str, word: str) -> str:
    return "\n".join(line[:600] for line in text.splitlines() if word in line)
