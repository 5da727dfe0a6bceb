"""Accounts that go, in front of a stand-in of the brain's "forget me"."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from auth.audit import CONSOLE
from auth.errors import SignInEnded

Service = Any  # the fixture of conftest.py, which tests cannot import


@dataclass
class Brain:
    """Notes whom it was told to forget."""

    away: bool = False
    forgotten: list[tuple[str, str]] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.delete("/api/user/{user_id}")
        def forget(user_id: str, request: Request) -> Response:
            if self.away:
                return JSONResponse({}, 500)
            self.forgotten.append((user_id, request.headers["authorization"]))
            return JSONResponse({"deleted": {}})

        return app


@pytest.fixture
def brain() -> Brain:
    return Brain()


@pytest.fixture
async def service(serve: Any, brain: Brain, listening: Any) -> AsyncIterator[Service]:
    async with listening(brain.app()) as address, serve(brain_url=address) as running:
        yield running


async def leave(service: Service, token: str, password: str | None = None) -> Any:
    body = {"password": service.password if password is None else password}
    headers = service.as_person(token)
    return await service.http.request("DELETE", "/me", json=body, headers=headers)


def rows_with(file: Path, text: str) -> list[str]:
    """The rows of a store's file that hold `text`."""
    with closing(sqlite3.connect(file)) as db:
        tables = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        rows = [row for (table,) in tables for row in db.execute(f'SELECT * FROM "{table}"')]
    assert rows
    return [str(row) for row in rows if text in str(row)]


async def test_who_leaves_is_shut_out_at_once_and_forgotten_by_the_brain(
    service: Service, brain: Brain
) -> None:
    token, other = await service.token("ada"), await service.token("ada")
    user_id = await service.user_id("ada")
    made = await service.http.post(
        "/keys", json={"name": "laptop"}, headers=service.as_person(token)
    )
    await service.redeem(await service.link_code(token))
    gone = await leave(service, token)
    assert (gone.status_code, gone.json()) == (200, {"user_id": user_id, "forgotten": True})
    asked_with = service.as_service["Authorization"]
    assert brain.forgotten == [(user_id, asked_with), ("discord:1042", asked_with)]
    for ended in (token, other):
        assert (await service.me(ended)).status_code == 401
    assert (await service.login("ada")).status_code == 401
    key = {"key": made.json()["key"]}
    answer = await service.http.post("/keys/verify", json=key, headers=service.as_service)
    assert answer.status_code == 404
    path = "/identities/discord/1042"
    assert (await service.http.get(path, headers=service.as_service)).status_code == 404
    revoked = await service.http.get("/revocations", headers=service.as_service)
    assert len(revoked.json()["revoked"]) == 2
    assert revoked.json()["disabled"] == []


async def test_the_name_is_free_again_and_its_next_owner_is_somebody_else(
    service: Service,
) -> None:
    token = await service.token("ada")
    before = await service.user_id("ada")
    await leave(service, token)
    assert (await service.register("Ada")).status_code == 201
    assert await service.user_id("ada") != before
    assert (await service.me(token)).status_code == 401


async def test_the_password_is_asked_for(service: Service, brain: Brain) -> None:
    token = await service.token("ada")
    refused = await leave(service, token, "a wrong guess")
    assert refused.status_code == 403
    assert "not your password" in refused.json()["error"]["message"]
    assert (await service.me(token)).status_code == 200
    assert brain.forgotten == []


async def test_guessing_it_gets_slower_too(service: Service) -> None:
    token = await service.token("ada")
    statuses = [(await leave(service, token, "a wrong guess")).status_code for _ in range(12)]
    assert statuses == [403] * 10 + [429] * 2


async def test_nothing_of_a_person_remains_but_that_they_left(
    service: Service, tmp_path: Path
) -> None:
    await service.register("ada", display_name="Ada L.", email="ada@example.org")
    token = await service.token("ada")
    headers = service.as_person(token)
    await service.http.post("/keys", json={"name": "my laptop"}, headers=headers)
    await service.redeem(await service.link_code(token), display_name="ada#1")
    await service.login("ada", "a wrong guess")
    file = tmp_path / "trollama.db"
    for text in ("Ada L.", "my laptop", "1042", "127.0.0.1"):
        assert rows_with(file, text) != [], text
    await leave(service, token)
    await service.clock.advance(90)
    await service.auth.leaving.finish()
    for text in ("ada", "Ada L.", "my laptop", "1042", "127.0.0.1"):
        assert rows_with(file, text) == [], text
    events = (await service.http.get("/audit", headers=service.as_service)).json()["events"]
    assert [event["event"] for event in events] == ["account.deleted"]
    assert events[0]["address"] is None


