"""
Every route of every service, called by everybody: who gets what is one table.

A route that is not in the table fails; so does one in the table that is not there. The columns are

    nobody    no token; the same answer for a token that was logged out, and for a disabled person's
    owner     the person whose thing it is (their conversation, request, file, key, account)
    other     another person, asking for the owner's thing
    admin     a person with the role admin, asking for the owner's thing
    service   the service token
    key       the owner's personal API key

Refusals come first and must leave everything of the owner's as it was; then those who may are let
in, each with a fresh owner where the route changes or ends something.
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi.routing import APIWebSocketRoute
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from brain.api.vram import page_cache
from whole_platform import (
    PASSWORD,
    SERVICE_TOKEN,
    SMALL,
    Platform,
    Somebody,
    signing_up,
    with_brain,
)

ROOT = Path(__file__).resolve().parents[1]
ROLES = ("nobody", "owner", "other", "admin", "service", "key")
HEARD_WITHIN_SECONDS = 10.0
"""Protocol, section 2: every verifier learns of it by then."""

LIKE_NOBODY = ("revoked", "disabled")
Route = tuple[str, str, str]


@dataclass(frozen=True)
class Door:
    """What each role gets, and what to send."""

    statuses: tuple[int, ...]
    body: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    form: bool = False
    spoils: bool = False
    """Whether who is let in changes something that other calls need."""

    def status(self, role: str) -> int:
        return self.statuses[0 if role in LIKE_NOBODY else ROLES.index(role)]


def door(*statuses: int, **more: Any) -> Door:
    return Door(statuses, **more)


def everybody(status: int = 200, **more: Any) -> Door:
    return Door((status,) * len(ROLES), **more)


def people(status: int = 200, **more: Any) -> Door:
    """Whoever is signed in, about themselves."""
    return Door((401, status, status, status, 401, 401), **more)


def services(status: int = 200, **more: Any) -> Door:
    return Door((401, 401, 401, 401, status, 401), **more)


def operators(status: int = 200, **more: Any) -> Door:
    return Door((401, 403, 403, status, status, 401), **more)


MODEL = "rnj-1:8b"
TABLE: dict[Route, Door] = {
    # ------------------------------------------------------------------------------ auth
    ("auth", "GET", "/"): everybody(),
    ("auth", "GET", "/health"): everybody(),
    ("auth", "GET", "/health/live"): everybody(),
    ("auth", "GET", "/registration"): everybody(),
    ("auth", "POST", "/register"): everybody(409, body={"username": "{owner}"}),
    ("auth", "POST", "/login"): everybody(body={"username": "{owner}"}),
    ("auth", "GET", "/oauth/discord/start"): everybody(
        404, query={"return_to": "http://localhost:8501/", "challenge": "c" * 43}
    ),
    ("auth", "GET", "/oauth/discord/callback"): everybody(404),
    ("auth", "POST", "/oauth/discord/sign-in"): everybody(404),
    ("auth", "POST", "/oauth/discord/link"): people(404),
    ("auth", "GET", "/me"): people(),
    ("auth", "DELETE", "/me"): people(spoils=True),
    ("auth", "GET", "/auth-methods"): people(),
    ("auth", "DELETE", "/auth-methods/{provider}/{identity}"): door(
        401, 204, 404, 404, 401, 401, spoils=True
    ),
    ("auth", "POST", "/logout"): people(204, spoils=True),
    ("auth", "POST", "/refresh"): people(spoils=True),
    ("auth", "POST", "/password"): people(spoils=True, body={"new": "babbage 1791"}),
    ("auth", "POST", "/link/code"): people(201),
    ("auth", "POST", "/link/identity"): people(404, body={"provider": "discord"}),
    ("auth", "POST", "/link-auth-method"): people(404, body={"provider": "discord"}),
    ("auth", "POST", "/keys"): people(201, spoils=True, body={"name": "another"}),
    ("auth", "GET", "/keys"): people(),
    ("auth", "DELETE", "/keys/{key_id}"): door(401, 204, 404, 404, 401, 401, spoils=True),
    ("auth", "POST", "/keys/verify"): services(body={"key": "{key}"}),
    ("auth", "POST", "/link/proof"): services(
        201, body={"provider": "discord", "provider_user_id": "7"}
    ),
    ("auth", "POST", "/link/maker"): services(
        404, body={"provider": "discord", "provider_user_id": "7"}
    ),
    ("auth", "POST", "/link/redeem"): services(
        404, body={"provider": "discord", "provider_user_id": "7"}
    ),
    ("auth", "GET", "/identities/discord/{provider_user_id}"): services(),
    ("auth", "GET", "/revocations"): services(),
    ("auth", "POST", "/invites"): operators(201),
    ("auth", "GET", "/users"): operators(),
    ("auth", "GET", "/users/{user_id}"): operators(),
    ("auth", "PATCH", "/users/{user_id}"): operators(204, spoils=True, body={"disabled": True}),
    ("auth", "DELETE", "/users/{user_id}"): operators(spoils=True),
    ("auth", "GET", "/audit"): operators(),
    # ------------------------------------------------------------------------------ brain
    ("brain", "GET", "/"): everybody(),
    ("brain", "GET", "/health"): everybody(),
    ("brain", "GET", "/health/live"): everybody(),
    ("brain", "GET", "/metrics"): everybody(),
    ("brain", "POST", "/api/discord/message"): door(401, 202, 202, 202, 202, 401),
    ("brain", "GET", "/api/discord/status/{request_id}"): door(401, 200, 404, 200, 200, 401),
    ("brain", "DELETE", "/api/discord/cancel/{request_id}"): door(401, 200, 404, 200, 200, 401),
    ("brain", "GET", "/api/conversations"): door(401, 200, 200, 200, 422, 401),
    ("brain", "GET", "/api/conversations/{conversation_id}"): door(401, 200, 404, 404, 404, 401),
    ("brain", "PATCH", "/api/conversations/{conversation_id}"): door(
        401, 200, 404, 404, 404, 401, spoils=True, body={"title": "another title"}
    ),
    ("brain", "DELETE", "/api/conversations/{conversation_id}"): door(
        401, 200, 404, 404, 404, 401, spoils=True
    ),
    ("brain", "POST", "/api/conversations/{conversation_id}/reset"): door(
        401, 202, 202, 202, 404, 401, spoils=True
    ),
    ("brain", "POST", "/api/conversations/{conversation_id}/summarize"): door(
        401, 202, 404, 404, 404, 401, spoils=True
    ),
    ("brain", "POST", "/api/conversations/{conversation_id}/attach"): door(
        401, 403, 404, 404, 201, 401, spoils=True, body={"discord_conversation_id": "discord:7"}
    ),
    ("brain", "DELETE", "/api/conversations/{conversation_id}/attach"): door(
        401, 404, 404, 404, 404, 401
    ),
    ("brain", "GET", "/api/user/{user_id}"): door(401, 200, 403, 200, 200, 401),
    ("brain", "PATCH", "/api/user/{user_id}/preferences"): door(
        401, 200, 403, 200, 200, 401, spoils=True, body={"language": "de"}
    ),
    ("brain", "GET", "/api/user/{user_id}/history"): door(401, 200, 403, 200, 200, 401),
    ("brain", "DELETE", "/api/user/{user_id}"): door(401, 200, 403, 200, 200, 401, spoils=True),
    ("brain", "POST", "/api/feedback"): door(
        401, 200, 404, 404, 200, 401, spoils=True, body={"verdict": "good"}
    ),
    ("brain", "DELETE", "/api/feedback"): door(
        401, 200, 200, 200, 200, 401, query={"verdict": "good", "request_id": "{request_id}"}
    ),
    ("brain", "POST", "/api/files"): door(401, 201, 201, 201, 201, 401, form=True),
    ("brain", "GET", "/artifacts/{file_id}"): door(401, 200, 404, 200, 200, 401),
    ("brain", "POST", "/api/admin/grant-tokens"): operators(spoils=True, body={"bonus_tokens": 5}),
    ("brain", "POST", "/api/admin/maintenance/{mode}"): operators(body={"enabled": False}),
    ("brain", "GET", "/api/admin/queue/stats"): operators(),
    ("brain", "POST", "/api/admin/queue/clear"): operators(),
    ("brain", "GET", "/vram/status"): everybody(),
    ("brain", "GET", "/vram/health"): everybody(),
    ("brain", "GET", "/vram/psi"): everybody(),
    ("brain", "GET", "/vram/timeline"): everybody(),
    ("brain", "GET", "/vram/plan/{model}"): operators(),
    ("brain", "POST", "/vram/load/{model}"): operators(),
    ("brain", "POST", "/vram/unload/{model}"): operators(),
    ("brain", "POST", "/vram/optimize"): operators(),
    ("brain", "POST", "/vram/admin/reconcile"): operators(),
    ("brain", "GET", "/vram/admin/crashes"): operators(),
    ("brain", "POST", "/vram/admin/crashes/{model}"): operators(spoils=True),
    ("brain", "DELETE", "/vram/admin/crashes/{model}"): operators(),
    ("brain", "POST", "/vram/servers/{name}/drain"): operators(404),
    ("brain", "DELETE", "/vram/servers/{name}/drain"): operators(404),
    ("brain", "POST", "/vram/flush-cache"): operators(),
    ("brain", "GET", "/v1/models"): door(401, 200, 200, 200, 200, 200),
    ("brain", "GET", "/v1/models/{model}"): door(401, 200, 200, 200, 200, 200),
    ("brain", "POST", "/v1/chat/completions"): door(401, 200, 200, 200, 401, 200),
}
SOCKETS = {
    ("brain", "/ws/chat"): door(401, 101, 101, 101, 401, 401),
    ("brain", "/ws/discord"): door(401, 401, 401, 401, 101, 401),
}


@dataclass
class Cast:
    """One of each role, and the owner's things."""

    platform: Platform
    owner: Somebody
    other: Somebody
    admin: Somebody
    revoked: str = ""
    disabled: str = ""

    async def bearer(self, role: str) -> str | None:
        match role:
            case "nobody":
                return None
            case "owner" | "other" | "admin":
                return str(getattr(self, role).token)
            case "service":
                return SERVICE_TOKEN
            case "key":
                return await self.owner.key()
            case _:
                return str(getattr(self, role))

    async def fill(self, template: str) -> str:
        """The template with the owner's things in its places."""
        for name in re.findall(r"\{(\w+)(?::path)?\}", template):
            value = await self._thing(name)
            template = re.sub(r"\{" + name + r"(:path)?\}", value, template)
        return template

    async def _thing(self, name: str) -> str:
        match name:
            case "request_id" | "file_id" | "key_id" | "key" | "identity":
                return str(await getattr(self.owner, name)())
            case "conversation_id":
                await self.owner.request_id()  # so that there is one
                return self.owner.conversation_id
            case "provider_user_id":
                return await self.owner.identity()
            case "owner":
                return self.owner.name
            case "user_id":
                return self.owner.user_id
            case _:
                return {"provider": "discord", "model": MODEL, "mode": "soft", "name": "nowhere"}[
                    name
                ]

    async def call(self, route: Route, wanted: Door, role: str) -> int:
        service, verb, path = route
        bearer = await self.bearer(role)
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        sent: dict[str, Any] = {"params": {k: await self.fill(v) for k, v in wanted.query.items()}}
        if wanted.form:
            sent["files"] = {"file": ("mine.txt", b"text")}
        elif verb in ("POST", "PATCH", "DELETE"):
            sent["json"] = await self._body(route, wanted, role)
        if role == "service" and path.endswith(("/feedback", "/attach")):
            sent["params"]["user_id"] = self.owner.user_id
        url = self.platform.url(service) + await self.fill(path)
        answer = await self.platform.http.request(verb, url, headers=headers, **sent)
        return answer.status_code

    async def _body(self, route: Route, wanted: Door, role: str) -> dict[str, Any]:
        """What any route may want; each takes what it knows, but for the strict ones."""
        body: dict[str, Any] = {
            "password": PASSWORD,
            "old": PASSWORD,
            "code": "AAAA2222",
            "verifier": "v" * 43,
            "user_id": self.owner.user_id if role == "service" or "admin" in route[2] else None,
            "conversation_id": f"by-{role}",
            "text": "hello",
            "options": SMALL,
            "model": MODEL,
            "messages": [{"role": "user", "content": "hello"}],
        }
        if "feedback" in route[2]:
            body["request_id"] = await self.owner.request_id()
        fields = {
            name: await self.fill(value) if isinstance(value, str) else value
            for name, value in wanted.body.items()
        }
        return fields if route[1] == "PATCH" else body | fields

    async def belongings(self) -> dict[str, Any]:
        """All there is of the owner's, as the owner sees it."""
        conversation = f"/api/conversations/{self.owner.conversation_id}"
        seen = {
            path: (await self.owner.call(service, "GET", path)).json()
            for service, path in (
                ("auth", "/me"),
                ("auth", "/keys"),
                ("brain", "/api/conversations"),
                ("brain", conversation),
                ("brain", f"/api/user/{self.owner.user_id}"),
                ("brain", f"/api/user/{self.owner.user_id}/history"),
            )
        }
        file = await self.owner.call("brain", "GET", f"/artifacts/{await self.owner.file_id()}")
        return seen | {"file": file.text}


