"""One person in Discord and in the browser, with the real auth service between them."""

from time import monotonic
from typing import Any
from urllib.error import HTTPError

import anyio
import httpx
import pytest

SNOWFLAKE = "1042"


async def said(client: Any, text: str, **fields: Any) -> dict[str, Any]:
    end: dict[str, Any] = await client.end_of(await client.ask(text, **fields))
    assert end["type"] == "done", end
    return end


async def test_linking_makes_one_person_of_two_and_forget_me_removes_both(box: Any) -> None:
    box.start_all(DISABLE_TOKEN_BUDGET="false")
    token, service = box.sign_up("anna"), box.secrets["SERVICE_TOKEN"]
    me = box.call(f"{box.auth_url}/me", bearer=token)["user_id"]
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        box.person(token) as browser,
        box.bot() as discord,
        httpx.AsyncClient(base_url=box.url, headers=headers, timeout=20) as http,
    ):
        await browser.hello("browser")
        await discord.hello("bot")
        here = {"conversation_id": "77", "user_id": SNOWFLAKE, "user_name": "Anna"}
        ends = [await said(discord, "My cat is called Mia.", **here)]
        ends.append(await said(browser, "hello!", conversation_id="c"))
        sent = (
            await http.post(
                "/api/files",
                params={"user_id": SNOWFLAKE},
                files={"file": ("cats.txt", b"Mia")},
                headers={"Authorization": f"Bearer {service}"},
            )
        ).json()
        code = box.call(f"{box.auth_url}/link/code", {}, bearer=token)["code"]
        redeem = {"code": code, "provider": "discord", "provider_user_id": SNOWFLAKE}
        assert box.call(f"{box.auth_url}/link/redeem", redeem, bearer=service)["user_id"] == me

        deadline = monotonic() + 15
        listed: list[str] = []
        while len(listed) < 2 and monotonic() < deadline:
            answer = (await http.get("/api/conversations")).json()
            listed = [one["conversation_id"] for one in answer["conversations"]]
            await anyio.sleep(0.2)
        assert set(listed) == {"c", "discord:77"}
        assert (await http.get(f"/artifacts/{sent['file_id']}")).text == "Mia"

        ends.append(await said(browser, "What did I ask before?", conversation_id="discord:77"))
        assert "Mia" in ends[-1]["text"]
        ends.append(await said(discord, "hello again!", **here))
        used = sum(sum(end["usage"].values()) for end in ends)
        assert ends[-1]["budget"]["used"] == used
        assert (await http.get(f"/api/user/{me}")).json()["used"] == used
        opened = (await http.get("/api/conversations/discord:77")).json()
        assert (opened["owner"], len(opened["messages"])) == (me, 6)
        assert opened["doors"] == ["discord", "web"]
        of_browser = {one.get("ask_id") for one in browser.seen}
        assert not of_browser & {one.get("ask_id") for one in discord.seen if "ask_id" in one}

        gone = (await http.delete(f"/api/user/{me}")).json()["deleted"]
        assert (gone["conversations"], gone["files"]) == (2, 1)
        assert (await http.get("/api/conversations")).json()["conversations"] == []
    for path in ("/api/conversations/77", f"/artifacts/{sent['file_id']}"):
        with pytest.raises(HTTPError, match="404"):
            box.call(box.url + path, bearer=service)
