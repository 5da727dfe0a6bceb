"""Signing in with Discord, against a stand-in of the pages and calls of Discord's OAuth2."""

import base64
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from auth.api import oauth

Service = Any  # the fixture of conftest.py, which tests cannot import
CLIENT_ID, CLIENT_SECRET = "1234", "discord-secret"
REDIRECT = "http://127.0.0.1:8002/oauth/discord/callback"
PAGE = "http://localhost:8501/account?tab=links"


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


@dataclass
class Discord:
    """Asks nobody: whoever comes to its page is `person` and consents."""

    person: dict[str, Any] = field(default_factory=lambda: {"id": "1042", "username": "ada1"})
    consents: bool = True
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    answer: Response | None = None
    asked: list[dict[str, str]] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.get("/oauth2/authorize")
        def authorize(request: Request) -> RedirectResponse:
            asked = dict(request.query_params)
            self.asked.append(asked)
            assert asked["client_id"] == CLIENT_ID
            assert asked["redirect_uri"] == REDIRECT
            back = {"state": asked["state"]}
            if self.consents:
                back["code"] = secrets.token_urlsafe(8)
                self.codes[back["code"]] = asked
            else:
                back["error"] = "access_denied"
            return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(back)}")

        @app.post("/api/v10/oauth2/token")
        async def token(request: Request) -> Response:
            if self.answer is not None:
                return self.answer
            own = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
            form = {name: values[0] for name, values in parse_qs(await request.body()).items()}
            sent = {name.decode(): value.decode() for name, value in form.items()}
            asked = self.codes.pop(sent.get("code", ""), None)
            if request.headers["authorization"] != f"Basic {own}":
                return JSONResponse({"error": "invalid_client"}, 401)
            if asked is None or s256(sent["code_verifier"]) != asked["code_challenge"]:
                return JSONResponse({"error": "invalid_grant"}, 400)
            assert (sent["grant_type"], sent["redirect_uri"]) == ("authorization_code", REDIRECT)
            return JSONResponse({"access_token": "grant", "token_type": "Bearer"})

        @app.get("/api/v10/users/@me")
        def me(request: Request) -> dict[str, Any]:
            assert request.headers["authorization"] == "Bearer grant"
            return self.person

        return app


@dataclass
class Browser:
    """A page with a verifier of its own, and the person in front of it."""

    service: Service
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    async def go(self, return_to: str = PAGE, challenge: str | None = None) -> httpx.Response:
        asked = {"return_to": return_to, "challenge": challenge or s256(self.verifier)}
        answer: httpx.Response = await self.service.http.get("/oauth/discord/start", params=asked)
        return answer

    async def come_back(self, started: httpx.Response) -> httpx.Response:
        """What Discord's page leads to: our callback, called as the browser would."""
        async with httpx.AsyncClient() as http:
            at_discord = await http.get(started.headers["location"])
        query = urlsplit(at_discord.headers["location"]).query
        answer: httpx.Response = await self.service.http.get(f"/oauth/discord/callback?{query}")
        return answer

    async def code(self) -> str:
        home = (await self.come_back(await self.go())).headers["location"]
        return parse_qs(urlsplit(home).query)["oauth_code"][0]

    async def finish(self, code: str, *, token: str = "") -> httpx.Response:
        path = "/oauth/discord/link" if token else "/oauth/discord/sign-in"
        headers = self.service.as_person(token) if token else {}
        body = {"code": code, "verifier": self.verifier}
        answer: httpx.Response = await self.service.http.post(path, json=body, headers=headers)
        return answer


@pytest.fixture
async def discord(listening: Any) -> AsyncIterator[tuple[Discord, str]]:
    played = Discord()
    async with listening(played.app()) as address:
        yield played, address


@pytest.fixture
async def service(serve: Any, discord: tuple[Discord, str]) -> AsyncIterator[Service]:
    settings = {
        "discord_client_id": CLIENT_ID,
        "discord_client_secret": CLIENT_SECRET,
        "discord_api_base": f"{discord[1]}/api/v10",
    }
    async with serve(**settings) as running:
        yield running