async def cast_on(platform: Platform) -> Cast:
    return Cast(
        platform, await platform.sign_up(), await platform.sign_up(), await platform.admin()
    )


@asynccontextmanager
async def stage(folder: Path) -> AsyncIterator[Cast]:
    """The whole platform with a full cast, when the brain has heard who is shut out."""
    async with signing_up(folder) as platform:
        cast = await cast_on(platform)
        left, shut = await platform.sign_up(), await platform.sign_up()
        await left.call("auth", "POST", "/logout")
        await platform.auth.accounts.set_rights(shut.user_id, role=None, disabled=True)
        cast.revoked, cast.disabled = left.token, shut.token
        async with with_brain(platform, folder):
            with anyio.fail_after(HEARD_WITHIN_SECONDS):
                while not platform.brain.verifier.is_disabled(shut.user_id):
                    await anyio.sleep(0.05)
            yield cast


def routes_of(platform: Platform) -> set[Route]:
    return {
        (service, verb.upper(), path)
        for service, app in platform.apps.items()
        for path, verbs in app.openapi()["paths"].items()
        for verb in verbs
    }


def sockets_of(platform: Platform) -> set[tuple[str, str]]:
    """The sockets, which the OpenAPI does not list; and that it lists everything else."""
    found = set()
    for service, app in platform.apps.items():
        for router in (getattr(each, "original_router", None) for each in app.routes):
            for route in router.routes if router is not None else []:
                if isinstance(route, APIWebSocketRoute):
                    found.add((service, route.path))
                else:
                    assert route.include_in_schema, f"{route.path} is hidden"
    return found


