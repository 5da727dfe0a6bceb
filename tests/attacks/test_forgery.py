"""Tokens that were forged, changed, replayed or have run out, at the doors of both services."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic
from typing import Any

import anyio
import jwt
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from shared.clock import SystemClock
from whole_platform import SECRETS, Platform, Somebody, whole_platform

DOORS = (
    ("auth", "GET", "/me"),
    ("auth", "GET", "/users"),
    ("auth", "GET", "/keys"),
    ("brain", "GET", "/api/conversations"),
    ("brain", "POST", "/api/files"),
    ("brain", "GET", "/api/admin/queue/stats"),
    ("brain", "GET", "/v1/models"),
)
HEARD_WITHIN_SECONDS = 10.0
"""Protocol, section 2."""

WAYS = ("log out", "refresh", "password", "disable", "demote", "delete")
SECRET: str = SECRETS["jwt_secret_key"]


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[Platform]:
    async with whole_platform(tmp_path) as running:
        yield running


def claims_of(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def forgeries(token: str) -> dict[str, str]:
    """A person's token made into what an attacker would like it to be."""
    head, body, signature = token.split(".")
    claims = claims_of(token)
    now = SystemClock().now()
    admin = claims | {"role": "admin"}
    return {
        "unsigned": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(admin)}.",
        "unsigned in capitals": f"{part({'alg': 'NONE'})}.{part(admin)}.",
        "unsigned with the old signature": f"{part({'alg': 'none'})}.{body}.{signature}",
        "without its signature": f"{head}.{body}.",
        "with another body": f"{head}.{part(admin)}.{signature}",
        "with another key": jwt.encode(admin, "another-key-" + "x" * 40, algorithm="HS256"),
        "with an empty key": jwt.encode(admin, "\0" * 64, algorithm="HS256"),
        "with another digest": jwt.encode(admin, SECRET * 2, algorithm="HS512"),
        "with a key of its own": jwt.encode(
            admin, "k" * 40, algorithm="HS256", headers={"jwk": {"kty": "oct", "k": "a2s"}}
        ),
        "with a key from a path": jwt.encode(
            admin, "k" * 40, algorithm="HS256", headers={"kid": "../../../dev/null"}
        ),
        "run out": jwt.encode(claims | {"exp": now - 1}, SECRET, algorithm="HS256"),
        "without an end": jwt.encode(
            {name: value for name, value in claims.items() if name != "exp"}, SECRET, "HS256"
        ),
        "with an end that is no number": jwt.encode(claims | {"exp": "never"}, SECRET, "HS256"),
        "with another role": jwt.encode(claims | {"role": "root"}, SECRET, algorithm="HS256"),
        "of nobody": jwt.encode(claims | {"sub": ""}, SECRET, algorithm="HS256"),
        "twice": f"{token}.{token}",
        "nothing": "x",
    }


async def entered(platform: Platform, token: str) -> list[str]:
    """The doors that this token opens."""
    headers = {"Authorization": f"Bearer {token}"}
    found = []
    for service, verb, path in DOORS:
        sent = {"files": {"file": ("a.txt", b"a")}} if verb == "POST" else {}
        url = platform.url(service) + path
        answer = await platform.http.request(verb, url, headers=headers, **sent)  # type: ignore[arg-type]
        if answer.status_code != 401:
            found.append(f"{path}: {answer.status_code}")
    if await opens(platform, token):
        found.append("/ws/chat")
    return found


async def opens(platform: Platform, token: str) -> bool:
    url = platform.brain_url.replace("http", "ws", 1) + "/ws/chat"
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with connect(url, additional_headers=headers):
            return True
    except InvalidStatus as refused:
        return refused.response.status_code != 401


async def test_a_real_token_opens_what_is_tried_here(platform: Platform) -> None:
    admin = await platform.admin()
    assert len(await entered(platform, admin.token)) == len(DOORS) + 1


async def test_no_forged_token_opens_a_door(platform: Platform) -> None:
    person = await platform.sign_up()
    opened = {}
    for name, forged in forgeries(person.token).items():
        if found := await entered(platform, forged):
            opened[name] = found
    assert opened == {}


async def test_a_token_is_no_service_token_and_the_reverse(platform: Platform) -> None:
    service = {"Authorization": f"Bearer {SECRETS['service_token']}x"}
    for path in ("/revocations", "/users"):
        answer = await platform.http.get(platform.auth_url + path, headers=service)
        assert answer.status_code == 401
    person = await platform.sign_up()
    assert (await person.call("auth", "GET", "/revocations")).status_code == 401


async def test_what_was_ended_is_worth_nothing_anywhere_within_ten_seconds(
    platform: Platform,
) -> None:
    await platform.admin()  # so that the last admin is another one
    people = {how: await platform.admin() for how in WAYS}
    ended = {how: person.token for how, person in people.items()}
    for how, person in people.items():
        assert await opens(platform, person.token), how
    for how, person in people.items():
        await end(platform, person, how)
    began = monotonic()
    for how, token in ended.items():  # at once where it was ended
        me = await platform.http.get(
            f"{platform.auth_url}/me", headers={"Authorization": f"Bearer {token}"}
        )
        assert me.status_code == 401, how
    for token in ended.values():
        while await opens(platform, token):
            assert monotonic() - began < HEARD_WITHIN_SECONDS
            await anyio.sleep(0.1)
    assert {how: await entered(platform, token) for how, token in ended.items()} == {
        how: [] for how in WAYS
    }


async def end(platform: Platform, person: Somebody, how: str) -> None:
    accounts = platform.auth.accounts
    match how:
        case "log out":
            await person.call("auth", "POST", "/logout")
        case "refresh":
            await person.call("auth", "POST", "/refresh")
        case "password":
            body = {"old": "lovelace 1815", "new": "babbage 1791"}
            assert (await person.call("auth", "POST", "/password", json=body)).status_code == 200
        case "disable":
            await accounts.set_rights(person.user_id, role=None, disabled=True)
        case "demote":
            await accounts.set_rights(person.user_id, role="user", disabled=None)
        case "delete":
            body = {"password": "lovelace 1815"}
            assert (await person.call("auth", "DELETE", "/me", json=body)).status_code == 200
