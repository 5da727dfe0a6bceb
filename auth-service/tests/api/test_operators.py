from typing import Any

import anyio
import pytest

from shared.errors import StoreUnavailable
from shared.store import Put

Service = Any  # the fixture of conftest.py, which tests cannot import


async def patch(service: Service, name: str, **body: Any) -> Any:
    path = f"/users/{await service.user_id(name)}"
    return await service.http.patch(path, json=body, headers=service.as_service)


async def audit(service: Service, **asked: Any) -> list[dict[str, Any]]:
    answer = await service.http.get("/audit", params=asked, headers=service.as_service)
    assert answer.status_code == 200
    return list(answer.json()["events"])


async def test_operators_see_all_accounts_page_by_page(service: Service) -> None:
    for name in ("ada", "eve", "bob"):
        await service.register(name)
    await service.login("ada")
    seen: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        asked = {"limit": 2} | after
        page = await service.http.get("/users", params=asked, headers=service.as_service)
        seen += page.json()["users"]
        if page.json()["next"] is None:
            break
        after = {"after": page.json()["next"]}
    assert sorted(user["username"] for user in seen) == ["ada", "bob", "eve"]
    ada = next(user for user in seen if user["username"] == "ada")
    assert ada["signed_in_at"] == service.clock.now()
    one = await service.http.get(f"/users/{ada['user_id']}", headers=service.as_service)
    assert one.json() == ada
    for nobody in ("nobody", "everybody", "admins"):
        answer = await service.http.get(f"/users/{nobody}", headers=service.as_service)
        assert answer.status_code == 404


async def test_a_role_taken_away_ends_the_sign_ins_that_carry_it(service: Service) -> None:
    await service.admin_token()
    ada = await service.token("ada")
    assert (await patch(service, "ada", role="admin")).status_code == 204
    assert (await service.me(ada)).status_code == 401
    as_admin = await service.token("ada")
    headers = service.as_person(as_admin)
    assert (await service.http.get("/users", headers=headers)).status_code == 200
    assert (await patch(service, "ada", role="user")).status_code == 204
    assert (await service.http.get("/users", headers=headers)).status_code == 401
    headers = service.as_person(await service.token("ada"))
    assert (await service.http.get("/users", headers=headers)).status_code == 403


@pytest.mark.parametrize("body", [{"role": "user"}, {"disabled": True}])
async def test_the_last_admin_stays_one(service: Service, body: dict[str, Any]) -> None:
    token = await service.admin_token()
    refused = await patch(service, "boss", **body)
    assert refused.status_code == 409
    assert "last admin" in refused.json()["error"]["message"]
    path = f"/users/{await service.user_id('boss')}"
    assert (await service.http.delete(path, headers=service.as_service)).status_code == 409
    leaving = await service.http.request(
        "DELETE", "/me", json={"password": service.password}, headers=service.as_person(token)
    )
    assert leaving.status_code == 409
    assert (await service.me(token)).status_code == 200
    await patch(service, "boss", role="admin")  # no change, no trouble
    await service.register("ada")
    await patch(service, "ada", role="admin")
    assert (await patch(service, "boss", **body)).status_code == 204


async def test_a_disabled_admin_does_not_count_as_one(service: Service) -> None:
    await service.admin_token()
    await service.register("ada")
    await patch(service, "ada", role="admin")
    await patch(service, "ada", disabled=True)
    assert (await patch(service, "boss", role="user")).status_code == 409
    await patch(service, "ada", disabled=False)
    assert (await patch(service, "boss", role="user")).status_code == 204