async def test_who_links_discord_can_sign_in_with_it(service: Service) -> None:
    token = await service.token("ada")
    browser = Browser(service)
    linked = await browser.finish(await browser.code(), token=token)
    assert linked.json() == {"user_id": await service.user_id("ada")}
    later = Browser(service)
    signed_in = await later.finish(await later.code())
    assert signed_in.status_code == 200
    assert signed_in.json()["user"]["username"] == "ada"
    assert (await service.me(signed_in.json()["access_token"])).status_code == 200


async def test_the_browser_comes_back_to_its_page_and_no_token_is_in_an_address(
    service: Service, discord: tuple[Discord, str]
) -> None:
    browser = Browser(service)
    started = await browser.go()
    assert started.status_code == 303
    assert started.headers["referrer-policy"] == "no-referrer"
    back = await browser.come_back(started)
    assert back.status_code == 303
    assert back.headers["location"].startswith(f"{PAGE}&oauth_code=")
    assert len(back.headers["location"]) < len(PAGE) + 40
    assert discord[0].asked[0]["scope"] == "identify"
    assert browser.verifier not in started.headers["location"]


async def test_discord_tells_only_who_consented_so_an_unlinked_one_signs_nobody_in(
    service: Service,
) -> None:
    await service.register("ada")
    browser = Browser(service)
    refused = await browser.finish(await browser.code())
    assert refused.status_code == 404
    assert "not linked" in refused.json()["error"]["message"]


async def test_who_is_lured_into_finishing_what_a_stranger_began_gains_and_loses_nothing(
    service: Service,
) -> None:
    stranger, victim = Browser(service), Browser(service)
    code = await stranger.code()  # the victim consented, on the stranger's address
    token = await service.token("ada")
    assert (await victim.finish(code, token=token)).status_code == 404
    assert (await victim.finish(code)).status_code == 404
    assert len((await service.me(token)).json()["auth_methods"]) == 1


async def test_a_code_works_once_and_for_a_minute(service: Service) -> None:
    token = await service.token("ada")
    browser = Browser(service)
    code = await browser.code()
    assert (await browser.finish(code, token=token)).status_code == 200
    assert (await browser.finish(code)).status_code == 404
    late = await browser.code()
    await service.clock.advance(60)
    assert (await browser.finish(late)).status_code == 404


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "http://localhost:8501@evil.example/",
        "http://localhost:8501.evil.example/",
        "http://localhost:85010/",
        "//evil.example/",
        "/account",
        "javascript:alert(1)",
        "http://localhost:8501\\@evil.example/",
        "http://localhost:8501/\n//evil.example",
        "https://localhost:8501/",
        "",
        "http://[::1",
    ],
)
async def test_browsers_are_sent_to_our_own_pages_only(service: Service, elsewhere: str) -> None:
    refused = await Browser(service).go(return_to=elsewhere)
    assert refused.status_code == 422
    assert "`return_to`" in refused.json()["error"]["message"]


@pytest.mark.parametrize("challenge", ["x", "=" * 43, "a" * 44])
async def test_a_page_must_bring_a_challenge(service: Service, challenge: str) -> None:
    refused = await Browser(service).go(challenge=challenge)
    assert refused.status_code == 422
    assert "`challenge`" in refused.json()["error"]["message"]


async def test_a_state_that_is_not_ours_or_too_old_leads_home_with_a_word(
    service: Service,
) -> None:
    home = "http://127.0.0.1:8501/?oauth_error=expired"
    started = await Browser(service).go()
    state = parse_qs(urlsplit(started.headers["location"]).query)["state"][0]
    head, body, _ = state.split(".")
    for forged in ("", "x", f"{head}.{body}.", f"{head}.{body}.AAAA", await service.token("eve")):
        asked = {"code": "c", "state": forged}
        answer = await service.http.get("/oauth/discord/callback", params=asked)
        assert (answer.status_code, answer.headers["location"]) == (303, home)
    await service.clock.advance(600)
    late = await Browser(service).come_back(started)
    assert late.headers["location"] == home


async def test_a_state_is_no_sign_in(service: Service) -> None:
    started = await Browser(service).go()
    state = parse_qs(urlsplit(started.headers["location"]).query)["state"][0]
    assert (await service.me(state)).status_code == 401


