from typing import Any

import anyio
import pytest

Service = Any  # the fixture of conftest.py, which tests cannot import


async def owner(service: Service, identity: str = "1042") -> Any:
    path = f"/identities/discord/{identity}"
    return await service.http.get(path, headers=service.as_service)


async def test_a_code_from_here_links_a_discord_account(service: Service) -> None:
    token = await service.token("Ada")
    made = await service.http.post("/link/code", headers=service.as_person(token))
    assert made.status_code == 201
    assert made.json()["expires_in"] == 600
    linked = await service.redeem(made.json()["code"], display_name="ada#1")
    assert linked.json() == {"user_id": await service.user_id("ada")}
    assert (await owner(service)).json() == {
        "user_id": await service.user_id("ada"),
        "name": "Ada",
        "role": "user",
        "disabled": False,
    }
    methods = (await service.me(token)).json()["auth_methods"]
    assert ("discord", "ada#1", "1042") in [
        (method["provider"], method["name"], method["identity"]) for method in methods
    ]


async def test_a_code_from_discord_links_it_with_my_account(service: Service) -> None:
    token = await service.token("ada")
    proof = {"provider": "discord", "provider_user_id": "1042", "display_name": "ada#1"}
    made = await service.http.post("/link/proof", json=proof, headers=service.as_service)
    assert made.status_code == 201
    body = {"provider": "discord", "code": made.json()["code"]}
    headers = service.as_person(token)
    linked = await service.http.post("/link-auth-method", json=body, headers=headers)
    assert linked.json() == {"user_id": await service.user_id("ada")}
    assert (await owner(service)).json()["user_id"] == await service.user_id("ada")
    again = await service.http.post("/link-auth-method", json=body, headers=headers)
    assert again.status_code == 404


async def test_an_identity_without_an_account_is_not_found(service: Service) -> None:
    for identity in ("1042", "not-a-number", "٤٢", "1" * 400):
        answer = await owner(service, identity)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("typed", ["{}", " {} ", "{0[0]}-{1}", "lower"])
async def test_a_code_may_be_typed_in_many_ways(service: Service, typed: str) -> None:
    code = await service.link_code(await service.token("ada"))
    shown = {
        "{}": code,
        " {} ": f" {code} ",
        "{0[0]}-{1}": f"{code[:4]}-{code[4:]}",
        "lower": code.lower(),
    }[typed]
    assert (await service.redeem(shown)).status_code == 200


async def test_a_code_works_once(service: Service) -> None:
    code = await service.link_code(await service.token("ada"))
    assert (await service.redeem(code)).status_code == 200
    again = await service.redeem(code, "1043")
    assert again.status_code == 404
    assert "new one" in again.json()["error"]["message"]


async def test_of_many_who_redeem_at_once_one_succeeds(service: Service) -> None:
    code = await service.link_code(await service.token("ada"))
    statuses: list[int] = []

    async def redeem(identity: int) -> None:
        statuses.append((await service.redeem(code, str(identity))).status_code)

    async with anyio.create_task_group() as tasks:
        for identity in range(12):
            tasks.start_soon(redeem, identity)
    assert sorted(statuses) == [200] + [404] * 11


async def test_of_two_accounts_that_want_one_identity_one_gets_it(service: Service) -> None:
    codes = [await service.link_code(await service.token(name)) for name in ("ada", "eve")]
    statuses: list[int] = []

    async def redeem(code: str) -> None:
        statuses.append((await service.redeem(code)).status_code)

    async with anyio.create_task_group() as tasks:
        for code in codes:
            tasks.start_soon(redeem, code)
    assert sorted(statuses) == [200, 409]


async def test_a_code_ends_after_ten_minutes(service: Service) -> None:
    code = await service.link_code(await service.token("ada"))
    await service.clock.advance(600)
    assert (await service.redeem(code)).status_code == 404


async def test_an_identity_linked_elsewhere_stays_there(service: Service) -> None:
    await service.redeem(await service.link_code(await service.token("ada")))
    refused = await service.redeem(await service.link_code(await service.token("eve")))
    assert refused.status_code == 409
    assert (await owner(service)).json()["user_id"] == await service.user_id("ada")


async def test_linking_again_with_the_same_account_is_fine(service: Service) -> None:
    token = await service.token("ada")
    await service.redeem(await service.link_code(token), display_name="old name")
    again = await service.redeem(await service.link_code(token), display_name="new name")
    assert again.json() == {"user_id": await service.user_id("ada")}
    methods = (await service.me(token)).json()["auth_methods"]
    assert [method["name"] for method in methods if method["provider"] == "discord"] == ["new name"]


async def test_a_code_is_good_for_one_thing_only(service: Service) -> None:
    token = await service.token("ada")
    code = await service.link_code(token)
    body = {"provider": "discord", "code": code}
    wrong_way = await service.http.post(
        "/link-auth-method", json=body, headers=service.as_person(token)
    )
    assert wrong_way.status_code == 404
    assert (await service.redeem(code)).status_code == 200


