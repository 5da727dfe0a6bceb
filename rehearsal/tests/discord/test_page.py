"""What the page shows, and what is done over HTTP."""

from base64 import b64encode
from typing import Any

import aiohttp
import pytest

from discord_client import Client
from rehearsal.discord import Discord
from rehearsal.discord.page.markdown import render


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**bold** *it* ~~no~~", "<p><strong>bold</strong> <em>it</em> <s>no</s></p>"),
        ("one\ntwo", "<p>one<br />two</p>"),
        ("`a < b`", "<p><code>a &lt; b</code></p>"),
        ("hi <@5> and <@6>", '<p>hi <span class="mention">@Ada</span> and '
         '<span class="mention">@unknown</span></p>'),
        ("||secret||", '<p><span class="spoiler">secret</span></p>'),
        ("see https://example.org/a?b=1&c=2.", '<p>see <a href="https://example.org/a?b=1&amp;c=2" '
         'target="_blank" rel="noreferrer">https://example.org/a?b=1&amp;c=2</a>.</p>'),
        ("|a|b|\n|-|-|\n|1|2|", "<p>|a|b|<br />|-|-|<br />|1|2|</p>"),
        ("![x](https://example.org/x.png)", '<p>!<a href="https://example.org/x.png" '
         'target="_blank" rel="noreferrer">x</a></p>'),
        ("> said\nanswered", "<blockquote><p>said</p></blockquote><p>answered</p>"),
        ("-# 7 `tokens`", '<p class="small">7 <code>tokens</code></p>'),
        ("- a\n-# b\nc", '<ul><li>a</li></ul><p class="small">b</p><p>c</p>'),
        ("one\n\ntwo", '<p>one</p><p class="gap">two</p>'),
    ],
)  # fmt: skip
def test_markdown_is_shown_as_discord_shows_it(text: str, html: str) -> None:
    assert render(text, {"5": "Ada"}).replace("\n", "") == html


@pytest.mark.parametrize(
    "text",
    ["<script>alert(1)</script>", "[x](javascript:alert(1))", '"><img src=x onerror=alert(1)>',
     "```<b>\n<script>\n```", "<@1><img>"],
)  # fmt: skip
def test_nothing_a_message_says_becomes_markup(text: str) -> None:
    html = render(text, {"1": "<b>"})
    assert not any(bad in html for bad in ("<script", "<img", "<b>", 'href="javascript'))


def test_code_is_coloured_and_keeps_its_language() -> None:
    html = render("```python\ndef f(): return 1\n```", {})
    assert html.startswith('<pre data-language="python"><code>')
    assert "<span style=" in html


class Door:
    """The control endpoints of a stand-in."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self._at = f"{url}/rehearsal/discord"

    async def get(self, path: str) -> Any:
        async with self._http.get(f"{self._at}/{path}") as answer:
            return await answer.json()

    async def post(self, path: str, body: Any, *, status: int = 200) -> Any:
        async with self._http.post(f"{self._at}/{path}", json=body) as answer:
            assert answer.status == status, await answer.text()
            return await answer.json()


async def test_people_act_over_http(bot: Client, stage: Discord, url: str) -> None:
    async with aiohttp.ClientSession() as http:
        door = Door(http, url)
        upload = {"name": "a.txt", "data_base64": b64encode(b"abc").decode()}
        said = await door.post(
            "act/say",
            {"person": "grace", "channel": "lab", "text": "@Trollama hi", "files": [upload]},
        )
        at = {"person": "grace", "channel": "lab", "message": said["id"]}
        await door.post("act/edit", at | {"text": "@Trollama ho"})
        await door.post("act/react", at | {"emoji": "👎"})
        await door.post("act/dm", {"person": "linus", "text": "psst"})
        post = await door.post(
            "act/thread", {"person": "ada", "channel": "ideas", "name": "N", "text": "T"}
        )
        await door.post("act/delete", at)
        await stage.until(lambda: len(bot.of("message")) == 3)
        wrong = await door.post("act/slash", {"command": "none", "channel": "lab"}, status=400)
        assert wrong["error"].startswith("No command 'none'")
        versions = (await door.get(f"messages?channel={post['id']}"))[0]["versions"]
        assert [each["content"] for each in versions] == ["T"]
    assert await bot.of("message")[0].attachments[0].read() == b"abc"
    (deleted,) = stage.lab.deleted
    assert [each.content[-2:] for each in deleted.versions] == ["hi", "ho"]
    assert deleted.reactions == {"👎": [stage.grace.id]}


async def test_the_page_learns_of_changes_at_once(stage: Discord, url: str) -> None:
    async with aiohttp.ClientSession() as http:
        door = Door(http, url)
        seen = await door.get("view?person=ada&channel=general")
        assert [each["name"] for each in seen["channels"]] == [
            "general", "lab", "ideas", "Trollama",
        ]  # fmt: skip
        stage.say(stage.grace, stage.general, "**hi** @ada")
        later = await door.get(f"view?person=ada&channel=general&since={seen['version']}")
        (message,) = later["messages"]
        assert "<strong>hi</strong>" in message["html"]
        assert (message["pings"], message["mine"]) == (True, False)
        for path in ("/", "/page.js", "/page.css", "/health/live"):
            async with http.get(url + path) as answer:
                assert answer.status == 200


async def test_faults_and_gateway_are_set_over_http(bot: Client, stage: Discord, url: str) -> None:
    async with aiohttp.ClientSession() as http:
        door = Door(http, url)
        await door.post("faults", [{"kind": "slow", "seconds": 0}])
        assert len(await door.get("faults")) == 1
        wrong = await door.post("faults", [{"kind": "party"}], status=400)
        assert "Fault" in wrong["error"]
        await door.post("settings", {"rules": {"token_seconds": 3}, "limits": {"write": [9, 1]}})
        assert stage.state.limits.write.requests == 9
        assert stage.state.rules.token_seconds == 3
        await door.post("settings", {"rules": {"party": 3}}, status=400)
        await door.post("gateway", {"do": "reconnect"})
        await stage.until(lambda: "resumed" in [name for name, _ in bot.seen])
        log = await door.get("log")
        assert log["unhandled"] == []
        assert log["calls"][0]["route"] == "/users/@me"


async def test_another_page_cannot_speak_for_the_people(stage: Discord, url: str) -> None:
    target = f"{url}/rehearsal/discord/act/say"
    async with (
        aiohttp.ClientSession(headers={"Origin": "https://elsewhere.example"}) as http,
        http.post(target, json={"text": "hi"}) as answer,
    ):
        assert answer.status == 403
    assert stage.messages(stage.general) == []


async def test_a_person_sees_only_their_own_direct_messages(stage: Discord, url: str) -> None:
    stage.dm(stage.ada, "secret")
    channel = stage.dm_channel(stage.ada).id
    async with aiohttp.ClientSession() as http:
        seen = await Door(http, url).get(f"view?person=grace&channel={channel}")
    assert seen["messages"] == []
