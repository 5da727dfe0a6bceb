"""Personal API keys: shown once, kept hashed, ended at once."""

from typing import Any

import pytest

Service = Any  # the fixture of conftest.py, which tests cannot import


async def create(service: Service, token: str, name: str = "laptop") -> Any:
    body = {"name": name}
    return await service.http.post("/keys", json=body, headers=service.as_person(token))


async def verify(service: Service, key: str) -> Any:
    return await service.http.post("/keys/verify", json={"key": key}, headers=service.as_service)


async def own(service: Service, token: str) -> Any:
    return (await service.http.get("/keys", headers=service.as_person(token))).json()


async def test_a_key_belongs_to_who_made_it(service: Service) -> None:
    made = await create(service, await service.token("Ada"))
    assert made.status_code == 201
    assert made.json()["name"] == "laptop"
    key = made.json()["key"]
    assert key.startswith("tr-")
    assert len(key) >= 3 + 192 / 6
    assert (await verify(service, key)).json() == {
        "user_id": await service.user_id("ada"),
        "name": "Ada",
        "role": "user",
        "key_id": made.json()["id"],
    }


async def test_a_key_is_shown_once_and_kept_hashed(service: Service) -> None:
    token = await service.token("ada")
    made = (await create(service, token)).json()
    listed = await own(service, token)
    assert [(key["id"], key["name"]) for key in listed] == [(made["id"], "laptop")]
    assert made["key"] not in str(listed)
    user_id = await service.user_id("ada")
    rows = await service.auth.store.query("auth_methods", f"keys:{user_id}")
    assert made["key"] not in str(rows)


async def test_two_keys_are_two_secrets_in_the_order_they_were_made(service: Service) -> None:
    token = await service.token("ada")
    first = (await create(service, token, "first")).json()
    await service.clock.advance(1)
    second = (await create(service, token, "second")).json()
    assert first["key"] != second["key"]
    assert [key["name"] for key in await own(service, token)] == ["first", "second"]


async def test_a_revoked_key_is_nobodys(service: Service) -> None:
    token = await service.token("ada")
    made = (await create(service, token)).json()
    path = f"/keys/{made['id']}"
    headers = service.as_person(token)
    assert (await service.http.delete(path, headers=headers)).status_code == 204
    assert (await verify(service, made["key"])).status_code == 404
    assert await own(service, token) == []
    assert (await service.http.delete(path, headers=headers)).status_code == 404


async def test_nobody_sees_or_ends_the_keys_of_others(service: Service) -> None:
    made = (await create(service, await service.token("ada"))).json()
    bob = await service.token("bob")
    assert await own(service, bob) == []
    path = f"/keys/{made['id']}"
    answer = await service.http.delete(path, headers=service.as_person(bob))
    assert answer.status_code == 404
    assert (await verify(service, made["key"])).status_code == 200


async def test_the_key_of_a_disabled_person_is_nobodys_until_they_are_back(
    service: Service,
) -> None:
    made = (await create(service, await service.token("ada"))).json()
    user_id = await service.user_id("ada")
    await service.auth.accounts.set_rights(user_id, role=None, disabled=True)
    assert (await verify(service, made["key"])).status_code == 404
    await service.auth.accounts.set_rights(user_id, role=None, disabled=False)
    assert (await verify(service, made["key"])).status_code == 200


async def test_a_key_has_the_rights_its_owner_has_now(service: Service) -> None:
    made = (await create(service, await service.token("ada"))).json()
    user = await service.auth.accounts.find("ada")
    await service.auth.accounts.promote(user, display_name=None, email=None)
    assert (await verify(service, made["key"])).json()["role"] == "admin"


async def test_the_last_use_is_noted_to_the_minute(service: Service) -> None:
    token = await service.token("ada")
    made = (await create(service, token)).json()
    assert (await own(service, token))[0]["last_used_at"] is None
    used = []
    for seconds in (0, 30, 60):
        await service.clock.advance(seconds)
        await verify(service, made["key"])
        used.append((await own(service, token))[0]["last_used_at"])
    assert used[0] == used[1]
    assert used[2] - used[0] == 90


@pytest.mark.parametrize("key", ["", "tr-", "tr-" + "x" * 43, "x" * 46, "tr-\ud800" + "é" * 42])
async def test_what_is_no_key_is_nobodys(service: Service, key: str) -> None:
    headers = service.as_service | {"Content-Type": "application/json"}
    body = b'{"key": "%s"}' % key.encode("ascii", "backslashreplace")
    answer = await service.http.post("/keys/verify", content=body, headers=headers)
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\u0000b", "\u200b"])
async def test_a_key_needs_a_name_that_can_be_read(service: Service, name: str) -> None:
    answer = await create(service, await service.token("ada"), name)
    assert answer.status_code == 422
    assert "`name`" in answer.json()["error"]["message"]


async def test_one_person_has_at_most_twenty_keys(service: Service) -> None:
    token = await service.token("ada")
    for number in range(20):
        assert (await create(service, token, f"key {number}")).status_code == 201
    assert (await create(service, token)).status_code == 409


async def test_only_services_may_ask_whose_a_key_is(service: Service) -> None:
    token = await service.token("ada")
    made = (await create(service, token)).json()
    nobody: dict[str, str] = {}
    for headers in (nobody, service.as_person(token), service.as_person(made["key"])):
        body = {"key": made["key"]}
        answer = await service.http.post("/keys/verify", json=body, headers=headers)
        assert answer.status_code == 401


async def test_a_key_is_no_sign_in(service: Service) -> None:
    made = (await create(service, await service.token("ada"))).json()
    for call in (create(service, made["key"]), service.me(made["key"])):
        assert (await call).status_code == 401