async def test_guessing_codes_gets_slower(service: Service) -> None:
    statuses = [(await service.redeem("AAAA2222")).status_code for _ in range(12)]
    assert statuses == [404] * 10 + [429] * 2
    headers = service.as_person(await service.token("ada"))
    body = {"provider": "discord", "code": "AAAA2222"}
    answers = [
        await service.http.post("/link-auth-method", json=body, headers=headers) for _ in range(11)
    ]
    assert answers[-1].status_code == 429
    assert answers[-1].headers["Retry-After"] == "30"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"provider": "google"}, "`provider`"),
        ({"provider_user_id": "ada"}, "`provider_user_id`"),
        ({"provider_user_id": "1" * 21}, "`provider_user_id`"),
        ({"provider_user_id": "٤٢"}, "`provider_user_id`"),
        ({"provider_user_id": 42}, "`provider_user_id`"),
        ({"code": None}, "`code`"),
        ({"display_name": "x" * 65}, "`display_name`"),
    ],
)
async def test_a_wrong_field_is_named(service: Service, fields: dict[str, Any], named: str) -> None:
    code = await service.link_code(await service.token("ada"))
    answer = await service.redeem(**({"code": code} | fields))
    assert answer.status_code == 422
    assert named in answer.json()["error"]["message"]


@pytest.mark.parametrize("code", ["", "AAAA", "a' OR 1=1", "ＡＡＡＡ２２２２", "ß" * 8, "A" * 200])
async def test_what_cannot_be_a_code_is_refused_alike(service: Service, code: str) -> None:
    assert (await service.redeem(code)).status_code == 404


async def maker(service: Service, code: str, identity: str = "1042") -> Any:
    body = {"code": code, "provider": "discord", "provider_user_id": identity}
    return await service.http.post("/link/maker", json=body, headers=service.as_service)


async def test_whoever_redeems_a_code_can_be_told_first_whose_it_is(service: Service) -> None:
    await service.register("ada", display_name="Ada L.")
    code = await service.link_code(await service.token("ada"))
    for _ in range(2):
        told = await maker(service, code)
        assert (told.status_code, told.json()) == (
            200,
            {"username": "ada", "display_name": "Ada L."},
        )
    assert (await owner(service)).status_code == 404
    assert (await service.redeem(code)).status_code == 200
    assert (await maker(service, code)).status_code == 404


async def test_asking_whose_a_code_is_is_no_way_to_guess_one(service: Service) -> None:
    statuses = [(await maker(service, "AAAA2222")).status_code for _ in range(6)]
    statuses += [(await service.redeem("AAAA2222")).status_code for _ in range(6)]
    assert statuses == [404] * 10 + [429] * 2


async def test_an_identity_linked_elsewhere_is_told_before_it_is_asked(service: Service) -> None:
    await service.redeem(await service.link_code(await service.token("ada")))
    assert (await maker(service, await service.link_code(await service.token("ada")))).is_success
    assert (await maker(service, await service.link_code(await service.token("eve")))).is_error


async def proof(service: Service, identity: str = "1042", name: str = "ada#1") -> str:
    """A code that the bot gave to somebody."""
    body = {"provider": "discord", "provider_user_id": identity, "display_name": name}
    made = await service.http.post("/link/proof", json=body, headers=service.as_service)
    return str(made.json()["code"])


async def type_here(service: Service, door: str, token: str, code: str) -> Any:
    body = {"provider": "discord", "code": code}
    return await service.http.post(door, json=body, headers=service.as_person(token))


async def test_whoever_types_a_code_of_the_bot_can_be_told_first_whose_it_is(
    service: Service,
) -> None:
    token, code = await service.token("ada"), await proof(service)
    for _ in range(2):
        told = await type_here(service, "/link/identity", token, code)
        assert (told.status_code, told.json()) == (
            200,
            {"provider_user_id": "1042", "display_name": "ada#1"},
        )
    assert (await owner(service)).status_code == 404
    assert (await type_here(service, "/link-auth-method", token, code)).status_code == 200
    assert (await type_here(service, "/link/identity", token, code)).status_code == 404


async def test_a_code_made_here_names_nobody_in_discord(service: Service) -> None:
    token = await service.token("ada")
    code = await service.link_code(token)
    assert (await type_here(service, "/link/identity", token, code)).status_code == 404


async def test_a_person_of_discord_linked_elsewhere_is_not_named(service: Service) -> None:
    ada, eve = await service.token("ada"), await service.token("eve")
    await service.redeem(await service.link_code(ada))
    code = await proof(service)
    refused = await type_here(service, "/link/identity", eve, code)
    assert refused.status_code == 409
    assert "ada" not in refused.text
    assert (await type_here(service, "/link/identity", ada, code)).status_code == 200


async def test_looking_at_a_code_of_ones_own_makes_no_room_for_guesses(service: Service) -> None:
    token = await service.token("ada")
    given, made = await proof(service), await service.link_code(token)
    here, there = [], []
    for _ in range(12):
        here.append((await type_here(service, "/link/identity", token, "AAAA2222")).status_code)
        await type_here(service, "/link/identity", token, given)
        there.append((await maker(service, "AAAA2222")).status_code)
        await maker(service, made)
    assert here == there == [404] * 10 + [429] * 2


async def test_both_doors_for_codes_of_the_bot_count_guesses_together(service: Service) -> None:
    token = await service.token("ada")
    doors = ["/link/identity", "/link-auth-method"] * 6
    answers = [await type_here(service, door, token, "AAAA2222") for door in doors]
    assert [one.status_code for one in answers] == [404] * 10 + [429] * 2
