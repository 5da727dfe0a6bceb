from typing import Any

import anyio
import pytest

from auth.throttle import FREE_ATTEMPTS

Service = Any  # the fixture of conftest.py, which tests cannot import
WRONG = {
    "error": {
        "code": "auth.required",
        "message": "Wrong username or password.",
        "retryable": False,
    }
}


async def test_who_registers_can_log_in_and_see_themselves(service: Service) -> None:
    made = await service.register("Ada", display_name="Ada L.", email="ada@example.org")
    assert made.status_code == 201
    signed_in = (await service.login("ada")).json()
    assert signed_in["token_type"] == "bearer"
    assert signed_in["expires_in"] == 8 * 3600
    profile = {
        "user_id": made.json()["user_id"],
        "username": "Ada",
        "display_name": "Ada L.",
        "email": "ada@example.org",
        "role": "user",
    }
    assert signed_in["user"] == profile
    me = (await service.me(signed_in["access_token"])).json()
    method = {
        "provider": "password",
        "name": "Ada",
        "identity": "ada",
        "added_at": service.clock.now(),
    }
    assert me == profile | {"auth_methods": [method]}
    headers = service.as_person(signed_in["access_token"])
    assert (await service.http.get("/auth-methods", headers=headers)).json() == [method]


@pytest.mark.parametrize("again", ["ada", "ADA", "ａｄａ", " Ada "])
async def test_a_username_is_taken_whatever_its_case(service: Service, again: str) -> None:
    await service.register("Ada")
    answer = await service.register(again)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "conflict"


async def test_of_many_who_want_one_name_at_once_one_gets_it(service: Service) -> None:
    statuses: list[int] = []

    async def register(name: str) -> None:
        statuses.append((await service.register(name)).status_code)

    async with anyio.create_task_group() as tasks:
        for number in range(16):
            tasks.start_soon(register, "ada" if number % 2 else "ADA")
    assert sorted(statuses) == [201] + [409] * 15


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"username": "a b"}, "`username`"),
        ({"username": "x"}, "`username`"),
        ({"username": "x" * 300}, "`username`"),
        ({"username": "ﷺ" * 200}, "`username`"),
        ({"username": None}, "`username`"),
        ({"username": {"$ne": ""}}, "`username`"),
        ({"username": "a\u0000b"}, "`username`"),
        ({"password": "short"}, "`password`"),
        ({"password": "password123"}, "`password`"),
        ({"password": "x" * 300}, "`password`"),
        ({"password": "x" * 30_000}, "`password`"),
        ({"password": ["a"]}, "`password`"),
        ({"display_name": "x" * 65}, "`display_name`"),
        ({"email": "nowhere"}, "`email`"),
    ],
)
async def test_a_field_that_breaks_a_rule_is_named(
    service: Service, fields: dict[str, Any], named: str
) -> None:
    answer = await service.register(fields.pop("username", "ada"), **fields)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "protocol.malformed"
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "name",
    [
        "ada' OR '1'='1",
        '{"$ne": null}',
        "ada'; DROP TABLE users;--",
        "password:ada",
        "user:1",
        "%",
        "ﷺ" * 256,
    ],
)
async def test_what_looks_like_a_query_is_only_a_wrong_name(service: Service, name: str) -> None:
    await service.register("ada")
    answer = await service.login(name)
    assert (answer.status_code, answer.json()) == (401, WRONG)


@pytest.mark.parametrize("name", ["Ольга", "李小龍", "हिन्दी", "Zoë"])
async def test_names_of_any_script_can_log_in(service: Service, name: str) -> None:
    await service.register(name)
    assert (await service.login(name.upper())).json()["user"]["username"] == name


async def test_nobody_learns_which_names_exist(service: Service) -> None:
    await service.register("ada")
    wrong_password = await service.login("ada", "something else")
    unknown_name = await service.login("eve")
    assert (wrong_password.status_code, wrong_password.json()) == (401, WRONG)
    assert (unknown_name.status_code, unknown_name.json()) == (401, WRONG)


async def test_guessing_gets_slower_for_this_name_only(service: Service) -> None:
    await service.register("ada")
    await service.register("eve")
    for _ in range(FREE_ATTEMPTS):
        assert (await service.login("ada", "a wrong guess")).status_code == 401
    refused = await service.login("ADA")
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "30"
    assert refused.json()["error"] == {
        "code": "too_many",
        "message": "Too many attempts; please try again in 30 s.",
        "retryable": True,
    }
    assert (await service.login("eve")).status_code == 200
    await service.clock.advance(30)
    assert (await service.login("ada")).status_code == 200


