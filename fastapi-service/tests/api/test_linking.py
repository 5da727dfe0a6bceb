"""A Discord identity is linked to an account: what it had becomes the account's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
from aiohttp import web

from brain.people.linking import added
from brain.people.preferences import Preferences
from shared.store import Key, Put

QUESTION = "What is 2 + 3?"
THREAD = "/api/conversations/discord:77"
IDENTITY = "discord:1"


@dataclass
class Accounts:
    """Stands in for the auth service."""

    links: dict[str, str] = field(default_factory=dict)
    """Discord id → account."""
    about: dict[str, Any] = field(default_factory=lambda: {"role": "user"})
    """What else is told of every account."""
    url: str = ""
    asked: int = 0

    async def owner(self, request: web.Request) -> web.Response:
        account = self.links.get(request.match_info["id"])
        if account is None:
            error = {"code": "not_found", "message": "It is not linked.", "retryable": False}
            return web.json_response({"error": error}, status=404)
        return web.json_response({"user_id": account, **self.about})

    async def methods(self, request: web.Request) -> web.Response:
        self.asked += 1
        assert request.headers["Authorization"].startswith("Bearer ey")
        linked = [{"provider": "discord", "identity": one} for one in self.links]
        return web.json_response([{"provider": "password", "identity": "anna"}, *linked])


@pytest.fixture
async def accounts() -> AsyncIterator[Accounts]:
    accounts = Accounts()
    app = web.Application()
    app.router.add_get("/identities/discord/{id}", accounts.owner)
    app.router.add_get("/auth-methods", accounts.methods)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    accounts.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield accounts
    await runner.cleanup()


@asynccontextmanager
async def people(start: Any, accounts: Accounts, **settings: Any) -> AsyncIterator[Any]:
    """The platform, the bot, and anna in her browser."""
    async with (
        start(auth_url=accounts.url, **settings) as platform,
        platform.http() as bot,
        platform.http(platform.token("anna")) as anna,
    ):
        yield platform, bot, anna


async def say(http: httpx.AsyncClient, text: str, conversation: str, **fields: Any) -> Any:
    body = {"conversation_id": conversation, "text": text} | fields
    answer = await http.post("/api/discord/message", json=body)
    assert answer.status_code == 202, answer.text
    request_id = answer.json()["request_id"]
    with anyio.fail_after(20):
        while True:
            report = (await http.get(f"/api/discord/status/{request_id}")).json()
            if report["status"] not in ("queued", "running"):
                return report
            await anyio.sleep(0.01)


async def ids(http: httpx.AsyncClient) -> list[str]:
    answer = await http.get("/api/conversations")
    return [one["conversation_id"] for one in answer.json()["conversations"]]


async def left_of(platform: Any, identity: str = IDENTITY) -> list[str]:
    """What is still kept under an identity."""
    rows = [*await platform.store.query("users", identity)]
    rows = [row for row in rows if not row.sk.endswith("#moved")]
    rows += await platform.store.query("conversations", f"of#{identity}")
    rows += await platform.store.query("files", f"of#{identity}")
    return [row.sk for row in rows]


async def test_what_was_asked_in_discord_is_in_the_browser_once_linked(
    start: Any, accounts: Accounts
) -> None:
    async with people(start, accounts) as (platform, bot, anna):
        await say(bot, QUESTION, "77", user_id="1", user_name="Anna in Discord")
        await say(bot, "and Bert?", "77", user_id="2", user_name="Bert")
        await say(anna, QUESTION, "c")
        accounts.links["1"] = "anna"
        platform.brain.identities._own_at.clear()
        assert set(await ids(anna)) == {"c", "discord:77"}
        opened = (await anna.get(THREAD)).json()
        assert opened["owner"] == "anna"
        assert [one["user_id"] for one in opened["participants"]] == ["anna", "discord:2"]
        assert len(opened["messages"]) == 4
        await say(anna, "from the browser", "discord:77")
        await say(bot, "from Discord", "77", user_id="1", user_name="Anna")
        opened = (await anna.get(THREAD)).json()
        assert len(opened["messages"]) == 8
        assert {one["user_id"] for one in opened["participants"]} == {"anna", "discord:2"}
        assert (await anna.delete(THREAD)).json()["messages"] == 8
        assert await left_of(platform) == []


async def test_the_first_question_after_linking_belongs_to_the_account(
    start: Any, accounts: Accounts
) -> None:
    async with people(start, accounts) as (_, bot, _):
        await say(bot, QUESTION, "77", user_id="1", user_name="A")
    accounts.links["1"] = "anna"
    async with people(start, accounts) as (platform, bot, anna):
        await say(bot, QUESTION, "77", user_id="1", user_name="A")
        opened = (await anna.get(THREAD)).json()
        assert (opened["owner"], len(opened["messages"])) == ("anna", 4)
        assert await left_of(platform) == []


async def test_one_budget_counts_both_doors_and_the_week_before_linking(
    start: Any, accounts: Accounts
) -> None:
    limits = {"disable_token_budget": False, "free_tier_weekly_budget": 10_000}
    async with people(start, accounts, **limits) as (platform, bot, anna):
        spent = [
            await say(bot, QUESTION, "77", user_id="1", user_name="A"),
            await say(anna, QUESTION, "c"),
        ]
        await bot.post("/api/admin/grant-tokens", json={"user_id": "1", "bonus_tokens": 70})
        await bot.post("/api/admin/grant-tokens", json={"user_id": "anna", "bonus_tokens": 7})
        accounts.links["1"] = "anna"
        platform.brain.identities._own_at.clear()
        shown = (await anna.get("/api/user/anna")).json()
        assert shown["used"] == sum(sum(one["usage"].values()) for one in spent)
        assert shown["bonus"] == 77
        last = await say(bot, QUESTION, "77", user_id="1", user_name="A")
        assert last["budget"]["used"] == shown["used"] + sum(last["usage"].values())
        asked = (await anna.get("/api/user/anna/history")).json()["asks"]
        assert [one["conversation_id"] for one in asked] == ["discord:77", "c", "discord:77"]
        for_bot = (await bot.get("/api/user/1")).json()
        assert (for_bot["user_id"], for_bot["used"]) == ("anna", last["budget"]["used"])


async def test_a_budget_used_up_in_discord_is_used_up_in_the_browser(
    start: Any, accounts: Accounts
) -> None:
    accounts.links["1"] = "anna"
    limits = {"disable_token_budget": False, "free_tier_weekly_budget": 30}
    async with people(start, accounts, **limits) as (_, bot, anna):
        await say(bot, QUESTION, "77", user_id="1", user_name="A")
        body = {"conversation_id": "c", "text": QUESTION}
        refused = await anna.post("/api/discord/message", json=body)
        assert refused.json()["error"]["code"] == "budget.exceeded"


async def test_a_budget_used_up_is_still_used_up_after_linking_and_unlinking(
    start: Any, accounts: Accounts
) -> None:
    limits = {"disable_token_budget": False, "free_tier_weekly_budget": 30}
    async with people(start, accounts, **limits) as (platform, bot, anna):
        spent = sum((await say(bot, QUESTION, "77", user_id="1", user_name="A"))["usage"].values())
        for _ in range(2):
            accounts.links["1"] = "anna"
            platform.brain.identities._own_at.clear()
            assert (await anna.get("/api/user/anna")).json()["used"] == spent
            accounts.links.clear()
            platform.brain.identities._known.clear()
            assert (await bot.get("/api/user/1")).json()["used"] == spent
            body = {"conversation_id": "77", "text": QUESTION, "user_id": "1"}
            refused = await bot.post("/api/discord/message", json=body)
            assert refused.json()["error"]["code"] == "budget.exceeded"
            await bot.delete("/api/user/1")


async def test_files_votes_and_preferences_come_along(start: Any, accounts: Accounts) -> None:
    async with people(start, accounts) as (platform, bot, anna):
        answered = await say(bot, QUESTION, "77", user_id="1", user_name="A")
        sent = await bot.post("/api/files?user_id=1", files={"file": ("a.txt", b"cats")})
        file_id = sent.json()["file_id"]
        vote = {"request_id": answered["request_id"], "user_id": "1", "verdict": "good"}
        await bot.post("/api/feedback", json=vote)
        await bot.patch("/api/user/1/preferences", json={"route": "math", "language": "de"})
        await anna.patch("/api/user/anna/preferences", json={"language": "fr"})
        assert (await anna.get(f"/artifacts/{file_id}")).status_code == 404
        accounts.links["1"] = "anna"
        platform.brain.identities._own_at.clear()
        shown = (await anna.get("/api/user/anna")).json()
        assert shown["preferences"]["route"] == "math"
        assert shown["preferences"]["language"] == "fr"
        assert (await anna.get(f"/artifacts/{file_id}")).text == "cats"
        assert await left_of(platform) == []
        gone = (await anna.delete("/api/user/anna")).json()["deleted"]
        assert (gone["files"], gone["votes"], gone["conversations"]) == (1, 1, 1)
        kept = await platform.store.query("users", "anna")
        assert [row.sk.split("#")[0] for row in kept] == ["usage"]


@pytest.mark.parametrize("asker", ["1", "2"])
async def test_an_answer_under_way_while_linking_is_moved_after_it(
    start: Any, accounts: Accounts, asker: str
) -> None:
    async with people(start, accounts, speed=20) as (platform, bot, anna):
        for user in ("2", "1"):
            await say(bot, QUESTION, "77", user_id=user, user_name=user)
        async with platform.bot() as discord:
            await discord.hello()
            fields = {"conversation_id": "77", "user_id": asker, "user_name": asker}
            ask = await discord.ask("count to 200", **fields)
            await discord.stage_of(ask, "generating")
            accounts.links["1"] = "anna"
            assert await ids(anna) == ["discord:77"]
            assert len((await anna.get(THREAD)).json()["running"]) == 1
            assert (await discord.end_of(ask))["type"] == "done"
        with anyio.fail_after(10):
            while await left_of(platform):
                await anyio.sleep(0.05)
        opened = (await anna.get(THREAD)).json()
        assert {one["user_id"] for one in opened["participants"]} == {"anna", "discord:2"}
        assert len(opened["messages"]) == 6
        asked = (await anna.get("/api/user/anna/history")).json()["asks"]
        assert len(asked) == (2 if asker == "1" else 1)


async def test_a_first_question_under_way_while_linking_is_moved_after_it(
    start: Any, accounts: Accounts
) -> None:
    """Nothing of its conversation is kept yet: only the question itself shows that it will be."""
    async with people(start, accounts, speed=20) as (platform, _, anna):
        async with platform.bot() as discord:
            await discord.hello()
            fields = {"conversation_id": "77", "user_id": "1", "user_name": "A"}
            ask = await discord.ask("count to 200", **fields)
            await discord.stage_of(ask, "generating")
            accounts.links["1"] = "anna"
            assert await ids(anna) == []
            assert (await discord.end_of(ask))["type"] == "done"
        with anyio.fail_after(10):
            while await ids(anna) != ["discord:77"] or await left_of(platform):
                await anyio.sleep(0.05)
        assert (await anna.get(THREAD)).json()["owner"] == "anna"


async def test_forget_me_finds_words_said_before_linking(start: Any, accounts: Accounts) -> None:
    async with people(start, accounts) as (platform, bot, anna):
        await say(bot, QUESTION, "77", user_id="2", user_name="Bert")
        await say(bot, "my secret", "77", user_id="1", user_name="A")
        accounts.links["1"] = "anna"
        assert await ids(anna) == ["discord:77"]
        assert (await anna.delete("/api/user/anna")).json()["deleted"]["messages"] == 1
        opened = (await bot.get(THREAD)).json()
        said = [one["text"] for one in opened["messages"] if one["role"] == "user"]
        assert "my secret" not in said
        assert [one["user_id"] for one in opened["participants"]] == ["discord:2"]
        kept = [row.sk for row in await platform.store.query("users", "anna")]
        assert [sk for sk in kept if not sk.startswith("usage#")] == []


async def test_forget_me_follows_a_link_made_a_moment_ago(start: Any, accounts: Accounts) -> None:
    async with people(start, accounts) as (platform, bot, anna):
        await say(bot, "my secret", "77", user_id="1", user_name="A")
        assert await ids(anna) == []
        accounts.links["1"] = "anna"
        assert (await anna.delete("/api/user/anna")).json()["deleted"]["conversations"] == 1
        assert await left_of(platform) == []
        assert (await bot.get(THREAD)).status_code == 404


async def test_forget_me_stops_what_the_linked_identity_is_asking(
    start: Any, accounts: Accounts
) -> None:
    async with people(start, accounts, speed=20) as (platform, bot, anna):
        await say(bot, "my secret", "77", user_id="1", user_name="A")
        async with platform.bot() as discord:
            await discord.hello()
            secret = {"text": "my secret: count to 200", "user_id": "1", "user_name": "A"}
            asks = [await discord.ask(**secret, conversation_id=one) for one in ("77", "78")]
            for one in asks:
                await discord.stage_of(one, "generating")
            accounts.links["1"] = "anna"
            assert await ids(anna) == ["discord:77"]
            assert (await anna.delete("/api/user/anna")).json()["deleted"]["cancelled"] == 2
            ends = [await discord.end_of(one) for one in asks]
            assert [end["code"] for end in ends] == ["chat.cancelled"] * 2
        assert not platform.brain.forgetting._linking.open_of("anna")
        assert await ids(anna) == []
        assert await left_of(platform) == []
        assert (await anna.get("/api/user/anna/history")).json()["asks"] == []
        assert [
            (await bot.get(f"/api/conversations/{one}")).status_code for one in ("77", "78")
        ] == [
            404,
            404,
        ]


async def test_forget_me_while_somebody_else_asks_leaves_no_place_in_the_list(
    start: Any, accounts: Accounts
) -> None:
    async with people(start, accounts, speed=20) as (platform, bot, anna):
        await say(bot, QUESTION, "77", user_id="2", user_name="Bert")
        await say(bot, "my secret", "77", user_id="1", user_name="A")
        async with platform.bot() as discord:
            await discord.hello()
            fields = {"conversation_id": "77", "user_id": "2", "user_name": "Bert"}
            ask = await discord.ask("count to 100", **fields)
            await discord.stage_of(ask, "generating")
            accounts.links["1"] = "anna"
            assert (await anna.delete("/api/user/anna")).json()["deleted"]["messages"] == 1
            assert await left_of(platform) == []
            assert (await discord.end_of(ask))["type"] == "done"
        assert await ids(anna) == []
        said = [one["text"] for one in (await bot.get(THREAD)).json()["messages"]]
        assert "my secret" not in said


async def test_a_move_that_broke_off_is_finished_by_the_next(
    start: Any, accounts: Accounts
) -> None:
    async with people(start, accounts) as (platform, bot, anna):
        await say(bot, QUESTION, "77", user_id="1", user_name="A")
        accounts.links["1"] = "anna"
        write, count = platform.outage.write, 0

        async def breaking(*writes: Any) -> None:
            nonlocal count
            count += 1
            if count == 3:
                platform.outage.begin()
            await write(*writes)

        platform.outage.write = breaking
        with anyio.move_on_after(0.2):
            await anna.get("/api/conversations")
        platform.outage.write = write
        platform.outage.end()
        with anyio.fail_after(15):
            while await left_of(platform):
                await anyio.sleep(0.05)
        assert await ids(anna) == ["discord:77"]


async def test_the_sum_of_a_forgotten_week_does_not_replace_the_accounts(
    start: Any, accounts: Accounts
) -> None:
    async with people(start, accounts) as (platform, bot, anna):
        await say(bot, QUESTION, "77", user_id="1", user_name="A")
        await say(anna, QUESTION, "c")
        used = [(await bot.get(f"/api/user/{who}")).json()["used"] for who in ("1", "anna")]
        await bot.delete("/api/user/1")
        await anna.delete("/api/user/anna")
        platform.brain.budget.read_anew("anna")
        accounts.links["1"] = "anna"
        platform.brain.identities._own_at.clear()
        assert (await anna.get("/api/user/anna")).json()["used"] == sum(used)


async def test_the_accounts_own_links_are_asked_for_seldom(start: Any, accounts: Accounts) -> None:
    async with people(start, accounts) as (_, _, anna):
        for _ in range(5):
            await anna.get("/api/conversations")
        assert accounts.asked == 1


async def test_an_unlinked_identity_is_a_person_of_its_own_again(
    start: Any, accounts: Accounts
) -> None:
    accounts.links["1"] = "anna"
    async with people(start, accounts) as (platform, bot, anna):
        await say(bot, QUESTION, "77", user_id="1", user_name="A")
        accounts.links.clear()
        platform.brain.identities._known.clear()
        await say(bot, QUESTION, "78", user_id="1", user_name="A")
        assert (await bot.get("/api/conversations/78")).json()["owner"] == IDENTITY
        assert await ids(anna) == ["discord:77"]


async def test_a_row_whose_file_is_gone_does_not_stop_the_move(
    start: Any, accounts: Accounts
) -> None:
    async with people(start, accounts) as (platform, _, anna):
        row = {"size": 1, "expires_at": 9e9}
        await platform.store.write(Put(Key("files", f"of#{IDENTITY}", "0" * 32), row))
        accounts.links["1"] = "anna"
        await anna.get("/api/conversations")
        assert await left_of(platform) == []


@pytest.mark.parametrize("learned", ["with the link", "from the list"])
async def test_a_disabled_admin_can_do_nothing_through_the_bot_but_be_forgotten(
    start: Any, accounts: Accounts, learned: str
) -> None:
    accounts.links["1"] = "anna"
    accounts.about = {"role": "admin", "disabled": learned == "with the link"}
    async with people(start, accounts) as (platform, bot, _):
        answered = await say(bot, "Bert's secret", "88", user_id="2", user_name="Bert")
        if learned == "from the list":
            platform.brain.verifier.revoke([], disabled_users=["anna"])
        vote = {"request_id": answered["request_id"], "user_id": "1", "verdict": "bad"}
        answers = [
            await bot.post(
                "/api/discord/message",
                json={"conversation_id": "77", "text": QUESTION, "user_id": "1"},
            ),
            await bot.get("/api/conversations?user_id=1"),
            await bot.get("/api/conversations/88?user_id=1"),
            await bot.delete("/api/conversations/88?user_id=1"),
            await bot.post("/api/conversations/88/summarize?user_id=1"),
            await bot.post(
                "/api/conversations/c/attach?user_id=1", json={"discord_conversation_id": "77"}
            ),
            await bot.get("/api/user/1"),
            await bot.post("/api/feedback", json=vote),
        ]
        assert [one.status_code for one in answers] == [403] * len(answers)
        assert (await bot.get("/api/conversations/88?user_id=2")).status_code == 200
        assert (await bot.delete("/api/user/1")).status_code == 200
        async with platform.http(platform.token("root", role="admin")) as admin:
            assert (await admin.get("/api/user/1/history")).status_code == 200


def test_preferences_of_the_account_win_and_route_and_model_are_one_choice() -> None:
    own = Preferences(model="m", language="de")
    other = Preferences(route="math", language="fr", temperature=0.1)
    assert added(own, other) == Preferences(temperature=0.1)
    assert added(Preferences(), other) == other