async def test_an_operator_removes_somebody(service: Service, brain: Brain) -> None:
    await service.register("ada")
    user_id = await service.user_id("ada")
    admin = service.as_person(await service.admin_token())
    gone = await service.http.delete(f"/users/{user_id}", headers=admin)
    assert gone.json() == {"user_id": user_id, "forgotten": True}
    assert (await service.http.delete(f"/users/{user_id}", headers=admin)).status_code == 404
    assert [who for who, _ in brain.forgotten] == [user_id]


async def test_what_was_asked_by_a_link_is_forgotten_although_the_link_is_gone(
    service: Service, brain: Brain
) -> None:
    token = await service.token("ada")
    user_id = await service.user_id("ada")
    await service.redeem(await service.link_code(token))
    await leave(service, token)
    assert [who for who, _ in brain.forgotten] == [user_id, "discord:1042"]


async def test_a_brain_that_is_away_forgets_when_it_is_back(service: Service, brain: Brain) -> None:
    token = await service.token("ada")
    user_id = await service.user_id("ada")
    brain.away = True
    gone = await leave(service, token)
    assert gone.json() == {"user_id": user_id, "forgotten": False}
    assert (await service.login("ada")).status_code == 401
    brain.away = False
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(service.auth.leaving.run)
        await service.clock.advance(120)
        while user_id not in [who for who, _ in brain.forgotten]:
            await anyio.sleep(0.01)
        while await service.auth.repository.leaving():
            await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()


async def test_the_brain_is_asked_again_when_nobody_can_act_as_them_any_more(
    service: Service, brain: Brain
) -> None:
    await leave(service, await service.token("ada"))
    await service.auth.leaving.finish()
    assert len(brain.forgotten) == 1
    await service.clock.advance(90)
    await service.auth.leaving.finish()
    await service.auth.leaving.finish()
    assert len(brain.forgotten) == 2


async def test_a_removal_that_broke_off_is_finished(service: Service, brain: Brain) -> None:
    token = await service.token("ada")
    user = await service.auth.accounts.find("ada")
    await service.auth.repository.shut_out_for_good(user, now=service.clock.now())
    assert (await service.me(token)).status_code == 401  # and here the process died
    await service.auth.leaving.finish()
    assert await service.auth.accounts.find("ada") is None
    revoked, _ = await service.auth.sessions.revoked()
    assert len(revoked) == 1


async def test_what_is_made_while_an_account_goes_is_refused(service: Service) -> None:
    token = await service.token("ada")
    code = await service.link_code(token)
    person = await service.auth.accounts.who(token)
    await service.auth.repository.shut_out_for_good(person.user, now=service.clock.now())
    with pytest.raises(SignInEnded):  # its rights were checked just before
        await service.auth.keys.create(person.user, "laptop", by=CONSOLE)
    assert (await service.redeem(code)).status_code == 404
    assert (await service.login("ada")).status_code == 403


async def test_an_account_that_is_being_removed_is_let_in_by_nobody(service: Service) -> None:
    await service.admin_token()
    await service.register("ada")
    user = await service.auth.accounts.find("ada")
    await service.auth.repository.shut_out_for_good(user, now=service.clock.now())
    path = f"/users/{user.user_id}"
    for wanted in ({"disabled": False}, {"role": "admin", "disabled": False}):
        answer = await service.http.patch(path, json=wanted, headers=service.as_service)
        assert answer.status_code == 404
    assert (await service.login("ada")).status_code == 403
    await service.auth.leaving.finish()
    rows = await service.auth.store.query("users", "admins")
    assert [row.sk for row in rows] == [await service.user_id("boss")]


async def test_who_leaves_waits_for_nothing_that_others_did(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service.token("ada")
    for _ in range(7):
        await service.login("ada", "a wrong guess")
    await service.token("eve")
    user_id = await service.user_id("ada")
    read: list[tuple[str, str]] = []
    query = service.auth.store.query

    async def noted(table: str, pk: str, **how: Any) -> Any:
        read.append((table, pk))
        return await query(table, pk, **how)

    with monkeypatch.context() as watched:
        watched.setattr(service.auth.store, "query", noted)
        await leave(service, token)
        assert "auth_audit" not in {table for table, _ in read}
        await service.clock.advance(90)
        await service.auth.leaving.finish()
    assert {pk for table, pk in read if table == "auth_audit"} == {f"about:{user_id}"}
    events = (await service.http.get("/audit", headers=service.as_service)).json()["events"]
    eve = await service.user_id("eve")
    assert [event["about"] for event in events] == [user_id, eve, eve]
    assert await query("auth_audit", f"about:{user_id}") == []