def test_no_service_with_routes_is_left_out() -> None:
    found = {
        path.parts[-2]
        for path in ROOT.glob("*/*/*.py")
        if "FastAPI(" in path.read_text() and "tests" not in path.parts
    }
    assert found - {"rehearsal", "bench"} == {"auth", "brain"}


async def test_every_route_has_a_line_and_refuses_those_it_must(tmp_path: Path) -> None:
    async with stage(tmp_path) as cast:
        there = routes_of(cast.platform)
        assert there - set(TABLE) == set(), "a route needs a line in the table"
        assert set(TABLE) - there == set(), "a line of the table is about a route that is gone"
        assert sockets_of(cast.platform) == set(SOCKETS)
        await cast.owner.file_id(), await cast.owner.identity()
        await cast.owner.request_id(), await cast.owner.key()
        before = await cast.belongings()
        wrong = {}
        for route, wanted in TABLE.items():
            for role in (*ROLES, *LIKE_NOBODY):
                expected = wanted.status(role)
                if expected not in (401, 403, 404):
                    continue
                got = await cast.call(route, wanted, role)
                if got != expected:
                    wrong[(*route, role)] = (got, expected)
        assert wrong == {}, "\n".join(f"{call}: {got}" for call, got in wrong.items())
        after = await cast.belongings()
        noted = "last_used_at"  # the key was really used
        for seen in (before, after):
            seen["/keys"] = [{**key, noted: None} for key in seen["/keys"]]
        assert after == before