async def test_of_two_admins_who_remove_each_other_at_once_one_stays(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.admin_token()
    await service.register("ada")
    await patch(service, "ada", role="admin")
    query = service.auth.store.query
    both_looked = anyio.Event()
    looked: list[str] = []

    async def query_together(table: str, pk: str, **how: Any) -> Any:
        rows = await query(table, pk, **how)
        if pk == "admins":
            looked.append(pk)
            if len(looked) == 2:
                both_looked.set()
            with anyio.fail_after(5):
                await both_looked.wait()
        return rows

    monkeypatch.setattr(service.auth.store, "query", query_together)
    statuses: list[int] = []

    async def demote(name: str) -> None:
        statuses.append((await patch(service, name, role="user")).status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(demote, "ada")
        tasks.start_soon(demote, "boss")
    assert sorted(statuses) == [204, 409]


async def test_a_change_that_changes_nothing_ends_no_sign_in(service: Service) -> None:
    token = await service.token("ada")
    assert (await patch(service, "ada", disabled=False)).status_code == 204
    assert (await patch(service, "ada")).status_code == 204
    assert (await service.me(token)).status_code == 200


def without_sessions(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the store takes everything but ends of sign-ins."""
    write = service.auth.store.write

    async def write_but_no_end(*writes: Any) -> None:
        if any(one.key.table == "sessions" and one.key.pk == "revoked" for one in writes):
            raise StoreUnavailable("away")
        await write(*writes)

    monkeypatch.setattr(service.auth.store, "write", write_but_no_end)


async def revoked(service: Service) -> int:
    answer = await service.http.get("/revocations", headers=service.as_service)
    return len(answer.json()["revoked"])


async def test_a_change_that_broke_off_ends_the_sign_ins_when_it_is_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.admin_token()
    await service.register("ada")
    await patch(service, "ada", role="admin")
    token = await service.token("ada")
    before = await revoked(service)
    with monkeypatch.context() as away:
        without_sessions(service, away)
        assert (await patch(service, "ada", role="user")).status_code == 503
    assert await revoked(service) == before
    assert (await patch(service, "ada", role="user")).status_code == 204
    assert await revoked(service) == before + 1
    assert (await service.me(token)).status_code == 401
    fresh = await service.token("ada")
    assert (await patch(service, "ada", role="user")).status_code == 204
    assert (await service.me(fresh)).status_code == 200


async def test_a_password_change_that_broke_off_ends_the_sign_ins_by_itself(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service.token("ada")
    with monkeypatch.context() as away:
        without_sessions(service, away)
        body = {"old": service.password, "new": "babbage 1791"}
        headers = service.as_person(token)
        answer = await service.http.post("/password", json=body, headers=headers)
        assert answer.status_code == 503
    await service.auth.sessions.finish()
    assert (await service.me(token)).status_code == 200, "whoever changes it may be at it"
    await service.clock.advance(30)
    await service.auth.sessions.finish()
    assert (await service.me(token)).status_code == 401
    fresh = str((await service.login("ada", "babbage 1791")).json()["access_token"])
    await service.clock.advance(30)
    await service.auth.sessions.finish()
    assert (await service.me(fresh)).status_code == 200


async def test_the_book_says_who_did_what_when_and_from_where(service: Service) -> None:
    token = await service.token("ada")
    await service.clock.advance(60)
    await service.login("ada", "a wrong guess")
    await service.http.post("/keys", json={"name": "laptop"}, headers=service.as_person(token))
    await patch(service, "ada", disabled=True)
    events = await audit(service)
    ada = await service.user_id("ada")
    assert [(event["event"], event["who"], event["about"]) for event in events] == [
        ("account.changed", "service", ada),
        ("key.created", ada, ada),
        ("login.refused", None, ada),
        ("login.succeeded", ada, ada),
        ("account.created", None, ada),
    ]
    assert {event["address"] for event in events} == {"127.0.0.1"}
    assert events[0]["detail"] == "user, disabled"
    assert events[0]["at"] - events[-1]["at"] == 60


async def test_the_book_holds_no_secret_and_nothing_that_was_typed(service: Service) -> None:
    token = await service.token("ada")
    await service.login("my other secret pass", "a wrong guess")
    key = (
        await service.http.post("/keys", json={"name": "laptop"}, headers=service.as_person(token))
    ).json()["key"]
    told = str(await audit(service))
    for secret in ("my other secret", "a wrong guess", service.password, token, key):
        assert secret not in told


async def test_a_storm_of_guesses_is_told_by_its_number(service: Service) -> None:
    for number in range(90):
        service.auth.throttle._attempts.clear()
        await service.login(f"nobody{number}", "a wrong guess")
    assert len(await audit(service, limit=200)) == 60
    await service.clock.advance(60)
    await service.login("nobody", "a wrong guess")
    assert [event["detail"] for event in await audit(service, limit=2)] == ["", "and 30 more"]


async def test_the_book_is_read_page_by_page_and_ends_after_ninety_days(service: Service) -> None:
    for name in ("ada", "eve", "bob"):
        await service.register(name)
        await service.clock.advance(1)
    first = await service.http.get("/audit", params={"limit": 2}, headers=service.as_service)
    asked = {"limit": 2, "after": first.json()["next"]}
    second = await service.http.get("/audit", params=asked, headers=service.as_service)
    assert len(first.json()["events"] + second.json()["events"]) == 3
    assert second.json()["next"] is None
    await service.clock.advance(90 * 24 * 3600)
    assert await audit(service) == []


async def test_what_people_do_goes_on_when_the_book_cannot_be_written(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = await service.token("ada")
    write = service.auth.store.write

    async def write_but_not_the_book(*writes: Any) -> None:
        if any(isinstance(one, Put) and one.key.table == "auth_audit" for one in writes):
            raise StoreUnavailable("full")
        await write(*writes)

    monkeypatch.setattr(service.auth.store, "write", write_but_not_the_book)
    assert (await service.login("ada")).status_code == 200
    answer = await service.http.post("/logout", headers=service.as_person(token))
    assert answer.status_code == 204
