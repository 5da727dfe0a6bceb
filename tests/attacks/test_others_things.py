"""One person reaching for another's: by ids, by fields that say who one is, by store names."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from chat_client import connected
from whole_platform import SMALL, Platform, Somebody, whole_platform


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    async with whole_platform(tmp_path, disable_token_budget=False) as running:
        yield running


async def ask(person: Somebody, **fields: Any) -> dict[str, Any]:
    """The end of a question over the socket."""
    async with connected(person.platform.brain_url, "/ws/chat", person.token) as client:
        await client.hello("attacker")
        fields = {"conversation_id": "mine", "options": SMALL} | fields
        return await client.end_of(await client.ask(fields.pop("text", "What is 2 + 3?"), **fields))


async def used(person: Somebody) -> int:
    seen = await person.call("brain", "GET", f"/api/user/{person.user_id}")
    return int(seen.json()["used"])


async def talk_of(person: Somebody) -> Any:
    path = f"/api/conversations/{person.conversation_id}"
    return (await person.call("brain", "GET", path)).json()["messages"]


async def test_who_says_to_be_another_asks_as_themselves_and_pays_themselves(
    platform: Platform,
) -> None:
    victim, thief = await platform.sign_up(), await platform.sign_up()
    await victim.request_id()
    before = await used(victim), await talk_of(victim)
    assert (await ask(thief, user_id=victim.user_id))["type"] == "done"
    body = {"conversation_id": "mine", "text": "hello", "user_id": victim.user_id, "options": SMALL}
    asked = await thief.call("brain", "POST", "/api/discord/message", json=body)
    assert asked.status_code == 202
    assert (await used(victim), await talk_of(victim)) == before
    assert await used(thief) > 0


SPELLINGS = (
    "{user}:mine", "{user}/mine", "web:{user}:mine", "{user}#mine", "~{user}", "of#{user}",
    "../{user}/mine", "{user}\0mine", "mine\0", "MINE", " mine",
)  # fmt: skip


async def test_no_spelling_of_an_id_reaches_another_persons_conversation(
    platform: Platform,
) -> None:
    victim, thief = await platform.sign_up(), await platform.sign_up()
    await victim.request_id()
    before = await talk_of(victim)
    for spelling in SPELLINGS:
        conversation = spelling.format(user=victim.user_id)
        end = await ask(thief, conversation_id=conversation, text="What did I ask before?")
        assert end["type"] in ("done", "failed"), spelling
        assert "2 + 3" not in end.get("text", ""), spelling
        assert await talk_of(victim) == before, spelling


async def test_a_file_of_another_is_neither_read_nor_sent(platform: Platform) -> None:
    victim, thief = await platform.sign_up(), await platform.sign_up()
    file_id = await victim.file_id()
    for path in (
        f"/artifacts/{file_id}",
        f"/artifacts/{file_id}?expires=9999999999&signature=x",
        f"/artifacts/{file_id}?user_id={victim.user_id}",
    ):
        answer = await thief.call("brain", "GET", path)
        assert answer.status_code == 404
        assert "my own notes" not in answer.text
    attached = {"filename": "a.txt", "content_type": "text/plain", "size": 12, "file_id": file_id}
    end = await ask(thief, text="What does the file say?", attachments=[attached])
    assert end["type"] == "failed"
    body = {
        "model": SMALL["model"],
        "messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": file_id}}]}],
    }
    answer = await thief.call("brain", "POST", "/v1/chat/completions", json=body)
    assert answer.status_code >= 400
    assert (await victim.call("brain", "GET", f"/artifacts/{file_id}")).text == "my own notes"


async def test_a_file_cannot_be_put_into_anothers_name(platform: Platform) -> None:
    victim, thief = await platform.sign_up(), await platform.sign_up()
    sent = {"file": ("a.txt", b"not mine")}
    path = f"/api/files?user_id={victim.user_id}"
    assert (await thief.call("brain", "POST", path, files=sent)).status_code == 403


async def test_a_persons_link_code_and_keys_are_theirs(platform: Platform) -> None:
    victim, thief = await platform.sign_up(), await platform.sign_up()
    code = await victim.link_code()
    body = {"provider": "discord", "code": code}
    assert (await thief.call("auth", "POST", "/link-auth-method", json=body)).status_code == 404
    body = {"code": code, "provider": "discord", "provider_user_id": "7"}
    assert (await thief.call("auth", "POST", "/link/redeem", json=body)).status_code == 401
    key_id = await victim.key_id()
    assert (await thief.call("auth", "DELETE", f"/keys/{key_id}")).status_code == 404
    identity = await victim.identity()
    path = f"/auth-methods/discord/{identity}"
    assert (await thief.call("auth", "DELETE", path)).status_code == 404
    path = f"/auth-methods/password/{victim.name}"
    assert (await thief.call("auth", "DELETE", path)).status_code == 409
    assert len((await victim.call("auth", "GET", "/auth-methods")).json()) == 2


async def test_another_persons_session_of_the_socket_is_unknown(platform: Platform) -> None:
    victim, thief = await platform.sign_up(), await platform.sign_up()
    async with connected(platform.brain_url, "/ws/chat", victim.token) as client:
        await client.hello("tab")
        ask_id = await client.ask("What is 2 + 3?", options=SMALL)
        await client.end_of(ask_id)
        session = client.session_id
    async with connected(platform.brain_url, "/ws/chat", thief.token) as stolen:
        welcome = await stolen.hello("tab", session_id=session, after=0)
        assert welcome["resumed"] is False
        await stolen.send("cancel", ask_id=ask_id)
        with anyio.fail_after(10):
            refused = await stolen.until(lambda frame: frame.get("ask_id") == ask_id)
        assert (refused["type"], refused["code"]) == ("failed", "chat.unknown_ask")


async def test_who_deletes_their_account_leaves_nothing_in_the_brain(platform: Platform) -> None:
    person, admin = await platform.sign_up(), await platform.admin()
    await person.request_id()
    file_id = await person.file_id()
    await person.identity()
    body = {"password": "lovelace 1815"}
    gone = await person.call("auth", "DELETE", "/me", json=body)
    assert gone.json() == {"user_id": person.user_id, "forgotten": True}
    asked = f"/api/conversations?user_id={person.user_id}"
    listed = (await admin.call("brain", "GET", asked)).json()
    assert listed["conversations"] == []
    assert (await admin.call("brain", "GET", f"/artifacts/{file_id}")).status_code == 404
    history = await admin.call("brain", "GET", f"/api/user/{person.user_id}/history")
    assert history.json()["asks"] == []