async def test_those_who_may_are_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_cache, "DROP_CACHES", tmp_path / "drop_caches")
    async with stage(tmp_path) as cast:
        wrong = {}
        for route, wanted in TABLE.items():
            for role in (*ROLES, *LIKE_NOBODY):
                expected = wanted.status(role)
                if expected in (401, 403, 404):
                    continue
                acting = await cast_on(cast.platform) if wanted.spoils else cast
                got = await acting.call(route, wanted, role)
                if got != expected:
                    wrong[(*route, role)] = (got, expected)
        assert wrong == {}, "\n".join(f"{call}: {got}" for call, got in wrong.items())


@pytest.mark.parametrize("as_subprotocol", [False, True])
async def test_a_socket_opens_for_those_who_may_alone(tmp_path: Path, as_subprotocol: bool) -> None:
    async with stage(tmp_path) as cast:
        wrong = {}
        for (service, path), wanted in SOCKETS.items():
            url = cast.platform.url(service).replace("http", "ws", 1) + path
            for role in (*ROLES, *LIKE_NOBODY):
                got = await opens(url, await cast.bearer(role), as_subprotocol=as_subprotocol)
                if got != wanted.status(role):
                    wrong[path, role] = (got, wanted.status(role))
        assert wrong == {}, "\n".join(f"{call}: {got}" for call, got in wrong.items())


async def opens(url: str, bearer: str | None, *, as_subprotocol: bool) -> int:
    """The status of the answer to an upgrade; 101 when the socket is open."""
    headers, protocols = {}, None
    if bearer and as_subprotocol:
        protocols = ["trollama.v1", f"bearer.{bearer}"]
    elif bearer:
        headers = {"Authorization": f"Bearer {bearer}"}
    try:
        async with connect(url, additional_headers=headers, subprotocols=protocols):  # type: ignore[arg-type]
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code