async def test_guessing_in_parallel_gains_nothing(service: Service) -> None:
    await service.register("ada")
    statuses: list[int] = []

    async def guess() -> None:
        statuses.append((await service.login("ada", "a wrong guess")).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(3 * FREE_ATTEMPTS):
            tasks.start_soon(guess)
    assert statuses.count(401) == FREE_ATTEMPTS
    assert statuses.count(429) == 2 * FREE_ATTEMPTS


async def test_logging_out_ends_the_token_at_once(service: Service) -> None:
    token = await service.token("ada")
    answer = await service.http.post("/logout", headers=service.as_person(token))
    assert answer.status_code == 204
    replayed = await service.me(token)
    assert replayed.status_code == 401
    assert replayed.headers["WWW-Authenticate"] == "Bearer"
    assert replayed.json()["error"]["code"] == "auth.required"
    again = await service.http.post("/logout", headers=service.as_person(token))
    assert again.status_code == 401


async def test_refreshing_replaces_the_token(service: Service) -> None:
    old = await service.token("ada")
    await service.clock.advance(60)
    fresh = (await service.http.post("/refresh", headers=service.as_person(old))).json()
    assert fresh["user"]["username"] == "ada"
    assert (await service.me(old)).status_code == 401
    assert (await service.me(fresh["access_token"])).status_code == 200


async def test_of_many_refreshes_at_once_one_succeeds(service: Service) -> None:
    headers = service.as_person(await service.token("ada"))
    statuses: list[int] = []

    async def refresh() -> None:
        statuses.append((await service.http.post("/refresh", headers=headers)).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(refresh)
    assert sorted(statuses) == [200] + [401] * 7


async def test_a_new_password_ends_every_sign_in_but_the_new_one(service: Service) -> None:
    here, there = await service.token("ada"), await service.token("ada")
    answer = await service.http.post(
        "/password",
        json={"old": service.password, "new": "babbage 1791"},
        headers=service.as_person(here),
    )
    assert answer.status_code == 200
    assert (await service.me(here)).status_code == 401
    assert (await service.me(there)).status_code == 401
    assert (await service.me(answer.json()["access_token"])).status_code == 200
    assert (await service.login("ada")).status_code == 401
    assert (await service.login("ada", "babbage 1791")).status_code == 200


async def test_more_sign_ins_than_fit_one_transaction_end_together(service: Service) -> None:
    tokens = [await service.token("ada") for _ in range(15)]
    user = await service.auth.accounts.find("ada")
    await service.auth.accounts.set_password(user, "babbage 1791")
    revoked, _ = await service.auth.sessions.revoked()
    assert len(revoked) == 15
    assert (await service.me(tokens[-1])).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"old": "not it at all", "new": "babbage 1791"}, 403),
        ({"old": "lovelace 1815", "new": "short"}, 422),
        ({"old": "lovelace 1815", "new": "password123"}, 422),
        ({"new": "babbage 1791"}, 422),
    ],
)
async def test_a_refused_change_changes_nothing(
    service: Service, body: dict[str, str], status: int
) -> None:
    token = await service.token("ada")
    answer = await service.http.post("/password", json=body, headers=service.as_person(token))
    assert answer.status_code == status
    assert (await service.me(token)).status_code == 200
    assert (await service.login("ada")).status_code == 200


async def test_a_disabled_person_is_shut_out_until_enabled(service: Service) -> None:
    token = await service.token("ada")
    user_id = await service.user_id("ada")
    admin = service.as_person(await service.admin_token())
    shut = await service.http.patch(f"/users/{user_id}", json={"disabled": True}, headers=admin)
    assert shut.status_code == 204
    assert (await service.me(token)).status_code == 401
    refused = await service.login("ada")
    assert refused.status_code == 403
    assert "disabled" in refused.json()["error"]["message"]
    assert (await service.login("ada", "a wrong guess")).json() == WRONG
    listed = await service.http.get("/revocations", headers=service.as_service)
    assert listed.json()["disabled"] == [user_id]

    let_in = {"disabled": False}
    await service.http.patch(f"/users/{user_id}", json=let_in, headers=service.as_service)
    assert (await service.login("ada")).status_code == 200
    assert (await service.me(token)).status_code == 401
    listed = await service.http.get("/revocations", headers=service.as_service)
    assert listed.json()["disabled"] == []


async def test_only_an_operator_disables(service: Service) -> None:
    token = await service.token("ada")
    path = f"/users/{await service.user_id('ada')}"
    body = {"disabled": True}
    refused = await service.http.patch(path, json=body, headers=service.as_person(token))
    assert refused.status_code == 403
    unknown = await service.http.patch("/users/nobody", json=body, headers=service.as_service)
    assert unknown.status_code == 404
    too_long = await service.http.patch(
        f"/users/{'x' * 5000}", json=body, headers=service.as_service
    )
    assert too_long.status_code == 422


async def test_nobody_registers_where_it_is_closed(serve: Any) -> None:
    async with serve(registration="closed") as service:
        refused = await service.register("ada")
        assert refused.status_code == 403
        assert "closed" in refused.json()["error"]["message"]


async def test_an_invitation_lets_one_person_register(serve: Any) -> None:
    async with serve(registration="invite") as service:
        assert (await service.register("ada")).status_code == 403
        assert (await service.register("ada", invite="AAAA2222")).status_code == 403
        made = await service.http.post("/invites", headers=service.as_service)
        assert made.status_code == 201
        code = made.json()["code"]
        assert (await service.register("ada", password="short", invite=code)).status_code == 422
        assert (await service.register("ada", invite=code)).status_code == 201
        assert (await service.register("eve", invite=code)).status_code == 403


async def test_an_invitation_used_in_parallel_makes_one_account(serve: Any) -> None:
    async with serve(registration="invite") as service:
        made = await service.http.post("/invites", headers=service.as_service)
        statuses: list[int] = []

        async def register(number: int) -> None:
            answer = await service.register(f"ada{number}", invite=made.json()["code"])
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as tasks:
            for number in range(8):
                tasks.start_soon(register, number)
        assert sorted(statuses) == [201] + [403] * 7


async def test_an_invitation_ends_after_a_week(serve: Any) -> None:
    async with serve(registration="invite") as service:
        made = await service.http.post("/invites", headers=service.as_service)
        await service.clock.advance(7 * 24 * 3600)
        assert (await service.register("ada", invite=made.json()["code"])).status_code == 403