async def test_who_declines_comes_back_without_a_code(
    service: Service, discord: tuple[Discord, str]
) -> None:
    discord[0].consents = False
    back = await Browser(service).come_back(await Browser(service).go())
    assert back.headers["location"] == f"{PAGE}&oauth_error=access_denied"


@pytest.mark.parametrize(
    "answer",
    [
        JSONResponse({"error": "server"}, 500),
        Response(b"<html>", 200),
        Response(b"x" * 100_000, 200),
        JSONResponse({"token_type": "Bearer"}),
    ],
)
async def test_a_discord_that_fails_leads_home_with_a_word(
    service: Service, discord: tuple[Discord, str], answer: Response
) -> None:
    discord[0].answer = answer
    back = await Browser(service).come_back(await Browser(service).go())
    assert back.headers["location"] == "http://127.0.0.1:8501/?oauth_error=unavailable"


async def test_a_code_of_discord_that_was_injected_is_worth_nothing(
    service: Service, discord: tuple[Discord, str]
) -> None:
    thief, owner = await Browser(service).go(), await Browser(service).go()
    async with httpx.AsyncClient() as http:
        at_discord = await http.get(owner.headers["location"])
    stolen = parse_qs(urlsplit(at_discord.headers["location"]).query)["code"][0]
    state = parse_qs(urlsplit(thief.headers["location"]).query)["state"][0]
    asked = {"code": stolen, "state": state}
    back = await service.http.get("/oauth/discord/callback", params=asked)
    assert back.headers["location"].endswith("oauth_error=unavailable")


async def test_a_disabled_person_does_not_get_in_by_discord(service: Service) -> None:
    token = await service.token("ada")
    browser = Browser(service)
    await browser.finish(await browser.code(), token=token)
    user_id = await service.user_id("ada")
    await service.auth.accounts.set_rights(user_id, role=None, disabled=True)
    refused = await browser.finish(await browser.code())
    assert refused.status_code == 403


async def test_an_identity_taken_away_signs_nobody_in(service: Service) -> None:
    token = await service.token("ada")
    browser = Browser(service)
    await browser.finish(await browser.code(), token=token)
    headers = service.as_person(token)
    gone = await service.http.delete("/auth-methods/discord/1042", headers=headers)
    assert gone.status_code == 204
    assert (await browser.finish(await browser.code())).status_code == 404


async def test_the_page_knows_whether_discord_is_set_up(service: Service, serve: Any) -> None:
    told = (await service.http.get("/registration")).json()
    assert told == {"registration": "open", "providers": ["password", "discord"]}
    async with serve() as plain:
        told = (await plain.http.get("/registration")).json()
        assert told["providers"] == ["password"]
        assert (await Browser(plain).go()).status_code == 404
        assert (await Browser(plain).finish("AAAA2222")).status_code == 404


async def test_signing_in_with_discord_again_and_again_is_never_slowed(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert oauth.FREE == 100
    monkeypatch.setattr(oauth, "FREE", 3)
    browser = Browser(service)
    await browser.finish(await browser.code(), token=await service.token("ada"))
    for _ in range(6):
        assert (await browser.finish(await browser.code())).status_code == 200


async def test_codes_that_were_guessed_and_refusals_of_discord_are_slowed(
    service: Service, discord: tuple[Discord, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "FREE", 3)
    guesses = [(await Browser(service).finish("AAAA2222")).status_code for _ in range(5)]
    assert guesses == [404] * 3 + [429] * 2
    discord[0].answer = JSONResponse({"error": "server"}, 500)
    returns = [
        (await Browser(service).come_back(await Browser(service).go())).status_code
        for _ in range(5)
    ]
    assert returns == [303] * 3 + [429] * 2


async def test_a_foreign_page_that_calls_our_callback_spends_nobodys_tries(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "FREE", 3)
    for _ in range(5):
        answer = await service.http.get("/oauth/discord/callback")
        assert answer.status_code == 303
    assert (
        "oauth_code"
        in (await Browser(service).come_back(await Browser(service).go())).headers["location"]
    )
